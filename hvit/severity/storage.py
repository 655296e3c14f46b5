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
from hvit.severity.estimator import SeverityEstimator
from hvit.severity.intervals import AreaIntervals
from hvit.untrusted import UntrustedFileError, inside, read_bytes
from hvit.untrusted.fields import SECTION, SHA256, SHARE, Field, check_fields, section_of, whole

FILE = "severity.safetensors"
MAX_BYTES = 8 * 2**20
MAX_DIM = 512
RETRAIN = "train it again: python -m training.segment"

FIELDS = {
    "file": Field(f"{FILE}", lambda value: value == FILE).needed(),
    "sha256": SHA256.needed(),
    "backbone_sha256": SHA256.needed(),
    "head": SECTION.needed(),
    "head.dim": whole(8, MAX_DIM).needed(),
    "head.detail_dim": whole(8, MAX_DIM).needed(),
    "symptom_threshold": SHARE.needed(),
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


def read_head(run_dir: Path, record: dict[str, Any], stage_dims: list[int], weights_sha256: str) -> SeverityEstimator:
    """Loads the severity estimator of a `severity` section of model.json, on the CPU.

    Args:
        stage_dims: channels of the run's feature maps.
        weights_sha256: of the run's weights.
    Raises:
        SeverityHeadError: the record or the file is damaged or missing, or was made for other weights.
    """
    name = f"the severity head of run {run_dir.name}"
    try:
        check_fields(record, FIELDS)
        missing = [key for key, field in FIELDS.items() if "." not in key and key not in record]
        if missing:
            raise UntrustedFileError(f"lacks {', '.join(missing)}")
        groups = record["intervals"]
        if not groups or set(groups) != set(record["least_measurable"]):
            raise UntrustedFileError("names groups that it does not calibrate")
        intervals = {group: AreaIntervals.from_dict(values) for group, values in groups.items()}
    except (UntrustedFileError, ValueError) as error:
        raise SeverityHeadError(f"{name} is damaged: model.json {error}; {RETRAIN}") from None
    if record["backbone_sha256"] != weights_sha256:
        raise SeverityHeadError(f"{name} was trained on other weights than the run has now; {RETRAIN}")
    try:
        data = read_bytes(inside(run_dir, FILE), MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise SeverityHeadError(f"{name} is missing: {FILE} is not in this copy; copy the run again") from None
    except (UntrustedFileError, OSError) as error:
        raise SeverityHeadError(f"{name} cannot be read: {error}; copy the run again") from None
    if hashlib.sha256(data).hexdigest() != record["sha256"]:
        raise SeverityHeadError(f"{name} was changed or damaged after it was written; copy the run again")
    with torch.device("meta"):  # no random numbers are drawn for weights that are replaced
        head = SegmentationHead(stage_dims, **{key: record["head"][key] for key in ("dim", "detail_dim")})
    try:
        head.load_state_dict({key: value.float() for key, value in load_tensors(data).items()}, assign=True)
    except (SafetensorError, RuntimeError):
        raise SeverityHeadError(f"{name} does not fit its backbone; {RETRAIN}") from None
    head = head.eval().requires_grad_(False)
    head.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return SeverityEstimator(
        head=head,
        symptom_threshold=record["symptom_threshold"],
        intervals=intervals,
        least_measurable=dict(record["least_measurable"]),
        sha256=record["sha256"],
    )
