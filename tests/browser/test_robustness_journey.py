"""What a person does on the Robustness page, in a real browser."""

import pytest

from tests.browser.visit import DESKTOP, PHONE, Visit
from tests.support.stressed_runs import record_answers

pytestmark = pytest.mark.browser

ANSWERS = {("clean", 0): "CCCCCcCCWu"} | {(kind, s): "CCCCWwwwWu" for kind in ("noise", "turn") for s in range(1, 6)}


@pytest.fixture(scope="module")
def stressed(runs_folder):
    record_answers(runs_folder / "leaf45-tiny", ANSWERS)
    return runs_folder


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def visit(browser, dashboard, stressed, request):
    page = Visit(browser, f"{dashboard}/robustness", request.param)
    yield page
    page.close()


def test_from_curves_to_the_table_the_kinds_and_a_photo(visit):
    page = visit.page
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot').length === 4")
    visit.click("radio", "Table")
    rows = visit.download_rows("CSV", exact=True)
    assert {row["kind"] for row in rows} == {"mean", "noise", "turn"}
    assert [row["top1"] for row in rows if row["kind"] == "noise"] == ["0.8"] + 5 * ["0.4"]
    visit.click("radio", "The sixteen kinds")
    assert page.locator(".stress-gallery figure").count() == 17
    visit.click("radio", "Your photo")
    page.locator(".stress-gallery figcaption", has_text="Strength 5").wait_for()
    assert visit.overflow_px() == 0
    assert visit.outside == [] and visit.complaints == []
