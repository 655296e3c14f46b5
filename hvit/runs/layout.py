"""Names of all files of a run, and the version of its format. A run is a folder `runs/<name>/`.

Files of the run itself, in the order they are written:

| file | content |
|---|---|
| run.json | status, heartbeat, command, versions, summary |
| config.yaml | the resolved configuration |
| split.csv | which photo trained, selected, calibrated, was kept for testing |
| metrics.jsonl | metrics logged in training, a JSON object a line |
| skipped.jsonl, unreadable.json | photos of skipped steps; photos that were left out, and why |
| time_budget.json | steps of a training by the clock (`--minutes`) |
| checkpoints/ | training state for exact resume |
| model.safetensors, model.json, rejection*.npz | weights, all else that predicting takes, and the detector |
| severity.safetensors | weights of the segmentation head (`training.segment`) |
| data_check.json, notes.md | report on the photos; notes for readers of the results |
| test_evaluations.jsonl | one line for every evaluation on test |
| manifest.json | SHA-256 of every file, written last |

Files of `eval/<split>/`, each written by a program of its own: predictions.parquet, metrics.json, tta.json and
features.npz (`hvit evaluate --save`), rejection.parquet (the same, or `--save-distances`), tsne.npz (`training.embed`),
explain.parquet (`training.explain`), severity.parquet (`training.segment`), robustness.parquet and robustness.json
(`training.stress`), audit.json (`training.audit`), and learning_curve.json (`training.quick`).
"""

import os
from pathlib import Path

SCHEMA_VERSION = 1
DEFAULT_RUN = "leaf45-tiny"

INFO = "run.json"
CONFIG = "config.yaml"
SPLIT = "split.csv"
METRICS = "metrics.jsonl"
SKIPPED = "skipped.jsonl"
UNREADABLE = "unreadable.json"
TIME_BUDGET = "time_budget.json"
CHECKPOINTS = "checkpoints"
WEIGHTS = "model.safetensors"
CARD = "model.json"
REJECTION = "rejection.npz"
DATA_CHECK = "data_check.json"
NOTES = "notes.md"
TEST_EVALUATIONS = "test_evaluations.jsonl"
MANIFEST = "manifest.json"
LOCK = ".lock"

PREDICTIONS = "predictions.parquet"
SCORES = "metrics.json"
SCORES_TTA = "tta.json"
FEATURES = "features.npz"
DISTANCES = "rejection.parquet"
AUDIT = "audit.json"
FEATURE_MAP = "tsne.npz"
EXPLANATIONS = "explain.parquet"
LEARNING_CURVE = "learning_curve.json"
SEVERITY = "severity.parquet"
ROBUSTNESS = "robustness.parquet"
ROBUSTNESS_SCORES = "robustness.json"


def run_name(path: Path) -> str:
    """Name of a run: that of its folder, or of the link to it, under which `find_run` finds it."""
    return os.path.basename(os.path.abspath(path))


def in_split(split: str, file: str) -> str:
    """Path of a file of `eval/<split>/` relative to the run: `eval/test/metrics.json`."""
    return f"eval/{split}/{file}"
