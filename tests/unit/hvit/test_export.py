"""The model of a run as an ONNX file."""

import dataclasses
import itertools
import json
import math
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from hvit import export
from hvit.__main__ import main
from hvit.data.inputs import model_inputs
from hvit.data.preprocess import fitted_sides
from hvit.export import ExportError, Served
from hvit.runs.checkpoint import load_checkpoint
from tests.support.color_heads import add_color_head


@pytest.fixture(scope="module")
def exported(bands_run, tmp_path_factory):
    """The run whose model takes most: bands beside the photo."""
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    assert main(["export", "--run", str(bands_run), "--format", "onnx", "--out", str(path)]) == 0
    return path


def test_the_file_answers_photos_of_any_sides_like_the_run(exported, bands_run):
    checkpoint, draws = load_checkpoint(bands_run), np.random.default_rng(3)
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    for height, width in ((96, 64), (160, 224)):
        photo = draws.integers(0, 256, (height, width, 3), dtype=np.uint8)
        bands = draws.random((2, height, width), dtype=np.float32)
        image, planes, present = model_inputs(photo, checkpoint.preprocessing, checkpoint.spectral, bands)
        with torch.inference_mode():
            logits = checkpoint.model(image[None], planes[None], present[None])
        height, width = image.shape[1:]
        shown = {
            "pixels": checkpoint.preprocessing.resize(photo).transpose(2, 0, 1)[None],
            "bands": (planes * 0.1 + 0.3).numpy()[None],  # reflectance again, at the sides of the picture
        }
        answer, probabilities = session.run(["logits", "probabilities"], shown)
        assert answer == pytest.approx(logits.numpy(), abs=1e-3)
        assert probabilities == pytest.approx((logits / 1.5).softmax(1).numpy(), abs=1e-3)


@pytest.mark.parametrize(("height", "width"), [(96, 64), (480, 640), (50, 1000), (160, 192)])
def test_the_documented_program_keeps_the_aspect_as_the_run_does(height, width):
    document = (Path(__file__).resolve().parents[3] / "docs" / "export.md").read_text(encoding="utf-8")
    program = document.split("```python\n")[1].split("```")[0]
    function = program[program.index("def fitted_sides") : program.index("photo = ")]
    words = {"itertools": itertools, "math": math, "side": 128}
    exec(function, words)
    assert words["fitted_sides"](height, width) == fitted_sides(height, width, 128)


@pytest.mark.parametrize("img_size", [None, 128, 160, 192, 224])
def test_the_side_of_the_position_embedding_is_not_traced(img_size):
    height, width = export.traced_sides(img_size)
    assert img_size not in (height, width) and height != width


@pytest.mark.slow
def test_a_file_with_convolutions_and_the_severity_head_answers_photos_of_any_sides_like_the_run(conv_run, tmp_path):
    run = tmp_path / "conv"
    shutil.copytree(conv_run, run)
    add_color_head(run)
    path = tmp_path / "model.onnx"
    assert main(["export", "--run", str(run), "--severity", "--out", str(path)]) == 0
    checkpoint, random = load_checkpoint(run), np.random.default_rng(3)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    record = json.loads(session.get_modelmeta().custom_metadata_map["severity"])
    assert record["classes"] == ["background", "leaf", "symptom"] and record["symptom_threshold"] == 0.5
    for batch, height, width in ((1, 96, 64), (3, 160, 224)):
        pixels = random.integers(0, 256, (batch, 3, height, width), dtype=np.uint8)
        detail = random.integers(0, 256, (batch, 3, 2 * height, 2 * width), dtype=np.uint8)
        with torch.inference_mode():
            images, fine = (checkpoint.preprocessing.normalize(torch.from_numpy(x)) for x in (pixels, detail))
            logits, _, maps = checkpoint.model.forward_pyramid(images)
            expected = checkpoint.severity.head(maps, fine)
        outputs = session.run(["logits", "segmentation"], {"pixels": pixels, "detail": detail})
        assert outputs[0] == pytest.approx(logits.numpy(), abs=1e-3)
        assert outputs[1] == pytest.approx(expected.numpy(), abs=1e-4)


def test_a_severity_head_that_is_not_there_cannot_be_exported(tiny_run, tmp_path, capsys):
    assert main(["export", "--run", str(tiny_run), "--severity", "--out", str(tmp_path / "model.onnx")]) == 2
    assert "run tiny has no severity head; export it without --severity" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_file_says_what_it_takes_to_use_it(exported, bands_run):
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    text, card = session.get_modelmeta().custom_metadata_map, json.loads((bands_run / "model.json").read_text())
    assert text["run"] == "bands" and text["sha256"] == card["sha256"]
    for key in ("classes", "preprocessing", "temperature", "conformal", "spectral"):
        assert json.loads(text[key]) == card[key]
    assert [(one.name, one.shape[1]) for one in session.get_inputs()] == [("pixels", 3), ("bands", 2)]


@pytest.mark.parametrize("name", ["tiny_run", "indices_run"])
def test_what_is_traced_takes_pixels_and_calibrates(name, request):
    checkpoint = load_checkpoint(request.getfixturevalue(name))
    photo = np.random.default_rng(4).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    inputs = model_inputs(photo, checkpoint.preprocessing, checkpoint.spectral)
    pixels = torch.from_numpy(checkpoint.preprocessing.resize(photo)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        expected = checkpoint.model(*(part[None] for part in inputs))
        logits, probabilities = Served(checkpoint)(pixels)
    assert torch.allclose(logits, expected, atol=1e-5)
    assert torch.allclose(probabilities, (expected / 1.5).softmax(1), atol=1e-5)


def test_a_graph_with_other_outputs_is_not_written(tiny_run, tmp_path, monkeypatch):
    class Program:
        model_proto = export_proto()

    monkeypatch.setattr(export, "_traced", lambda served, checkpoint: Program)
    monkeypatch.setattr(export, "_difference", lambda data, served, checkpoint: float("nan"))
    with pytest.raises(ExportError, match="outputs of the exported file differ from run tiny"):
        export.export_onnx(load_checkpoint(tiny_run), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def export_proto():
    import onnx

    return onnx.ModelProto()


def test_what_cannot_be_exported_is_reported_in_a_line(tiny_run, tmp_path, capsys):
    from hvit.models import create_model

    baseline = create_model("timm:resnet18", num_classes=3)
    with pytest.raises(ExportError, match="baseline of timm's"):
        export.export_onnx(dataclasses.replace(load_checkpoint(tiny_run), model=baseline), tmp_path / "x.onnx")
    assert main(["export", "--run", str(tiny_run), "--out", str(tmp_path)]) == 2
    assert "is a folder; name a file" in capsys.readouterr().err
