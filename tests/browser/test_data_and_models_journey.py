"""From what a run learned to its card, in a real browser."""

import json
from contextlib import closing

import pytest

from tests.browser.visit import DESKTOP, LOADED_WIDTH_PX, PHONE, Visit

pytestmark = pytest.mark.browser


def choose(page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_from_the_classes_of_a_run_to_its_pictures_and_on_to_its_card(browser, dashboard):
    with closing(Visit(browser, f"{dashboard}/data", DESKTOP, run="leafsim-tiny")) as visit:
        page = visit.page
        page.get_by_text("leafsim-tiny learned from 80 drawn leaves").wait_for()
        page.locator(".js-plotly-plot .bars path").first.wait_for()
        visit.settle()
        assert sum(int(row["train"]) for row in visit.download_rows("CSV", exact=True)) == 80
        choose(page, "Class", "Rust")
        page.wait_for_url("**example=Rust**")
        visit.settle()
        assert page.locator(".st-key-gallery_data img").first.evaluate(LOADED_WIDTH_PX) > 100
        page.get_by_text("python -m hvit data check leafsim:v1/7/0-99 --save-to leafsim-tiny").wait_for()

        page.goto(f"{dashboard}/models?run=leafsim-tiny")
        page.get_by_text("Photos of real leaves: it never saw one.").wait_for()
        page.get_by_text("303,209,608").wait_for()
        visit.settle()
        assert json.loads(visit.download("model.json")[1])["architecture"] == "hvit_tiny"
        visit.click("button", "HViT-S (89 MB)")  # leaves HViT-T alone
        page.get_by_role("button", name="Measure").click()
        page.get_by_text("one photo, 1 thread").wait_for()
        assert visit.outside == [] and visit.complaints == []


@pytest.mark.parametrize(
    "path, run, words", [("data", "leafsim-tiny", "Check"), ("models", "leaf45-tiny", "What it is for")]
)
def test_on_a_phone_nothing_hangs_over_the_edge(browser, dashboard, path, run, words):
    with closing(Visit(browser, f"{dashboard}/{path}", PHONE, run=run)) as visit:
        visit.page.get_by_text(words).first.wait_for()
        visit.settle()
        assert visit.overflow_px() == 0 and visit.complaints == []
