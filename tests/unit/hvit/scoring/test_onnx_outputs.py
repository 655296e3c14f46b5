"""Logits and features by ONNX Runtime."""

import numpy as np
import pytest

from hvit.runs.checkpoint import load_checkpoint
from hvit.scoring.onnx_outputs import OnnxPredict
from hvit.scoring.predict import predict_pixels


@pytest.fixture(scope="module")
def checkpoint(tiny_run):
    return load_checkpoint(tiny_run)


def test_photos_of_different_sides_are_answered_as_by_pytorch_in_their_order(checkpoint):
    rng = np.random.default_rng(0)
    sides = [(64, 64), (64, 128), (64, 64), (64, 64), (64, 128)]
    photos = [rng.integers(0, 256, (*side, 3), dtype=np.uint8) for side in sides]
    found = OnnxPredict(checkpoint, batch_size=2, num_threads=1)(photos)
    expected = predict_pixels(checkpoint, photos)
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-4)
    assert len(found.stage_features) == len(expected.stage_features)
    for ours, theirs in zip(found.stage_features, expected.stage_features):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
