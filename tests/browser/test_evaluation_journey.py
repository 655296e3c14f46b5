"""What a person does on the pages that evaluate and compare runs, in a real browser."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.visit import PHONE, Visit

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
TALL_DESKTOP = {"width": 1440, "height": 1600}
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
        with writer.beating():  # a training waits for nobody, but gives signs of life
            while not Path(sys.argv[2]).exists():
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


@pytest.fixture(scope="module")
def judged(runs_folder, recorded_run) -> Path:
    """Two runs more, without weights, that answered the same pictures."""
    recorded_run(runs_folder / "judged-plain", CLASSES, ANSWERS, 0, {"lr": 1})
    recorded_run(runs_folder / "judged-better", CLASSES, BETTER, 0, {"lr": 2})
    return runs_folder


@pytest.fixture
def visit(browser, dashboard, judged):
    """Opens a page; the browser forgets everything afterwards."""
    visits = []

    def open_page(path: str, viewport: dict = TALL_DESKTOP, **query) -> Visit:
        visits.append(Visit(browser, f"{dashboard}/{path}", viewport, **query))
        return visits[-1]

    yield open_page
    for each in visits:
        each.close()


def test_a_click_on_a_confusion_shows_its_pictures_and_the_address_leads_back(visit):
    plain = visit("evaluation", judged="judged-plain")
    page = plain.page
    page.wait_for_function(IS_DRAWN)
    plain.settle()  # what comes late would move the matrix under the pointer
    place = page.evaluate(PLACE_OF_CELL, ["Rust", "Scab"])
    page.mouse.move(place["x"], place["y"])
    page.mouse.click(place["x"], place["y"])
    page.get_by_text("3 of 8 pictures of rust were predicted as scab (37.5").wait_for()
    page.locator(":is(.gallery, [class*=st-key-gallery_]) figure img").nth(2).wait_for()
    plain.settle()
    assert [row["called"] for row in plain.download_rows("CSV of 3 pictures")] == ["Scab"] * 3
    page.wait_for_url("**/evaluation?*true=Rust&called=Scab*")
    again = visit("evaluation", judged="judged-plain", true="Rust", called="Scab")
    again.page.get_by_text("3 of 8 pictures of rust were predicted as scab (37.5").wait_for()
    assert plain.outside == [] and plain.complaints == [] and again.complaints == []


def test_on_a_phone_the_confusions_are_a_list_that_opens_pictures(visit):
    plain = visit("evaluation", PHONE, judged="judged-plain")
    plain.page.get_by_role("button", name="3 of 8").click()
    plain.page.locator(":is(.gallery, [class*=st-key-gallery_]) figure img").nth(2).wait_for()
    plain.settle()
    assert not plain.page.locator(".js-plotly-plot").is_visible()
    assert plain.overflow_px() == 0 and plain.complaints == []


def test_two_runs_lead_to_the_pictures_they_disagree_on(visit):
    compared = visit("compare_runs")
    page = compared.page
    page.get_by_role("button", name="judged: better and plain").click()
    page.get_by_role("radio", name="Disagreements").click()
    page.get_by_text("Of 12 pictures. First: judged-better. Second: judged-plain.").wait_for()
    page.locator(":is(.gallery, [class*=st-key-gallery_]) figure img").nth(2).wait_for()
    compared.settle()
    rows = compared.download_rows("CSV of 3 pictures")
    assert [(row["first_called"], row["second_called"]) for row in rows] == [("Rust", "Scab")] * 3
    page.wait_for_url("**/compare_runs?*runs=judged-better&runs=judged-plain*")
    assert compared.outside == [] and compared.complaints == []


def test_on_a_phone_the_comparison_does_not_hang_over_the_edge(visit):
    compared = visit("compare_runs", PHONE, runs=["judged-better", "judged-plain"], view="Significance")
    compared.page.get_by_text("Exact McNemar test").wait_for()
    compared.settle()
    assert compared.overflow_px() == 0 and compared.complaints == []


def test_a_run_grows_on_the_page_while_it_is_written(visit, judged, tmp_path):
    training = subprocess.Popen(
        [sys.executable, "-c", TRAINING, str(judged / "growing"), str(tmp_path / "go on")],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert training.stdout.readline() == "ready\n"
        page = visit("compare_runs", runs=["growing"]).page
        page.get_by_text("growing is running: epoch 2.0, step 2").wait_for()
        page.wait_for_function(f"() => ({NUM_POINTS})('growing') === 2")
        (tmp_path / "go on").touch()
        page.wait_for_function(f"() => ({NUM_POINTS})('growing') === 6")  # nobody touched the page
        page.locator(".run-state").wait_for(state="detached")
    finally:
        training.kill()
        training.wait()


def test_the_level_of_the_sets_is_in_the_address_and_its_table_in_the_csv(visit):
    levels = visit("calibration", judged="judged-plain", calibration="Prediction sets", level="15 %")
    page = levels.page
    page.get_by_text("Sets that may miss the true class for 15 % of the photos").wait_for()
    levels.settle()
    page.get_by_role("slider").press("ArrowRight")
    page.get_by_text("Sets that may miss the true class for 16 % of the photos").wait_for()
    page.wait_for_url("**/calibration?*level=16+%25*")
    levels.settle()
    rows = levels.download_rows("CSV", exact=True)
    assert [(row["level"], row["n"]) for row in rows] == [("0.16", "12")]
    assert levels.outside == [] and levels.complaints == []


@pytest.mark.parametrize("view", ["Reliability", "Selective accuracy", "Unfamiliar photos"])
def test_on_a_phone_calibration_does_not_hang_over_the_edge(visit, view):
    calibration = visit("calibration", PHONE, judged="judged-plain", calibration=view)
    calibration.page.get_by_text("Calibration error (ECE)").wait_for()
    calibration.settle()
    assert calibration.overflow_px() == 0 and calibration.complaints == []


def test_a_risk_leads_to_its_evidence(visit):
    judged = visit("evaluation", judged="judged-plain")
    judged.page.get_by_text("Can I trust this run?").wait_for()
    judged.settle()
    judged.page.locator(".st-key-trust_rare").get_by_role("link", name="Evidence").click()
    judged.page.wait_for_url("**/evaluation?*errors=Class+by+class*")
    judged.page.get_by_text("Recall: share of the pictures of the class").wait_for()
    assert judged.complaints == []
