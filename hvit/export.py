"""Exports a trained model as one ONNX file, and verifies its outputs against PyTorch."""

import copy
import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim

from hvit.data.spectral import vegetation_indices
from hvit.files import write_bytes
from hvit.models import HViT
from hvit.models.config import UNIT_PX
from hvit.runs.checkpoint import Checkpoint

MOST_UNITS = 64  # of 32 px along a side
TRACED = (160, 192, 224)  # sides of which two are traced; the graph takes others
CHECKED = ((1, 64, 64), (2, 160, 192), (3, 128, 224))  # it is compared at these
LARGEST_DIFFERENCE = 1e-3  # of logits: kernels of another program round otherwise


class ExportError(ValueError):
    """A model that cannot be exported; the message says why and what to do."""


class Served(nn.Module):
    """Module from pixels to calibrated probabilities, as exported.

    Rejection is not in it: that compares features with those of the training photos.
    """

    def __init__(self, checkpoint: Checkpoint):
        super().__init__()
        self.model = cast(HViT, copy.deepcopy(checkpoint.model).cpu())
        # Sides are multiples of 32 here, and asking whether they are would tie the graph to those it is traced with.
        self.model.backbone.resized = lambda images: images  # type: ignore[method-assign]
        for module in self.model.modules():
            if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
                module.register_forward_hook(_halves)
        self.preprocessing, self.stream = checkpoint.preprocessing, checkpoint.spectral
        self.temperature = checkpoint.temperature

    def forward(self, pixels: Tensor, bands: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits and probabilities, (B, K) each.

        Args:
            pixels: RGB, (B, 3, H, W) uint8, sides multiples of 32 px.
            bands: reflectance at the same pixels, (B, C, H, W) float32, of models that take bands.
        """
        inputs: tuple[Tensor, ...] = (self.preprocessing.normalize(pixels),)
        if self.stream is not None:
            planes = vegetation_indices(pixels) if bands is None else bands
            inputs += (self.stream.normalize(planes),)
        logits = self.model(*inputs)
        return logits, (logits / self.temperature).softmax(1)


def _halves(conv: nn.Conv2d, inputs: tuple[Tensor], outputs: Tensor) -> Tensor:
    """Declares the sides of a tensor as half of the input's, for symbolic shapes.

    A convolution says (side - 1) // 2 + 1, and to simplify such terms stage after stage takes the tracer minutes.
    """
    height, width = inputs[0].shape[2:]
    return outputs[:, :, : height // 2, : width // 2]


@dataclass(frozen=True)
class Exported:
    """Result of an export.

    Attributes:
        path: the file.
        inputs: name and shape of each input, `batch`, `height` and `width` where any number will do.
        difference: largest difference of a logit from the model's own, over the batches it was compared on.
    """

    path: Path
    inputs: dict[str, list[int | str]]
    difference: float


def export_onnx(checkpoint: Checkpoint, path: Path) -> Exported:
    """Exports the model of a run as ONNX, and verifies its logits before the file is written.

    The file takes any batch, and any sides that are multiples of 32 px from 64 to 2048. Its metadata hold the classes
    in the order of the outputs, preprocessing, temperature, the threshold of prediction sets, and the run it came from.

    Args:
        path: where to write; replaced where it exists.
    Raises:
        ExportError: the model is a baseline, or the file would not answer like it.
        OSError: it cannot be written.
    """
    if not checkpoint.model.exports_to_onnx:
        raise ExportError(
            f"run {checkpoint.name} is a baseline of timm's, and only HViTs are exported; timm has an export of its own"
        )
    served = Served(checkpoint).eval()
    program = _traced(served, checkpoint)
    proto = program.model_proto
    for key, value in _metadata(checkpoint).items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    data = proto.SerializeToString()
    difference = _difference(data, served, checkpoint)
    if not difference <= LARGEST_DIFFERENCE:
        raise ExportError(
            f"the exported file answers otherwise than run {checkpoint.name}: its logits differ by {difference:.1e}; "
            "nothing was written"
        )
    write_bytes(path, data)
    return Exported(path, _shapes(proto), difference)


def traced_sides(img_size: int | None) -> tuple[int, int]:
    """Image size in px for tracing: different from that of the position embedding, so that its resizing is traced.

    At its own side the tracer would see no resizing, and take that side for a constant.
    """
    height, width = [side for side in TRACED if side != img_size][:2]
    return height, width


def _traced(served: Served, checkpoint: Checkpoint) -> Any:
    """Traces the graph with dynamic batch and image size."""
    batch = Dim("batch", min=1, max=65535)
    units = [Dim(name, min=2, max=MOST_UNITS) for name in ("rows", "columns")]
    sides = {0: batch, 2: UNIT_PX * units[0], 3: UNIT_PX * units[1]}
    inputs = _pictures(2, *traced_sides(checkpoint.card.arguments.get("img_size")), checkpoint)
    names = ["pixels", "bands"][: len(inputs)]
    shapes = {name: dict(sides) for name in names}
    return onnx_program(served, inputs, names, ["logits", "probabilities"], shapes)


def onnx_program(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    input_names: list[str],
    output_names: list[str],
    dynamic_shapes: dict[str, Any] | None,
) -> Any:
    """Calls `torch.onnx.export` on a module, without its verbose output.

    Args:
        inputs: an example; without `dynamic_shapes` the graph takes these shapes alone.
        dynamic_shapes: of `torch.export.export`.
    """
    with warnings.catch_warnings(), _silenced("torch.onnx"), _silenced("onnxscript"):
        warnings.simplefilter("ignore")
        program = torch.export.export(module, inputs, dynamic_shapes=dynamic_shapes, strict=False)
        return torch.onnx.export(
            program, input_names=input_names, output_names=output_names, dynamo=True, verbose=False
        )


class _silenced:
    """Context manager that limits a logger to errors."""

    def __init__(self, name: str):
        self._logger = logging.getLogger(name)

    def __enter__(self) -> None:
        self._before = self._logger.level
        self._logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self._logger.setLevel(self._before)


def _pictures(batch: int, height: int, width: int, checkpoint: Checkpoint) -> tuple[Tensor, ...]:
    """Random but fixed inputs."""
    draws = np.random.default_rng(0)
    pixels = torch.from_numpy(draws.integers(0, 256, (batch, 3, height, width), dtype=np.uint8))
    if checkpoint.spectral is None or not checkpoint.takes_bands:
        return (pixels,)
    shape = (batch, checkpoint.spectral.num_bands, height, width)
    return pixels, torch.from_numpy(draws.random(shape, dtype=np.float32))


@torch.inference_mode()
def _difference(data: bytes, served: Served, checkpoint: Checkpoint) -> float:
    import onnxruntime
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    largest = 0.0
    for shape in CHECKED:
        inputs = _pictures(*shape, checkpoint)
        try:
            answers = session.run(["logits"], {told.name: x.numpy() for told, x in zip(session.get_inputs(), inputs)})
        except Fail as error:
            sides = " x ".join(map(str, shape[1:]))
            reason = " ".join(str(error).split())[:120]
            raise ExportError(
                f"the graph of run {checkpoint.name} does not run at {sides} px ({reason}); it is not written"
            ) from None
        largest = max(largest, float(np.abs(answers[0] - served(*inputs)[0].numpy()).max()))
    return largest


def _metadata(checkpoint: Checkpoint) -> dict[str, str]:
    """Metadata of the ONNX file as text; the last entries are JSON."""
    card, document = checkpoint.card, checkpoint.card.to_dict()
    told = {"run": checkpoint.name, "sha256": checkpoint.sha256, "architecture": card.architecture}
    parts = {key: document[key] for key in ("classes", "preprocessing", "temperature", "conformal", "licences")}
    if checkpoint.spectral is not None:
        parts["spectral"] = checkpoint.spectral.to_dict()
    return told | {key: json.dumps(value, ensure_ascii=False) for key, value in parts.items()}


def _shapes(proto: Any) -> dict[str, list[int | str]]:
    names = ("batch", "channels", "height", "width")
    return {
        told.name: [
            dim.dim_value if dim.HasField("dim_value") else name
            for dim, name in zip(told.type.tensor_type.shape.dim, names)
        ]
        for told in proto.graph.input
    }
