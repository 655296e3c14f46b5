"""The model card of a run in Markdown."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from hvit.paper.model_card import model_card
from hvit.runs import Run, RunError
from hvit.scoring.distances import Distances, record_distances
from hvit.scoring.trust import TrustLine
from tests.support.recorded_runs import write_records

OOD = {"method": "knn", "file": "r.npz", "threshold": 2.0, "unsure_threshold": 1.0, "sha256": "d" * 64}
SCORES = {
    "n": 12, "top1": 0.75, "top1_ci": [0.468, 0.911], "macro_f1": 0.7, "coverage": 0.9, "mean_set_size": 1.5,
    "accepted": None, "named": 0.8, "named_correct": 0.875,
}  # fmt: skip


@pytest.fixture
def run(tmp_path) -> Run:
    card = {"ood": OOD, "conformal": {"alpha": 0.05, "method": "lac", "threshold": 0.9, "groups": "pooled"}}
    card["licences"] = {"photos": "CC0 | public"}
    info = {"argv": ["-m", "training.finetune", "--resume"], "seed": 3, "git": {"commit": "a" * 40, "dirty": True}}
    info |= {"libraries": {"torch": "2.13.0"}, "device": "cpu", "elapsed_s": 600.0, "plants_known": False}
    path = write_records(tmp_path / "mine", card=card, info=info)
    (path / "eval/test/metrics.json").write_text(json.dumps(SCORES))
    (path / "notes.md").write_text("- Read me.\n")
    texts = np.array(["a", "b"])
    distances = Distances(
        texts, np.array(["known", "green"]), texts, texts, np.array([0.5, 3.0]), np.ones(2, dtype=int), "d" * 64
    )
    record_distances(Run(path), "test", distances)
    return Run(path)


def test_every_section_is_there_in_order(run):
    titles = [line for line in model_card(run).splitlines() if line.startswith("#")]
    assert titles == [
        "# Model card: mine", "## Can I trust it?", "## Intended use", "## Data and licences", "## Scores (test)",
        "## Calibration", "## Unknown photos", "## Class by class", "## How to reproduce it", "## Notes (`notes.md`)",
    ]  # fmt: skip


def test_numbers_come_with_their_intervals(run):
    text = model_card(run)
    assert "| all | 12 | 75.0 (46.8 to 91.1) | 70.0 (" in text and "| 90.0 | 1.50 |  | 80.0 | 87.5 |" in text
    assert "| green, but no leaf of a crop | b | 1 | 0.0 (0.0 to 79.3) | 0.0 | 1.000 (1.000 to 1.000) |" in text
    assert "Tomato: late blight | 3 | 66.7 (20.8 to 93.9)" in text
    assert "Temperature 2.000" in text and "level 5 % (lac, pooled thresholds)" in text
    assert "called unfamiliar above 2.00, never given a single name above 1.00" in text


def test_how_it_was_made_is_what_the_run_recorded(run):
    text = model_card(run)
    assert "python -m training.finetune\n" in text and "--resume" not in text
    assert "Seed 3; code at aaaaaaaaaa with changes; cpu; 10 minutes; torch 2.13.0." in text
    assert "accuracy may be too high, as photos of one plant may lie on both sides" in text


def test_licences_cannot_break_the_table(run):
    assert "CC0 \\| public |" in model_card(run)


def test_what_was_not_measured_names_the_command(run):
    text = model_card(run)
    assert (
        "How the answers of its weights change is not measured. Measure it: `python -m training.stress --run mine"
        in text
    )


def test_a_card_that_is_written_links_the_evidence_from_where_it_lies(run, tmp_path):
    line = TrustLine("rare", "Rare classes", "Few.", 0.5, (0.1, 0.9), 4, "evaluation", "eval/test/predictions.parquet")
    (tmp_path / "a b").mkdir()
    relative = Path(os.path.relpath(run.path, tmp_path / "a b")).as_posix()
    expected = f"Few. ([`eval/test/predictions.parquet`]({relative}/eval/test/predictions.parquet))"
    assert expected in model_card(run, [line], tmp_path / "a b")
    assert "Few. (`eval/test/predictions.parquet`)" in model_card(run, [line])


def test_a_run_without_detector_or_notes_leaves_them_out(tmp_path):
    path = write_records(tmp_path / "plain", card={"temperature": None})
    (path / "eval/test/metrics.json").write_text(json.dumps(SCORES))
    text = model_card(Run(path))
    assert "## Unknown photos" not in text and "## Notes" not in text
    assert "Probabilities are not calibrated" in text


def test_a_run_that_was_not_evaluated_has_no_card(run):
    (run.path / "eval/test/predictions.parquet").unlink()
    with pytest.raises(RunError, match="a card has nothing to report; evaluate it first"):
        model_card(Run(run.path))


def test_a_run_with_predictions_and_no_scores_is_refused(run):
    (run.path / "eval/test/metrics.json").unlink()
    with pytest.raises(RunError, match="metrics.json"):
        model_card(Run(run.path))
