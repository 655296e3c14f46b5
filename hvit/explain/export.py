"""Files of an explanation: PNG with color bar, attribution per pixel as npy, and metadata for JSON."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hvit.explain.overlay import render_explanation
from hvit.fonts import can_write
from hvit.words import capitalized, class_in_text, class_title

if TYPE_CHECKING:  # these import torch, which pages load only when needed
    from hvit.explain.explanation import Explanation
    from hvit.runs.checkpoint import Checkpoint


def metadata(explanation: Explanation, checkpoint: Checkpoint, photo: str, sha256: str) -> dict[str, Any]:
    """Photo, run, class, method and arguments of an explanation, for the JSON file.

    Args:
        photo: name of the photo's file.
        sha256: of the photo's bytes.
    """
    against = {} if explanation.against is None else {"against": checkpoint.classes[explanation.against]}
    return {
        "photo": photo,
        "sha256": sha256,
        "run": checkpoint.name,
        "weights_sha256": checkpoint.sha256,
        "class": None if explanation.class_index is None else checkpoint.classes[explanation.class_index],
        **against,
        "method": explanation.method,
        "arguments": explanation.arguments,
        "grid": list(explanation.attribution.shape),
        "scale": explanation.scale.to_dict(),
        **({"note": note} if (note := no_evidence_note(explanation, checkpoint.classes)) else {}),
    }


def no_evidence_note(explanation: Explanation, classes: Sequence[str]) -> str | None:
    """A sentence that names the classes without evidence; None where all have some."""
    if not explanation.no_evidence_for:
        return None
    method = explanation.method.replace("_", " ")
    names = " or ".join(class_in_text(classes[index]) for index in explanation.no_evidence_for)
    return f"{capitalized(method)} found no place that speaks for {names}."


def caption(explanation: Explanation, checkpoint: Checkpoint) -> str:
    """Caption of the image: method, class and run."""
    method = explanation.method.replace("_", " ")
    if explanation.is_empty:
        return f"{no_evidence_note(explanation, checkpoint.classes)} {checkpoint.name}"
    if explanation.class_index is None:
        return f"{method} (belongs to no class), {checkpoint.name}"
    named = class_title(checkpoint.classes[explanation.class_index])
    if explanation.against is not None:
        named += f" rather than {class_in_text(checkpoint.classes[explanation.against])}"
    return f"{method} for {named}, {checkpoint.name}"


def printable_caption(explanation: Explanation, checkpoint: Checkpoint) -> str:
    """`caption`, with the class number instead of its name where no installed font has its characters."""
    text = caption(explanation, checkpoint)
    if can_write(text):
        return text
    method = explanation.method.replace("_", " ")
    if explanation.class_index is None:
        return f"{method} (belongs to no class)"
    return f"{method} for class {explanation.class_index + 1} of {len(checkpoint.classes)}; the JSON file names it"


def png(explanation: Explanation, pixels: np.ndarray, caption: str) -> bytes:
    """Photo (H, W, 3) uint8 with heatmap overlay, color bar and caption, as PNG; without overlay where it is empty."""
    out = io.BytesIO()
    render_explanation(pixels, explanation, caption).save(out, "PNG")
    return out.getvalue()


def npy(explanation: Explanation, height: int, width: int) -> bytes:
    """Signed attribution of each pixel of the photo, (height, width) float32, in NumPy's npy format."""
    out = io.BytesIO()
    np.save(out, explanation.per_pixel(height, width))
    return out.getvalue()
