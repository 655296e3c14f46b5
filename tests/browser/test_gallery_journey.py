"""Pictures of galleries opened, marked and explained, in a real browser."""

import csv
from contextlib import closing

import pytest

from tests.browser.photos import leaf
from tests.browser.visit import DESKTOP, PHONE, Visit
from tests.support.dashboard import dashboard_of

pytestmark = pytest.mark.browser

CLASSES = ["Potato___Early_blight", "Tomato___Late_blight", "Tomato___healthy"]
EARLY, LATE, HEALTHY = CLASSES
NUM_PHOTOS = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory, recorded_run):
    """Photos, and two runs that predict another class for each of them."""
    folder = tmp_path_factory.mktemp("galleries")
    (folder / "photos").mkdir()
    photos = [folder / "photos" / f"{number}.jpg" for number in range(NUM_PHOTOS)]
    for number, photo in enumerate(photos):
        photo.write_bytes(leaf(number))
    recorded_run(folder / "runs" / "worse", CLASSES, [(LATE, EARLY)] * NUM_PHOTOS, 0, {"lr": 1}, photos=photos)
    recorded_run(folder / "runs" / "better", CLASSES, [(LATE, LATE)] * NUM_PHOTOS, 0, {"lr": 2}, photos=photos)
    return folder


@pytest.fixture(scope="module")
def address(folder):
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HVIT_PHOTOS", str(folder / "photos"))
        environment.setenv("HVIT_REVIEWS", str(folder / "reviews"))
        with dashboard_of(folder / "runs", folder / "streamlit.log") as found:
            yield found


PAGES = [
    ("compare_runs", {"runs": ["worse", "better"], "view": "Disagreements", "first": "worse", "second": "better"}),
    ("data", {"run": "worse", "example": "Tomato: late blight"}),
]


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize(("page", "query"), PAGES, ids=[page for page, _ in PAGES])
def test_a_picture_is_opened_marked_by_key_and_explained(browser, address, folder, page, query, viewport):
    reviewer = f"Ana {page} {viewport['width']}"
    if page == "compare_runs":
        query = query | {"outcome": "only the second is correct"}
    with closing(Visit(browser, f"{address}/{page}", viewport, **query)) as visit:
        visit.settle()
        visit.page.get_by_role("button", name="Look closer").first.click()
        dialog = visit.page.get_by_role("dialog")
        dialog.get_by_label("Reviewer").wait_for()
        visit.settle()
        dialog.get_by_label("Reviewer").fill(reviewer)
        dialog.get_by_label("Reviewer").press("Enter")
        dialog.get_by_role("button", name="As labelled: Tomato: late blight").wait_for()
        visit.settle()
        dialog.get_by_text("One leaf").click()  # keys count where nobody types
        visit.page.keyboard.press("1")
        dialog.get_by_role("button", name="Previous").and_(visit.page.locator(":enabled")).click()
        dialog.get_by_text(f"{reviewer}: Tomato: late blight").wait_for()
        visit.settle()
        assert visit.overflow_px() == 0
        with open(folder / "reviews" / "worse" / "verdicts.csv", newline="") as file:
            assert all(row["label"] == LATE for row in csv.DictReader(file))
        dialog.get_by_role("button", name="Close").click()
        visit.page.locator("figure").get_by_text(f"{reviewer}: Tomato: late blight").wait_for()
        visit.settle()
        visit.page.get_by_role("button", name="Look closer").first.click()
        dialog.get_by_role("button", name="Explain in Attention").click()
        visit.page.wait_for_url("**/attention?*")
        assert visit.outside == [] and visit.complaints == []


def test_keys_reach_the_dialog_when_the_button_with_the_focus_has_gone(browser, address):
    page, query = PAGES[1]
    with closing(Visit(browser, f"{address}/{page}", DESKTOP, **query)) as visit:
        visit.settle()
        visit.page.get_by_role("button", name="Look closer").last.click()
        dialog = visit.page.get_by_role("dialog")
        dialog.get_by_label("Reviewer").fill("Ben")
        dialog.get_by_label("Reviewer").press("Enter")
        dialog.get_by_role("button", name="Unsure").click()
        dialog.get_by_text("These were all on this page of the gallery.").wait_for()
        visit.settle()
        visit.page.evaluate("document.activeElement.blur()")
        visit.page.keyboard.press("Tab")
        assert visit.page.evaluate("document.activeElement.closest('[role=dialog]') !== null")
        visit.page.evaluate("document.activeElement.blur()")
        visit.page.keyboard.press("Escape")
        dialog.wait_for(state="detached")
        assert visit.complaints == []
