"""Loads the run whose backbone a segmentation head stands on."""

import difflib

import torch

from hvit.data.classes import crops
from hvit.models import HViT
from hvit.runs import find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from hvit.severity.estimator import ANY_CROP
from training.config import ConfigError, SegmentConfig


def load_parent(config: SegmentConfig, device: torch.device | str = "cpu") -> Checkpoint:
    """Loads the run that `init` names, and checks that a head can be trained on it.

    Raises:
        ConfigError: it is a baseline, takes bands or names no classes; or `data.crops` names a crop it does not know.
        ValueError: there is no such run, or it cannot predict.
    """
    parent = load_checkpoint(find_run(config.init).path, device)
    if not isinstance(parent.model, HViT):
        raise ConfigError(f"init: run {parent.name} is a baseline without a feature pyramid; choose an HViT")
    if parent.model.spectral_chans:
        raise ConfigError(f"init: run {parent.name} takes bands, and a severity head reads photos alone")
    if not parent.classes:
        raise ConfigError(f"init: run {parent.name} names no classes, so it cannot diagnose; choose a fine-tuned run")
    _check_crops(config.data.crops, parent)
    return parent


def _check_crops(crops_of_data: dict[str, str], parent: Checkpoint) -> None:
    """Checks that each data set calibrates a crop of the run, or `ANY_CROP`; other intervals would never be used."""
    known = {crop.casefold(): crop for crop in crops(parent.classes)}
    for source, crop in crops_of_data.items():
        if crop != ANY_CROP and crop.casefold() not in known:
            near = difflib.get_close_matches(crop.casefold(), known, 1)
            hint = f"did you mean {known[near[0]]}?" if near else f"it knows {', '.join(known.values()) or 'none'}"
            raise ConfigError(f"data.crops: {crop!r} of {source} is no crop of run {parent.name}; {hint}")
