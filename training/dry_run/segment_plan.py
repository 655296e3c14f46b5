"""Prints the plan of training a segmentation head (`training.segment --dry-run`); writes nothing."""

from collections import Counter
from pathlib import Path

from torch import nn

from hvit.console import print_table
from hvit.data.datasets.folders import listed
from hvit.data.datasets.reading import SPLITS
from hvit.models.segmentation import SegmentationHead
from hvit.runs import INFO
from hvit.words import counted
from training.config import ConfigError, SegmentConfig
from training.dry_run.finetune_plan import print_rates
from training.dry_run.mask_checks import check_masks
from training.engine.schedule import Schedule
from training.parallel.world import World
from training.segmentation.encoder import build_encoder_decoder
from training.segmentation.mask_datasets import list_masked
from training.segmentation.parent_run import load_parent


def print_plan(config: SegmentConfig, run_dir: Path, world: World) -> None:
    """Prints data, head, steps and learning rates of a configuration, with the checks of training.

    Raises:
        ValueError: an error in the configuration or the data sets.
    """
    parent = load_parent(config)
    samples, calibrating = list_masked(config.data, world)
    counts = Counter((sample.source, sample.split) for sample in samples)
    for split in ("train", "val"):
        if not any(split == s.split for s in samples):
            raise ConfigError(f"data.dirs hold no {split} photos; expected DIR/{split}/images and DIR/{split}/masks")
    symptoms, unreadable = check_masks([*samples, *calibrating], config.data.leaf_unknown)
    print(f"Plan of {run_dir}; nothing is trained or written.")
    if (run_dir / INFO).exists():
        print("This folder holds a run already: choose another --run-dir, or go on with it: --resume.")
    rows = [
        [source, *(counts[source, split] for split in SPLITS), symptoms.get(source, "")]
        for source in dict.fromkeys(s.source for s in samples)
    ]
    print_table(["data set", *SPLITS, "with symptoms"], rows)
    if unreadable:
        print(
            f"\n{counted(len(unreadable), 'photo')} cannot be read and will be left out: {listed(map(str, unreadable))}"
        )
    if calibrating:
        print(f"\n{len(calibrating):,} more photos calibrate: calibrate_dirs, and validation photos of healthy_dirs.")
    if config.encoder is None:
        head = SegmentationHead(parent.model.stage_dims(), **config.head.model_dump())
        print(f"\nHead      {_parameters(head):,} parameters on the frozen backbone of {parent.name}")
    else:
        net, _ = build_encoder_decoder(config.encoder, config.head, parent.preprocessing)
        print(f"\nNetwork   {_parameters(net):,} parameters of {config.encoder.name} and the head; a baseline")
    schedule = Schedule.of(config, sum(sample.split == "train" for sample in samples), world.size)
    size = parent.preprocessing.img_size
    print(
        f"Steps     {schedule.total_steps:,} of {schedule.images_per_step} photos at {size} px "
        f"(batch_size {config.batch_size}, accum_steps {config.accum_steps}, processes {world.size}), "
        f"{config.epochs:g} epochs; validation every {schedule.eval_every}"
    )
    print_rates(schedule)


def _parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())
