"""Runs made by hand, of records alone: no weights, and every number known."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from hvit.runs import write_manifest
from tests.support.model_cards import card_document

CLASSES = ["Potato___Early_blight", "Potato___healthy", "Tomato___Late_blight", "Tomato___healthy"]


# True and named class of twelve photos: 9 right; 2 of the 3 errors stay within their crop.
TRUE = [0, 0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 3]


NAMED = [0, 0, 0, 1, 1, 1, 2, 2, 0, 3, 3, 2]


TEMPERATURE = 2.0


def write_records(
    path: Path,
    named=NAMED,
    seed: int = 0,
    config: dict | None = None,
    card: dict | None = None,
    info: dict | None = None,
    photos: str = "photos/test",
    curve=((1.0, 0.5), (2.0, 0.75)),
    true=TRUE,
    classes=CLASSES,
) -> Path:
    """Writes run.json, config.yaml, model.json, metrics.jsonl, eval/test and the manifest.

    Args:
        named: the class each photo is given, with logit 2 to 4, all others 0.
        config, card, info: what differs from the usual; `...` takes a key of the card away.
        photos: folder of their paths.
        curve: epochs and macro-F1 on val.
    """
    path.mkdir(parents=True)
    usual = {"schema_version": 1, "status": "done", "kind": "finetune", "seed": seed, "summary": {}}
    (path / "run.json").write_text(json.dumps(usual | (info or {})))
    usual = {"data": {"dirs": ["photos"]}, "select_by": "macro_f1", "seed": seed, "epochs": 2}
    (path / "config.yaml").write_text(yaml.safe_dump(usual | (config or {})))
    document = card_document(
        **({"classes": classes, "temperature": TEMPERATURE, "sha256": f"{seed:064x}"} | (card or {}))
    )
    (path / "model.json").write_text(json.dumps(document))
    rows = [{"step": 1, "epoch": e, "split": "val", "time_s": e, "macro_f1": v, "top1": v} for e, v in curve]
    rows.insert(0, {"step": 1, "epoch": 0.5, "split": "train", "time_s": 0.1, "loss": 1.0})
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    logits = np.zeros((len(named), len(classes)))
    logits[np.arange(len(named)), named] = 2 + np.arange(len(named)) % 3
    table = pa.table(
        {
            "sample_id": [str(i) for i in range(len(named))],
            "path": [f"{photos}/{i}" for i in range(len(named))],
            "sha256": [f"{i:064x}" for i in range(len(named))],
            "label": [classes[k] for k in true],
            "logits": pa.array(list(logits.astype(np.float32)), type=pa.list_(pa.float32())),
        }
    )  # fmt: skip
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    (path / "eval" / "test").mkdir(parents=True)
    (path / "eval" / "test" / "predictions.parquet").write_bytes(buffer.getvalue())
    write_manifest(path)
    return path
