"""An explanation as files: the picture with its scale, the number of every pixel, and what made them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hvit.explain.picture import explained
from hvit.fonts import can_write
from hvit.words import capitalized, class_in_text, class_title

if TYPE_CHECKING:  # import torch, which a page loads only when it needs it
    from hvit.explain.explanation import Explanation
    from hvit.runs.checkpoint import Checkpoint


def record(explanation: Explanation, checkpoint: Checkpoint, photo: str, sha256: str) -> dict:
    """What made an explanation, as the JSON file holds it.

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
        **({"note": note} if (note := nothing_found(explanation, checkpoint.classes)) else {}),
    }


def nothing_found(explanation: Explanation, classes: Sequence[str]) -> str | None:
    """One sentence where the method found no place that speaks for a class; None where it found some."""
    if not explanation.nothing_for:
        return None
    method = explanation.method.replace("_", " ")
    names = " or ".join(class_in_text(classes[index]) for index in explanation.nothing_for)
    return f"{capitalized(method)} found no place that speaks for {names}."


def caption(explanation: Explanation, checkpoint: Checkpoint) -> str:
    """One line under the picture: method, class and run."""
    method = explanation.method.replace("_", " ")
    if explanation.is_empty:
        return f"{nothing_found(explanation, checkpoint.classes)} {checkpoint.name}"
    if explanation.class_index is None:
        return f"{method} (belongs to no class), {checkpoint.name}"
    named = class_title(checkpoint.classes[explanation.class_index])
    if explanation.against is not None:
        named += f" rather than {class_in_text(checkpoint.classes[explanation.against])}"
    return f"{method} for {named}, {checkpoint.name}"


def drawn_caption(explanation: Explanation, checkpoint: Checkpoint) -> str:
    """`caption`, with the number of the class where no font of this computer can write its name."""
    words = caption(explanation, checkpoint)
    if can_write(words):
        return words
    method = explanation.method.replace("_", " ")
    if explanation.class_index is None:
        return f"{method} (belongs to no class)"
    return f"{method} for class {explanation.class_index + 1} of {len(checkpoint.classes)}; the JSON file names it"


def png(explanation: Explanation, pixels: np.ndarray, caption: str) -> bytes:
    """The photo (H, W, 3) uint8 with the map over it, its scale and a caption; without a map where it is empty."""
    out = io.BytesIO()
    explained(pixels, explanation, caption).save(out, "PNG")
    return out.getvalue()


def npy(explanation: Explanation, height: int, width: int) -> bytes:
    """The signed attribution of each pixel of the photo, (height, width) float32, in numpy's format."""
    out = io.BytesIO()
    np.save(out, explanation.on_photo(height, width))
    return out.getvalue()
