"""From what a run learned to its card, in a real browser."""

import csv
import io
import json
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.browser

WAIT_MS = 90_000  # a loaded machine with two cores needs some of it
LOADED_WIDTH_PX = "image => image.decode().then(() => image.naturalWidth)"


class Visit:
    """One open page, with every request that leaves this machine."""

    def __init__(self, browser, address: str, width: int, height: int):
        self.page = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True).new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.outside = []
        self.page.on("request", self._note)
        self.page.goto(address)

    def _note(self, request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname not in ("127.0.0.1", "localhost"):
            self.outside.append(request.url)

    def settle(self) -> None:
        from playwright.sync_api import expect

        app = self.page.get_by_test_id("stApp")
        expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=WAIT_MS)

    def download(self, label: str) -> bytes:
        with self.page.expect_download(timeout=WAIT_MS) as waiting:
            self.page.get_by_role("button", name=label, exact=True).first.click()
        return waiting.value.path().read_bytes()

    def overflow_px(self) -> int:
        return self.page.evaluate(
            "() => Math.max(...[document.documentElement, document.querySelector('[data-testid=stMain]')]"
            ".map(e => e.scrollWidth - e.clientWidth))"
        )


def choose(page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_from_the_classes_of_a_run_to_its_pictures_and_on_to_its_card(browser, dashboard):
    visit = Visit(browser, f"{dashboard}/data?run=leafsim-tiny", 1440, 900)
    page = visit.page
    page.get_by_text("leafsim-tiny learned from 80 drawn leaves").wait_for()
    page.locator(".js-plotly-plot .bars path").first.wait_for()
    rows = list(csv.DictReader(io.StringIO(visit.download("CSV").decode("utf-8-sig"))))
    assert sum(int(row["train"]) for row in rows) == 80
    choose(page, "Class", "Rust")
    page.wait_for_url("**example=Rust**")
    visit.settle()
    assert page.locator(".gallery img").first.evaluate(LOADED_WIDTH_PX) > 100
    page.get_by_text("python -m hvit data check leafsim:v1/7/0-99 --save-to leafsim-tiny").wait_for()

    page.goto(f"{dashboard}/models?run=leafsim-tiny")
    page.get_by_text("Photos of real leaves: it never saw one.").wait_for()
    page.get_by_text("303,209,608").wait_for()
    visit.settle()
    assert json.loads(visit.download("model.json"))["architecture"] == "hvit_tiny"
    page.get_by_role("button", name="HViT-S (89 MB)").click()  # leaves HViT-T alone
    visit.settle()
    page.get_by_role("button", name="Measure").click()
    page.get_by_text("one photo, 1 thread").wait_for()
    assert visit.outside == []


@pytest.mark.parametrize("address", ["data?run=leafsim-tiny", "models?run=leaf33-tiny"])
def test_on_a_phone_nothing_hangs_over_the_edge(browser, dashboard, address):
    visit = Visit(browser, f"{dashboard}/{address}", 375, 812)
    visit.page.locator(".page-title").wait_for()
    visit.page.get_by_text("Check" if address.startswith("data") else "What it is for").first.wait_for()
    visit.settle()
    assert visit.overflow_px() == 0
