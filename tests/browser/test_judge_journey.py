"""What a person does on the pages that judge runs, in a real browser."""

import csv
import io
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
WAIT_MS = 90_000
DESKTOP, PHONE = {"width": 1440, "height": 1600}, {"width": 375, "height": 812}
CLASSES = ["Rust", "Scab", "healthy"]
ANSWERS = [("Rust", "Rust")] * 5 + [("Rust", "Scab")] * 3 + [("healthy", "healthy")] * 4
BETTER = [(true, true) for true, _ in ANSWERS]

TRAINING = """
import sys, time
from pathlib import Path
from hvit.runs import RunWriter
writer = RunWriter(Path(sys.argv[1]), "finetune", {"seed": 0}, 0, ["training/finetune.py"], "f")
for step in range(1, 7):
    writer.log(step, float(step), "val", macro_f1=step / 10)
    if step == 2:
        print("ready", flush=True)
        while not Path(sys.argv[2]).exists():  # a training waits for nobody, but gives signs of life
            writer.heartbeat()
            time.sleep(0.1)
    time.sleep(0.5)
writer.finish("done", {})
"""

# Where a point of a Plotly trace lies on the page.
PLACE_OF_CELL = """pair => {
  const graph = document.querySelector('.js-plotly-plot'), layout = graph._fullLayout, cells = graph.data[2];
  const k = cells.customdata.findIndex(cell => cell[0] === pair[0] && cell[1] === pair[1]);
  const box = graph.getBoundingClientRect();
  return {x: box.left + layout._size.l + layout.xaxis.l2p(cells.x[k]),
          y: box.top + layout._size.t + layout.yaxis.l2p(cells.y[k])};
}"""
IS_DRAWN = "() => document.querySelector('.js-plotly-plot')?._fullLayout?._size"
NUM_POINTS = """name => {
  const graph = document.querySelector('.js-plotly-plot');
  return graph?.data ? Math.max(0, ...graph.data.filter(t => t.name === name).map(t => t.x.length)) : 0;
}"""
OVERFLOW_PX = (
    "() => Math.max(...[document.documentElement, document.querySelector('[data-testid=stMain]')]"
    ".map(e => e.scrollWidth - e.clientWidth))"
)


@pytest.fixture(scope="module")
def judged(runs_folder, recorded_run) -> Path:
    """Two runs more, without weights, that answered the same pictures."""
    recorded_run(runs_folder / "judged-plain", CLASSES, ANSWERS, 0, {"lr": 1})
    recorded_run(runs_folder / "judged-better", CLASSES, BETTER, 0, {"lr": 2})
    return runs_folder


@pytest.fixture
def visit(browser, dashboard, judged):
    """Opens a page; the browser forgets everything afterwards."""
    contexts = []

    def open_page(path: str, viewport: dict = DESKTOP, **query):
        contexts.append(browser.new_context(viewport=viewport, accept_downloads=True))
        page = contexts[-1].new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{dashboard}/{path}?{urlencode(query, doseq=True)}")
        page.locator(".page-title").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()


def settle(page) -> None:
    """Until the script has run to its end and nothing moves any more."""
    from playwright.sync_api import expect

    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=WAIT_MS)
    page.wait_for_function(
        "() => { const y = document.querySelector('.js-plotly-plot').getBoundingClientRect().top;"
        " const still = window.lastY === y; window.lastY = y; return still; }",
        polling=300,
    )


def downloaded(page, button: str) -> list[dict]:
    with page.expect_download(timeout=WAIT_MS) as waiting:
        page.get_by_role("button", name=button).click()
    return list(csv.DictReader(io.StringIO(waiting.value.path().read_text(encoding="utf-8-sig"))))


def test_a_click_on_a_confusion_shows_its_pictures_and_the_address_leads_back(visit):
    page = visit("evaluation", judged="judged-plain")
    page.wait_for_function(IS_DRAWN)
    settle(page)  # what comes late would move the matrix under the pointer
    place = page.evaluate(PLACE_OF_CELL, ["Rust", "Scab"])
    page.mouse.move(place["x"], place["y"])
    page.mouse.click(place["x"], place["y"])
    page.get_by_text("3 of 8 pictures of rust were called scab (37.5").wait_for()
    page.locator(".gallery figure img").nth(2).wait_for()
    assert [row["called"] for row in downloaded(page, "CSV of 3 pictures")] == ["Scab"] * 3
    page.wait_for_url("**/evaluation?*true=Rust&called=Scab*")
    again = visit("evaluation", judged="judged-plain", true="Rust", called="Scab")
    again.get_by_text("3 of 8 pictures of rust were called scab (37.5").wait_for()


def test_on_a_phone_the_confusions_are_a_list_that_opens_pictures(visit):
    page = visit("evaluation", PHONE, judged="judged-plain")
    page.get_by_role("button", name="3 of 8").click()
    page.locator(".gallery figure img").nth(2).wait_for()
    assert not page.locator(".js-plotly-plot").is_visible()
    assert page.evaluate(OVERFLOW_PX) == 0


def test_two_runs_lead_to_the_pictures_they_disagree_on(visit):
    page = visit("compare_runs")
    page.get_by_role("button", name="judged: better and plain").click()
    page.get_by_role("radio", name="Disagreements").click()
    page.get_by_text("Of 12 pictures. First: judged-better. Second: judged-plain.").wait_for()
    page.locator(".gallery figure img").nth(2).wait_for()
    rows = downloaded(page, "CSV of 3 pictures")
    assert [(row["first_called"], row["second_called"]) for row in rows] == [("Rust", "Scab")] * 3
    page.wait_for_url("**/compare_runs?*runs=judged-better&runs=judged-plain*")


def test_on_a_phone_the_comparison_does_not_hang_over_the_edge(visit):
    page = visit("compare_runs", PHONE, runs=["judged-better", "judged-plain"], view="Better or chance?")
    page.get_by_text("Exact McNemar test").wait_for()
    assert page.evaluate(OVERFLOW_PX) == 0


def test_a_run_grows_on_the_page_while_it_is_written(visit, judged, tmp_path):
    training = subprocess.Popen(
        [sys.executable, "-c", TRAINING, str(judged / "growing"), str(tmp_path / "go on")],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert training.stdout.readline() == "ready\n"
        page = visit("compare_runs", runs=["growing"])
        page.get_by_text("growing is running: epoch 2.0, step 2").wait_for()
        page.wait_for_function(f"() => ({NUM_POINTS})('growing') === 2")
        (tmp_path / "go on").touch()
        page.wait_for_function(f"() => ({NUM_POINTS})('growing') === 6")  # nobody touched the page
        page.locator(".run-state").wait_for(state="detached")
    finally:
        training.kill()
        training.wait()
