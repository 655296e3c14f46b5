"""The Feature space page, opened through `app/main.py`; selections are simulated, as AppTest has no mouse."""

import io
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.state import MAPS
from hvit.feature_space import read_map
from hvit.runs import Run
from tests.support.pages import ROOT, open_page, page_text

CLASSES = ["Potato___Early_blight", "Tomato___Late_blight", "Tomato___healthy"]


@pytest.fixture
def runs(write_mapped_run, tmp_path, monkeypatch) -> Path:
    """A runs folder with two mapped runs on the same 60 leaves."""
    folder = tmp_path / "runs"
    write_mapped_run(folder / "first", 60, CLASSES)
    write_mapped_run(folder / "second", 60, CLASSES, seed=1, shift=50)
    monkeypatch.setenv("HVIT_RUNS", str(folder))
    return folder


def traces(app: AppTest, chart: int = 0) -> list[dict]:
    return json.loads(app.get("plotly_chart")[chart].proto.spec)["data"]


def select(app: AppTest, rows: list[int], folder: Path, run: str = "first", which: str = "map") -> AppTest:
    """What the page does when these rows are drawn around on one of its maps."""
    ids = frozenset(ids_of(folder, run)[row] for row in rows)
    app.session_state["_selected_samples"] = ids
    app.session_state["_selected_samples_when_drawn"] = {other: ids for other in MAPS if other != which}
    return app.run()


def ids_of(folder: Path, run: str) -> list[str]:
    return Run(folder / run).predictions("test")["sample_id"]


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def test_the_map_shows_each_crop_with_its_count(runs):
    app = open_page("feature_space")
    assert [trace["name"] for trace in traces(app)] == ["Potato", "Tomato"]
    text = page_text(app)
    assert "Potato <span>20</span>" in text and "Tomato <span>40</span>" in text
    assert "All 60: 80\u00a0% correct" in text and "Draw around some points" in text


def test_a_selection_is_counted_in_words_in_the_legend_and_in_pictures(runs):
    app = select(open_page("feature_space"), list(range(10)), runs)
    text = page_text(app)
    assert "10 of 60 leaves selected" in text and "80\u00a0% correct (95\u00a0%: 49 to 94" in text
    assert "Potato <span>4 / 20</span>" in text and "Tomato <span>6 / 40</span>" in text
    assert text.count("data:image/jpeg;base64,") == 10
    assert text.index("taken for") < text.index("<b>Potato: early blight</b><span>correct")  # errors first
    assert len(app.get("download_button")) == 1


def test_the_figure_does_not_change_with_a_selection_made_on_it(runs):
    app = open_page("feature_space")
    before = app.get("plotly_chart")[0].proto.spec
    assert select(app, [1, 2, 3], runs).get("plotly_chart")[0].proto.spec == before


def test_a_selection_stays_and_is_highlighted_when_the_color_changes(runs):
    app = select(open_page("feature_space"), list(range(10)), runs)
    app.button_group(key="color").set_value("correct").run()
    assert "10 of 60 leaves selected" in page_text(app)
    right, wrong = traces(app)
    assert (right["name"], wrong["name"]) == ("Correct", "Wrong")
    assert (len(right["selectedpoints"]), len(wrong["selectedpoints"])) == (8, 2)


def test_one_leaf_comes_with_its_neighbors_in_feature_space(runs):
    text = page_text(select(open_page("feature_space"), [7], runs))
    assert "One leaf, and the nearest to it in feature space" in text
    assert text.count("<figure>") == 11 and text.count("; distance ") == 10


def test_nothing_can_be_selected_again_on_a_map_without_the_old_line(runs):
    app = select(open_page("feature_space"), [1, 2], runs)
    before = app.get("plotly_chart")[0].proto.id
    app = press(app, "Select nothing")
    assert "Draw around some points" in page_text(app)
    assert app.get("plotly_chart")[0].proto.id != before


def test_a_class_is_found_and_can_be_selected_as_a_whole(runs):
    app = open_page("feature_space")
    app.selectbox(key="class").set_value("Tomato___Late_blight").run()
    assert [trace["name"] for trace in traces(app)] == [
        "All others",
        "Other leaves taken for Tomato: late blight",
        "Tomato: late blight, taken for another",
        "Tomato: late blight, correct",
    ]
    text = page_text(press(app, "Select all 20 of Tomato: late blight"))
    assert "20 of 60 leaves selected" in text


@pytest.mark.parametrize("which", [0, 1])
def test_a_second_run_is_shown_with_the_same_leaves_highlighted(runs, which):
    app = select(open_page("feature_space", run="first", beside="second"), list(range(10)), runs, which=MAPS[which])
    text = page_text(app)
    assert "first: 80\u00a0% correct" in text and "second: 80\u00a0% correct" in text
    assert [len(trace["selectedpoints"]) for trace in traces(app, 1 - which)] == [4, 6]
    assert all("selectedpoints" not in trace for trace in traces(app, which))  # the browser shows what was drawn there


def test_the_address_carries_the_whole_state(runs):
    app = open_page(
        "feature_space", run="second", beside="first", color="Confidence", **{"class": "Tomato: late blight"}
    )
    assert app.selectbox(key="run").value == "second" and app.selectbox(key="beside").value == "first"
    assert app.button_group(key="color").value == "confidence"
    assert app.selectbox(key="class").value == "Tomato___Late_blight"
    text = page_text(app)
    assert text.index('<p class="summary">second</p>') < text.index('<p class="summary">first</p>')


@pytest.mark.parametrize(("former", "mode"), [("Strangeness", "strangeness"), ("Right or wrong", "correct")])
def test_a_link_with_the_former_title_of_a_color_still_chooses_it(runs, former, mode):
    app = open_page("feature_space", run="first", color=former)
    assert page_text(app) and app.session_state["color"] == mode


def test_a_run_chosen_here_does_not_disturb_a_page_that_cannot_use_it(with_weights):
    app = open_page("feature_space", run="first")
    app.switch_page("../pages/diagnose.py").run()
    assert "Show me a leaf." in page_text(app) and app.selectbox(key="run").value == "tiny"


def test_a_run_without_a_map_says_what_makes_one(runs):
    shutil.copytree(runs / "first", runs / "bare")
    (runs / "bare" / "eval" / "test" / "tsne.npz").unlink()
    app = open_page("feature_space", run="bare")
    assert "There is no map of bare yet." in page_text(app)
    assert app.code[0].value == "python -m training.embed --run bare" and app.get("plotly_chart") == []
    assert open_page("feature_space").selectbox(key="run").value == "first"  # runs with a map come first


def test_without_any_recorded_run_the_page_says_how_to_record_one(tmp_path, monkeypatch):
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path / "none"))
    app = open_page("feature_space")
    assert not app.exception and "No run has recorded predictions yet." in app.subheader[0].value
    assert "--save" in app.code[0].value and "training.embed" in app.code[0].value


def test_a_damaged_map_is_reported(runs):
    (runs / "first" / "eval" / "test" / "tsne.npz").write_bytes(b"no map")
    assert "is damaged or not a map; make it again" in page_text(open_page("feature_space", run="first"))


def test_a_map_of_other_predictions_is_not_shown(runs, write_mapped_run):
    write_mapped_run(runs / "larger", 90, CLASSES)
    shutil.copy(runs / "larger/eval/test/tsne.npz", runs / "first/eval/test/tsne.npz")
    app = open_page("feature_space", run="first")
    assert "does not belong to the predictions recorded there now" in page_text(app)
    assert "python -m training.embed --run first --split test" in page_text(app)


def test_the_quality_of_the_map_and_its_limits_are_shown(runs):
    text = page_text(open_page("feature_space")).replace("\\", "")
    assert "75\u00a0% of the leaves, the 10 nearest on the map of 70\u00a0%" in text
    assert "Trustworthiness of the map: 0.950" in text and "The space between two groups" in text


def test_a_run_without_weights_says_that_it_cannot_look_at_photos(runs):
    assert "The weights of first are not in this copy" in page_text(open_page("feature_space"))


@pytest.fixture
def with_weights(tiny_run, photo_folder, runs) -> Path:
    """A run that can look at photos, with a map of its twelve test photos; it accepts everything."""
    from hvit.data.datasets.reading import read_samples
    from hvit.runs.checkpoint import load_checkpoint
    from hvit.scoring.evaluation import evaluate, record_evaluation
    from training import embed

    shutil.copytree(tiny_run, runs / "tiny")
    change_limit(runs / "tiny", 9.0)
    samples = read_samples([photo_folder], "test")
    record_evaluation(runs / "tiny", "test", evaluate(load_checkpoint(runs / "tiny"), samples))
    assert embed.main(["--run", str(runs / "tiny")]) == 0
    return runs / "tiny"


def change_limit(run: Path, threshold: float) -> None:
    card = json.loads((run / "model.json").read_text())
    card["ood"]["threshold"] = threshold
    (run / "model.json").write_text(json.dumps(card))


def with_photo() -> AppTest:
    app = open_page("feature_space", run="tiny")
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)).save(out, "PNG")
    app.file_uploader[0].set_value([("mine.png", out.getvalue(), "image/png")])
    app.run()
    return app.selectbox(key="map_photo").select_index(1).run()


def test_a_photo_is_placed_among_the_leaves_with_its_neighbors_and_refined_on_request(with_weights):
    app = with_photo()
    text = page_text(app)
    assert "My answer: " in text and "Approximate position" in text
    assert text.count("; distance ") == 10 and "of its 10 nearest leaves are" in text
    photo = traces(app)[-1]
    assert photo["name"] == "your photo" and photo["marker"]["symbol"] == "diamond"
    app = press(app, "Refine the position")
    assert "Placed by t-SNE" in page_text(app)


def test_an_unfamiliar_photo_is_hollow_and_gets_no_answer(with_weights):
    change_limit(with_weights, 0.0)
    app = with_photo()
    text = page_text(app)
    assert "This does not look like any leaf I know, so it is drawn hollow." in text and "My answer" not in text
    assert traces(app)[-1]["marker"]["symbol"] == "diamond-open"


def test_a_map_made_with_other_weights_places_no_photo(with_weights):
    path = with_weights / "eval" / "test" / "tsne.npz"
    found = read_map(path)
    replace(found, about=found.about | {"weights": "0" * 64}).save(path)
    assert "are not those its map was made with" in page_text(with_photo())


def test_the_first_frame_waits_for_neither_torch_nor_the_makers_of_maps():
    script = (
        "import sys; import app.feature_space.cached_figure, app.feature_space.panels; "
        "assert not {'torch', 'openTSNE', 'sklearn', 'training'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=60)
