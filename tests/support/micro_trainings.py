"""Trainings of a micro model in this process: their command line, losses and state."""

import torch

from hvit.runs import Run
from training.parallel.world import World

MICRO = "model={name: hvit_tiny, embed_dims: [16, 16, 32, 32], depths: [1, 1, 1, 1], head_dim: 16}"
HERE = World(0, 1, torch.device("cpu"))


def training_words(config, run_dir) -> list[str]:
    changes = [MICRO, "epochs=2", "log_every=1", "eval_every=1", "rejection_photos=100"]
    changed = [word for change in changes for word in ("--set", change)]
    return ["--config", str(config), "--run-dir", str(run_dir), "--device", "cpu", *changed]


def losses_of(run_dir) -> dict[int, float]:
    return {row["step"]: row["loss"] for row in Run(run_dir).metrics() if row["split"] == "train"}


def last_state_of(run_dir) -> bytes:
    return (max(run_dir.glob("checkpoints/step-*")) / "tensors.safetensors").read_bytes()


def weights_of(run) -> list[torch.Tensor]:
    moments = [value for state in run.optimizer.state.values() for value in state.values()]
    return [value.clone() for value in (*run.learner.state_dict().values(), *moments)]
