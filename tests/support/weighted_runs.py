"""Complete runs that can predict, made in a second: their weights are random."""

from pathlib import Path

import numpy as np

CLASSES = ["Potato___Early_blight", "Tomato___Late_blight", "Tomato___healthy"]


def write_run(
    path: Path,
    classes: list[str],
    data: str,
    kind: str = "",
    channels: tuple[str, ...] = (),
    architecture: str = "hvit_tiny",
) -> Path:
    """Writes a run with drawn weights.

    Args:
        data: the data set its configuration names.
        kind, channels: of its spectral stream, if it has one; its model is then hvit_tiny_dfca.
        architecture: name of its model.
    """
    import torch

    from hvit.data.preprocess import Preprocessing
    from hvit.data.spectral import SpectralStream
    from hvit.models import create_model
    from hvit.rejection import METHODS, OodDetector
    from hvit.runs import RunWriter
    from hvit.runs.model_card import ConformalRecord
    from hvit.runs.saving import save_checkpoint

    config = {"epochs": 1, "data": {"dirs": [data]}}
    writer = RunWriter(path, "finetune", config, 0, ["training/finetune.py"], "0" * 64)
    torch.manual_seed(0)
    arguments = {"num_classes": len(classes), "img_size": 64}
    stream = None
    if kind:
        architecture, arguments = "hvit_tiny_dfca", arguments | {"spectral_chans": len(channels)}
        stream = SpectralStream(kind, channels, (0.3,) * len(channels), (0.1,) * len(channels))
    model = create_model(architecture, **arguments)
    model.head.weight.data.mul_(20)  # so that photos get different answers
    rng = np.random.default_rng(0)
    detector = METHODS["knn"].fit([rng.normal(size=(20, dim)) for dim in model.config.embed_dims], None, None)
    save_checkpoint(
        path,
        model,
        architecture,
        arguments,
        classes,
        Preprocessing(64),
        "0" * 64,
        {"drawn": "none"},
        temperature=1.5,
        conformal=ConformalRecord(0.02, "lac", 0.6),
        ood=OodDetector(detector, 2.0),
        spectral=stream,
    )
    writer.finish("done", {"top1": None})
    writer.write_manifest()
    return path
