"""What a training would do, printed before anything is trained: `training.finetune --dry-run`. Writes nothing."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hvit.commands.terminal import print_table
from hvit.data.dataset import SPLITS, Sample, class_names, groups_from_names, with_groups
from hvit.data.splits import split_by_group
from hvit.models import Baseline, HViT
from hvit.runs import INFO
from training.augment import batch_sides
from training.config import ConfigError, FinetuneConfig
from training.distributed import World
from training.losses import ClassificationLoss
from training.material import fewer, read_all
from training.sampler import class_shares, sample_weights
from training.schedule import Schedule
from training.start import model_arguments, new_model, parent_of

BYTES_A_WEIGHT = 20  # float32: the weight, its gradient, the two moments of AdamW, and the average
UNDIVIDED = "to divide"  # in the place of a split: near-duplicates are found when the photos are decoded


def print_plan(config: FinetuneConfig, run_dir: Path, here: World) -> None:
    """Prints data, model, steps, learning rates and memory of a configuration, and refuses what training would.

    Raises:
        ValueError: what a user can mend: in the configuration or the data sets.
    """
    samples = [_fill_split(sample) for sample in _divided(read_all(config), config)]
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

    parent = parent_of(config)
    model = new_model(config, model_arguments(config, len(classes))).to(here.device)
    schedule = Schedule.of(config, num_photos, here.size)
    print(f"Plan of {run_dir}; nothing is trained or written.")
    if (run_dir / INFO).exists():
        print("This folder holds a run already: choose another --run-dir, or go on with it: --resume.")
    _print_photos(samples, config)
    shares = _print_classes([s for s in samples if s.relative in learning], classes, config)
    loss = ClassificationLoss(config.loss, config.optim.label_smoothing, torch.from_numpy(shares), classes)
    _print_model(model, parent.name if parent else None, config, loss)
    _print_spectral(config)
    _print_steps(schedule, config, here, is_estimate=any(s.split == UNDIVIDED for s in samples))
    _print_rates(schedule, model, config)
    _print_memory(model, config, here)


def _divided(samples: list[Sample], config: FinetuneConfig) -> list[Sample]:
    """Splits of the data sets that come without, where groups are known without decoding a photo."""
    whole = [sample for sample in samples if sample.split is None]
    if config.data.group_from is not None and whole:
        whole = with_groups(whole, groups_from_names(whole, config.data.group_from))
    if whole and all(sample.group for sample in whole):
        whole = split_by_group(whole, config.data.shares, config.seed)
    return [sample for sample in samples if sample.split is not None] + whole


def _fill_split(sample: Sample) -> Sample:
    return sample if sample.split is not None else replace(sample, split=UNDIVIDED)


def _print_photos(samples: list[Sample], config: FinetuneConfig) -> None:
    counts = Counter((s.source, s.split) for s in samples)
    columns = [split for split in (*SPLITS, UNDIVIDED) if any(s.split == split for s in samples)]
    sources = list(dict.fromkeys(s.source for s in samples))
    rows = [[source, *(counts[source, split] for split in columns)] for source in sources]
    if len(rows) > 1:
        rows.append(["together", *(sum(counts[source, split] for source in sources) for split in columns)])
    print()
    print_table(["photos", *columns], rows)
    if UNDIVIDED in columns:
        train, val, test = (f"{100 * share:.0f} %" for share in config.data.shares)
        print(f"Those to divide go to train ({train}), val ({val}) and test ({test}) by near-duplicates, when decoded.")
    print("Photos that cannot be read are left out later.")


def _print_classes(samples: list[Sample], classes: list[str], config: FinetuneConfig) -> np.ndarray:
    """Prints the balance of the classes; returns how often each is drawn."""
    labels = np.array([classes.index(sample.label) for sample in samples])
    weights = sample_weights(labels, [s.source for s in samples], config.data.balance, config.data.source_weights)
    counts, drawn = np.bincount(labels, minlength=len(classes)), class_shares(labels, weights, len(classes))
    print()
    order = np.argsort(-counts, kind="stable")
    rows = [
        [classes[k], counts[k], f"{100 * counts[k] / len(labels):.1f}", f"{100 * drawn[k]:.1f}"] for k in order.tolist()
    ]
    print_table([f"{len(classes)} classes", "photos to learn from", "% of them", "% of the draws"], rows)
    return drawn


def _print_model(model: HViT | Baseline, parent: str | None, config: FinetuneConfig, loss: ClassificationLoss) -> None:
    params = sum(parameter.numel() for parameter in model.parameters())
    start = "random weights" if parent is None else f"the backbone of {parent}"
    print(f"\nModel     {config.model.name}, {params:,} parameters, from {start}, {config.precision}")
    weights = loss.weights
    evened = f", class weights {weights.min():.2f} to {weights.max():.2f}" if config.loss.class_weights > 0 else ""
    gamma = f", gamma {config.loss.gamma:g}" if config.loss.name == "focal" else ""
    print(f"Loss      {config.loss.name}{gamma}, label smoothing {config.optim.label_smoothing:g}{evened}")


def _print_spectral(config: FinetuneConfig) -> None:
    if (spectral := config.spectral) is not None:
        told = {"bands": "bands from files or drawn", "indices": "indices computed from the photo's colors"}
        print(f"Spectral  {told[spectral.kind]}: {', '.join(spectral.channels)}")
        print(f"          {100 * spectral.dropout:.0f} % of the samples learn without")


def _print_steps(schedule: Schedule, config: FinetuneConfig, here: World, is_estimate: bool) -> None:
    about = "about " if is_estimate else ""
    print(
        f"Steps     {about}{schedule.total_steps:,} of {schedule.images_per_step} pictures "
        f"(batch_size {config.batch_size}, accum_steps {config.accum_steps}, processes {here.size}), "
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


def _print_rates(schedule: Schedule, model: HViT | Baseline, config: FinetuneConfig) -> None:
    layers = max(model.layer_numbers().values())
    decay = config.optim.layer_decay**layers
    total = schedule.total_steps
    steps = {0, schedule.warmup_steps, schedule.freeze_steps, total // 4, total // 2, 3 * total // 4, total - 1}
    rows = []
    for step in sorted(step for step in steps if step < total):
        row = [step, f"{schedule.lr(step):.2e}"]
        if decay != 1:
            row.append("frozen" if step < schedule.freeze_steps else f"{decay * schedule.lr(step):.2e}")
        rows.append(row)
    print()
    print_table(["step", "learning rate", *(["of the lowest layer"] if decay != 1 else [])], rows)


def _print_memory(model: HViT | Baseline, config: FinetuneConfig, here: World) -> None:
    params = sum(parameter.numel() for parameter in model.parameters())
    size = max(phase.img_size for phase in config.phases)
    sides = {batch_sides(config.seed, step, size, config.square) for step in range(200)}
    height, width = max(sides, key=lambda side: side[0] * side[1])
    state, activations = BYTES_A_WEIGHT * params, activation_bytes(model, config, height, width, here.device)
    together = (state + activations) / 2**20
    print(
        f"\nMemory    about {together:,.0f} MB a process (an estimate): {state / 2**20:,.0f} for weights, gradients, "
        f"moments and average, {activations / 2**20:,.0f} for a pass of {config.batch_size} pictures at "
        f"{height} x {width} px;"
    )
    less = " Gradient checkpointing takes less than this." if config.model.grad_checkpointing else ""
    print(f"          libraries, photos and what a kernel needs besides come on top.{less}")


def activation_bytes(model: nn.Module, config: FinetuneConfig, height: int, width: int, device: torch.device) -> int:
    """What one pass of `batch_size` pictures keeps for its gradients, without gradient checkpointing.

    Counted on passes of one and of two pictures: each further one takes as much as the second.
    """
    model.set_grad_checkpointing(False)
    model.train()
    one, two = (_kept_bytes(model, config, count, height, width, device) for count in (1, 2))
    return one + (config.batch_size - 1) * (two - one)


def _kept_bytes(
    model: nn.Module, config: FinetuneConfig, count: int, height: int, width: int, device: torch.device
) -> int:
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor  # which keeps it alive, so that no other gets its place

    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16"),
    ):
        bands = 0 if config.spectral is None else len(config.spectral.channels)
        spectral = (torch.zeros(count, bands, height, width, device=device),) if bands else ()
        logits = model(torch.zeros(count, 3, height, width, device=device), *spectral)  # noqa: F841  holds what is kept
    return sum(kept.values())
