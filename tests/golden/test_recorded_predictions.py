"""What a shipped run recorded is what it answers today: drawing, preprocessing, weights and model together."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hvit.data.datasets.reading import RenderedSample
from hvit.data.leafsim import Address
from hvit.data.preprocess import fitted_sides
from hvit.runs.checkpoint import load_checkpoint
from hvit.scoring.predict import predict_samples

RUN = Path(__file__).resolve().parents[2] / "runs" / "leafsim-tiny"


@pytest.mark.parametrize(
    ("photo", "expected"),
    # Between square and 5:4 no pair near 128 px keeps the aspect within 10 %, so that larger sides are taken.
    [((160, 160), (128, 128)), ((256, 286), (160, 192)), ((235, 261), (160, 192)), ((256, 512), (96, 192)),
     ((256, 384), (128, 192)), ((256, 326), (128, 160)), ((341, 256), (128, 96))],
)  # fmt: skip
def test_the_sides_that_records_were_computed_at_stay_the_same(photo, expected):
    assert fitted_sides(*photo, 128) == expected


def test_recorded_predictions_of_rendered_leaves_are_those_of_evaluate():
    recorded = pq.read_table(RUN / "eval" / "test" / "predictions.parquet").to_pylist()
    rows = [recorded[i] for i in (0, 500, 1001, 1502, 2003, 2399)]
    samples = [RenderedSample.of(Address.parse(row["path"])) for row in rows]
    found = predict_samples(load_checkpoint(RUN), samples)
    assert found.sha256 == [row["sha256"] for row in rows]
    assert [sample.label for sample in samples] == [row["label"] for row in rows]
    assert found.logits == pytest.approx(np.array([row["logits"] for row in rows]), abs=1e-4)
