"""Prints the plan of a fine-tuning (`training.finetune --dry-run`); writes nothing."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from hvit.console import print_table
from hvit.data.datasets.reading import SPLITS, Sample, check_classes, class_names, groups_from_names, with_groups
from hvit.data.datasets.splits import split_by_group
from hvit.models import Classifier
from hvit.runs.checkpoint import Checkpoint
from training.config import ConfigError, FinetuneConfig, PretrainConfig
from training.distillation.teacher import check_same_classes, load_teachers
from training.dry_run.memory import activation_bytes, print_memory
from training.engine.initial_weights import check_head, check_start, joint_model, model_arguments, new_model, parent_of
from training.engine.losses import ClassificationLoss
from training.engine.schedule import Schedule
from training.inputs.augment import batch_sides
from training.inputs.datasets import fewer, read_all
from training.inputs.masking import sample_visible_indices
from training.inputs.sampler import class_shares, sample_weights
from training.parallel.world import World

UNDIVIDED = "to divide"  # in the place of a split: near-duplicates are found when the photos are decoded


def print_plan(config: FinetuneConfig, run_dir: Path, world: World) -> None:
    """Prints data, model, steps, learning rates and memory of a configuration, with the checks of training.

    Raises:
        ValueError: an error in the configuration or the data sets.
    """
    samples = divided(read_all(config), config)
    check_classes([sample for sample in samples if sample.split != "test"], config.data.dirs)
    train = fewer([s for s in samples if s.split == "train"], config.data.train_fraction, config.seed)
    kept = {sample.relative for sample in train}
    samples = [s for s in samples if s.split != "train" or s.relative in kept]
    classes = class_names([s for s in samples if s.split != "test"])
    # Of photos that are yet to be divided, the share that will train is known, and which they are is not.
    share = config.data.shares[0] * config.data.train_fraction
    learning = {s.relative: 1.0 if s.split == "train" else share for s in samples if s.split in ("train", UNDIVIDED)}
    num_photos = round(sum(learning.values()))
    for split in ("train", "val"):
        if not any(s.split in (split, UNDIVIDED) for s in samples):
            raise ConfigError(f"data.dirs hold no {split} photos; expected DIR/{split}/CLASS/*.jpg")

    teachers = load_teachers(config, world.device)
    check_same_classes(teachers, classes)
    if config.init_head:
        check_head(parent_of(config), classes)
    model = new_model(config, model_arguments(config, len(classes))).to(world.device)
    begins = check_start(config, model)
    schedule = Schedule.of(config, num_photos, world.size)
    print(f"Plan of {run_dir}; nothing is trained or written.")
    print_photos(samples, config.data.shares)
    shares = _print_classes([s for s in samples if s.relative in learning], classes, config)
    loss = ClassificationLoss(config.loss, config.optim.label_smoothing, torch.from_numpy(shares), classes)
    _print_model(model, begins, config, loss)
    _print_teachers(teachers, config)
    _print_spectral(config)
    _print_steps(schedule, config, world, is_estimate=any(s.split == UNDIVIDED for s in samples))
    print_rates(schedule, config.optim.layer_decay ** max(model.layer_groups().values()))
    _print_memory(model, config, world)


def divided(samples: list[Sample], config: FinetuneConfig | PretrainConfig) -> list[Sample]:
    """Samples with their splits; those that only decoded photos can divide are `UNDIVIDED`."""
    whole = [sample for sample in samples if sample.split is None]
    if config.data.group_from is not None and whole:
        whole = with_groups(whole, groups_from_names(whole, config.data.group_from))
    if whole and all(sample.group for sample in whole):
        whole = split_by_group(whole, config.data.shares, config.seed)
    split = [sample for sample in samples if sample.split is not None]
    return split + [replace(sample, split=sample.split or UNDIVIDED) for sample in whole]


def print_photos(samples: list[Sample], shares: tuple[float, float, float]) -> None:
    """Prints a table of photos by data set and split."""
    counts = Counter((s.source, s.split) for s in samples)
    columns = [split for split in (*SPLITS, UNDIVIDED) if any(s.split == split for s in samples)]
    sources = list(dict.fromkeys(s.source for s in samples))
    rows = [[source, *(counts[source, split] for split in columns)] for source in sources]
    if len(rows) > 1:
        rows.append(["together", *(sum(counts[source, split] for source in sources) for split in columns)])
    print()
    print_table(["photos", *columns], rows)
    if UNDIVIDED in columns:
        train, val, test = (f"{100 * share:.0f} %" for share in shares)
        print(f"Those to divide go to train ({train}), val ({val}) and test ({test}) by near-duplicates, when decoded.")
    print("Photos that cannot be read are left out later.")


def _print_classes(samples: list[Sample], classes: list[str], config: FinetuneConfig) -> np.ndarray:
    """Prints the class balance; returns the sampling share of each class."""
    labels = np.array([classes.index(sample.label) for sample in samples])
    weights = sample_weights(labels, [s.source for s in samples], config.data.balance, config.data.source_weights)
    counts, drawn = np.bincount(labels, minlength=len(classes)), class_shares(labels, weights, len(classes))
    print()
    order = np.argsort(-counts, kind="stable")
    rows = [
        [classes[k], counts[k], f"{100 * counts[k] / len(labels):.1f}", f"{100 * drawn[k]:.1f}"] for k in order.tolist()
    ]
    print_table([f"{len(classes)} classes", "photos to learn from", "% of them", "% of the samples"], rows)
    return drawn


def _print_model(model: Classifier, start: str, config: FinetuneConfig, loss: ClassificationLoss) -> None:
    params = sum(parameter.numel() for parameter in model.parameters())
    print(f"\nModel     {config.model.name}, {params:,} parameters, from {start}, {config.precision}")
    weights = loss.weights
    evened = f", class weights {weights.min():.2f} to {weights.max():.2f}" if config.loss.class_weights > 0 else ""
    gamma = f", gamma {config.loss.gamma:g}" if config.loss.name == "focal" else ""
    print(f"Loss      {config.loss.name}{gamma}, label smoothing {config.optim.label_smoothing:g}{evened}")
    if config.aux_mae_weight > 0:
        hidden = f"{100 * config.masked.mask_ratio:.0f} % of each picture"
        print(f"          and {config.aux_mae_weight:g} times that of painting {hidden}, while nothing is frozen")


def _print_teachers(teachers: list[Checkpoint], config: FinetuneConfig) -> None:
    if not teachers:
        return
    distill = config.distill
    params = sum(parameter.numel() for teacher in teachers for parameter in teacher.model.parameters())
    names = ", ".join(teacher.name for teacher in teachers)
    print(f"Teacher   {names}, {params:,} parameters, not in the memory below")
    features = f", and its pooled features {distill.features:g} times" if distill.features > 0 else ""
    print(
        f"          its probabilities at temperature {distill.temperature:g} count {distill.weight:g}, the labels "
        f"{1 - distill.weight:g}{features}"
    )


def _print_spectral(config: FinetuneConfig) -> None:
    if (spectral := config.spectral) is not None:
        kinds = {"bands": "bands from files or drawn", "indices": "indices computed from the photo's colors"}
        print(f"Spectral  {kinds[spectral.kind]}: {', '.join(spectral.channels)}")
        print(f"          {100 * spectral.dropout:.0f} % of the samples learn without")


def _print_steps(schedule: Schedule, config: FinetuneConfig, world: World, is_estimate: bool) -> None:
    about = "about " if is_estimate else ""
    print(
        f"Steps     {about}{schedule.total_steps:,} of {schedule.images_per_step} pictures "
        f"(batch_size {config.batch_size}, accum_steps {config.accum_steps}, processes {world.size}), "
        f"{config.epochs:g} epochs of {about}{schedule.steps_per_epoch:.1f}; validation every {schedule.eval_every}"
    )
    if schedule.freeze_steps:
        print(f"          the head alone learns in the first {schedule.freeze_steps}")
    if (rule := config.early_stopping) is not None:
        print(f"          ends early after {rule.patience} validations without a better {rule.metric}")
    first = 0
    for phase in config.phases:
        last = round(phase.until * schedule.total_steps)
        mixed = config.augment_at((first + 0.5) / schedule.total_steps).mix_probability
        print(f"          {first:>7,} to {last:>7,}: {phase.img_size} px, {100 * mixed:.0f} % of the pictures mixed")
        first = last


def print_rates(schedule: Schedule, lowest: float = 1.0) -> None:
    """Prints learning rates at some steps; `lowest` is the rate of the lowest layer relative to the head."""
    total = schedule.total_steps
    steps = {0, schedule.warmup_steps, schedule.freeze_steps, total // 4, total // 2, 3 * total // 4, total - 1}
    rows = []
    for step in sorted(step for step in steps if step < total):
        row = [step, f"{schedule.lr(step):.2e}"]
        if lowest != 1:
            row.append("frozen" if step < schedule.freeze_steps else f"{lowest * schedule.lr(step):.2e}")
        rows.append(row)
    print()
    print_table(["step", "learning rate", *(["of the lowest layer"] if lowest != 1 else [])], rows)


def largest_sides(seed: int, size: int, square: float) -> tuple[int, int]:
    """Height and width of the largest batch of a training at `size` px."""
    return max((batch_sides(seed, step, size, square) for step in range(200)), key=lambda side: side[0] * side[1])


def _print_memory(model: Classifier, config: FinetuneConfig, world: World) -> None:
    height, width = largest_sides(config.seed, max(phase.img_size for phase in config.phases), config.square)
    learner = model if config.aux_mae_weight == 0 else joint_model(model, config.masked).to(world.device)

    def run(count: int):
        images = torch.zeros(count, 3, height, width, device=world.device)
        bands = 0 if config.spectral is None else len(config.spectral.channels)
        spectral = [torch.zeros(count, bands, height, width, device=world.device)] if bands else []
        if config.aux_mae_weight == 0:
            return learner(images, *spectral)
        visible_indices = sample_visible_indices(0, np.arange(count), (height, width), config.masked.mask_ratio)
        return learner(images, visible_indices.to(world.device), *spectral)

    model.set_grad_checkpointing(False)
    activations = activation_bytes(learner, run, config.batch_size, config.precision, world.device)
    params = sum(parameter.numel() for parameter in learner.parameters())
    what = f"{config.batch_size} pictures at {height} x {width} px"
    print_memory(params, activations, what, config, world.size)
