"""Prints the plan of a pre-training (`training.pretrain --dry-run`); writes nothing."""

from pathlib import Path

import numpy as np
import torch

from hvit.data.datasets.reading import read_samples, read_unlabeled
from hvit.data.preprocess import Preprocessing
from hvit.models import create_model
from training.config import ConfigError, PretrainConfig
from training.dry_run.finetune_plan import UNDIVIDED, divided, largest_sides, print_photos, print_rates
from training.dry_run.memory import activation_bytes, print_memory
from training.engine.schedule import Schedule
from training.inputs.masking import sample_visible_indices
from training.parallel.world import World
from training.self_supervised.pretext import PRETEXTS


def print_plan(config: PretrainConfig, run_dir: Path, world: World) -> None:
    """Prints data, model, steps, learning rates and memory of a configuration, with the checks of training.

    Raises:
        ValueError: an error in the configuration or the data sets.
    """
    data = config.data
    samples = divided(read_samples(data.dirs), config) if data.dirs else []
    if data.dirs and not any(sample.split in ("train", UNDIVIDED) for sample in samples):
        raise ConfigError("data.dirs hold no train photos; expected DIR/train/CLASS/*.jpg")
    samples += read_unlabeled(data.unlabeled)
    weight = {"train": 1.0, UNDIVIDED: data.shares[0]}
    weights = np.array([weight.get(s.split, 0.0) * ((1 - data.holdout) if s.label else 1.0) for s in samples])
    num_photos = round(weights.sum())

    print(f"Plan of {run_dir}; nothing is trained or written.")
    print_photos(samples, data.shares)
    held = f", {100 * data.holdout:.0f} % of those with labels are held out to judge features" if data.dirs else ""
    print(f"Learned from: about {num_photos:,} train photos{held}; val and test are left alone.")
    model = create_model(
        config.model.name, num_classes=0, drop_path_rate=config.model.drop_path_rate, img_size=config.img_size,
        **config.model.shape,
    ).to(world.device)  # fmt: skip
    module = PRETEXTS[config.method](model, config, Preprocessing(config.img_size), world).module.to(world.device)
    backbone, together = (sum(p.numel() for p in m.parameters()) for m in (model, module))
    print(
        f"\nModel     {config.model.name}, {backbone:,} parameters, and {together - backbone:,} that only "
        f"{config.method} needs, {config.precision}"
    )
    schedule = Schedule.of(config, num_photos, world.size)
    print(
        f"Steps     about {schedule.total_steps:,} of {schedule.images_per_step} photos at {config.img_size} px "
        f"(batch_size {config.batch_size}, accum_steps {config.accum_steps}, processes {world.size}), "
        f"{config.epochs:g} epochs; features are judged every {schedule.eval_every}"
    )
    print_rates(schedule)
    _print_memory(module, config, world)


def _print_memory(module: torch.nn.Module, config: PretrainConfig, world: World) -> None:
    height, width = largest_sides(config.seed, config.img_size, config.square)

    def run(count: int):
        if config.method == "simclr":
            return module(torch.zeros(2 * count, 3, height, width, device=world.device))
        visible_indices = sample_visible_indices(0, np.arange(count), (height, width), config.masked.mask_ratio)
        return module(torch.zeros(count, 3, height, width, device=world.device), visible_indices.to(world.device))

    activations = activation_bytes(module, run, config.batch_size, config.precision, world.device)
    views = "two views of" if config.method == "simclr" else ""
    what = f"{views} {config.batch_size} photos at {height} x {width} px".strip()
    params = sum(parameter.numel() for parameter in module.parameters())
    print_memory(params, activations, what, config, world.size)
