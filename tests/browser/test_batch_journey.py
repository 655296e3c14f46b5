"""A pathologist's batch, in a real browser: made, stopped, continued, seen by two, reviewed, exported, deleted."""

import csv
import io
from collections.abc import Iterator
from contextlib import closing

import openpyxl
import pytest

from hvit.data.datasets.manifests import read_manifest
from tests.browser.visit import DESKTOP, PHONE, Visit
from tests.support.batches import write_leaves
from tests.support.dashboard import dashboard_of

pytestmark = pytest.mark.browser
NUM_PHOTOS = 60
HEADER_PX, ROW_PX, TICK_PX = 38, 52, 17


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batch journey")
    write_leaves(folder / "photos", NUM_PHOTOS)
    return folder


@pytest.fixture(scope="module")
def served(runs_folder, folders) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HVIT_BATCHES", str(folders / "batches"))
        with dashboard_of(runs_folder, folders / "streamlit.log") as address:
            yield f"{address}/batch"


@pytest.fixture(scope="module")
def desk(browser, served, folders) -> Iterator[Visit]:
    """Someone at the desk, who made a batch of the folder."""
    with closing(Visit(browser, served, DESKTOP)) as visit:
        visit.page.get_by_label("Name").fill("Field 7")
        visit.page.get_by_label("or a folder on this computer").fill(str(folders / "photos"))
        visit.page.get_by_label("or a folder on this computer").press("Enter")
        visit.settle()
        visit.page.get_by_role("button", name="Score these photos").click()
        yield visit


def progress(visit: Visit):
    return visit.page.locator(".st-key-batch_progress .summary")


def tick(visit: Visit, row: int) -> None:
    """Ticks a row of the table, which is drawn on a canvas."""
    canvas = visit.page.get_by_test_id("stDataFrame").locator("canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    visit.page.mouse.click(box["x"] + TICK_PX, box["y"] + HEADER_PX + ROW_PX * row + ROW_PX / 2)
    visit.settle()


def test_a_stopped_batch_resumes(desk):
    desk.page.get_by_role("button", name="Stop", exact=True).click()
    desk.page.get_by_text("Stopped: what is done stays.").wait_for()
    desk.page.get_by_role("button", name="Continue", exact=True).click()
    desk.page.get_by_text(f"{NUM_PHOTOS} photos, all scored").wait_for()
    desk.settle()


def test_a_second_window_and_a_phone_see_the_same(browser, served, desk):
    with closing(Visit(browser, served, PHONE)) as phone:
        phone.page.get_by_text(f"{NUM_PHOTOS} photos, all scored").wait_for()
        phone.settle()
        assert phone.overflow_px() == 0 and phone.complaints == [] and phone.outside == []


def test_a_ticked_row_opens_its_photo_and_a_crop_is_set_without_scoring_again(desk):
    tick(desk, 0)
    desk.page.get_by_alt_text("The photo").wait_for()
    desk.page.get_by_label("Crop is").click()
    desk.page.keyboard.type("Potato")
    desk.page.keyboard.press("Enter")
    desk.settle()
    desk.click("button", "Set for 1 selected")
    desk.page.locator(".st-key-batch_detail h2").get_by_text("Potato: early blight").wait_for()
    desk.page.get_by_text(f"{NUM_PHOTOS} photos, all scored").wait_for()
    desk.settle()


def test_tables_and_report_hold_every_photo(desk):
    rows = desk.download_rows("CSV", exact=True)
    assert len(rows) == NUM_PHOTOS and sum(row["chosen_crop"] == "potato" for row in rows) == 1
    book = openpyxl.load_workbook(io.BytesIO(desk.download("XLSX", exact=True)[1]))
    assert book["Photos"].max_row == NUM_PHOTOS + 1
    report = desk.download("Report", exact=True)[1].decode()
    assert report.count("<article>") == NUM_PHOTOS and "http" not in report and "<script" not in report


def test_photos_are_reviewed_by_keyboard_and_become_a_manifest(desk, folders):
    desk.page.get_by_role("radio", name="Review").click()
    desk.page.get_by_label("Reviewer").fill("Ana")
    desk.page.get_by_label("Reviewer").press("Enter")
    desk.settle()
    for number, key in enumerate("1111nux", 1):
        desk.page.locator(".page-title").click()  # keys count where nobody types
        desk.page.keyboard.press(key)
        desk.page.get_by_text(f"Ana: {number} of {NUM_PHOTOS} photos reviewed").wait_for()
        desk.settle()
    desk.page.locator(".page-title").click()
    desk.page.keyboard.press("z")
    desk.page.get_by_text(f"Ana: 6 of {NUM_PHOTOS} photos reviewed").wait_for()
    manifest = folders / "batches" / "Field 7" / "verdicts.csv"
    assert len(read_manifest(manifest)[0]) == 4
    with open(manifest.with_name("reviews.csv"), newline="") as file:
        assert [row["verdict"] for row in csv.DictReader(file)][-3:] == ["unsure", "unreadable", "undone"]


def test_the_reviewer_is_in_the_address_and_decisions_survive_a_reload(desk):
    desk.page.reload()
    desk.page.get_by_text(f"Ana: 6 of {NUM_PHOTOS} photos reviewed").wait_for()
    desk.settle()


def test_a_sheet_gives_treatments_and_disease_progress(desk):
    desk.page.get_by_role("radio", name="Trial").click()
    lines = [f"leaf_{i:02d};{i % 4};{'AB'[i % 2]};2026-07-{1 + 7 * (i // 30):02d}" for i in range(NUM_PHOTOS)]
    sheet = {
        "name": "sheet.csv",
        "mimeType": "text/csv",
        "buffer": "\n".join(["file;plot;treatment;date", *lines]).encode(),
    }
    desk.page.locator(".st-key-trial_upload input[type=file]").set_input_files([sheet])
    desk.page.get_by_text(f"{NUM_PHOTOS} of {NUM_PHOTOS} photos have their place").wait_for()
    desk.page.locator(".js-plotly-plot .scatterlayer .trace").first.wait_for(state="attached")
    desk.settle()
    rows = desk.download_rows("Photos for R")
    assert {row["treatment"] for row in rows} == {"A", "B"} and len(rows) >= NUM_PHOTOS - 1
    assert desk.complaints == [] and desk.outside == []


def test_a_deleted_batch_leaves_the_photos_where_they_are(desk, folders):
    desk.unfold("Add photos, or delete this batch")
    desk.page.get_by_text("Delete Field 7 with its uploads").click()
    desk.settle()
    desk.click("button", "Delete this batch")
    desk.page.get_by_role("button", name="Score these photos").wait_for()
    assert list((folders / "batches").iterdir()) == []
    assert len(list((folders / "photos").iterdir())) == NUM_PHOTOS
