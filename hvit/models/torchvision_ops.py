"""Lets torchvision, which timm imports, be imported with any build of torch."""

import importlib.util
from pathlib import Path
from typing import Any

import torch

_OPS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_library: Any = None  # the declarations below last as long as this object


def declare_missing_torchvision_ops() -> list[str]:
    """Declares torchvision's ops where its compiled library does not load, so that `import torchvision` works.

    The usual wheel of torchvision is built for CUDA; with a CPU build of torch its import fails, because it registers
    fake kernels for two ops that are then missing. Declaring the two is enough. Where the library loads, nothing is
    declared.

    Returns:
        Names of the declared ops. Calling one raises an error; classification never calls them.
    """
    global _library
    ops: Any = torch.ops  # torch ships no types for it
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return []
    for compiled in sorted(Path(spec.origin).parent.glob("_C.*")):
        try:
            ops.load_library(str(compiled))
        except OSError:
            continue  # built for another torch: the ops below stay missing
    missing = [name for name in _OPS if not hasattr(ops.torchvision, name)]
    if missing:
        library: Any = torch.library
        _library = library.Library("torchvision", "FRAGMENT")
        for name in missing:
            _library.define(_OPS[name])
    return missing
