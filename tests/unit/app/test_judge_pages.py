"""Evaluation and Compare runs, opened through `app/main.py`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from hvit.batches.reviews import read_reviews
from hvit.batches.sample_reviews import sample_reviews
from hvit.models import create_model

ROOT = Path(__file__).resolve().parents[3]
CLASSES = ["Potato___Late_blight", "Tomato___Early_blight", "Tomato___Late_blight", "Tomato___healthy"]
POTATO, EARLY, LATE, HEALTHY = CLASSES
# 10 right, 3 late blight called early, 1 called potato, 1 missed, 1 false alarm
ANSWERS = [(LATE, LATE)] * 4 + [(EARLY, EARLY)] * 4 + [(HEALTHY, HEALTHY)] * 2
ANSWERS += [(LATE, EARLY)] * 3 + [(LATE, POTATO), (LATE, HEALTHY), (HEALTHY, EARLY)]
BETTER = [(true, true) for true, _ in ANSWERS[:13]] + ANSWERS[13:]


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path / "runs"))
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def judged(runs, recorded_run) -> Path:
    """Two ways of two seeds each."""
    for seed in (0, 1):
        recorded_run(runs / f"plain-{seed}", CLASSES, ANSWERS, seed, {"optim": {"lr": 0.5}, "init": None})
        recorded_run(runs / f"better-{seed}", CLASSES, BETTER, seed, {"optim": {"lr": 0.25}, "init": "runs/x"})
    return runs


def opened(page: str, **query: str | list[str]) -> AppTest:
    app = AppTest.from_file(ROOT / "app" / "main.py", default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    return app.switch_page(f"../pages/{page}.py").run()


def words_of(app: AppTest) -> str:
    assert not app.exception
    parts = [element.proto.body for element in app.get("html")] + [element.value for element in app.markdown]
    parts += [element.value for element in app.subheader] + [element.label for element in app.expander]
    return "\n".join(parts + [button.label for button in app.button])


def figure(app: AppTest, number: int = 0) -> dict:
    return json.loads(app.get("plotly_chart")[number].proto.spec)


def spoil(runs: Path) -> None:
    """A folder that is no run, one half-written, one with a torn run.json, and one with a damaged configuration."""
    (runs / "holiday").mkdir()
    (runs / "half").mkdir()
    (runs / "half" / "metrics.jsonl").write_text("")
    (runs / "torn").mkdir()
    (runs / "torn" / "run.json").write_text('{"status"')
    (runs / "plain-1" / "config.yaml").write_text("{")


REASONS = (
    "**holiday**: holiday is no run: it has no run.json",
    "**half**: half is half-written: it has no run.json",
    "**torn**: run.json of run torn is damaged",
    "config.yaml of run plain-1 is damaged",
)


def test_evaluation_shows_the_numbers_with_their_intervals(judged):
    said = words_of(opened("evaluation", judged="plain-0"))
    assert "62.5\u00a0%" in said and "38.6 to 81.5\u00a0%" in said  # 10 of 16, Wilson
    assert "Test was evaluated once, on 24 Nov 2026." in said
    assert "**3 of 9** Tomato: late blight, predicted Tomato: early blight" in said


def test_evaluation_begins_with_the_risks_of_the_run_the_worst_first(judged):
    said = words_of(opened("evaluation", judged="plain-0"))
    assert "Can I trust this run?" in said
    assert said.index("Rare classes.") < said.index("Outdoors.") < said.index("Turned photos.")
    assert "python -m training.stress --run plain-0 --data path/to/photos" in said


def test_damage_in_what_the_risks_are_read_from_is_a_sentence_and_leaves_the_rest(judged):
    (judged / "plain-0" / "eval" / "test" / "robustness.parquet").write_bytes(b"x")
    said = words_of(opened("evaluation", judged="plain-0"))
    assert "robustness.parquet of run plain-0 are damaged" in said and "38.6 to 81.5\u00a0%" in said


def test_a_chosen_cell_shows_its_pictures(judged):
    app = opened("evaluation", judged="plain-0")
    assert "Choose one of the confusions" in words_of(app)
    assert [LATE, EARLY] in figure(app)["data"][2]["customdata"]
    app.session_state["true"], app.session_state["called"] = LATE, EARLY
    said = words_of(app.run())
    assert "3 of 9 pictures of Tomato: late blight were predicted as Tomato: early blight (33.3\u00a0%)." in said
    assert said.count("<figure>") == 3 and "predicted Tomato: early blight, 90\u00a0%" in said


def test_a_click_on_the_matrix_chooses_its_cell():
    def click():
        import streamlit as st

        from app import state

        st.session_state[state.MATRIX] = {"selection": {"points": [{"customdata": ["a", "b"]}]}}
        state.take_clicked_cell()
        st.session_state[state.MATRIX] = {"selection": {"points": []}}  # a click beside all cells leaves the choice
        state.take_clicked_cell()
        st.write(st.session_state[state.TRUE_CLASS], st.session_state[state.CALLED])

    assert AppTest.from_function(click).run().markdown[0].value == "a b"


def test_a_link_leads_to_a_cell(judged):
    app = opened("evaluation", judged="plain-0", true="Tomato: late blight", called="Potato: late blight")
    assert "1 of 9 pictures of Tomato: late blight was predicted as Potato: late blight" in words_of(app)
    assert figure(app)["layout"]["shapes"]


def test_a_confusion_of_the_list_shows_its_pictures(judged):
    app = opened("evaluation", judged="plain-0")
    app = next(button for button in app.button if button.label.startswith("**3 of 9**")).click().run()
    assert words_of(app).count("<figure>") == 3
    assert figure(app)["layout"]["shapes"]  # the cell is framed in the matrix too


def test_errors_are_sorted_into_kinds(judged):
    app = opened("evaluation", judged="plain-0", errors="Kinds of error")
    data = [trace for trace in figure(app)["data"] if trace["mode"] == "markers"]
    assert [trace["x"] for trace in data] == [[3 / 16], [1 / 16], [1 / 16], [1 / 16]]
    assert words_of(app).count("<figure>") == 3


def test_another_run_that_lacks_what_was_chosen_goes_back_to_the_first(judged, recorded_run):
    recorded_run(judged / "cropless", ["Rust", "healthy"], [("Rust", "healthy"), ("Rust", "Rust")])
    app = opened("evaluation", judged="plain-0", errors="Kinds of error", kind="Wrong crop")
    assert words_of(app).count("<figure>") == 1
    app.selectbox(key="judged").set_value("cropless").run()
    assert "No picture: this error was not made." in words_of(app)
    app = opened("evaluation", judged="plain-0", true="Tomato: late blight")
    app.selectbox(key="judged").set_value("cropless").run()
    assert app.selectbox(key="true").value == "any" and not app.exception


def test_classes_have_their_intervals_and_a_chosen_row_shows_its_errors(judged):
    app = opened("evaluation", judged="plain-0", errors="Class by class")
    frame = app.dataframe[0].value.set_index("Class")
    late = frame.loc["Tomato: late blight"]
    assert (late["Pictures"], late["Predicted"], late["Precision, %"]) == (9, 4, 100)
    assert late["Recall, %"] == pytest.approx(100 * 4 / 9) and late["Recall: 95 %"] == "19 to 73"
    assert frame.loc["Potato: late blight"].isna()["Recall, %"]  # never shown, so nothing to recall
    app.session_state["classes_table"] = {"selection": {"rows": [2], "columns": [], "cells": []}}
    assert "5 of 9 pictures were classified wrongly." in words_of(app.run())


@pytest.mark.parametrize("view", ["Confident errors", "Worth a second look", "Probabilities"])
def test_the_other_views_of_evaluation_open(judged, view):
    said = words_of(opened("evaluation", judged="plain-0", errors=view))
    if view == "Confident errors":
        assert "6 errors of 16 pictures, by descending confidence." in said
    if view == "Worth a second look":
        assert "labels of 16 are worth a second look" in said and "These leaves are drawn" in said


def test_evaluation_without_judged_runs_says_how_to_get_one(runs):
    app = opened("evaluation")
    assert "No run was evaluated yet." in words_of(app)
    assert "python -m hvit evaluate" in app.code[0].value


@pytest.mark.parametrize("page", ["evaluation", "calibration"])
def test_a_run_that_was_not_evaluated_is_said_to_be_and_the_command_named(judged, recorded_run, page):
    bare = recorded_run(judged / "bare", CLASSES, ANSWERS)
    (bare / "eval" / "test" / "predictions.parquet").unlink()
    app = opened(page, judged="bare")
    assert "bare was not evaluated yet. Until you choose another, this is " in words_of(app)
    assert app.code[0].value == "python -m hvit evaluate --run bare --data path/to/photos --save"


@pytest.mark.parametrize("page", ["evaluation", "calibration"])
def test_a_run_in_the_address_that_is_not_here_is_said_not_to_be(judged, page):
    assert "There is no run gone here. Until you choose another, this is " in words_of(opened(page, judged="gone"))


@pytest.mark.parametrize("view", ["Scores", "Significance", "Cost", "Disagreements"])
def test_compared_runs_that_were_not_evaluated_are_named_in_the_commands(runs, recorded_run, view):
    bare = recorded_run(runs / "bare", CLASSES, ANSWERS)
    (bare / "eval" / "test" / "predictions.parquet").unlink()
    (bare / "eval" / "test" / "metrics.json").unlink()
    app = opened("compare_runs", runs=["bare"], view=view)
    assert not app.exception
    assert app.code[0].value == "python -m hvit evaluate --run bare --data path/to/photos --save"


def test_what_cannot_be_read_is_listed_on_both_pages(judged):
    spoil(judged)
    for page in ("evaluation", "compare_runs"):
        said = words_of(opened(page)).replace("\\", "")
        assert all(reason in said for reason in REASONS)


def test_damaged_predictions_are_told_in_one_sentence(judged):
    (judged / "plain-0" / "eval" / "test" / "predictions.parquet").write_bytes(b"nonsense")
    assert "predictions of run plain-0 on test are damaged" in words_of(opened("evaluation", judged="plain-0"))
    said = words_of(opened("compare_runs", runs=["plain", "better"], view="Scores"))
    assert "predictions of run plain-0 on test are damaged" in said


@pytest.mark.parametrize(
    ("page", "query", "key", "chosen"),
    [
        ("evaluation", {"judged": "plain-0", "errors": "Sure and wrong"}, "errors", "sure"),
        ("compare_runs", {"runs": ["plain", "better"], "view": "Better or chance?"}, "view", "verdict"),
        (
            "compare_runs",
            {"runs": ["plain", "better"], "view": "Disagreements", "outcome": "only the second is right"},
            "outcome",
            "only_second_right",
        ),
    ],
)
def test_a_link_with_the_former_title_of_an_option_still_chooses_it(judged, page, query, key, chosen):
    app = opened(page, **query)
    assert words_of(app) and app.session_state[key] == chosen


def test_compare_lists_ways_and_offers_those_that_belong_together(judged, recorded_run):
    recorded_run(judged / "plain-high", CLASSES, ANSWERS, 0, {"optim": {"lr": 9.0}})
    app = opened("compare_runs")
    frame = app.dataframe[0].value
    assert frame["Runs"].tolist() == ["better", "plain", "plain-high"] and frame["Seeds"].tolist()[:2] == ["0, 1"] * 2
    app = next(button for button in app.button if button.label.startswith("plain:")).click().run()
    assert app.multiselect[0].value == ["plain", "plain-high"]
    assert app.query_params["runs"] == ["plain", "plain-high"]


def test_seeds_are_drawn_as_mean_and_range_or_each(judged):
    app = opened("compare_runs", runs=["plain", "better"])
    assert [trace["name"] for trace in figure(app)["data"]] == [
        "range of plain", "plain (2 seeds)", "range of better", "better (2 seeds)"
    ]  # fmt: skip
    app.toggle(key="each_seed").set_value(True).run()
    assert len(figure(app)["data"]) == 4


def test_metric_axis_and_smoothing_are_in_the_address(judged):
    app = opened("compare_runs", runs=["plain"], metric="Training: loss", axis="Epoch", smoothing="0.5")
    line = figure(app)["data"][-1]
    assert line["x"] == [1, 2, 3] and line["y"][0] == pytest.approx(1.05)  # mean of 1.0 and 1.1
    assert line["y"][1] == pytest.approx((0.25 * 1.05 + 0.5 * 0.55) / 0.75)
    assert figure(app)["layout"]["xaxis"]["title"]["text"] == "epochs"


def test_scores_stand_with_their_intervals(judged):
    frame = opened("compare_runs", runs=["plain", "better"], view="Scores").dataframe[0].value.set_index("Runs")
    assert frame["Top-1 accuracy, %"].to_dict() == pytest.approx({"plain": 62.5, "better": 100 * 13 / 16})
    assert frame.loc["plain", "Seeds evaluated"] == "2 of 2" and frame.loc["plain", "Top-1 accuracy: 95 %"]


def test_better_or_chance_is_told_by_paired_tests(judged):
    """The better runs are right on 3 pictures more, on none less: McNemar 2 * (1/2)^3 = 0.25, Holm 2 * 0.25."""
    app = opened("compare_runs", runs=["plain", "better"], view="Significance")
    frame = app.dataframe[0].value
    assert frame["Only the first correct"].tolist() == [0, 0] and frame["Only the second correct"].tolist() == [3, 3]
    assert frame["p"].tolist() == [0.25] * 2 and frame["p, corrected"].tolist() == [0.5] * 2
    assert figure(app)["layout"]["annotations"][0]["text"].startswith("plain \u2192 better<br><b>+18.8 points")


def test_runs_on_other_pictures_are_said_not_to_compare(judged, recorded_run):
    recorded_run(judged / "few", CLASSES, ANSWERS[:5], 0, {"lr": 1})
    recorded_run(judged / "relabelled", CLASSES, [(POTATO, POTATO)] * 16, 0, {"lr": 2})
    said = words_of(opened("compare_runs", runs=["few", "plain", "relabelled"], view="Significance"))
    assert "few and plain: compared on the one seed in common; 1 more run left out" in said
    assert "not evaluated on the same pictures (5 and 16); compared on the 5 they share" in said
    assert "few and relabelled: they were not evaluated on the same pictures, so that they cannot be compared" in said
    assert "One run of each says nothing of other seeds" in said


def test_only_what_differs_is_told_of_settings(judged):
    app = opened("compare_runs", runs=["plain", "better"], view="Settings")
    assert app.dataframe[0].value.values.tolist() == [["optim.lr", "0.5", "0.25"], ["init", "none", "runs/x"]]
    app.toggle(key="all_settings").set_value(True).run()
    assert "data.dirs" in app.dataframe[0].value["Setting"].tolist()


def test_a_setting_that_an_older_run_did_not_record_is_marked(judged, recorded_run):
    recorded_run(judged / "older", CLASSES, ANSWERS, 0, {"optim": {"lr": 0.7}})
    frame = opened("compare_runs", runs=["older", "better"], view="Settings").dataframe[0].value
    assert frame.set_index("Setting").loc["init"].tolist() == ["not recorded", "runs/x"]


def test_more_runs_than_colors_are_all_compared(runs, recorded_run):
    names = [f"run{letter}" for letter in "abcdefghij"]
    for number, name in enumerate(names):
        recorded_run(runs / name, CLASSES, ANSWERS, 0, {"optim": {"lr": 0.1 * (1 + number)}})
    app = opened("compare_runs", runs=names, view="Scores")
    assert app.multiselect[0].value == names and app.dataframe[0].value["Runs"].tolist() == names


def test_accuracy_stands_against_counted_cost(judged):
    app = opened("compare_runs", runs=["plain", "better"], view="Cost")
    frame = app.dataframe[0].value
    model = create_model("hvit_tiny", num_classes=4, img_size=64)
    millions = round(sum(p.numel() for p in model.parameters()) / 1e6, 3)
    assert frame["Parameters, millions"].tolist() == [millions] * 2 and frame["Side, px"].tolist() == [64] * 2


def test_the_time_of_one_photo_is_measured_when_asked_and_models_that_are_alike_once(judged):
    app = opened("compare_runs", runs=["plain", "better"], view="Cost", cost="Time")
    assert "was not measured here yet" in words_of(app) and not app.get("plotly_chart")
    next(button for button in app.button if button.label == "Measure").click().run()
    assert "Medians of 10 turns on one thread" in words_of(app) and len(app.get("plotly_chart")) == 1
    first, second = app.dataframe[0].value["One photo, ms"]
    assert first == second > 0


def test_disagreements_of_two_runs_open_their_pictures(judged):
    app = opened("compare_runs", runs=["plain", "better"], view="Disagreements")
    assert "There is none." in words_of(app)  # no picture on which only the first is correct
    app = opened("compare_runs", runs=["plain", "better"], view="Disagreements", outcome="only the second is correct")
    said = words_of(app)
    assert said.count("<figure>") == 3 and "first: Tomato: early blight, 90\u00a0%; second: correct, 90\u00a0%" in said
    assert app.selectbox(key="first").value == "plain-0" and app.selectbox(key="second").value == "better-0"


def test_a_disagreement_on_a_drawn_leaf_leads_to_attention_and_is_not_marked(judged):
    query = {"runs": ["plain", "better"], "view": "Disagreements", "outcome": "only the second is correct"}
    app = opened("compare_runs", **query)
    assert "explained by plain-0, the first run" in words_of(app)
    next(button for button in app.button if button.label == "Look closer").click().run()
    said = words_of(app)
    assert "Explain in Attention" in said and "what it shows is certain, and is not marked" in said


def test_a_photo_two_runs_disagree_on_is_marked_in_the_reviews_of_the_first(runs, recorded_run, tmp_path, monkeypatch):
    monkeypatch.setenv("HVIT_REVIEWS", str(tmp_path / "reviews"))
    monkeypatch.setenv("HVIT_PHOTOS", str(tmp_path / "photos"))
    (tmp_path / "photos").mkdir()
    photo = tmp_path / "photos" / "one.png"
    Image.new("RGB", (80, 64), "green").save(photo)
    recorded_run(runs / "first", CLASSES, [(LATE, EARLY)], 0, {"lr": 1}, photos=[photo])
    recorded_run(runs / "second", CLASSES, [(LATE, LATE)], 0, {"lr": 2}, photos=[photo])
    query = {"runs": ["first", "second"], "view": "Disagreements", "outcome": "only the second is correct"}
    app = opened("compare_runs", **query, first="first", second="second")
    next(button for button in app.button if button.label == "Look closer").click().run()
    app.text_input(key="tile_reviewer").set_value("Ana").run()
    next(button for button in app.button if button.label == "As labelled: Tomato: late blight").click().run()
    (review,) = read_reviews(sample_reviews(tmp_path / "reviews", "first"))
    assert (review.path, review.label, review.predicted) == ("folders/1/one.png", LATE, EARLY)


def test_how_a_run_stands_is_told(judged, recorded_run):
    recorded_run(judged / "live", CLASSES, ANSWERS, 0, {"lr": 1}, status=None)
    recorded_run(judged / "failed", CLASSES, ANSWERS, 0, {"lr": 2}, status="failed")
    recorded_run(judged / "silent", CLASSES, ANSWERS, 0, {"lr": 3}, status=None)
    info = json.loads((judged / "silent" / "run.json").read_text())
    (judged / "silent" / "run.json").write_text(json.dumps(info | {"heartbeat": "2020-01-01T00:00:00+00:00"}))
    said = words_of(opened("compare_runs", runs=["live", "failed", "silent"]))
    assert "live is running: epoch 3.0, step 30, last sign of life" in said
    assert "failed failed: epoch 3.0" in said and "silent has stopped without an end" in said


def test_damaged_curves_of_one_run_leave_the_others(judged):
    (judged / "plain-0" / "metrics.jsonl").write_text("nonsense\n{}\n")
    app = opened("compare_runs", runs=["plain", "better"])
    assert "line 1 of metrics.jsonl of run plain-0 is damaged" in words_of(app)
    assert [trace["name"] for trace in figure(app)["data"]] == ["plain", "range of better", "better (2 seeds)"]


def test_a_run_that_has_logged_nothing_says_so(runs, recorded_run):
    recorded_run(runs / "fresh", CLASSES, ANSWERS, status=None, epochs=0)
    assert "Nothing is logged yet." in words_of(opened("compare_runs", runs=["fresh"]))


def test_without_runs_compare_says_how_to_train(runs):
    app = opened("compare_runs")
    assert "There is no run here yet." in words_of(app) and "training.finetune" in app.code[0].value


def test_the_first_frame_of_both_pages_imports_no_torch():
    script = (
        "import sys; import app.compare.live, app.compare.panels, app.compare.views, app.evaluation.panels, "
        "app.evaluation.views; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=60)


@pytest.fixture
def ablation(runs, recorded_run) -> Path:
    """Two variants of two seeds, and one that nothing is known of yet."""

    def trial(variant: str, seed: int, answers: list, decay: float) -> None:
        tags = ["ablation=parts", f"variant={variant}"]
        config = {"optim": {"ema_decay": decay}}
        recorded_run(runs / f"parts-{variant}-{seed}", CLASSES, answers, seed, config, tags=tags)

    for seed in (0, 1):
        trial("full", seed, BETTER, 0.99)
        trial("without_ema", seed, ANSWERS, 0.0)
    trial("vit", 0, ANSWERS, 0.5)
    for name in ("predictions.parquet", "metrics.json"):
        (runs / "parts-vit-0" / "eval" / "test" / name).unlink()
    return runs


def test_an_ablation_shows_what_each_change_costs_and_how_the_variants_learned(ablation):
    app = opened("ablations")
    said = words_of(app)
    assert (
        "2 seeds each, evaluated on 16 pictures." in said
        and "Not evaluated yet, and not in the table: parts-vit-0." in said
    )
    table = app.dataframe[0].value.set_index("Variant")
    assert table.loc["Without EMA", "Change of top-1 accuracy, points"] == pytest.approx(100 * (10 - 13) / 16)
    assert table.loc["Without EMA", "What is changed"] == "optim.ema_decay: 0.99 \u2192 0"
    drawn = figure(app, 2)["data"]
    assert {trace["name"] for trace in drawn} >= {"Full recipe (2 seeds)", "Without EMA (2 seeds)", "ViT"}
    app.segmented_control(key="learned").set_value("loss").run()
    assert "loss" in figure(app, 2)["layout"]["yaxis"]["title"]["text"] and not app.exception


def test_without_an_ablation_the_page_says_how_to_make_one(judged):
    app = opened("ablations")
    assert "No ablation here yet." in words_of(app) and "training.ablate" in app.code[0].value


def test_an_ablation_that_cannot_be_compared_says_why_and_still_shows_its_curves(ablation, recorded_run):
    tags = ["ablation=parts", "variant=vit"]
    recorded_run(ablation / "parts-vit-1", CLASSES, ANSWERS[:4], 1, {"optim": {"ema_decay": 0.5}}, tags=tags)
    app = opened("ablations")
    assert "was evaluated on other photos" in words_of(app)
    assert len(figure(app)["data"]) > 2


def test_shortcuts_that_were_not_measured_name_the_command(judged):
    said = words_of(opened("evaluation", judged="plain-0", errors="Shortcuts"))
    assert "without color, detail, leaf or background was not measured" in said


def test_shortcuts_are_sentences_and_a_table(judged):
    from hvit.runs import Run
    from hvit.scoring.audit import Audit, record_audit
    from hvit.scoring.audit_rows import Cue, Transfer

    grey = Cue("grey", 40, 0.5, (0.35, 0.65), 0.9, 0.5, (0.3, 0.7), 0.25)
    rust = Transfer(LATE, 20, 0.9, 20, 0.4, -0.5, (-0.7, -0.2))
    record_audit(Run(judged / "plain-0"), "test", Audit(40, 30, "9" * 64, (grey,), (rust,)))
    app = opened("evaluation", judged="plain-0", errors="Shortcuts")
    said = words_of(app)
    assert "Without color, 50 % of the right answers are lost: it depends on color" in said
    assert "Tomato: late blight: recognized 50 points less often in the field." in said
    assert app.dataframe[0].value["Pictures"].tolist() == [40]
    assert "of other weights than the run has now" in said
