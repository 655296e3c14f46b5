"""Throughput of the model family on this device, alone and in trainings with photos."""

import gc
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

import torch

from hvit.models import SIZES, create_model
from hvit.speed.benchmark import Setting, measure_all
from training.config import FinetuneConfig, PretrainConfig
from training.device_checks.agreement import no_compiler
from training.device_checks.micro import device_of, temporary_folder
from training.device_checks.part import Part, Row, Settings
from training.parallel.world import World
from training.profile import parts_of_steps, speeds, warmed_up_training

TURNS, LEAST_S = 3, 0.3
PHOTOS, PHOTO_PX = 512, 160  # of a training that is timed
SMALL, MIDDLE = 50e6, 150e6  # parameters; larger models train in smaller batches
TOO_SLOW = "takes minutes on a CPU"


def models_checked() -> list[str]:
    """The sizes of the family without a spectral stream."""
    return [name for name, config in SIZES.items() if not config.spectral_chans]


@cache
def _num_parameters(name: str) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in create_model(name).parameters())


def speed_parts(settings: Settings) -> list[Part]:
    """Parts that measure training with photos, then models alone, then pre-training."""
    steps_s, infer_s, train_s, pretrain_s = (90, 90, 150, 90) if settings.on_gpu else (240, 120, 240, 240)
    names = models_checked()
    small = [name for name in names if _num_parameters(name) < SMALL]
    skipped = {name: _why_skipped(settings, name) for name in names}
    parts = [Part(f"steps:{name}", steps_s, partial(time_steps, name=name), skipped[name]) for name in small]
    for mode, limit_s in (("infer", infer_s), ("train", train_s)):
        parts += [
            Part(f"{mode}:{name}", limit_s, partial(time_model, name=name, mode=mode), skipped[name]) for name in names
        ]
    slow = None if settings.on_gpu else TOO_SLOW
    return parts + [
        Part(f"pretrain:{m}", pretrain_s, partial(time_pretraining, method=m), slow) for m in ("mae", "simclr")
    ]


def _why_skipped(settings: Settings, name: str) -> str | None:
    return None if settings.on_gpu or _num_parameters(name) < SMALL / 5 else TOO_SLOW


def time_model(settings: Settings, name: str, mode: str) -> Iterator[Row]:
    """Times a model on random images in bf16: eager, and compiled on an accelerator."""
    for compiled in (False, True) if settings.on_gpu and no_compiler(settings) is None else (False,):
        batch_size, img_size = (_batch_size(name, mode), 224) if settings.on_gpu else (8, 128)
        setting = Setting(mode, settings.device, "bf16", compiled, None, batch_size, img_size)
        timing = _timed(name, setting)
        row = {"check": f"{mode} {name}", "passed": None, **asdict(timing.setting)}
        row |= {"images_per_s": timing.images_per_s, "peak_mb": timing.peak_mb, "first_s": timing.first_s}
        yield row | {"minutes_per_epoch": settings.minutes_per_epoch(timing.images_per_s)}


def _batch_size(name: str, mode: str) -> int:
    params = _num_parameters(name)
    return 256 if mode == "infer" or params < SMALL else 128 if params < MIDDLE else 64


def _timed(name: str, setting: Setting):
    """Runs `measure_all`, halving the batch up to twice where memory is too small."""
    while True:
        try:
            return measure_all([(name, setting)], TURNS, LEAST_S)[0]
        except torch.OutOfMemoryError:
            if setting.batch_size < 16:
                raise
        gc.collect()  # outside of the handler, which keeps the failed tensors alive
        torch.cuda.empty_cache()
        setting = Setting(**asdict(setting) | {"batch_size": setting.batch_size // 2})


def time_steps(settings: Settings, name: str) -> Iterator[Row]:
    """Times training with photos and augmentation against training on cached views, then profiles it."""
    with temporary_folder(PHOTOS if settings.on_gpu else 48, 24, PHOTO_PX) as folder:
        img_size = (128 if "tiny" in name else 224) if settings.on_gpu else 64  # a tiny one starves a slow host first
        config = FinetuneConfig(
            data=_data(folder),
            model={"name": name, "drop_path_rate": 0.05},
            phases=[{"until": 1.0, "img_size": img_size}],
            eval_img_size=img_size,
            **_common(settings),
        )
        yield from _steps_of(settings, config, folder, f"training {name}", img_size)


def time_pretraining(settings: Settings, method: str) -> Iterator[Row]:
    """Times pre-training of hvit_small with photos; SimCLR counts pairs of views."""
    with temporary_folder(PHOTOS if settings.on_gpu else 48, 24, PHOTO_PX) as folder:
        img_size = {"mae": 224, "simclr": 160}[method] if settings.on_gpu else 64
        name = "hvit_small" if settings.on_gpu else "hvit_tiny"
        config = PretrainConfig(
            data=_data(folder), method=method, model={"name": name}, img_size=img_size, **_common(settings)
        )
        yield from _steps_of(settings, config, folder, f"{method} {name}", img_size)


def _data(folder: Path) -> dict:
    return {"dirs": [folder / "photos"], "cache_dir": folder / "cache"}


def _common(settings: Settings) -> dict:
    batch_size = 256 if settings.on_gpu else 16
    return {"batch_size": batch_size, "epochs": 1e4, "precision": "bf16", "square": 1.0, "checkpoint_minutes": 1e6}


def _steps_of(settings: Settings, config, folder: Path, check: str, img_size: int) -> Iterator[Row]:
    training = warmed_up_training(config, folder / "run", World(0, 1, device_of(settings.device)))
    steps, turns = (10, 5) if settings.on_gpu else (2, 2)
    found = speeds(training, steps, turns)
    row = {"check": f"{check} with photos", "passed": None, "device": settings.device, "precision": "bf16"}
    row |= {"compiled": False, "batch_size": config.batch_size, "img_size": img_size, **found}
    yield row | {"minutes_per_epoch": settings.minutes_per_epoch(found["images_per_s"])}
    yield {"check": f"{check}: parts of a step", "passed": None, "parts": parts_of_steps(training, steps)}
