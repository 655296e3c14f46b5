"""The Ablations page, opened through `app/main.py`."""

from pathlib import Path

import pytest

from tests.support.evaluated_runs import ANSWERS, BETTER, CLASSES
from tests.support.pages import figure, open_page, page_text


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
    app = open_page("ablations")
    text = page_text(app)
    assert (
        "2 seeds each, evaluated on 16 pictures." in text
        and "Not evaluated yet, and not in the table: parts-vit-0." in text
    )
    table = app.dataframe[0].value.set_index("Variant")
    assert table.loc["Without EMA", "Change of top-1 accuracy, points"] == pytest.approx(100 * (10 - 13) / 16)
    assert table.loc["Without EMA", "What is changed"] == "optim.ema_decay: 0.99 \u2192 0"
    drawn = figure(app, 2)["data"]
    assert {trace["name"] for trace in drawn} >= {"Full recipe (2 seeds)", "Without EMA (2 seeds)", "ViT"}
    app.segmented_control(key="learned").set_value("loss").run()
    assert "loss" in figure(app, 2)["layout"]["yaxis"]["title"]["text"] and not app.exception


def test_without_an_ablation_the_page_says_how_to_make_one(judged):
    app = open_page("ablations")
    assert "No ablation here yet." in page_text(app) and "training.ablate" in app.code[0].value


def test_an_ablation_that_cannot_be_compared_says_why_and_still_shows_its_curves(ablation, recorded_run):
    tags = ["ablation=parts", "variant=vit"]
    recorded_run(ablation / "parts-vit-1", CLASSES, ANSWERS[:4], 1, {"optim": {"ema_decay": 0.5}}, tags=tags)
    app = open_page("ablations")
    assert "was evaluated on other photos" in page_text(app)
    assert len(figure(app)["data"]) > 2
