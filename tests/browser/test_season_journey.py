"""The week of a pathologist, in a real browser: `make test-season`.

Hundreds of photos of 12 megapixels are scored, stopped half way and continued after a restart, joined to the sheet of a
trial, reviewed by keyboard, learned from, and leave as tables and a report. SEASON_PHOTOS is their number, 400 by
default. SEASON_REAL names a folder of real photos, a folder for each condition, from which every fourth is copied.
"""

import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import openpyxl
import pytest

from hvit.diagnosis import diagnose
from hvit.runs import DEFAULT_RUN
from hvit.runs.checkpoint import load_checkpoint
from tests.browser.visit import DESKTOP, Visit
from tests.support.dashboard import ROOT, dashboard_of
from tests.support.season import labels_in, sheet_of, without_rare_labels, write_season

pytestmark = [pytest.mark.browser, pytest.mark.season]
NUM_PHOTOS = int(os.environ.get("SEASON_PHOTOS", "400"))  # under 40, all may be scored before they are stopped
NUM_REVIEWS = int(os.environ.get("SEASON_REVIEWS", "30"))
FEWEST = 4  # photos of a class that is learned
SCORED_WITHIN_S = 20 * NUM_PHOTOS  # on a machine that others use too
BATCH = "Season"
TRIES = 5


class Season:
    """The folders of a season, its dashboard, and somebody at the desk."""

    def __init__(self, browser, folder: Path):
        self.browser, self.folder = browser, folder
        real = os.environ.get("SEASON_REAL")
        self.labels = write_season(folder / "photos", NUM_PHOTOS, Path(real) if real else None)
        shutil.copytree(ROOT / "runs" / DEFAULT_RUN, folder / "runs" / DEFAULT_RUN)
        self._stack = ExitStack()
        self.desk: Visit

    @property
    def batch(self) -> Path:
        return self.folder / "batches" / BATCH

    def open_dashboard(self) -> None:
        """Starts a dashboard and opens the page, in place of those before."""
        self.close()
        address = self._stack.enter_context(dashboard_of(self.folder / "runs", self.folder / "streamlit.log"))
        self.desk = Visit(self.browser, f"{address}/batch", DESKTOP)
        self._stack.callback(self.desk.close)

    def close(self) -> None:
        self._stack.close()

    def wait_for_text(self, text: str, timeout_s: float = 90) -> None:
        self.desk.page.get_by_text(text).first.wait_for(timeout=1000 * timeout_s)
        self.desk.settle()


@pytest.fixture(scope="module")
def season(browser, tmp_path_factory) -> Iterator[Season]:
    folder = tmp_path_factory.mktemp("season")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HVIT_BATCHES", str(folder / "batches"))
        season = Season(browser, folder)
        season.open_dashboard()
        yield season
        season.close()
    shutil.rmtree(folder / "photos")  # hundreds of megabytes


def num_scored(season: Season) -> int:
    from hvit.batches import open_batch
    from hvit.batches.scores import read_scores

    return len(read_scores(open_batch(season.batch))) if (season.batch / "batch.json").exists() else 0


def test_scoring_photos_stops_half_way_and_resumes_after_a_restart(season):
    desk, began = season.desk, time.monotonic()
    desk.page.get_by_label("Name").fill(BATCH)
    desk.page.get_by_label("or a folder on this computer").fill(str(season.folder / "photos"))
    desk.page.get_by_label("or a folder on this computer").press("Enter")
    desk.settle()
    desk.page.get_by_role("button", name="Score these photos").click()
    while num_scored(season) < NUM_PHOTOS // 2:
        assert time.monotonic() - began < SCORED_WITHIN_S, f"only {num_scored(season)} photos are scored"
        time.sleep(0.5)
    desk.page.get_by_role("button", name="Stop", exact=True).click()
    season.wait_for_text("Stopped: what is done stays.")
    kept, first_half = num_scored(season), time.monotonic() - began
    assert NUM_PHOTOS // 2 <= kept < NUM_PHOTOS
    season.open_dashboard()
    season.wait_for_text("Stopped: what is done stays.")
    assert num_scored(season) == kept
    began = time.monotonic()
    season.desk.page.get_by_role("button", name="Continue", exact=True).click()
    season.wait_for_text(f"{NUM_PHOTOS} photos, all scored", SCORED_WITHIN_S)
    seconds = first_half + time.monotonic() - began
    print(f"\n{NUM_PHOTOS} photos are scored in {seconds:.0f} s at load {os.getloadavg()[0]:.1f}")


def test_a_sheet_gives_treatments_and_disease_progress(season):
    desk = season.desk
    desk.page.get_by_role("radio", name="Trial").click()
    sheet = {"name": "sheet.csv", "mimeType": "text/csv", "buffer": sheet_of(season.labels)}
    desk.page.locator(".st-key-trial_upload input[type=file]").set_input_files([sheet])
    season.wait_for_text(f"{NUM_PHOTOS} of {NUM_PHOTOS} photos have their place")
    desk.page.locator(".js-plotly-plot .scatterlayer .trace").first.wait_for(state="attached")
    desk.settle()
    rows = desk.download_rows("Photos for R")
    assert {row["treatment"] for row in rows} == {"copper", "untreated"}
    assert {row["plot"] for row in rows} == {str(plot) for plot in range(8)}


def decide(season: Season, then: str) -> None:
    """Types the true label of a photo and presses its key, again where a busy page missed one, until `then` stands."""
    from playwright.sync_api import TimeoutError

    page = season.desk.page
    photo = page.locator(".st-key-review_photo .standing").first
    stem = Path(photo.inner_text()).stem
    for _ in range(TRIES):
        if Path(photo.inner_text()).stem == stem:
            page.get_by_label("Another label").fill(season.labels[stem])
            page.keyboard.press("Enter")
            season.desk.settle()
            page.locator(".page-title").click()  # keys count where nobody types
            page.keyboard.press("l")
        try:
            page.get_by_text(then).first.wait_for(timeout=20_000)
            season.desk.settle()
            return
        except TimeoutError:
            continue
    pytest.fail(f"{stem} has no decision: {then!r} never stood")


def test_photos_are_reviewed_by_keyboard(season):
    desk = season.desk
    desk.page.get_by_role("radio", name="Review").click()
    desk.page.get_by_label("Reviewer").fill("Ana")
    desk.page.get_by_label("Reviewer").press("Enter")
    desk.settle()
    for number in range(1, NUM_REVIEWS + 1):
        decide(season, f"Ana: {number} of {NUM_PHOTOS} photos reviewed")
    found = labels_in(season.batch / "verdicts.csv")
    assert len(found) == NUM_REVIEWS
    assert found == {stem: season.labels[stem] for stem in found}


def test_a_head_learns_from_the_corrections_as_the_page_says(season):
    desk, run_dir = season.desk, season.folder / "runs" / "reviewed"
    desk.page.get_by_text(f"Train on these labels ({NUM_REVIEWS})").click()
    command = desk.page.get_by_text("python -m training.quick").inner_text().split()
    assert "training.quick" in command and command[command.index("--run") + 1] == DEFAULT_RUN
    manifest = without_rare_labels(season.batch / "verdicts.csv", FEWEST)
    subprocess.run(
        [sys.executable, "-m", "training.quick", str(manifest), "--run", DEFAULT_RUN,
         "--run-dir", str(run_dir)],
        cwd=ROOT, check=True, timeout=1800,
    )  # fmt: skip
    checkpoint = load_checkpoint(run_dir)
    assert set(checkpoint.classes) <= set(season.labels.values()) and len(checkpoint.classes) >= 2
    photo = next(iter((season.folder / "photos").glob("leaf_000.*")))
    assert diagnose(checkpoint, photo).label in checkpoint.classes


def test_report_and_tables_leave_and_open(season):
    desk = season.desk
    desk.page.get_by_role("radio", name="Table").click()
    desk.settle()
    rows = desk.download_rows("CSV", exact=True)
    assert len(rows) == NUM_PHOTOS and sum(row["reviewer"] == "Ana" for row in rows) == NUM_REVIEWS
    book = openpyxl.load_workbook(io.BytesIO(desk.download("XLSX", exact=True)[1]))
    assert book["Photos"].max_row == NUM_PHOTOS + 1
    report = season.folder / "report.html"
    report.write_bytes(desk.download("Report", exact=True)[1])
    page = desk.page.context.new_page()
    page.goto(report.as_uri())
    assert page.locator("article").count() == NUM_PHOTOS
    assert desk.complaints == [] and desk.outside == []
