"""Samples side by side, inside a small page of their own."""

import re

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from hvit.batches.reviews import read_reviews
from hvit.batches.sample_reviews import sample_reviews
from hvit.files import file_sha256


def page(paths, shas):
    from app.gallery import Tile, gallery

    tiles = [Tile(path, sha, f"Leaf {i}", "taken for <b>") for i, (path, sha) in enumerate(zip(paths, shas))]
    gallery(tiles, "g", "tiny", ["A___Rust"])


def opened(paths, shas) -> AppTest:
    return AppTest.from_function(page, default_timeout=60, args=(paths, shas)).run()


def html_of(app: AppTest) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


@pytest.fixture(autouse=True)
def no_folder(monkeypatch):
    monkeypatch.delenv("HVIT_PHOTOS", raising=False)


def test_rendered_leaves_are_rendered_again_twelve_per_page():
    app = opened([f"leafsim:v1/1/{i}" for i in range(13)], [None] * 13)
    assert html_of(app).count("data:image/jpeg;base64,") == 12 and not app.text_input
    assert "Leaf 11" in html_of(app) and "Leaf 12" not in html_of(app)


def test_the_caption_of_a_sample_is_text_and_no_markup():
    assert "taken for &lt;b&gt;" in html_of(opened(["leafsim:v1/1/0"], [None]))


def test_without_photos_a_text_replaces_them_until_a_folder_is_named(tmp_path):
    photo = tmp_path / "elsewhere" / "renamed.png"
    photo.parent.mkdir()
    Image.new("RGB", (80, 64), "green").save(photo)
    app = opened(["set/test/Rust/1.jpg", "set/test/Rust/2.jpg"], [file_sha256(photo), "0" * 64])
    assert html_of(app).count("no picture here") == 2
    app.text_input[0].set_value(str(tmp_path)).run()
    assert html_of(app).count("no picture here") == 1 and html_of(app).count("data:image/jpeg;base64,") == 1


def test_a_missing_folder_is_reported_and_the_page_stays_usable(tmp_path):
    app = opened(["set/1.jpg"], ["0" * 64])
    app.text_input[0].set_value(str(tmp_path / "nowhere")).run()
    assert re.search("There is no folder .*nowhere", html_of(app)) and "no picture here" in html_of(app)


def test_the_folder_named_at_the_start_is_looked_into(tmp_path, monkeypatch):
    Image.new("RGB", (64, 64), "green").save(tmp_path / "a.png")
    monkeypatch.setenv("HVIT_PHOTOS", str(tmp_path))
    app = opened(["set/1.jpg"], [file_sha256(tmp_path / "a.png")])
    assert "data:image/jpeg" in html_of(app) and not app.text_input


def marking_page(paths, shas, label="A___Rust", predicted="A___Scab"):
    from app.gallery import Tile, gallery

    tiles = [Tile(path, sha, "Leaf", label=label, predicted=predicted) for path, sha in zip(paths, shas)]
    gallery(tiles, "g", "tiny", ["A___Rust", "A___Scab", "A___Mold"])


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Two photos, and the hash of each."""
    monkeypatch.setenv("HVIT_REVIEWS", str(tmp_path / "reviews"))
    monkeypatch.setenv("HVIT_PHOTOS", str(tmp_path / "photos"))
    (tmp_path / "photos").mkdir()
    for name in ("red", "green"):
        Image.new("RGB", (80, 64), name).save(tmp_path / "photos" / f"{name}.png")
    return [file_sha256(tmp_path / "photos" / f"{name}.png") for name in ("red", "green")]


def marking(shas, *known) -> AppTest:
    page = AppTest.from_function(marking_page, default_timeout=60, args=(["s/1.png", "s/2.png"], shas, *known))
    return page.run()


def press(app: AppTest, start: str) -> AppTest:
    return next(button for button in app.button if button.key.startswith(start)).click().run()


def with_name(app: AppTest, name: str) -> AppTest:
    return next(field for field in app.text_input if field.key == "tile_reviewer").set_value(name).run()


def test_a_sample_is_marked_and_the_next_one_opens(photos, tmp_path):
    app = with_name(press(marking(photos), "open_tile_g_0"), "Ana")
    app = press(app, "review_2")
    (review,) = read_reviews(sample_reviews(tmp_path / "reviews", "tiny"))
    assert (review.reviewer, review.path, review.label, review.verdict) == (
        "Ana",
        "folders/1/red.png",
        "A___Scab",
        "right",
    )
    app = press(app, "review_n")
    assert [r.verdict for r in read_reviews(sample_reviews(tmp_path / "reviews", "tiny"))] == ["right", "not_a_leaf"]
    assert "all on this page" in html_of(app)
    app = press(app, "review_undo")
    assert "Ana: A: scab" in html_of(app) and "Ana: not a leaf" not in html_of(marking(photos))


def test_decisions_wait_for_the_name_of_a_reviewer(photos):
    app = press(marking(photos), "open_tile_g_0")
    assert "Type your name" in html_of(app)
    assert not any(button.key.startswith("review_") for button in app.button)


def test_a_rendered_leaf_opens_but_is_not_marked(photos):
    app = AppTest.from_function(marking_page, default_timeout=60, args=(["leafsim:v1/1/0"], [None])).run()
    assert "what it shows is certain" in html_of(press(app, "open_tile_g_0"))


def test_a_sample_without_its_photo_cannot_be_opened(photos):
    assert not marking(["0" * 64, "1" * 64]).button


@pytest.mark.parametrize(
    ("label", "predicted", "offered"),
    [
        ("A___Rust", "", ["As labelled: A: rust"]),
        ("A___Rust", "A___Rust", ["Right: A: rust"]),
        ("", "A___Scab", ["As predicted: A: scab"]),
        ("", "", []),
    ],
)
def test_what_is_known_of_a_sample_is_offered_as_its_label(photos, label, predicted, offered):
    app = with_name(press(marking(photos, label, predicted), "open_tile_g_0"), "Ana")
    assert [button.label for button in app.button if button.key.startswith(("review_1", "review_2"))] == offered
    assert any(button.key.startswith("review_n") for button in app.button)
