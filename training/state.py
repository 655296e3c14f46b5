"""Training state on disk, for exact resume: tensors as safetensors, the rest as JSON, nothing pickled."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from training.config import ConfigError
from training.ema import Ema

KEEP = 2


def save_state(
    folder: Path, step: int, model: nn.Module, ema: Ema | None, optimizer: torch.optim.Optimizer, extra: dict
) -> None:
    """Writes `folder`/step-N whole or not at all, and removes all but the newest two; `ema` where there is one."""
    target, partial = folder / f"step-{step:08d}", folder / f".partial-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    if ema is not None:
        tensors |= {f"ema.{k}": v for k, v in ema.model.state_dict().items()}
    for name, parameter in model.named_parameters():
        tensors |= {f"optimizer.{name}.{key}": value for key, value in optimizer.state[parameter].items()}
    tensors_path = partial / "tensors.safetensors"
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, tensors_path)
    updates = None if ema is None else ema.updates
    record = {"step": step, "ema_updates": updates, "sha256": _sha256(tensors_path), "extra": extra}
    (partial / "state.json").write_text(json.dumps(record))
    shutil.rmtree(target, ignore_errors=True)
    os.replace(partial, target)
    for old in sorted(folder.glob("step-*"))[:-KEEP]:
        shutil.rmtree(old)


def load_state(folder: Path, model: nn.Module, ema: Ema | None, optimizer: torch.optim.Optimizer) -> tuple[int, dict]:
    """Puts the newest intact state into model, average and optimizer.

    Returns:
        The optimizer steps done, and what was saved beside.
    Raises:
        ConfigError: there is no intact state in `folder`.
    """
    for candidate in sorted(folder.glob("step-*"), reverse=True):
        try:
            record = json.loads((candidate / "state.json").read_text())
            if _sha256(candidate / "tensors.safetensors") != record["sha256"]:
                continue
        except (OSError, ValueError):
            continue
        tensors = load_file(candidate / "tensors.safetensors")
        model.load_state_dict(_part(tensors, "model."))
        if ema is not None:
            ema.model.load_state_dict(_part(tensors, "ema."))
            ema.updates = record["ema_updates"]
        moments = _part(tensors, "optimizer.")
        for name, parameter in model.named_parameters():
            state = _part(moments, f"{name}.")
            optimizer.state[parameter] = {
                key: value if key == "step" else value.to(parameter.device) for key, value in state.items()
            }
        return record["step"], record["extra"]
    raise ConfigError(f"--resume: no intact training state in {folder}; start without --resume, in a new --run-dir")


def _part(tensors: dict, prefix: str) -> dict:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
