"""Trains an HViT on labelled photos, and writes a run.

python -m training.finetune --config training/configs/leaf33_tiny.yaml
torchrun --standalone --nproc-per-node=4 -m training.finetune --config training/configs/leaf33_tiny.yaml
"""

import argparse
import csv
import math
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn.parallel import DistributedDataParallel

from hvit.commands.terminal import progress as progress_bar
from hvit.data.cache import PhotoCache, open_cache
from hvit.data.dataset import Sample, class_names, groups_from_names, read_samples, with_groups
from hvit.data.duplicates import Fingerprints, groups_of, near_duplicate_pairs
from hvit.data.preprocess import Preprocessing
from hvit.data.splits import halves_of_val, split_by_group
from hvit.models import create_model
from hvit.runs import RunWriter
from training.config import ConfigError, FinetuneConfig, load_config
from training.distributed import World, world
from training.ema import Ema
from training.loop import Progress, predict, score, train_step
from training.optim import adamw, lr_at
from training.sampler import Sampler, sample_weights
from training.state import load_state, save_state

EXIT_USER, EXIT_PREEMPTED = 2, 75
SPLIT = "split.csv"  # of the run: which photo trained, selected, calibrated


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        config = load_config(args.config, args.set)
        run_dir = args.run_dir or Path("runs") / args.config.stem.replace("_", "-")
        with world(args.device) as here:
            return finetune(config, run_dir, args.resume, here)
    except ValueError as error:
        print(f"training.finetune: {error}", file=sys.stderr)
        return EXIT_USER


def finetune(config: FinetuneConfig, run_dir: Path, resume: bool, here: World) -> int:
    """Trains to the end, or to a signal; returns the exit status."""
    torch.manual_seed(config.seed)
    if here.is_main:
        print("reading photos", file=sys.stderr, flush=True)
    train, val, selects, calibrates = _data(config, here, run_dir if resume else None)
    classes = class_names(train.samples + val.samples)
    number = {name: i for i, name in enumerate(classes)}
    train_labels, val_labels = (np.array([number[s.label] for s in cache.samples]) for cache in (train, val))

    arguments = {
        "num_classes": len(classes),
        "drop_path_rate": config.model.drop_path_rate,
        "img_size": config.eval_img_size,
    }
    model = create_model(config.model.name, **arguments).to(here.device)
    model.set_grad_checkpointing(config.model.grad_checkpointing)
    preprocessing = Preprocessing(config.eval_img_size)
    optimizer = adamw(model, config.optim.lr, config.optim.weight_decay, config.optim.beta2)
    ema = Ema(model, config.optim.ema_decay)
    weights = sample_weights(
        train_labels, [s.source for s in train.samples], config.data.balance, config.data.source_weights
    )
    sampler = Sampler(weights, config.seed)

    images_per_step = config.batch_size * config.accum_steps * here.size
    steps_per_epoch = len(train) / images_per_step
    total_steps = max(1, math.ceil(config.epochs * steps_per_epoch))
    warmup_steps = round(config.optim.warmup_epochs * steps_per_epoch)
    eval_every = max(1, round(config.eval_every * steps_per_epoch))
    step, best = 0, None
    states = run_dir / "checkpoints"
    if resume:
        step, extra = load_state(states, model, ema, optimizer)
        best = extra["best"]

    writer = None
    if here.is_main:
        resolved = config.model_dump(mode="json")
        writer = RunWriter(
            run_dir, "finetune", resolved, config.seed, sys.argv, train.fingerprint,
            world_size=here.size, device=here.name, resume=resume,
        )  # fmt: skip
        writer.truncate_metrics(step)
        _write_split(run_dir, train, val, selects, calibrates)
        print(
            f"{len(train)} photos, {len(classes)} classes, {total_steps} steps to {run_dir}",
            file=sys.stderr,
            flush=True,
        )
    step_model = DistributedDataParallel(model) if here.size > 1 else model
    stop = _stop_on_signals()
    progress = Progress(total_steps, images_per_step, step)
    last_saved = time.monotonic()

    model.train()
    while step < total_steps:
        lr = lr_at(step, total_steps, warmup_steps, config.optim.lr, config.optim.min_lr)
        for group in optimizer.param_groups:
            group["lr"] = lr
        loss = train_step(
            step, step_model, model, train, train_labels, sampler, preprocessing, config, step / total_steps, here
        )
        grad_norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.optim.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        ema.update(model)
        step += 1
        epoch = step / steps_per_epoch
        logs = step % config.log_every == 0 or step == total_steps
        if logs:
            loss = here.mean(loss)
        if writer:
            writer.heartbeat()
            progress(step, loss, f"best {config.select_by} {best['value']:.4f}" if best else "")
            if logs:
                writer.log(
                    step,
                    epoch,
                    "train",
                    loss=loss.item(),
                    lr=lr,
                    grad_norm=grad_norm.item(),
                    images_per_s=progress.images_per_s,
                )
        if step % eval_every == 0 or step == total_steps:
            if writer:
                scores = score(predict(ema.model, val, selects, preprocessing, here.device), val_labels[selects])
                writer.log(step, epoch, "val", **scores)
                if best is None or _better(scores[config.select_by], best["value"], config.select_by):
                    best = {"step": step, "epoch": epoch, "value": scores[config.select_by]}
                    _save_weights(states / "best.safetensors", ema)
            here.barrier()
        stopping = here.any(stop["asked"]) if step % 10 == 0 or here.size == 1 else False
        if writer and (
            stopping or step == total_steps or time.monotonic() - last_saved > 60 * config.checkpoint_minutes
        ):
            save_state(states, step, model, ema, optimizer, {"best": best})
            last_saved = time.monotonic()
        if stopping and step < total_steps:
            if writer:
                writer.finish("preempted", {})
                print(f"\nstopped at step {step}; go on with --resume --run-dir {run_dir}", file=sys.stderr)
            return EXIT_PREEMPTED
    if writer:
        from training.calibrate import finish_run

        ema.model.load_state_dict(load_file(states / "best.safetensors"))
        serving = _serving_size(config, ema, val, val_labels, selects, here)
        summary = finish_run(
            run_dir, ema.model, config, Preprocessing(serving), classes, arguments, train, val, calibrates
        )
        best_value = {f"val_{config.select_by}": best["value"], "serve_img_size": serving}
        writer.finish("done", {"best_step": best["step"]} | best_value | summary)
        writer.write_manifest()
        print(f"\ndone: {run_dir}", file=sys.stderr)
    here.barrier()
    return 0


def _serving_size(
    config: FinetuneConfig, ema: Ema, val: PhotoCache, labels: np.ndarray, selects: np.ndarray, here: World
) -> int:
    """The size that scores best on the selecting half: a net often sees more at a size above the one it trained at."""
    best = None
    for size in config.serve_img_sizes or [config.eval_img_size]:
        value = score(predict(ema.model, val, selects, Preprocessing(size), here.device), labels[selects])[
            config.select_by
        ]
        print(f"served at {size} px: {config.select_by} {value:.4f}", file=sys.stderr, flush=True)
        if best is None or _better(value, best[1], config.select_by):
            best = (size, value)
    return best[0]


def _data(
    config: FinetuneConfig, here: World, resumed: Path | None
) -> tuple[PhotoCache, PhotoCache, np.ndarray, np.ndarray]:
    """Caches of train and val, and which photos of val select and calibrate.

    Args:
        resumed: a run that goes on: its division of val holds.
    """
    dirs = config.data.dirs
    unknown = set(config.data.calibrate_only) | set(config.data.source_weights) | set(config.data.licences)
    unknown -= {folder.resolve().name for folder in dirs}
    if unknown:
        raise ConfigError(f"data names {', '.join(sorted(unknown))}, which is none of the data sets in data.dirs")
    samples = _with_splits(read_samples(dirs), config, here)
    caches = []
    for split in ("train", "val"):
        chosen = [sample for sample in samples if sample.split == split]
        if not chosen:
            raise ConfigError(f"data.dirs hold no {split} photos; expected DIR/{split}/CLASS/*.jpg")
        caches.append(_cache(chosen, config, here))
    train, val = caches
    if resumed is not None and (resumed / SPLIT).exists():
        with open(resumed / SPLIT, newline="", encoding="utf-8") as lines:
            recorded = {row["path"]: row for row in csv.DictReader(lines)}
        if any(sample.relative not in recorded for sample in val.samples):
            raise ConfigError(
                f"--resume: the validation photos are not those {resumed / SPLIT} lists; start a new --run-dir"
            )
        rows = [recorded[sample.relative] for sample in val.samples]
        val.samples = with_groups(val.samples, [row["group"] for row in rows])
        selecting = np.array([row["role"] == "select" for row in rows])
    else:
        val.samples = with_groups(val.samples, _groups(val, config))
        selecting = halves_of_val(val.samples, set(config.data.calibrate_only), config.seed)
    if not selecting.any() or selecting.all():
        raise ConfigError("validation has too few groups to be divided into a selecting and a calibrating half")
    return train, val, np.flatnonzero(selecting), np.flatnonzero(~selecting)


def _with_splits(samples: list[Sample], config: FinetuneConfig, here: World) -> list[Sample]:
    """Divides the data sets that come without splits, by group."""
    divided = [sample for sample in samples if sample.split is not None]
    whole = [sample for sample in samples if sample.split is None]
    if not whole:
        return samples
    cache = _cache(whole, config, here)
    whole = with_groups(cache.samples, _groups(cache, config))
    return divided + split_by_group(whole, config.data.shares, config.seed)


def _cache(samples: list[Sample], config: FinetuneConfig, here: World) -> PhotoCache:
    """Decoded photos: the first process decodes, the others wait."""
    if not here.is_main:
        here.barrier()
    cache = open_cache(samples, config.data.cache_side, config.data.cache_dir, progress_bar("decoding photos"))
    if here.is_main:
        here.barrier()
    return cache


def _groups(cache: PhotoCache, config: FinetuneConfig) -> list[str]:
    """Known groups, those a pattern reads off the names, or near-duplicates."""
    samples = cache.samples
    if config.data.group_from is not None:
        return groups_from_names(samples, config.data.group_from)
    if all(sample.group for sample in samples):
        return [sample.group for sample in samples]
    labels = np.unique([sample.label for sample in samples], return_inverse=True)[1]
    prints = Fingerprints.of(cache[i] for i in range(len(cache)))
    return [samples[g].relative for g in groups_of(len(cache), near_duplicate_pairs(prints, labels))]


def _write_split(
    run_dir: Path, train: PhotoCache, val: PhotoCache, selects: np.ndarray, calibrates: np.ndarray
) -> None:
    """Which photo did what, as CSV in the run: path, sha256, label, role, group."""
    role = ["train"] * len(train) + [""] * len(val)
    for name, indices in (("select", selects), ("calibrate", calibrates)):
        for i in indices:
            role[len(train) + i] = name
    temporary = run_dir / f"{SPLIT}.partial"
    with open(temporary, "w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["path", "sha256", "label", "role", "group"])
        for sample, sha256, part in zip(train.samples + val.samples, train.sha256 + val.sha256, role):
            rows.writerow([sample.relative, sha256, sample.label, part, sample.group])
    os.replace(temporary, run_dir / SPLIT)


def _save_weights(path: Path, ema: Ema) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    save_file({key: value.detach().cpu().contiguous() for key, value in ema.model.state_dict().items()}, temporary)
    os.replace(temporary, path)


def _better(value: float, best: float, metric: str) -> bool:
    return value < best if metric == "nll" else value > best


def _stop_on_signals() -> dict[str, bool]:
    """A flag that SIGTERM or the first SIGINT sets: the step is finished and the state saved."""
    flag = {"asked": False}

    def ask(signum, frame):
        flag["asked"] = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return flag


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="training.finetune",
        description="Train an HViT on labelled photos.",
        epilog=__doc__.split("\n", 2)[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, required=True, help="YAML file, see training/configs")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a key, e.g. optim.lr=0.001"
    )
    parser.add_argument("--run-dir", type=Path, help="folder to write (default: runs/<name of the config>)")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint in the run folder")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    return parser


if __name__ == "__main__":
    sys.exit(main())
