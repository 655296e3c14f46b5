"""ONNX Runtime answers as PyTorch does."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hvit.data.preprocess import Preprocessing
from hvit.export import ExportError
from hvit.models import create_model
from hvit.onnx_session import OnnxSession

SMALL = {"embed_dims": [16, 16, 32, 32], "depths": [1, 1, 1, 1], "head_dim": 16}


def _checkpoint(name, **arguments):
    torch.manual_seed(0)
    model = create_model(name, num_classes=5, img_size=64, **arguments).eval()
    return SimpleNamespace(
        model=model, name="run", spectral=None, preprocessing=Preprocessing(64, (0.5, 0.4, 0.3), (0.5, 0.6, 0.7))
    )


@pytest.mark.parametrize(("name", "arguments"), [("timm:test_efficientnet", {}), ("hvit_tiny", SMALL)])
def test_logits_and_features_are_those_of_the_model_at_any_shape(name, arguments):
    checkpoint = _checkpoint(name, **arguments)
    graphs = []
    session = OnnxSession(checkpoint, 1, lambda height, width: graphs.append((height, width)))
    rng = np.random.default_rng(0)
    for pixels in (
        rng.uniform(0, 255, (2, 3, 64, 96)).astype(np.float32),
        rng.integers(0, 256, (1, 3, 64, 64), dtype=np.uint8),
        rng.uniform(0, 255, (2, 3, 64, 96)).astype(np.float32),
    ):
        logits, features = session(pixels)
        with torch.no_grad():
            images = checkpoint.preprocessing.normalize(torch.from_numpy(pixels))
            expected = checkpoint.model.forward_embedding(images)
        np.testing.assert_allclose(logits, expected[0].numpy(), atol=1e-4)
        np.testing.assert_allclose(features, expected[1].numpy(), atol=1e-4)
    assert graphs == [(64, 96), (64, 64)]  # the graph of a shape is made once


def test_the_mean_token_of_each_stage_comes_on_request():
    checkpoint = _checkpoint("hvit_tiny", **SMALL)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 3, 64, 64), dtype=np.uint8)
    logits, *stages = OnnxSession(checkpoint, 1, stages=True)(pixels)
    with torch.no_grad():
        expected = checkpoint.model.forward_stages(checkpoint.preprocessing.normalize(torch.from_numpy(pixels)))
    np.testing.assert_allclose(logits, expected[0].numpy(), atol=1e-4)
    for ours, theirs in zip(stages, expected[1], strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)


def test_a_graph_with_other_outputs_is_refused(monkeypatch):
    checkpoint = _checkpoint("timm:test_efficientnet")
    session = OnnxSession(checkpoint, 1)
    exported = session._module
    session._module = type(exported)(_checkpoint("timm:test_efficientnet"))
    from hvit import onnx_session

    true_program = onnx_session.onnx_program

    def of_other_weights(module, *rest):
        program = true_program(module, *rest)
        with torch.no_grad():
            module.model.get_classifier().bias += 1
        return program

    monkeypatch.setattr(onnx_session, "onnx_program", of_other_weights)
    with pytest.raises(ExportError, match="ONNX Runtime and PyTorch disagree on run run"):
        session(np.zeros((1, 3, 64, 64), np.float32))


def test_a_model_that_takes_more_than_the_picture_is_refused():
    with pytest.raises(ExportError, match="takes a spectral image"):
        OnnxSession(SimpleNamespace(**{**vars(_checkpoint("timm:test_efficientnet")), "spectral": object()}))
