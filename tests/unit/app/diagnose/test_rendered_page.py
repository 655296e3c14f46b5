"""The Diagnose page on rendered leaves, opened through `app/main.py`."""

import json
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.pages import bars, leaf, open_page, page_text, press, upload


@pytest.fixture
def both_runs(runs, rendered_run) -> Path:
    """A runs folder with a run of photos, `tiny`, and one of drawn leaves, which accepts everything too."""
    shutil.copytree(rendered_run, runs / "leafsim-tiny")
    path = runs / "leafsim-tiny" / "model.json"
    card = json.loads(path.read_text())
    card["ood"]["threshold"] = 9.0
    path.write_text(json.dumps(card))
    return runs


def four_drawn_leaves() -> AppTest:
    """The page with four drawn leaves and the run of photos chosen: its address asks for it."""
    return press(open_page(run="tiny"), "Four drawn leaves")


def test_four_rendered_leaves_select_a_run_that_knows_them(both_runs):
    app = four_drawn_leaves()
    text = page_text(app)
    assert "4 drawn leaves: " in text
    assert all(f"**Drawn leaf {i}**" in text for i in (1, 2, 3, 4))
    assert "Drawn by LeafSim, not a photograph" in text and "How are these drawn?" in [e.label for e in app.expander]
    assert app.selectbox(key="run").value == "leafsim-tiny"
    assert app.selectbox(key="run").label == "Model: 14 conditions of drawn leaves"
    assert "learned from photos only" not in text and "learned from drawn leaves only." in text  # in the note


def test_each_press_gives_the_next_four(both_runs):
    app = press(four_drawn_leaves(), "Four drawn leaves")
    assert "8 drawn leaves: " in page_text(app) and "**Drawn leaf 8**" in page_text(app)
    assert "5 of 8" in page_text(app)


def test_the_truth_is_shown_beside_every_prediction(both_runs):
    app = four_drawn_leaves()
    without_disease = 0
    for i in range(4):
        printed = page_text(app.button(key=f"open_{i}").click().run())
        assert any(text in printed for text in ("The answer is ", "The right name is "))
        without_disease += "rawn without a disease." in printed
        assert ("Outline what was drawn" in [t.label for t in app.toggle]) != ("rawn without a disease." in printed)
    assert without_disease == 1


def test_rendered_masks_can_be_outlined(both_runs):
    app = four_drawn_leaves()
    while not any(t.label == "Outline what was drawn" for t in app.toggle):
        app = press(app, "Next")
    assert "The white line" not in page_text(app)
    app.toggle(key="show_truth").set_value(True).run()
    assert "The white line runs around everything drawn as a symptom" in page_text(app)


def test_a_cut_rendered_leaf_is_still_a_rendered_leaf(both_runs):
    app = press(four_drawn_leaves(), "Cut out one leaf")
    assert "Drawn by LeafSim" in page_text(app)
    text = page_text(press(app, "Diagnose this leaf"))
    assert "Drawn leaf 1 (cut)" in text and "Drawn by LeafSim" in text and "4 drawn leaves: " in text


def test_without_a_run_that_knows_rendered_leaves_none_are_offered(runs):
    assert "Four drawn leaves" not in page_text(open_page())
    assert "No photo?" not in page_text(open_page())


def test_a_photo_shown_to_a_run_of_drawings_is_not_trusted_and_another_run_is_a_click_away(both_runs):
    app = upload(open_page(run="leafsim-tiny"), ("a.jpg", leaf(1)))
    assert "This model learned from drawn leaves only. For a photo choose tiny." in page_text(app)
    text = page_text(press(app, "Use tiny"))
    assert "drawn leaves only" not in text and "Not one of my 2 crops?" in text


def test_a_rendered_leaf_shown_to_a_run_of_photos_is_not_trusted_either(both_runs):
    app = four_drawn_leaves()
    app.selectbox(key="run").set_value("tiny").run()
    text = page_text(app)
    assert "This model learned from photos only. For a drawn leaf choose leafsim-tiny." in text
    assert "The answer is" not in text and "Drawn as: " in text
    assert "learned from photos only" not in page_text(press(app, "Use leafsim-tiny"))


def test_a_run_without_crops_asks_for_none_and_takes_it_out_of_the_address(both_runs):
    app = open_page(run="leafsim-tiny", crop="Tomato")
    assert "crop" not in app.query_params
    assert [box.key for box in app.selectbox] == ["run"]
    app = upload(app, ("a.jpg", leaf(1)))
    assert "crops?" not in page_text(app)


def test_a_crop_chosen_before_does_not_restrict_a_run_without_crops(both_runs):
    app = press(open_page(run="tiny", crop="Tomato"), "Four drawn leaves")
    assert "4 drawn leaves: " in page_text(app)
    assert "not like tomato" not in page_text(app) and len(bars(app)["customdata"]) >= 3
