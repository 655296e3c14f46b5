"""A phone in the field and a window at the desk on one batch: photos added, reviewed by swipes, the verdict in view."""

import io
from collections.abc import Iterator
from contextlib import closing

import pillow_heif
import pytest
from PIL import Image

from tests.browser.photos import leaf
from tests.browser.visit import DESKTOP, Visit
from tests.support.batches import write_leaves
from tests.support.dashboard import dashboard_of

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}
NUM_PHOTOS = 4


@pytest.fixture(scope="module")
def served(runs_folder, tmp_path_factory) -> Iterator[tuple[str, str]]:
    """Address of the page, and a folder of photos."""
    folder = tmp_path_factory.mktemp("phone journey")
    write_leaves(folder / "photos", NUM_PHOTOS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HVIT_BATCHES", str(folder / "batches"))
        with dashboard_of(runs_folder, folder / "streamlit.log") as address:
            yield f"{address}/batch", str(folder / "photos")


@pytest.fixture(scope="module")
def desk(browser, served) -> Iterator[Visit]:
    """Someone at the desk, whose batch is scored."""
    with closing(Visit(browser, served[0], DESKTOP)) as visit:
        visit.page.get_by_label("Name").fill("Field 8")
        visit.page.get_by_label("or a folder on this computer").fill(served[1])
        visit.page.get_by_label("or a folder on this computer").press("Enter")
        visit.settle()
        visit.page.get_by_role("button", name="Score these photos").click()
        visit.page.get_by_text(f"{NUM_PHOTOS} photos, all scored").wait_for()
        yield visit


@pytest.fixture(scope="module")
def phone(browser, served, desk) -> Iterator[Visit]:
    """Someone in the field, on the same batch."""
    with closing(Visit(browser, served[0], PHONE)) as visit:
        visit.page.get_by_text("photos, all scored").wait_for()
        yield visit


def heic() -> bytes:
    """A leaf as a phone keeps it."""
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.open(io.BytesIO(leaf(11)))).save(out, format="HEIF", quality=80)
    return out.getvalue()


def test_the_desk_sees_what_the_phone_adds_without_a_reload(phone, desk):
    phone.unfold("Add photos, or delete this batch")
    phone.page.get_by_text("Uploaded photos are copied to").first.wait_for()
    files = [
        {"name": "IMG_1.heic", "mimeType": "image/heic", "buffer": heic()},
        {"name": "IMG_2.jpg", "mimeType": "image/jpeg", "buffer": leaf(12)},
    ]
    phone.page.locator(".st-key-batch_upload input[type=file]").set_input_files(files)
    phone.page.get_by_text("IMG_2.jpg").first.wait_for()
    phone.page.get_by_role("button", name="Add these photos").click()
    for visit in (phone, desk):
        visit.page.get_by_text(f"{NUM_PHOTOS + 2} photos, all scored").wait_for()
    assert phone.complaints == desk.complaints == []


SWIPE = """([image, x]) => {
  const at = (x) => new Touch({identifier: 1, target: image, clientX: x, clientY: 300});
  image.dispatchEvent(new TouchEvent('touchstart', {bubbles: true, touches: [at(200)]}));
  image.dispatchEvent(new TouchEvent('touchend', {bubbles: true, changedTouches: [at(x)]}));
}"""


def swipe_to(visit: Visit, x: int) -> str:
    """Swipes over the photo under review; returns the name of the photo that follows."""
    name = visit.page.locator(".st-key-review_photo .standing")
    before = name.inner_text()
    image = visit.page.locator(".st-key-review_photo img").element_handle()
    visit.page.evaluate(SWIPE, [image, x])
    visit.page.wait_for_function(
        "before => document.querySelector('.st-key-review_photo .standing')?.innerText !== before", arg=before
    )
    visit.settle()
    return name.inner_text()


def test_photos_are_skipped_and_found_again_by_swipes(phone):
    phone.page.get_by_role("radio", name="Review").click()
    phone.page.get_by_label("Reviewer").fill("Ana")
    phone.page.get_by_label("Reviewer").press("Enter")
    phone.page.locator(".st-key-review_photo img").wait_for()
    phone.settle()
    first = phone.page.locator(".st-key-review_photo .standing").inner_text()
    assert swipe_to(phone, 40) != first
    assert swipe_to(phone, 360) == first


def test_the_verdict_stays_in_view_while_the_phone_scrolls(phone):
    phone.page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 500)")
    phone.page.wait_for_timeout(300)
    box = phone.page.locator(".st-key-batch_review h2.verdict").bounding_box()
    assert 0 <= box["y"] < PHONE["height"] / 3
    assert phone.overflow_px() == 0
