"""What a person does on the Attention page, in a real browser."""

import io
import json
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from tests.browser.photos import FILES
from tests.browser.visit import DESKTOP, PHONE, Visit

pytestmark = pytest.mark.browser

MAP = ".st-key-picture_map img"
TO_ATTENTION = "Explain on the Attention page"


def explaining(browser, dashboard, viewport) -> Iterator[Visit]:
    """Someone who gave a photo on Diagnose and asks why."""
    with closing(Visit(browser, dashboard, viewport)) as visit:
        visit.upload(FILES[:2])
        visit.page.get_by_role("link", name=TO_ATTENTION).click()
        visit.page.locator(MAP).wait_for()
        visit.settle()
        yield visit


def select(visit: Visit, label: str, option: str) -> None:
    visit.page.get_by_label(label).first.click()
    visit.page.get_by_role("option", name=option, exact=True).click()
    visit.settle()


@pytest.fixture(scope="module")
def desktop(browser, dashboard) -> Iterator[Visit]:
    yield from explaining(browser, dashboard, DESKTOP)


@pytest.fixture(scope="module")
def phone(browser, dashboard) -> Iterator[Visit]:
    yield from explaining(browser, dashboard, PHONE)


def test_class_and_method_change_the_map_and_the_address(desktop):
    page, before = desktop.page, desktop.page.locator(MAP).get_attribute("src")
    answer = page.get_by_role("radiogroup", name="Explain").get_by_role("radio", checked=True).inner_text()
    other = next(
        chip for chip in page.get_by_role("radiogroup", name="Explain").get_by_role("radio").all_inner_texts()
        if chip not in (answer, "Difference")
    )  # fmt: skip
    desktop.click("radio", other)
    second = page.locator(MAP).get_attribute("src")
    select(desktop, "Method", "Grad-CAM")
    page.get_by_text("Grad-CAM, stage 4 for").wait_for()
    assert len({before, second, page.locator(MAP).get_attribute("src")}) == 3
    assert "method=Grad-CAM" in page.url and f"explain={other.split(':')[0]}" in page.url


def test_a_square_is_chosen_by_mouse_and_by_keyboard(desktop):
    page = desktop.page
    squares = page.get_by_role("radiogroup", name="Square").get_by_role("radio")
    assert squares.count() == 4  # 64 px: 2 x 2 tokens in the last stage
    photo, first = page.locator(".st-key-picture_squares img").bounding_box(), squares.nth(0).bounding_box()
    assert first["x"] == pytest.approx(photo["x"], abs=1.5) and first["width"] == pytest.approx(
        photo["width"] / 2, abs=1.5
    )
    assert first["y"] == pytest.approx(photo["y"], abs=1.5) and first["height"] == pytest.approx(
        photo["height"] / 2, abs=1.5
    )
    page.mouse.click(photo["x"] + 0.75 * photo["width"], photo["y"] + 0.25 * photo["height"])
    page.get_by_text("Square B1 at stage 4").wait_for()
    desktop.settle()
    assert "square=B1" in page.url
    page.get_by_role("radio", name="A2").focus()
    page.keyboard.press("Space")
    page.get_by_text("Square A2 at stage 4").wait_for()
    desktop.settle()
    desktop.click("button", "All squares")
    assert page.get_by_text("looks here, at stage").count() == 0 and "square=" not in page.url


def test_the_files_hold_what_is_on_the_screen(desktop):
    page = desktop.page
    page.get_by_role("button", name="Save").click()
    name, picture = desktop.download("Picture (PNG)")
    assert name == "one.gradcam.png" and Image.open(io.BytesIO(picture)).width == 512
    name, numbers = desktop.download("Numbers (NPY)")
    attribution = np.load(io.BytesIO(numbers), allow_pickle=False)
    assert name == "one.gradcam.npy" and attribution.shape == (160, 160) and attribution.dtype == np.float32
    record = json.loads(desktop.download("Record (JSON)")[1])
    assert record["method"] == "gradcam" and record["arguments"] == {"stage": 3} and record["run"] == "leaf45-tiny"
    assert record["class"] is not None and record["photo"] == "one.jpg" and len(record["sha256"]) == 64
    page.keyboard.press("Escape")
    desktop.settle()


def test_the_map_with_random_weights_is_shown_beside_the_map(desktop):
    select(desktop, "Compare with", "Same net, weights randomised")
    left, right = (desktop.page.locator(place).bounding_box() for place in (MAP, ".st-key-picture_beside img"))
    assert left["y"] == pytest.approx(right["y"], abs=2) and left["width"] == pytest.approx(right["width"], abs=2)
    assert left["x"] + left["width"] < right["x"] and desktop.overflow_px() == 0


def test_on_a_phone_the_parts_come_in_reading_order_and_nothing_hangs_over(phone):
    page = phone.page
    places = ("h2.verdict", MAP, ".heat-scale", ".st-key-outcome", ".st-key-classes", ".st-key-how", ".st-key-squares")
    tops = [page.locator(place).first.bounding_box()["y"] for place in places]
    assert tops == sorted(tops) and phone.overflow_px() == 0
    assert not page.locator(".st-key-heads").is_visible()


def test_on_a_phone_a_square_is_as_large_as_a_finger(phone):
    page = phone.page
    squares = page.get_by_role("radiogroup", name="Square").get_by_role("radio")
    boxes = [squares.nth(i).bounding_box() for i in range(squares.count())]
    assert min(min(box["width"], box["height"]) for box in boxes) >= 44
    squares.nth(3).click()
    page.get_by_text("Square B2 at stage 4").wait_for()
    phone.settle()
    assert phone.overflow_px() == 0


def test_a_rendered_leaf_is_in_the_link_and_comes_back_from_it(browser, dashboard):
    with closing(Visit(browser, dashboard, DESKTOP)) as visit:
        page = visit.page
        page.get_by_role("button", name="Four drawn leaves").click()
        page.locator(".summary").wait_for()
        visit.settle()
        page.get_by_role("link", name=TO_ATTENTION).click()
        page.locator(MAP).wait_for()
        visit.settle()
        page.get_by_role("button", name="Link").click()
        link = page.get_by_test_id("stCode").filter(has_text="attention?").inner_text().strip()
        assert "sample=leafsim" in link and "run=leafsim-tiny" in link and link.startswith(dashboard)
        page.goto(link)
        page.locator(MAP).wait_for()
        visit.settle()
        assert page.get_by_text("On: lesion").is_visible() and visit.outside == []


def test_no_outside_request_was_made_and_no_error_shown(desktop, phone):
    assert desktop.outside == [] and phone.outside == []
    assert desktop.complaints == [] and phone.complaints == []
