"""What a person does on the Feature space page, in a real browser."""

import shutil

import pytest

from tests.browser.visit import DESKTOP, DRAWN, LOADED_WIDTH_PX, PHONE, SAID, MapVisit

pytestmark = pytest.mark.browser

CLASSES = ["Grape___Black_rot", "Potato___Early_blight", "Tomato___Late_blight", "Tomato___healthy"]
NUM_LEAVES = 5000
STANDS_OUT = (
    "number => document.querySelectorAll('.js-plotly-plot')[number]?._fullData?.every("
    "t => t.selectedpoints && t.selectedpoints.length < t.x.length)"
)
NUM_SELECTED = (
    "number => document.querySelectorAll('.js-plotly-plot')[number]._fullData"
    ".reduce((sum, t) => sum + (t.selectedpoints?.length ?? 0), 0)"
)
PLACE_OF_FIRST_POINT = (
    "() => { const g = document.querySelector('.js-plotly-plot'), l = g._fullLayout, d = g._fullData[1];"
    "const r = g.getBoundingClientRect();"
    "return [r.left + l.xaxis._offset + l.xaxis.d2p(d.x[0]), r.top + l.yaxis._offset + l.yaxis.d2p(d.y[0])] }"
)
POINTED = ".pointed-leaf img"


@pytest.fixture(scope="module")
def mapped_runs(runs_folder, write_mapped_run):
    """Two runs on the same 5,000 drawn leaves, beside those that all tests have."""
    names = ("mapped-a", "mapped-b")
    for seed, name in enumerate(names):
        write_mapped_run(runs_folder / name, NUM_LEAVES, CLASSES, seed)
    yield names
    for name in names:
        shutil.rmtree(runs_folder / name)


@pytest.fixture
def visit(browser, dashboard, mapped_runs):
    """Opens the map of the first run; the browser forgets everything afterwards."""
    visits = []

    def open_page(viewport: dict[str, int] = DESKTOP, **query) -> MapVisit:
        visits.append(MapVisit(browser, dashboard, viewport, run="mapped-a", **query))
        return visits[-1]

    yield open_page
    for each in visits:
        each.close()


def test_a_leaf_shows_its_picture_while_the_pointer_is_on_it(visit):
    maps = visit()
    place = maps.page.evaluate(PLACE_OF_FIRST_POINT)
    maps.page.mouse.move(place[0] - 4, place[1] - 4)
    maps.page.mouse.move(*place)
    maps.page.locator(POINTED).wait_for()
    assert maps.page.locator(POINTED).evaluate(LOADED_WIDTH_PX) > 100
    box = maps.page.locator(POINTED).bounding_box()
    assert box["x"] + box["width"] < place[0] or box["x"] > place[0]  # beside the leaf, not on it
    maps.page.mouse.move(5, 5)
    maps.page.locator(POINTED).wait_for(state="hidden")
    maps.settle()
    assert maps.overflow_px() == 0 and maps.outside == [] and maps.complaints == []


def test_leaves_are_lassoed_counted_viewed_and_exported(visit):
    maps = visit()
    page = maps.page
    for radius in (0.3, 0.46, 0.35):
        maps.draw_around(0.5, 0.5, radius)
    maps.settle()
    text = page.locator(SAID).first.inner_text()
    count = int(text.split(" of ")[0].replace(",", ""))
    assert 100 < count < NUM_LEAVES and text.endswith("of 5,000 leaves selected")
    assert page.locator("[class*=st-key-gallery_] img").first.evaluate(LOADED_WIDTH_PX) > 100
    assert page.locator("[class*=st-key-gallery_] figure").count() == 12
    rows = maps.download_rows("CSV")
    assert len(rows) == count and rows[0]["path"].startswith("leafsim:v1/9/")
    assert {row["right"] for row in rows} == {"True", "False"}
    assert maps.outside == [] and maps.complaints == []


def test_a_clicked_leaf_is_selected_and_two_runs_are_shown_side_by_side(visit):
    maps = visit(beside="mapped-b", color="Correct or wrong")
    page = maps.page
    assert page.locator(".js-plotly-plot").count() == 2
    maps.draw_around(0.5, 0.2, 0.3)
    maps.settle()
    page.wait_for_function(STANDS_OUT, arg=1)
    maps.draw_around(0.5, 0.7, 0.25, number=1)
    maps.settle()
    page.wait_for_function(STANDS_OUT, arg=0)
    count = int(page.locator(SAID).first.inner_text().split(" of ")[0].replace(",", ""))
    assert [page.evaluate(NUM_SELECTED, number) for number in (0, 1)] == [count, count]
    page.locator(".st-key-select_by").get_by_role("combobox").click()
    page.get_by_role("option", name="Clicking on one").click()
    maps.settle()
    page.wait_for_function(DRAWN)
    place = page.evaluate(PLACE_OF_FIRST_POINT)
    page.mouse.move(place[0] - 4, place[1] - 4)
    page.mouse.move(*place)
    page.wait_for_timeout(400)
    page.mouse.down()
    page.wait_for_timeout(60)
    page.mouse.up()
    page.get_by_text("One leaf, and the nearest to it in feature space").wait_for()
    maps.settle()
    assert page.locator("[class*=st-key-gallery_] figure").count() == 11
    assert "beside=mapped-b" in page.url and "color=Correct" in page.url
    page.get_by_test_id("stTopNavSection").first.click()
    page.get_by_role("menuitem", name="Diagnose").click()
    page.get_by_text("Show me a leaf.").wait_for()  # which does not know the run that was chosen here
    assert maps.outside == [] and maps.complaints == []


def test_on_a_phone_nothing_is_cut_off(visit):
    maps = visit(PHONE)
    assert maps.overflow_px() == 0
    assert maps.page.locator(".js-plotly-plot").bounding_box()["width"] > 320
    assert maps.outside == [] and maps.complaints == []
