"""The Attention page, opened through `app/main.py`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.attention import panels, words
from hvit.explain.color_scale import RELATIVE_SHARE
from hvit.explain.explanation import Explanation
from hvit.explain.methods import gradient_rollout
from hvit.words import class_in_text, class_title
from tests.support.pages import MAIN, change_card, leaf, open_page, page_text, press, upload
from tests.support.weighted_runs import CLASSES

SAMPLE = "leafsim:v1/7/9"
NO_CLASS = "This method does not depend on the class."


@pytest.fixture
def runs(tiny_run, rendered_run, tmp_path, monkeypatch) -> Path:
    """A run of photos, `tiny`, and one of drawn leaves, both of which accept every photo and name one class."""
    for run in (tiny_run, rendered_run):
        path = tmp_path / "runs" / run.name
        shutil.copytree(run, path)
        card = json.loads((path / "model.json").read_text())
        card["ood"]["threshold"], card["conformal"]["threshold"] = 99.0, 0.0
        (path / "model.json").write_text(json.dumps(card))
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def open_attention(**query: str) -> AppTest:
    return open_page("attention", **{"run": "tiny"} | query)


def with_photo(**query: str) -> AppTest:
    return upload(open_attention(**query), ("a.jpg", leaf(1)))


def choose(app: AppTest, key: str, value) -> AppTest:
    """Sets a select box or chips."""
    found = next(widget for widget in [*app.selectbox, *app.button_group] if widget.key == key)
    return found.set_value(value).run()


def value(app: AppTest, key: str):
    return next(widget.value for widget in [*app.selectbox, *app.button_group] if widget.key == key)


def pictures(app: AppTest) -> list[str]:
    """What the pictures of the page show."""
    assert not app.exception
    return [image.proto.imgs[0].alt for image in app.get("image")]


def test_an_empty_page_asks_for_a_photo(runs):
    app = open_attention()
    assert "Show me a leaf." in page_text(app) and len(app.file_uploader) == 1
    assert app.get("image") == [] and app.get("download_button") == []


def test_a_photo_gets_a_map_with_its_scale_and_its_test(runs):
    app = with_photo()
    text = page_text(app)
    assert "Gradient rollout for" in text and "0.5x" in text and "share, against the average" in text
    assert "Cover marked 10\u00a0%" in text and "mean of 8 draws" in text
    assert "was not tested on this model yet" in text
    assert any(code.value.startswith("python -m training.explain --run ") for code in app.code)
    assert app.selectbox(key="method").value == "best"
    assert [button.label for button in app.get("download_button")] == [
        "Picture (PNG)", "Numbers (NPY)", "Record (JSON)",
    ]  # fmt: skip


def test_where_nothing_speaks_for_the_class_the_page_says_so_and_shows_no_map(runs, monkeypatch):
    class_index = []

    def finds_nothing(model, images, index, spectral=None, present=None, residual=0.5):
        class_index.append(index)
        nothing = np.zeros((16, 16), np.float32)
        arguments = {"residual": residual}
        return Explanation(nothing, "gradient_rollout", index, arguments, RELATIVE_SHARE, True, None, (index,))

    monkeypatch.setattr(gradient_rollout, "explain", finds_nothing)
    app = upload(open_attention(), ("nothing.jpg", leaf(7777)))  # no map of it is remembered
    text = page_text(app)
    name = class_in_text(CLASSES[class_index[0]])
    assert f"Gradient rollout found no place that speaks for {name}." in text
    assert "share, against the average" not in text and "Cover marked" not in text
    assert "The photo" in pictures(app)


def test_photos_given_on_diagnose_are_explained_here(runs):
    app = upload(open_page("diagnose", run="tiny"), ("a.jpg", leaf(1)), ("b.jpg", leaf(2)))
    app = press(app, "Next")
    assert [link.proto.label for link in app.get("page_link")] == ["Explain on the Attention page"]
    app = app.switch_page("../pages/attention.py").run()
    assert "Gradient rollout for" in page_text(app)
    assert app.selectbox(key="photo_menu").value == 1


def test_another_class_has_another_map_and_another_photo_begins_with_its_prediction(runs):
    app = upload(with_photo(), ("b.jpg", leaf(2)))
    answer = value(app, "explain")
    other = next(name for name in CLASSES if name != answer)
    app = choose(app, "explain", other)
    assert f"Gradient rollout for {class_title(other)}".lower() in page_text(app).lower()
    app = choose(app, "photo_menu", 0)
    assert value(app, "explain") == answer


def test_a_difference_says_which_color_speaks_for_which_class(runs):
    app = choose(with_photo(), "explain", "difference")
    text = page_text(app)
    assert "Brown speaks for" in text and "Grey: no difference." in text and " rather than " in text


@pytest.mark.parametrize(("threshold", "count", "first"), [(0.97, 2, True), (0.0, 1, False), (1.0, 3, False)])
def test_between_two_classes_the_difference_comes_first(runs, threshold, count, first):
    change_card(runs, lambda card: card["conformal"].update(threshold=threshold))
    app = with_photo()
    assert (f"I am not sure{'. Most likely one of these' if count == 2 else f': {count}'}" in page_text(app)) == (
        count > 1
    )
    assert (value(app, "explain") == "difference") == first == ("Brown speaks for" in page_text(app))


def test_a_method_without_class_greys_the_classes(runs):
    app = choose(with_photo(), "method", "rollout")
    chips = next(group for group in app.button_group if group.key == "explain")
    assert (
        chips.proto.disabled
        and NO_CLASS in page_text(app)
        and "This map is the same for every class." in page_text(app)
    )
    app = choose(app, "method", "gradcam")
    assert not next(group for group in app.button_group if group.key == "explain").proto.disabled
    assert NO_CLASS not in page_text(app)


def test_while_a_slow_method_computes_the_map_of_a_fast_one_is_shown_and_only_then(runs, monkeypatch):
    shown, true_picture = [], panels.picture
    monkeypatch.setattr(
        panels, "picture", lambda pixels, alt, *rest: shown.append(alt) or true_picture(pixels, alt, *rest)
    )
    app = with_photo()
    assert words.PLACEHOLDER not in shown
    app = choose(app, "method", "occlusion")
    drawn = [alt for alt in shown if alt == words.PLACEHOLDER or alt.startswith("Occlusion")]
    assert drawn[0] == words.PLACEHOLDER and drawn[1].startswith("Occlusion for")
    assert not any(alt == words.PLACEHOLDER for alt in pictures(app))
    shown.clear()
    app.run()
    assert words.PLACEHOLDER not in shown  # the map is known by now


def test_the_stage_counts_where_the_method_has_stages(runs):
    app = with_photo(method="Grad-CAM", stage="2")
    assert "Grad-CAM, stage 2 for" in page_text(app) and "Brown speaks for it" in page_text(app)
    app = choose(app, "method", "occlusion")
    stage = next(group for group in app.button_group if group.key == "stage")
    assert stage.proto.disabled and "This method has no stages." in stage.label


def test_the_photo_alone_can_be_shown(runs):
    app = with_photo()
    before = pictures(app)
    app = choose(app, "look", "original")
    assert pictures(app) != before and pictures(app).count("The photo") == 2


def test_a_square_shows_what_it_looks_at_and_all_squares_go_back(runs):
    app = with_photo()
    assert "looks here, at stage" not in str([group.label for group in app.button_group])
    app = choose(app, "square", "B2")
    assert "Square B2 at stage 4: what its one token looks at" in page_text(app)
    app = choose(app, "square_stage", 1)
    assert "Square B2 at stage 2: what its 16 tokens look at" in page_text(app)
    app = press(app, "All squares")
    assert value(app, "square") is None and "Square B2" not in page_text(app)


def test_only_stages_that_attend_have_heads_to_show(runs, conv_run):
    shutil.copytree(conv_run, runs / "conv")
    app = with_photo(run="conv", method="Attention rollout", stage="1", block="Stage 1, block 1")
    assert "Attention rollout, stage 1" in page_text(app)
    blocks = next(box for box in app.selectbox if box.key == "block")
    assert blocks.options[0] == "not shown" and blocks.value == "nothing"
    assert blocks.options[1:] == [f"Stage {name}" for name in ("3, block 1", "3, block 2", "3, block 3", "3, block 4",
                                                              "4, block 1", "4, block 2")]  # fmt: skip
    app = choose(app, "block", "3.1")
    assert [alt for alt in pictures(app) if alt.startswith("Head")] == [f"Head {number}" for number in range(1, 7)]


def test_heads_of_a_block_are_shown_on_request(runs):
    app = choose(with_photo(), "block", "3.1")
    assert "Head 4" in page_text(app) and "Head 5" not in page_text(app)


def test_the_randomized_map_is_shown_beside_the_map(runs):
    text = page_text(choose(with_photo(), "with", "twin"))
    assert "Same net, weights randomised" in text and "rank correlation" in text


def test_another_model_is_asked_the_same_and_its_own_answer_where_it_lacks_the_class(runs):
    text = page_text(choose(with_photo(), "with", "leafsim-tiny"))
    assert "leafsim-tiny: Gradient rollout for" in text and "leafsim-tiny says: " in text


def test_an_unfamiliar_photo_shows_nothing_until_the_reader_asks(runs):
    change_card(runs, lambda card: card["ood"].update(threshold=0.0))
    app = with_photo()
    text = page_text(app)
    assert "There is no diagnosis to explain." in text and "it says nothing about disease." in text
    assert app.get("image") == []
    app = press(app, "Show anyway")
    assert "Gradient rollout for" in page_text(app) and "There is no diagnosis to explain." in page_text(app)
    assert "The answer " not in page_text(app)


def test_a_broken_file_says_why(runs):
    app = upload(open_attention(), ("broken.jpg", leaf(1)[:700]))
    assert "broken.jpg cannot be read:" in page_text(app) and app.get("image") == []


def test_a_link_opens_the_same_question(runs):
    app = open_attention(
        run="leafsim-tiny", sample=SAMPLE, method="Grad-CAM", stage="3", square="A2", square_stage="1",
        block="Stage 4, block 2", explain="Late blight", **{"with": "Same net, weights randomised"},
    )  # fmt: skip
    text = page_text(app)
    assert "Grad-CAM, stage 3 for late blight" in text and "Same net, weights randomised" in text
    assert "Square A2 at stage 1" in text and "Head 8" in text
    assert "Drawn by LeafSim, not a photograph" in text
    link = next(code.value for code in app.code if "sample=" in code.value)
    for part in (
        "run=leafsim-tiny",
        "sample=leafsim",
        "method=Grad-CAM",
        "stage=3",
        "square=A2",
        "explain=Late+blight",
    ):
        assert part in link


def test_a_class_outside_the_first_few_is_a_chip_where_the_address_asks_for_it(runs):
    def options(app: AppTest) -> list[str]:
        return next(group.options for group in app.button_group if group.key == "explain")

    first = options(open_attention(run="leafsim-tiny", sample=SAMPLE))
    classes = json.loads((runs / "leafsim-tiny" / "model.json").read_text())["classes"]
    rare = next(name for name in classes if class_title(name) not in first)
    app = open_attention(run="leafsim-tiny", sample=SAMPLE, **{"explain": class_title(rare)})
    assert value(app, "explain") == rare and options(app) == [*first[:-1], class_title(rare), "Difference"]


def test_the_map_of_a_rendered_leaf_is_compared_with_its_masks(runs):
    text = page_text(open_attention(run="leafsim-tiny", sample=SAMPLE))
    assert "On: lesion " in text and "Area: lesion " in text
    assert "On: lesion" not in page_text(with_photo())


def test_an_address_that_names_no_leaf_is_reported(runs):
    text = page_text(open_attention(run="leafsim-tiny", sample="leafsim:v9/1"))
    assert "leafsim:v9/1" in text


def test_test_leaves_of_a_run_come_one_after_another_and_into_the_address(runs):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = runs / "leafsim-tiny" / "eval" / "test"
    folder.mkdir(parents=True)
    table = {"sample_id": ["b", "a"], "path": ["leafsim:v1/7/19", "leafsim:v1/7/29"]}
    pq.write_table(pa.table(table), folder / "predictions.parquet")
    app = press(open_attention(run="leafsim-tiny"), "A test leaf of leafsim-tiny")
    assert "7/29" in str(app.query_params["sample"])
    app = press(app, "Another test leaf")
    assert "7/19" in str(app.query_params["sample"])
    app = choose(app, "photo_menu", 0)
    assert "7/29" in str(app.query_params["sample"])
    app = upload(app, ("a.jpg", leaf(1)))
    assert "sample" not in app.query_params


def test_a_crop_restricts_the_prediction_here_too(runs):
    app = with_photo(crop="Potato")
    assert "Potato: early blight" in page_text(app)
    assert next(group for group in app.button_group if group.key == "explain").options == ["Potato: early blight"]


def test_a_baseline_offers_the_methods_that_need_no_attention(runs):
    import torch

    from hvit.data.preprocess import Preprocessing
    from hvit.models import create_model
    from hvit.runs import RunWriter
    from hvit.runs.saving import save_checkpoint

    torch.manual_seed(0)
    path, arguments = runs / "resnet", {"num_classes": 3, "img_size": 64}
    writer = RunWriter(path, "baseline", {"epochs": 1}, 0, ["training/finetune.py"], "0" * 64)
    model = create_model("timm:test_resnet", **arguments)
    save_checkpoint(path, model, "timm:test_resnet", arguments, CLASSES, Preprocessing(64), "0" * 64, {"drawn": "none"})
    writer.finish("done", {"top1": None})
    app = with_photo(run="resnet", **{"with": "Same net, weights randomised"})
    assert app.selectbox(key="method").options[1:] == ["Integrated gradients", "Occlusion"]
    text = page_text(app)
    assert "Occlusion for" in text and "rank correlation" in text and "Choose a square" not in text
    app = choose(choose(with_photo(), "method", "gradcam"), "with", "resnet")
    assert "resnet is a baseline." in page_text(app)


def write_tests(run: Path, twin_strength: float, margins: dict[str, float]) -> None:
    """Records tests of methods on ten photos: what `training.explain` writes, as far as the page reads it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "path": f"{i}.jpg", "map": name, "is_control": name == "edges", "baseline": baseline,
            "deletion_low_is_good": 0.2, "insertion_high_is_good": 0.2 + margin,
            "twin_strength": None if name == "edges" else twin_strength,
        }
        for name, margin in margins.items()
        for baseline in ("blur", "mean")
        for i in range(10)
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows)
    areas = ("lesion", "healthy_leaf", "background")
    for name in (
        *(f"{area}_{kind}" for area in areas for kind in ("share", "area")),
        "points_at_lesion",
        "lesion_overlap",
    ):
        table = table.append_column(name, pa.nulls(len(rows), pa.float32()))
    (run / "eval" / "test").mkdir(parents=True, exist_ok=True)
    pq.write_table(table, run / "eval" / "test" / "explain.parquet")


def test_the_best_tested_method_is_first_and_every_method_shows_its_rank(runs):
    write_tests(runs / "tiny", 0.0, {"gradcam": 0.4, "occlusion": 0.1, "edges": 0.2})
    app = with_photo()
    assert app.selectbox(key="method").options[0] == "Best in test: Grad-CAM"
    text = page_text(app)
    assert "Grad-CAM, stage 4 for" in text and "In 10 test photos: 1st of 2 methods.<" in text
    text = page_text(choose(app, "method", "occlusion"))
    assert "2nd of 2 methods. Did not beat the model-free controls under both covers." in text
    assert "was not tested on this model yet" in page_text(choose(app, "method", "gradient_rollout"))


def test_a_map_no_stronger_than_with_random_weights_says_that_nothing_stands_out(runs):
    text = "No area stands out. That is common on leaves without symptoms."
    write_tests(runs / "tiny", 1e6, {"gradcam": 0.4, "edges": 0.2})
    app = with_photo()
    assert text in page_text(app)
    assert text not in page_text(choose(app, "stage", 0))  # the twin was measured at the last stage only
    write_tests(runs / "tiny", 0.0, {"gradcam": 0.4, "edges": 0.2})
    assert text not in page_text(with_photo())


def test_a_damaged_record_of_tests_says_so_and_leaves_the_map_alone(runs):
    (runs / "tiny" / "eval" / "test").mkdir(parents=True)
    (runs / "tiny" / "eval" / "test" / "explain.parquet").write_bytes(b"no parquet")
    text = page_text(with_photo())
    assert "are damaged; copy the run again" in text and "Gradient rollout for" in text


def test_the_page_does_not_wait_for_torch():
    import subprocess
    import sys

    script = "import sys; import app.attention.panels, app.cache.explanations; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], cwd=MAIN.parents[1], check=True, timeout=60)
