"""Two ways of training, compared over their runs."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training import compare as program

LABELS = ["Potato___Early_blight", "Tomato___Late_blight", "Tomato___healthy"] * 40


def _run(tiny_run, folder, name: str, seed: int, wrong: int, photos: int = 120):
    """A run that answers the first `wrong` photos wrongly."""
    run = folder / name
    shutil.copytree(tiny_run, run)
    info = json.loads((run / "run.json").read_text()) | {"seed": seed}
    (run / "run.json").write_text(json.dumps(info))
    classes = sorted(set(LABELS))
    truth = np.array([classes.index(label) for label in LABELS[:photos]])
    text = np.where(np.arange(photos) < wrong, (truth + 1) % 3, truth)
    logits = np.eye(3, dtype=np.float32)[text]
    paths = [f"p/{i:03d}.jpg" for i in range(photos)]
    table = {"path": paths, "sha256": paths, "label": LABELS[:photos], "logits": list(logits)}
    (run / "eval" / "test").mkdir(parents=True)
    order = np.random.default_rng(seed).permutation(photos)  # runs need not list photos in the same order
    pq.write_table(pa.table(table).take(order), run / "eval" / "test" / "predictions.parquet")
    return run


def test_the_gain_is_that_of_the_photos_answered_better(tiny_run, tmp_path, capsys):
    without = [_run(tiny_run, tmp_path, f"a{seed}", seed, wrong=60) for seed in range(3)]
    better = [_run(tiny_run, tmp_path, f"b{seed}", seed, wrong=30) for seed in range(3)]
    words = ["--without", *map(str, without), "--with", *map(str, better), "--json"]
    assert program.main(words) == 0
    document = json.loads(capsys.readouterr().out)
    top1, f1 = document["top1"], document["macro_f1"]
    assert (top1["first"], top1["second"], top1["gain"]) == (0.5, 0.75, 0.25)
    assert 0.15 < top1["low"] < 0.25 < top1["high"] < 0.35
    assert top1["second_ci"][0] < 0.75 < top1["second_ci"][1]
    assert f1["second"] == pytest.approx(0.75) and f1["low"] < f1["gain"] < f1["high"]
    assert document["seeds"] == [0, 1, 2]
    assert program.main(words[:-1]) == 0
    assert "gain +25.0% (95 %: " in capsys.readouterr().out


def test_runs_that_cannot_be_paired_are_refused(tiny_run, tmp_path, capsys):
    one, two = _run(tiny_run, tmp_path, "a0", 0, 10), _run(tiny_run, tmp_path, "b1", 1, 10)
    assert program.main(["--without", str(one), "--with", str(two)]) == 2
    assert "the first have seeds [0], the second [1]" in capsys.readouterr().err
    fewer = _run(tiny_run, tmp_path, "c0", 0, 10, photos=90)
    assert program.main(["--without", str(one), "--with", str(fewer)]) == 2
    assert "was evaluated on other photos" in capsys.readouterr().err
