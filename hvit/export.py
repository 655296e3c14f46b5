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
from hvit.models.segmentation import CLASSES, DETAIL_SCALE
from hvit.runs.checkpoint import Checkpoint

MOST_UNITS = 64  # of 32 px along a side
TRACED = (160, 192, 224)  # sides of which two are traced; the graph takes others
CHECKED = ((1, 64, 64), (2, 160, 192), (3, 128, 224))  # it is compared at these
LARGEST_DIFFERENCE = 1e-3  # of logits: kernels of another program round otherwise
LARGEST_SEGMENTATION_DIFFERENCE = 1e-4  # of logits of pixels


class ExportError(ValueError):
    """A model that cannot be exported; the message says why and what to do."""


class Served(nn.Module):
    """Module from pixels to calibrated probabilities, as exported.

    Rejection is not in it: that compares features with those of the training photos.
    """

    output_names: tuple[str, ...] = ("logits", "probabilities")

    def __init__(self, checkpoint: Checkpoint):
        super().__init__()
        self.model = cast(HViT, copy.deepcopy(checkpoint.model).cpu())
        # Sides are multiples of 32 here, and asking whether they are would tie the graph to those it is traced with.
        self.model.backbone.resized = lambda images: images  # type: ignore[method-assign]
        _halve_sides(self.model)
        self.preprocessing, self.stream = checkpoint.preprocessing, checkpoint.spectral
        self.temperature = checkpoint.temperature

    def forward(self, pixels: Tensor, bands: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits and probabilities, (B, K) each.

        Args:
            pixels: RGB, (B, 3, H, W) uint8, sides multiples of 32 px.
            bands: reflectance at the same pixels, (B, C, H, W) float32, of models that take bands.
        """
        logits = self.model(*self.normalized(pixels, bands))
        return logits, (logits / self.temperature).softmax(1)

    def normalized(self, pixels: Tensor, bands: Tensor | None = None) -> tuple[Tensor, ...]:
        """The inputs of the model for the arguments of `forward`."""
        inputs: tuple[Tensor, ...] = (self.preprocessing.normalize(pixels),)
        if self.stream is not None:
            planes = vegetation_indices(pixels) if bands is None else bands
            inputs += (self.stream.normalize(planes),)
        return inputs


class ServedWithSegmentation(Served):
    """`Served` with the severity head, which reads the feature maps of the same forward pass.

    Raises:
        ExportError: the run has no severity head, or takes bands.
    """

    output_names = (*Served.output_names, "segmentation")

    def __init__(self, checkpoint: Checkpoint):
        if checkpoint.severity is None:
            reason = checkpoint.severity_problem or f"run {checkpoint.name} has no severity head"
            raise ExportError(f"{reason}; export it without --severity, or train a head: python -m training.segment")
        if checkpoint.takes_bands:
            raise ExportError(f"run {checkpoint.name} takes bands, and is exported without its severity head only")
        super().__init__(checkpoint)
        self.segmentation = copy.deepcopy(checkpoint.severity.head).cpu()
        _halve_sides(self.segmentation)

    def forward(  # type: ignore[override]
        self, pixels: Tensor, detail: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits and probabilities, (B, K) each, and logits of `hvit.models.segmentation.CLASSES`, (B, 3, H, W).

        Args:
            pixels: RGB, (B, 3, H, W) uint8, sides multiples of 32 px.
            detail: the same photos at twice the resolution, (B, 3, 2H, 2W) uint8.
        """
        logits, _, feature_maps = self.model.forward_pyramid(*self.normalized(pixels))
        segmentation = self.segmentation(feature_maps, self.preprocessing.normalize(detail))
        return logits, (logits / self.temperature).softmax(1), segmentation


def _halve_sides(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
            module.register_forward_hook(_halves)


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
        outputs: their names.
        difference: largest difference of a logit from the model's own, over the batches it was compared on.
    """

    path: Path
    inputs: dict[str, list[int | str]]
    outputs: tuple[str, ...]
    difference: float


def export_onnx(checkpoint: Checkpoint, path: Path, severity: bool = False) -> Exported:
    """Exports the model of a run as ONNX, and verifies its logits before the file is written.

    The file takes any batch, and any sides that are multiples of 32 px from 64 to 2048. Its metadata hold the classes
    in the order of the outputs, preprocessing, temperature, the threshold of prediction sets, and the run it came from.

    Args:
        path: where to write; replaced where it exists.
        severity: also export the severity head: a further input `detail` and output `segmentation`.
    Raises:
        ExportError: the model is a baseline, has no severity head to export, or the outputs of the file differ.
        OSError: it cannot be written.
    """
    if not checkpoint.model.exports_to_onnx:
        raise ExportError(
            f"run {checkpoint.name} is a baseline of timm's, and only HViTs are exported; timm has an export of its own"
        )
    served = (ServedWithSegmentation(checkpoint) if severity else Served(checkpoint)).eval()
    program = _traced(served, checkpoint)
    proto = program.model_proto
    for key, value in (_metadata(checkpoint) | (_severity_metadata(checkpoint) if severity else {})).items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    data = proto.SerializeToString()
    difference = _difference(data, served, checkpoint)
    if not difference <= LARGEST_DIFFERENCE:
        raise ExportError(
            f"the outputs of the exported file differ from run {checkpoint.name}: logits by {difference:.1e}; "
            "nothing was written"
        )
    write_bytes(path, data)
    return Exported(path, _shapes(proto), served.output_names, difference)


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
    inputs = _example_inputs(2, *traced_sides(checkpoint.card.arguments.get("img_size")), served, checkpoint)
    scales = {name: DETAIL_SCALE * UNIT_PX if name == "detail" else UNIT_PX for name in inputs}
    shapes = {name: {0: batch, 2: px * units[0], 3: px * units[1]} for name, px in scales.items()}
    return onnx_program(served, tuple(inputs.values()), list(inputs), list(served.output_names), shapes)


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


def _example_inputs(batch: int, height: int, width: int, served: Served, checkpoint: Checkpoint) -> dict[str, Tensor]:
    """Random inputs by name, the same every time."""
    random = np.random.default_rng(0)

    def pixels(scale: int) -> Tensor:
        return torch.from_numpy(random.integers(0, 256, (batch, 3, scale * height, scale * width), dtype=np.uint8))

    inputs = {"pixels": pixels(1)}
    if isinstance(served, ServedWithSegmentation):
        return inputs | {"detail": pixels(DETAIL_SCALE)}
    if checkpoint.spectral is not None and checkpoint.takes_bands:
        shape = (batch, checkpoint.spectral.num_bands, height, width)
        inputs["bands"] = torch.from_numpy(random.random(shape, dtype=np.float32))
    return inputs


@torch.inference_mode()
def _difference(data: bytes, served: Served, checkpoint: Checkpoint) -> float:
    """Largest difference of the logits of classes between the file and the module.

    Raises:
        ExportError: the file does not run at other sides, or the logits of its severity head differ.
    """
    import onnxruntime
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    largest = 0.0
    for shape in CHECKED:
        inputs = _example_inputs(*shape, served, checkpoint)
        try:
            outputs = session.run(list(served.output_names), {name: value.numpy() for name, value in inputs.items()})
        except Fail as error:
            sides = " x ".join(map(str, shape[1:]))
            reason = " ".join(str(error).split())[:120]
            raise ExportError(
                f"the graph of run {checkpoint.name} does not run at {sides} px ({reason}); it is not written"
            ) from None
        expected = served(*inputs.values())
        differences = [float(np.abs(ours - theirs.numpy()).max()) for ours, theirs in zip(outputs, expected)]
        if not max(differences[2:], default=0.0) <= LARGEST_SEGMENTATION_DIFFERENCE:
            raise ExportError(
                f"the exported severity head answers otherwise than that of run {checkpoint.name}: its logits differ "
                f"by {differences[2]:.1e}; nothing was written"
            )
        largest = max(largest, differences[0])
    return largest


def _metadata(checkpoint: Checkpoint) -> dict[str, str]:
    """Metadata of the ONNX file as text; the last entries are JSON."""
    card, document = checkpoint.card, checkpoint.card.to_dict()
    fields = {"run": checkpoint.name, "sha256": checkpoint.sha256, "architecture": card.architecture}
    parts = {key: document[key] for key in ("classes", "preprocessing", "temperature", "conformal", "licences")}
    if checkpoint.spectral is not None:
        parts["spectral"] = checkpoint.spectral.to_dict()
    return fields | {key: json.dumps(value, ensure_ascii=False) for key, value in parts.items()}


def _severity_metadata(checkpoint: Checkpoint) -> dict[str, str]:
    assert checkpoint.severity is not None
    record = {
        "classes": CLASSES,
        "detail_scale": DETAIL_SCALE,
        "symptom_threshold": checkpoint.severity.symptom_threshold,
        "sha256": checkpoint.severity.sha256,
    }
    return {"severity": json.dumps(record)}


def _shapes(proto: Any) -> dict[str, list[int | str]]:
    names = ("batch", "channels", "height", "width")
    return {
        told.name: [
            dim.dim_value if dim.HasField("dim_value") else name
            for dim, name in zip(told.type.tensor_type.shape.dim, names)
        ]
        for told in proto.graph.input
    }
