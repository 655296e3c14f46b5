"""The Compare runs page, opened through `app/main.py`."""

import json

import pytest
from PIL import Image

from hvit.batches.reviews import read_reviews
from hvit.batches.sample_reviews import sample_reviews
from hvit.models import create_model
from tests.support.evaluated_runs import ANSWERS, CLASSES, EARLY, LATE, POTATO
from tests.support.pages import figure, open_page, page_text


def test_compare_lists_seed_groups_and_offers_those_that_belong_together(judged, recorded_run):
    recorded_run(judged / "plain-high", CLASSES, ANSWERS, 0, {"optim": {"lr": 9.0}})
    app = open_page("compare_runs")
    frame = app.dataframe[0].value
    assert frame["Runs"].tolist() == ["better", "plain", "plain-high"] and frame["Seeds"].tolist()[:2] == ["0, 1"] * 2
    app = next(button for button in app.button if button.label.startswith("plain:")).click().run()
    assert app.multiselect[0].value == ["plain", "plain-high"]
    assert app.query_params["runs"] == ["plain", "plain-high"]


def test_seeds_are_plotted_as_mean_and_range_or_singly(judged):
    app = open_page("compare_runs", runs=["plain", "better"])
    assert [trace["name"] for trace in figure(app)["data"]] == [
        "range of plain", "plain (2 seeds)", "range of better", "better (2 seeds)"
    ]  # fmt: skip
    app.toggle(key="each_seed").set_value(True).run()
    assert len(figure(app)["data"]) == 4


def test_metric_axis_and_smoothing_are_in_the_address(judged):
    app = open_page("compare_runs", runs=["plain"], metric="Training: loss", axis="Epoch", smoothing="0.5")
    line = figure(app)["data"][-1]
    assert line["x"] == [1, 2, 3] and line["y"][0] == pytest.approx(1.05)  # mean of 1.0 and 1.1
    assert line["y"][1] == pytest.approx((0.25 * 1.05 + 0.5 * 0.55) / 0.75)
    assert figure(app)["layout"]["xaxis"]["title"]["text"] == "epochs"


def test_scores_are_shown_with_their_intervals(judged):
    frame = open_page("compare_runs", runs=["plain", "better"], view="Scores").dataframe[0].value.set_index("Runs")
    assert frame["Top-1 accuracy, %"].to_dict() == pytest.approx({"plain": 62.5, "better": 100 * 13 / 16})
    assert frame.loc["plain", "Seeds evaluated"] == "2 of 2" and frame.loc["plain", "Top-1 accuracy: 95 %"]


def test_better_or_chance_is_decided_by_paired_tests(judged):
    """The better runs are right on 3 pictures more, on none less: McNemar 2 * (1/2)^3 = 0.25, Holm 2 * 0.25."""
    app = open_page("compare_runs", runs=["plain", "better"], view="Significance")
    frame = app.dataframe[0].value
    assert frame["Only the first correct"].tolist() == [0, 0] and frame["Only the second correct"].tolist() == [3, 3]
    assert frame["p"].tolist() == [0.25] * 2 and frame["p, corrected"].tolist() == [0.5] * 2
    assert figure(app)["layout"]["annotations"][0]["text"].startswith("plain \u2192 better<br><b>+18.8 points")


def test_runs_on_other_photos_are_reported_as_not_comparable(judged, recorded_run):
    recorded_run(judged / "few", CLASSES, ANSWERS[:5], 0, {"lr": 1})
    recorded_run(judged / "relabelled", CLASSES, [(POTATO, POTATO)] * 16, 0, {"lr": 2})
    text = page_text(open_page("compare_runs", runs=["few", "plain", "relabelled"], view="Significance"))
    assert "few and plain: compared on the one seed in common; 1 more run left out" in text
    assert "not evaluated on the same pictures (5 and 16); compared on the 5 they share" in text
    assert "few and relabelled: they were not evaluated on the same pictures, so that they cannot be compared" in text
    assert "One run of each says nothing of other seeds" in text


def test_only_settings_that_differ_are_listed(judged):
    app = open_page("compare_runs", runs=["plain", "better"], view="Settings")
    assert app.dataframe[0].value.values.tolist() == [["optim.lr", "0.5", "0.25"], ["init", "none", "runs/x"]]
    app.toggle(key="all_settings").set_value(True).run()
    assert "data.dirs" in app.dataframe[0].value["Setting"].tolist()


def test_a_setting_that_an_older_run_did_not_record_is_marked(judged, recorded_run):
    recorded_run(judged / "older", CLASSES, ANSWERS, 0, {"optim": {"lr": 0.7}})
    frame = open_page("compare_runs", runs=["older", "better"], view="Settings").dataframe[0].value
    assert frame.set_index("Setting").loc["init"].tolist() == ["not recorded", "runs/x"]


def test_more_runs_than_colors_are_all_compared(runs, recorded_run):
    names = [f"run{letter}" for letter in "abcdefghij"]
    for number, name in enumerate(names):
        recorded_run(runs / name, CLASSES, ANSWERS, 0, {"optim": {"lr": 0.1 * (1 + number)}})
    app = open_page("compare_runs", runs=names, view="Scores")
    assert app.multiselect[0].value == names and app.dataframe[0].value["Runs"].tolist() == names


def test_accuracy_is_plotted_against_counted_cost(judged):
    app = open_page("compare_runs", runs=["plain", "better"], view="Cost")
    frame = app.dataframe[0].value
    model = create_model("hvit_tiny", num_classes=4, img_size=64)
    millions = round(sum(p.numel() for p in model.parameters()) / 1e6, 3)
    assert frame["Parameters, millions"].tolist() == [millions] * 2 and frame["Side, px"].tolist() == [64] * 2


def test_the_time_of_one_photo_is_measured_when_asked_and_models_that_are_alike_once(judged):
    app = open_page("compare_runs", runs=["plain", "better"], view="Cost", cost="Time")
    assert "was not measured here yet" in page_text(app) and not app.get("plotly_chart")
    next(button for button in app.button if button.label == "Measure").click().run()
    assert "Medians of 10 turns on one thread" in page_text(app) and len(app.get("plotly_chart")) == 1
    first, second = app.dataframe[0].value["One photo, ms"]
    assert first == second > 0


def test_disagreements_of_two_runs_open_their_pictures(judged):
    app = open_page("compare_runs", runs=["plain", "better"], view="Disagreements")
    assert "There is none." in page_text(app)  # no picture on which only the first is correct
    app = open_page(
        "compare_runs", runs=["plain", "better"], view="Disagreements", outcome="only the second is correct"
    )
    text = page_text(app)
    assert text.count("<figure>") == 3 and "first: Tomato: early blight, 90\u00a0%; second: correct, 90\u00a0%" in text
    assert app.selectbox(key="first").value == "plain-0" and app.selectbox(key="second").value == "better-0"


def test_a_disagreement_on_a_rendered_leaf_links_to_attention_and_cannot_be_reviewed(judged):
    query = {"runs": ["plain", "better"], "view": "Disagreements", "outcome": "only the second is correct"}
    app = open_page("compare_runs", **query)
    assert "explained by plain-0, the first run" in page_text(app)
    next(button for button in app.button if button.label == "Look closer").click().run()
    text = page_text(app)
    assert "Explain in Attention" in text and "what it shows is certain, and is not marked" in text


def test_a_photo_two_runs_disagree_on_is_marked_in_the_reviews_of_the_first(runs, recorded_run, tmp_path, monkeypatch):
    monkeypatch.setenv("HVIT_REVIEWS", str(tmp_path / "reviews"))
    monkeypatch.setenv("HVIT_PHOTOS", str(tmp_path / "photos"))
    (tmp_path / "photos").mkdir()
    photo = tmp_path / "photos" / "one.png"
    Image.new("RGB", (80, 64), "green").save(photo)
    recorded_run(runs / "first", CLASSES, [(LATE, EARLY)], 0, {"lr": 1}, photos=[photo])
    recorded_run(runs / "second", CLASSES, [(LATE, LATE)], 0, {"lr": 2}, photos=[photo])
    query = {"runs": ["first", "second"], "view": "Disagreements", "outcome": "only the second is correct"}
    app = open_page("compare_runs", **query, first="first", second="second")
    next(button for button in app.button if button.label == "Look closer").click().run()
    app.text_input(key="tile_reviewer").set_value("Ana").run()
    next(button for button in app.button if button.label == "As labelled: Tomato: late blight").click().run()
    (review,) = read_reviews(sample_reviews(tmp_path / "reviews", "first"))
    assert (review.path, review.label, review.predicted) == ("folders/1/one.png", LATE, EARLY)


def test_the_status_of_a_run_is_shown(judged, recorded_run):
    recorded_run(judged / "live", CLASSES, ANSWERS, 0, {"lr": 1}, status=None)
    recorded_run(judged / "failed", CLASSES, ANSWERS, 0, {"lr": 2}, status="failed")
    recorded_run(judged / "silent", CLASSES, ANSWERS, 0, {"lr": 3}, status=None)
    info = json.loads((judged / "silent" / "run.json").read_text())
    (judged / "silent" / "run.json").write_text(json.dumps(info | {"heartbeat": "2020-01-01T00:00:00+00:00"}))
    text = page_text(open_page("compare_runs", runs=["live", "failed", "silent"]))
    assert "live is running: epoch 3.0, step 30, last sign of life" in text
    assert "failed failed: epoch 3.0" in text and "silent has stopped without an end" in text


def test_damaged_curves_of_one_run_leave_the_others(judged):
    (judged / "plain-0" / "metrics.jsonl").write_text("nonsense\n{}\n")
    app = open_page("compare_runs", runs=["plain", "better"])
    assert "line 1 of metrics.jsonl of run plain-0 is damaged" in page_text(app)
    assert [trace["name"] for trace in figure(app)["data"]] == ["plain", "range of better", "better (2 seeds)"]


def test_a_run_that_has_logged_nothing_says_so(runs, recorded_run):
    recorded_run(runs / "fresh", CLASSES, ANSWERS, status=None, epochs=0)
    assert "Nothing is logged yet." in page_text(open_page("compare_runs", runs=["fresh"]))


def test_without_runs_compare_says_how_to_train(runs):
    app = open_page("compare_runs")
    assert "There is no run here yet." in page_text(app) and "training.finetune" in app.code[0].value
