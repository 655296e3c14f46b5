"""What a person does on the Diagnose page, in a real browser."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.browser.photos import FILES
from tests.browser.visit import DESKTOP, LOADED_WIDTH_PX, PHONE, Visit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def desktop(browser, dashboard) -> Iterator[Visit]:
    with closing(Visit(browser, dashboard, DESKTOP)) as visit:
        visit.upload(FILES)
        yield visit


@pytest.fixture(scope="module")
def phone(browser, dashboard) -> Iterator[Visit]:
    with closing(Visit(browser, dashboard, PHONE)) as visit:
        visit.upload(FILES)
        yield visit


def test_every_photo_has_its_verdict_and_the_broken_one_its_reason(desktop):
    text = desktop.page.locator(".summary").inner_text()
    assert text.startswith("3 photos: ") and "1 unreadable" in text
    desktop.click("button", "broken.jpg", exact=False)
    desktop.page.get_by_text("broken.jpg cannot be read:", exact=True).wait_for()
    assert desktop.page.get_by_text("The other 2 photos are done.").is_visible()


def test_the_bars_are_shown_and_the_map_has_a_scale(desktop):
    page = desktop.page
    page.get_by_role("button", name="one.jpg").click()
    page.locator(".js-plotly-plot .bars path").first.wait_for()
    page.get_by_text("Show map").click()
    page.get_by_text("2x the average").wait_for()
    desktop.settle()
    photo = page.get_by_alt_text("The photo, with the map over it")
    assert photo.evaluate(LOADED_WIDTH_PX) == 160


def test_the_table_downloads_with_one_row_a_photo(desktop):
    rows = desktop.download_rows("CSV")
    assert [row["file"] for row in rows] == ["one.jpg", "two.jpg", "broken.jpg"]
    assert rows[2]["verdict"] == "unreadable" and rows[2]["error"]
    assert rows[0]["label"] in rows[0]["prediction_set"].split("; ")


def test_the_report_needs_nothing_from_outside(desktop):
    report = desktop.download("Report")[1].decode()
    assert "broken.jpg cannot be read:" in report and report.count("data:image/jpeg;base64,") == 2
    assert "http" not in report and "<script" not in report


def test_a_chosen_crop_is_in_the_address_and_comes_back_from_it(browser, dashboard, desktop):
    desktop.page.get_by_role("radio", name="Tomato").click()
    desktop.page.wait_for_url("**/?crop=Tomato")
    desktop.settle()
    with closing(Visit(browser, desktop.page.url, DESKTOP)) as again:
        again.settle()
        assert again.page.get_by_role("radio", name="Tomato").is_checked()


def test_on_a_phone_nothing_hangs_over_the_edge(phone):
    assert phone.overflow_px() == 0


def test_on_a_phone_the_verdict_is_above_the_photo_and_the_model_last(phone):
    tops = [
        phone.page.locator(place).first.bounding_box()["y"]
        for place in (
            ".st-key-crop_list",
            ".st-key-upload",
            "h2.verdict",
            ".st-key-photo img",
            ".summary",
            ".st-key-model",
        )
    ]
    assert tops == sorted(tops)


@pytest.fixture(scope="module", params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def without_photo(request, browser, dashboard) -> Iterator[Visit]:
    """A visitor who has no photo and asks for four drawn leaves."""
    with closing(Visit(browser, dashboard, request.param)) as visit:
        visit.page.get_by_role("button", name="Four drawn leaves").click()
        visit.page.locator(".summary").wait_for()
        visit.settle()
        yield visit


def test_four_rendered_leaves_are_labeled_as_rendered_and_select_their_run(without_photo):
    page = without_photo.page
    assert page.locator(".summary").inner_text().startswith("4 drawn leaves: ")
    assert "run=leafsim-tiny" in page.url
    assert page.get_by_text("Drawn by LeafSim, not a photograph").is_visible()
    tag, picture = (page.locator(place).bounding_box() for place in (".drawn-tag", ".st-key-picture img"))
    assert picture["x"] <= tag["x"] and tag["y"] + tag["height"] <= picture["y"] + picture["height"]
    assert page.get_by_role("radio", name="Not sure").count() == 0
    assert without_photo.overflow_px() == 0


def test_the_truth_of_a_rendered_leaf_is_shown_and_can_be_outlined(without_photo):
    page = without_photo.page
    conditions = set()
    for i in (4, 3, 2, 1):
        page.get_by_role("button", name=f"Drawn leaf {i}").click()
        page.get_by_text(f"{i} of 4").wait_for(state="attached")  # a phone shows the verdict in its place
        without_photo.settle()
        conditions.add(page.locator(".truth").inner_text())
    assert len(conditions) == 4 and sum("without a disease" in text for text in conditions) == 1
    while not page.get_by_text("Outline what was drawn").is_visible():
        without_photo.click("button", "Next", exact=False)
    page.get_by_text("Outline what was drawn").click()
    page.get_by_text("The white line runs around").wait_for()
    without_photo.settle()
    outlined = page.get_by_alt_text("The drawn leaf, with the outline over it")
    assert outlined.evaluate(LOADED_WIDTH_PX) == 960
    assert without_photo.overflow_px() == 0


def test_table_and_report_say_which_leaves_are_rendered(without_photo):
    rows = without_photo.download_rows("CSV")
    assert [row["file"] for row in rows] == [f"Drawn leaf {i}" for i in (1, 2, 3, 4)]
    assert all(row["address"].startswith("leafsim:v1/") and row["drawn_as"] for row in rows)
    report = without_photo.download("Report")[1].decode()
    assert all(f"Drawn by LeafSim, not a photograph: {row['address']}." in report for row in rows)


def test_a_photo_and_a_run_of_rendered_leaves_are_kept_apart(without_photo):
    page = without_photo.page
    page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files([FILES[0]])
    page.get_by_text("This model learned from drawn leaves only. For a photo choose leaf45-tiny.").wait_for()
    without_photo.settle()
    assert without_photo.overflow_px() == 0 and page.locator(".drawn-tag").count() == 0
    page.get_by_role("button", name="Use leaf45-tiny").click()
    page.get_by_text("Not one of my 2 crops?").wait_for()
    without_photo.settle()
    assert "run=" not in page.url
    assert without_photo.outside == [] and without_photo.complaints == []


def test_no_outside_request_was_made_and_no_error_shown(desktop, phone):
    assert desktop.outside == [] and phone.outside == []
    assert desktop.complaints == [] and phone.complaints == []
