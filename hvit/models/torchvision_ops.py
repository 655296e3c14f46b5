"""Makes torchvision, and so timm, usable beside any build of torch."""

import importlib.util
from pathlib import Path

import torch

_OPS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_library = None  # the declarations below last as long as this object


def declare_missing_torchvision_ops() -> list[str]:
    """Lets `import torchvision`, and so timm, work where torchvision's compiled ops do not load.

    The usual wheel of torchvision is built for CUDA; beside a CPU build of torch it stops at its import, because it
    registers fake kernels for two ops that do not exist then. Declaring the two is enough. Where the compiled ops do
    load, nothing is declared.

    Returns:
        Names of the ops declared now. Calling one raises; classification never does.
    """
    global _library
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return []
    for compiled in sorted(Path(spec.origin).parent.glob("_C.*")):
        try:
            torch.ops.load_library(str(compiled))
        except OSError:
            continue  # built for another torch: the ops below stay missing
    missing = [name for name in _OPS if not hasattr(torch.ops.torchvision, name)]
    if missing:
        _library = torch.library.Library("torchvision", "FRAGMENT")
        for name in missing:
            _library.define(_OPS[name])
    return missing
