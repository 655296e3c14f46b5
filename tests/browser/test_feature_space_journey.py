"""What a person does on the Feature space page, in a real browser."""

import csv
import io
import math
import shutil
import time
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.browser

CLASSES = ["Grape___Black_rot", "Potato___Early_blight", "Tomato___Late_blight", "Tomato___healthy"]
NUM_LEAVES = 5000
WAIT_MS = 90_000  # a loaded machine with two cores needs some of it
GOAL_S = 0.6
DRAWN = (
    "() => { const g = document.querySelector('.js-plotly-plot'); return g && g._fullLayout && g._fullLayout._size }"
)
SAID = ".st-key-space_selection .summary"


@pytest.fixture(scope="module")
def mapped_runs(runs_folder, write_mapped_run):
    """Two runs on the same 5,000 drawn leaves, beside those that all tests have."""
    names = ("mapped-a", "mapped-b")
    for seed, name in enumerate(names):
        write_mapped_run(runs_folder / name, NUM_LEAVES, CLASSES, seed)
    yield names
    for name in names:
        shutil.rmtree(runs_folder / name)


class Visit:
    """One open page, with everything it asked of the outside and what broke in it."""

    def __init__(self, browser, address: str, width: int = 1440, height: int = 900):
        self.page = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True).new_page()
        self.page.set_default_timeout(WAIT_MS)  # of everything that is waited for
        self.outside, self.broken = [], []
        self.page.on("request", self._note_request)
        self.page.on("pageerror", lambda error: self.broken.append(str(error)))
        self.page.goto(address)
        self.page.wait_for_function(DRAWN)
        self.settle()

    def _note_request(self, request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname not in ("127.0.0.1", "localhost"):
            self.outside.append(request.url)

    def settle(self) -> None:
        """Until the script has run to its end, and what it sent is drawn."""
        from playwright.sync_api import expect

        self.page.wait_for_timeout(300)
        app = self.page.get_by_test_id("stApp")
        expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=WAIT_MS)
        self.page.wait_for_timeout(700)

    def draw_around(self, x: float, y: float, radius: float) -> float:
        """Draws a circle on the first map, all in fractions of its sides; returns the seconds until it is counted."""
        self.settle()
        box = self.page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
        before = self.page.locator(SAID).first.inner_text() if self.page.locator(SAID).count() else ""
        corners = [
            (
                box["x"] + box["width"] * x + box["height"] * radius * math.cos(2 * math.pi * i / 24),
                box["y"] + box["height"] * y + box["height"] * radius * math.sin(2 * math.pi * i / 24),
            )
            for i in range(24)
        ]
        self.page.mouse.move(*corners[0])
        self.page.mouse.down()
        for corner in corners[1:]:
            self.page.mouse.move(*corner)
        began = time.monotonic()
        self.page.mouse.up()
        counted = f"before => {{ const e = document.querySelector('{SAID}'); return e && e.innerText !== before }}"
        self.page.wait_for_function(counted, arg=before)
        return time.monotonic() - began


def test_leaves_are_drawn_around_counted_seen_and_exported(browser, dashboard, mapped_runs):
    visit = Visit(browser, f"{dashboard}/feature_space?run=mapped-a")
    page = visit.page
    times = [visit.draw_around(0.5, 0.5, radius) for radius in (0.3, 0.46, 0.35)]
    print(
        f"\nan answer to a drawn line at {NUM_LEAVES} leaves: {', '.join(f'{t:.2f}' for t in times)} s; goal {GOAL_S} s"
    )
    assert min(times) < 4 * GOAL_S  # the goal itself is for a machine at rest
    visit.settle()
    said = page.locator(SAID).first.inner_text()
    count = int(said.split(" of ")[0].replace(",", ""))
    assert 100 < count < NUM_LEAVES and said.endswith("of 5,000 leaves selected")
    picture = page.locator(".gallery img").first
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    assert page.locator(".gallery figure").count() == 12
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(waiting.value.path().read_text(encoding="utf-8-sig"))))
    assert len(rows) == count and rows[0]["path"].startswith("leafsim:v1/9/")
    assert {row["right"] for row in rows} == {"True", "False"}
    assert visit.outside == [] and visit.broken == []


def test_a_leaf_is_clicked_and_two_runs_stand_side_by_side(browser, dashboard, mapped_runs):
    visit = Visit(browser, f"{dashboard}/feature_space?run=mapped-a&beside=mapped-b&color=Right+or+wrong")
    page = visit.page
    assert page.locator(".js-plotly-plot").count() == 2
    visit.draw_around(0.5, 0.2, 0.3)
    visit.settle()
    page.wait_for_function(
        "() => document.querySelectorAll('.js-plotly-plot')[1]._fullData.every("
        "t => t.selectedpoints && t.selectedpoints.length < t.x.length)"
    )
    page.locator(".st-key-select_by").get_by_role("combobox").click()
    page.get_by_role("option", name="Clicking on one").click()
    visit.settle()
    page.wait_for_function(DRAWN)
    place = page.evaluate(
        "() => { const g = document.querySelector('.js-plotly-plot'), l = g._fullLayout, d = g._fullData[1];"
        "const r = g.getBoundingClientRect();"
        "return [r.left + l.xaxis._offset + l.xaxis.d2p(d.x[0]), r.top + l.yaxis._offset + l.yaxis.d2p(d.y[0])] }"
    )
    page.mouse.move(place[0] - 4, place[1] - 4)
    page.mouse.move(*place)
    page.wait_for_timeout(400)
    page.mouse.down()
    page.wait_for_timeout(60)
    page.mouse.up()
    page.get_by_text("One leaf, and the nearest to it in feature space").wait_for()
    visit.settle()
    assert page.locator(".gallery figure").count() == 11
    assert "beside=mapped-b" in page.url and "color=Right" in page.url
    page.get_by_test_id("stTopNavSection").first.click()
    page.get_by_role("menuitem", name="Diagnose").click()
    page.get_by_text("Show me a leaf.").wait_for()  # which does not know the run that was chosen here
    assert visit.outside == [] and visit.broken == []


def test_on_a_phone_nothing_is_cut_off(browser, dashboard, mapped_runs):
    visit = Visit(browser, f"{dashboard}/feature_space?run=mapped-a", 375, 812)
    page = visit.page
    wider = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wider) == 0
    assert page.locator(".js-plotly-plot").bounding_box()["width"] > 320
    assert visit.outside == [] and visit.broken == []
