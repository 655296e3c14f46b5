"""A complete run that can predict, made in a second: its weights are drawn, so it knows nothing."""

from pathlib import Path

import numpy as np
import pytest

CLASSES = ["Potato___Early_blight", "Tomato___Late_blight", "Tomato___healthy"]


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory) -> Path:
    """A run directory of hvit_tiny with three classes, calibrated and with rejection."""
    import torch

    from hvit.checkpoint import save_checkpoint
    from hvit.data.preprocess import Preprocessing
    from hvit.models import create_model
    from hvit.rejection import Rejector
    from hvit.runs import RunWriter

    path = tmp_path_factory.mktemp("runs") / "tiny"
    writer = RunWriter(path, "finetune", {"epochs": 1}, 0, ["training/finetune.py"], "0" * 64)
    torch.manual_seed(0)
    arguments = {"num_classes": len(CLASSES), "img_size": 64}
    model = create_model("hvit_tiny", **arguments)
    model.head.weight.data.mul_(20)  # so that photos get different answers
    rng = np.random.default_rng(0)
    rejector = Rejector.fit([rng.normal(size=(20, dim)) for dim in model.config.embed_dims])
    save_checkpoint(
        path,
        model,
        "hvit_tiny",
        arguments,
        CLASSES,
        Preprocessing(64),
        "0" * 64,
        {"drawn": "none"},
        temperature=1.5,
        conformal={"alpha": 0.02, "method": "lac", "threshold": 0.6},
        ood=(rejector, 2.0),
    )
    writer.finish("done", {"top1": None})
    writer.write_manifest()
    return path
