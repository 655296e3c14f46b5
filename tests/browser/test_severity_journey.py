"""Severity in a real browser: an area measured and corrected, compared with masks, and guessed."""

import shutil
from dataclasses import replace

import pytest

from hvit.scoring.severity import record_measured_photos
from hvit.severity.records import MeasuredPhoto
from tests.browser.visit import DESKTOP, PHONE, Visit
from tests.support.color_heads import add_color_head, spotted_leaf
from tests.support.dashboard import dashboard_of

ROW = MeasuredPhoto(
    "leafsim:v1/4/9", "0" * 64, "leafsim-v1-4", "Rust", "head", True, 100, 50, 50, 45, 10, 9, 8, 0.2, 0.18, 0.1, 0.3, 2,
    None,
)  # fmt: skip


@pytest.fixture(scope="module")
def address(runs_folder, tmp_path_factory):
    runs = tmp_path_factory.mktemp("severity") / "runs"
    shutil.copytree(runs_folder, runs)
    add_color_head(runs / "leaf45-tiny")
    rows = [replace(ROW, path=f"leafsim:v1/4/{i}", area_true=0.1 + i / 100) for i in range(6)]
    compared = [replace(row, method="classical", symptom_both=4, low=None, high=None) for row in rows]
    record_measured_photos(runs / "leaf45-tiny", "test", [*rows, *compared], {})
    with dashboard_of(runs, tmp_path_factory.mktemp("log") / "streamlit.log") as found:
        yield found


@pytest.fixture
def visit(browser, address):
    open_pages = []

    def go(page: str, viewport=DESKTOP, **query) -> Visit:
        open_pages.append(Visit(browser, f"{address}/{page}", viewport, **query))
        return open_pages[-1]

    yield go
    for page in open_pages:
        page.close()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_an_area_is_measured_and_a_region_left_out(visit, viewport):
    reader = visit("", viewport)
    reader.upload([{"name": "leaf.png", "mimeType": "image/png", "buffer": spotted_leaf()}])
    page = reader.page
    page.get_by_text("of the leaf (90 % interval").wait_for()
    reader.unfold("Correct the area")
    page.get_by_role("button", name="1", exact=True).click()
    page.get_by_text("Corrected:").wait_for()
    reader.settle()
    (row,) = reader.download_rows("CSV", exact=True)
    assert float(row["severity_corrected"]) < float(row["severity"])
    _click_region(page)
    reader.settle()
    page.get_by_text("Corrected:").wait_for(state="detached")
    _click_region(page)
    page.get_by_text("Corrected:").wait_for()
    assert reader.overflow_px() == 0 and reader.complaints == [] and reader.outside == []


def _click_region(page):
    """A click on region 1 of the photo, a little beside its number."""
    number = page.locator(".js-plotly-plot").last.locator(".annotation-text").first
    number.scroll_into_view_if_needed()
    spot = number.bounding_box()
    page.mouse.click(spot["x"] + spot["width"] / 2 + 10, spot["y"] + spot["height"] / 2)


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_areas_are_compared_with_masks(visit, viewport):
    judged = visit("severity", viewport)
    judged.page.get_by_text("Bland-Altman").last.wait_for()
    judged.settle()
    assert judged.overflow_px() == 0 and judged.complaints == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_guess_is_followed_by_the_truth(visit, viewport):
    rater = visit("guess_first", viewport)
    rater.settle()
    rater.click("button", "That is my guess")
    rater.page.get_by_text("True: ").wait_for()
    rater.click("button", "Next leaf")
    rater.page.get_by_role("button", name="That is my guess").wait_for()
    assert rater.overflow_px() == 0 and rater.complaints == []
