"""What the browser itself does: Back, titles of tabs, what lies over what, and colors in the dark."""

import re

import pytest

from tests.browser.photos import FILES
from tests.browser.visit import Visit

pytestmark = pytest.mark.browser

CHOSEN = """() => {
  const chip = document.querySelector('[data-testid=stButtonGroup] button[aria-checked=true]');
  const ground = getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor;
  return [getComputedStyle(chip.querySelector('p')).color, getComputedStyle(chip).backgroundColor, ground];
}"""
HEADER = "() => getComputedStyle(document.querySelector('[data-testid=stHeader]')).backgroundColor"


def numbers(color: str) -> list[float]:
    return [float(number) for number in re.findall(r"[\d.]+", color)]


def luminance(rgb: list[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (c / 255 for c in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.fixture
def visit(browser, dashboard):
    opened = []

    def start(path: str = "/", **query) -> Visit:
        opened.append(Visit(browser, f"{dashboard}{path}", **query))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def test_back_from_attention_returns_to_diagnose_with_the_chosen_run(visit):
    reader = visit(run="leafsim-tiny")
    reader.upload(FILES[:1])
    verdict = reader.page.locator("h2.verdict").inner_text()
    reader.page.get_by_text("Explain on the Attention page").click()
    reader.page.locator(".st-key-picture_map img").wait_for()
    reader.settle()
    assert reader.page.title() == "Attention - HViT"
    reader.page.go_back()
    reader.page.locator(".summary").wait_for()
    reader.settle()
    assert reader.page.title() == "Diagnose - HViT" and "run=leafsim-tiny" in reader.page.url
    assert reader.page.locator("h2.verdict").inner_text() == verdict
    assert reader.page.get_by_label("Model: 14 conditions of drawn leaves").count()


@pytest.mark.parametrize(("section", "title"), [(0, "Batch"), (1, "Attention"), (2, "Evaluation")])
def test_back_from_a_page_of_the_menu_returns_to_diagnose_as_it_was(visit, section, title):
    reader = visit(run="leaf45-tiny", crop="Tomato")
    reader.upload(FILES[:2])
    verdict, address = reader.page.locator("h2.verdict").inner_text(), reader.page.url
    reader.page.get_by_test_id("stTopNavSection").nth(section).click()
    reader.page.get_by_role("menuitem", name=title, exact=True).click()
    reader.page.wait_for_function("title => document.title === title", arg=f"{title} - HViT")
    reader.settle()
    reader.page.go_back()
    reader.page.locator(".summary").wait_for()
    reader.settle()
    assert reader.page.locator("h2.verdict").inner_text() == verdict and reader.page.url == address
    assert not reader.outside


def test_back_to_an_address_without_a_run_chooses_the_first_again(visit):
    reader = visit()
    reader.upload(FILES[:1])
    reader.page.get_by_text("Explain on the Attention page").click()
    reader.page.locator(".st-key-picture_map img").wait_for()
    reader.settle()
    reader.page.locator(".st-key-with_model").get_by_role("combobox").click()
    reader.click("option", "leafsim-tiny")
    reader.page.wait_for_url("**/attention?run=leafsim-tiny**")
    reader.page.go_back()
    reader.page.get_by_label("Model: 3 conditions, 2 crops").wait_for()
    reader.settle()
    assert "run=" not in reader.page.url


def test_the_header_hides_what_scrolls_below_it(visit):
    reader = visit()
    reader.settle()
    color = numbers(reader.page.evaluate(HEADER))
    assert len(color) == 3 or color[3] == 1


def test_a_chosen_chip_is_readable_in_the_dark(browser, dashboard):
    page = browser.new_context(color_scheme="dark").new_page()
    page.goto(dashboard)
    page.locator("[data-testid=stButtonGroup] button[aria-checked=true]").wait_for()
    page.wait_for_function("() => getComputedStyle(document.documentElement).getPropertyValue('--hvit-accent')")
    text, tint, ground = (numbers(color) for color in page.evaluate(CHOSEN))
    opacity = tint[3] if len(tint) > 3 else 1
    below = [opacity * a + (1 - opacity) * b for a, b in zip(tint[:3], ground[:3])]
    light, dark = sorted((luminance(text[:3]), luminance(below)), reverse=True)
    page.context.close()
    assert max(ground[:3]) < 60 and (light + 0.05) / (dark + 0.05) >= 4.5
