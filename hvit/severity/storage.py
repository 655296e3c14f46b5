"""The segmentation head of a run on disk: severity.safetensors and `severity` of model.json."""

import hashlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors_bytes

from hvit.files import write_bytes
from hvit.models.segmentation import SegmentationHead
from hvit.severity.bounds import AreaBounds
from hvit.severity.estimator import SeverityEstimator
from hvit.severity.intervals import AreaIntervals
from hvit.untrusted import UntrustedFileError, inside, read_bytes, tensor_shapes
from hvit.untrusted.fields import SECTION, SHA256, SHARE, Field, check_fields, integer, number, section_of

FILE = "severity.safetensors"
MAX_BYTES = 8 * 2**20
MAX_DIM = 512
RETRAIN = "train it again: python -m training.segment"

THRESHOLDS = (0.05, 0.95)  # of the symptom probability: what a reader can set too
DIM = integer(8, MAX_DIM).needed()
FIELDS = {
    "file": Field(f"{FILE}", lambda value: value == FILE).needed(),
    "sha256": SHA256.needed(),
    "backbone_sha256": SHA256.needed(),
    "head": SECTION.needed(),
    "head.dim": DIM,
    "head.detail_dim": Field(f"an even {DIM.expected.removeprefix('a ')}", lambda v: DIM(v) and v % 2 == 0, False),
    "symptom_threshold": number(*THRESHOLDS).needed(),
    "intervals": section_of(SECTION.needed(), "area intervals").needed(),
    "least_measurable": section_of(SHARE.needed(), "shares").needed(),
}


class SeverityHeadError(ValueError):
    """A severity head that cannot be used; the message says why. Diagnosis works without it."""


def write_head(run_dir: Path, head: SegmentationHead, half: bool = True) -> str:
    """Writes the weights of a head, float16 by default; returns the SHA-256 of the file."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in head.state_dict().items()}
    data = save_tensors_bytes({name: value.half() if half else value for name, value in tensors.items()})
    write_bytes(run_dir / FILE, data)
    return hashlib.sha256(data).hexdigest()


def severity_record(estimator: SeverityEstimator, dims: dict[str, int], backbone_sha256: str) -> dict[str, Any]:
    """`severity` of model.json.

    Args:
        dims: dim and detail_dim of the head.
        backbone_sha256: of the run's weights, which the head was trained on.
    """
    return {
        "file": FILE,
        "sha256": estimator.sha256,
        "backbone_sha256": backbone_sha256,
        "head": dims,
        "symptom_threshold": estimator.symptom_threshold,
        "intervals": {group: intervals.to_dict() for group, intervals in estimator.intervals.items()},
        "least_measurable": estimator.least_measurable,
    }


def read_head(run_dir: Path, record: Any, stage_dims: list[int], weights_sha256: str) -> SeverityEstimator:
    """Loads the severity estimator of a `severity` section of model.json, on the CPU.

    Args:
        record: the section, which nothing validated yet.
        stage_dims: channels of the run's feature maps.
        weights_sha256: of the run's weights.
    Raises:
        SeverityHeadError: the record or the file is damaged or missing, or was made for other weights.
    """
    name = f"the severity head of run {run_dir.name}"
    try:
        intervals = _checked_intervals(record)
    except ValueError as error:
        raise SeverityHeadError(f"{name} is damaged: severity of model.json {error}; {RETRAIN}") from None
    if record["backbone_sha256"] != weights_sha256:
        raise SeverityHeadError(f"{name} was trained on other weights than the run has now; {RETRAIN}")
    with torch.device("meta"):  # no random initialization of weights that are replaced
        head = SegmentationHead(stage_dims, **{key: record["head"][key] for key in ("dim", "detail_dim")})
    tensors = _checked_tensors(name, run_dir, record["sha256"], head)
    head.load_state_dict({key: value.float() for key, value in tensors.items()}, assign=True)
    head = head.eval().requires_grad_(False)
    head.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return SeverityEstimator(
        head=head,
        symptom_threshold=record["symptom_threshold"],
        intervals=intervals,
        least_measurable=dict(record["least_measurable"]),
        sha256=record["sha256"],
    )


def read_bounds(record: Any) -> AreaBounds:
    """Intervals by group of a `severity` section of model.json, without the head.

    Raises:
        ValueError: the section is damaged or incomplete.
    """
    return AreaBounds(_checked_intervals(record), dict(record["least_measurable"]))


def _checked_intervals(record: Any) -> dict[str, AreaIntervals]:
    """Validates the `severity` section of a model card; returns its area intervals by group.

    Raises:
        ValueError: it is damaged or incomplete; the message is a predicate.
    """
    if not isinstance(record, dict):
        raise UntrustedFileError(f"is {record!r:.60}; expected an object")
    check_fields(record, FIELDS)
    missing = [key for key in FIELDS if not _holds(record, key)]
    if missing:
        raise UntrustedFileError(f"lacks {', '.join(missing)}")
    groups = record["intervals"]
    least = record["least_measurable"]
    if not groups or not set(groups) <= set(least):
        raise UntrustedFileError("names groups that it does not calibrate")
    if len({group.casefold() for group in least}) < len(least):
        raise UntrustedFileError(f"names a group twice: {', '.join(sorted(least)):.100}")
    return {group: AreaIntervals.from_dict(values) for group, values in groups.items()}


def _holds(record: dict[str, Any], key: str) -> bool:
    section, _, last = key.rpartition(".")
    return last in (record.get(section, {}) if section else record)


def _checked_tensors(name: str, run_dir: Path, sha256: str, head: SegmentationHead) -> dict[str, torch.Tensor]:
    """Reads the weights of a head after comparing their shapes and their hash.

    Args:
        name: of the head, in words.
        head: of the same shapes, without memory.
    Raises:
        SeverityHeadError: the file is missing, damaged, or not for this head.
    """
    expected = {key: tuple(value.shape) for key, value in head.state_dict().items()}
    try:
        path = inside(run_dir, FILE)
        data = read_bytes(path, MAX_BYTES)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise SeverityHeadError(f"{name} was changed or damaged after it was written; copy the run again")
        shapes = tensor_shapes(path, MAX_BYTES)[0]
        if shapes != expected:
            raise SeverityHeadError(f"{name} does not fit its backbone; {RETRAIN}")
        tensors = load_tensors(data)
    except (FileNotFoundError, NotADirectoryError):
        raise SeverityHeadError(f"{name} is missing: {FILE} is not in this copy; copy the run again") from None
    except (UntrustedFileError, SafetensorError) as error:
        raise SeverityHeadError(f"{name}: {FILE} {error}; copy the run again") from None
    if not all(value.is_floating_point() and value.isfinite().all() for value in tensors.values()):
        raise SeverityHeadError(f"{name} holds weights that are no finite numbers; {RETRAIN}")
    return tensors
