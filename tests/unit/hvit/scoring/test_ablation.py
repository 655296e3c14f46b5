"""The table of an ablation, from runs made by hand."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hvit.runs import Run
from hvit.scoring.ablation import ablations
from tests.support.model_cards import card_document

LABELS = ["a", "a", "b", "b", "b", "a", "b", "a"]


def run(folder, variant, seed, predicted, tta=None, labels=LABELS) -> Run:
    path = folder / f"{variant}-{seed}"
    scores = path / "eval" / "test"
    scores.mkdir(parents=True)
    tags = ["ablation=parts", f"variant={variant}", "a word"]
    (path / "run.json").write_text(json.dumps({"status": "done", "seed": seed, "tags": tags}))
    (path / "model.json").write_text(json.dumps(card_document(["a", "b"])))
    right = float(np.mean([one == other for one, other in zip(labels, predicted)]))
    (scores / "metrics.json").write_text(json.dumps({"top1": right, "macro_f1": right / 2}))
    if tta is not None:
        (scores / "tta.json").write_text(json.dumps({"top1": tta}))
    logits = [[float(name == "a"), float(name == "b")] for name in predicted]
    paths = [f"{i}.jpg" for i in range(len(labels))]
    pq.write_table(
        pa.table({"path": paths, "sha256": paths, "label": labels, "logits": logits}), scores / "predictions.parquet"
    )
    return Run(path)


def test_variants_are_averaged_over_seeds_and_compared_with_the_full_one(tmp_path):
    wrong = ["b" if name == "a" else "a" for name in LABELS]
    runs = [
        run(tmp_path, "full", 0, LABELS, tta=1.0),
        run(tmp_path, "full", 1, LABELS, tta=0.5),
        run(tmp_path, "without", 0, wrong, tta=0.0),
        run(tmp_path, "without", 1, LABELS),
        run(tmp_path, "pretraining", 0, LABELS),
    ]
    full, without = ablations(runs)["parts"]
    assert (full.variant, full.runs, full.top1, full.top1_tta) == ("full", ["full-0", "full-1"], 1.0, 0.75)
    assert full.gain is None
    assert (without.top1, without.macro_f1, without.top1_tta) == (0.5, 0.25, None)
    assert without.gain.gain == -0.5 and without.gain.runs == 2 and without.gain.photos == 8
    assert without.gain.low <= -0.5 <= without.gain.high


def test_only_shared_seeds_are_compared(tmp_path):
    wrong = ["b"] * len(LABELS)
    runs = [run(tmp_path, "full", 0, LABELS), run(tmp_path, "without", 0, LABELS), run(tmp_path, "without", 3, wrong)]
    _, without = ablations(runs)["parts"]
    assert without.num_seeds == 2 and without.gain.runs == 1 and without.gain.gain == 0.0


def test_without_an_evaluated_full_variant_there_is_no_table(tmp_path):
    assert ablations([run(tmp_path, "without", 0, LABELS)]) == {}
    plain = run(tmp_path / "x", "full", 0, LABELS)
    plain.info = replace(plain.info, tags=())
    assert ablations([plain]) == {}


def test_runs_evaluated_on_other_photos_are_not_compared(tmp_path):
    runs = [run(tmp_path, "full", 0, LABELS), run(tmp_path, "without", 0, LABELS[:4], labels=LABELS[:4])]
    with pytest.raises(ValueError, match="was evaluated on other photos"):
        ablations(runs)
