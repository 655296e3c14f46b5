"""A micro model with rendered photos: a training of one second, for comparisons."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from training.config import FinetuneConfig
from training.engine.timing import take_steps
from training.finetune import Finetuning
from training.parallel.world import World

CLASSES = {"brown": (140, 90, 50), "dull": (70, 110, 60), "fresh": (60, 190, 70)}
PHOTO_PX = 96
STEPS = 20
SHAPE = {"embed_dims": (32, 32, 64, 64), "depths": (1, 1, 1, 1), "head_dim": 32}


def draw_photos(folder: Path, train: int, val: int, side: int = PHOTO_PX) -> Path:
    """Renders FOLDER/{train,val}/CLASS/*.png: a disc whose color shows the class, on random background."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side] - side / 2
    for split, count in (("train", train), ("val", val)):
        for i in range(count):
            name = list(CLASSES)[i % len(CLASSES)]
            ground = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            photo = np.asarray(Image.fromarray(ground).resize((side, side), Image.Resampling.BICUBIC)).copy()
            center, radius = rng.uniform(-side / 8, side / 8, 2), side * rng.uniform(0.25, 0.35)
            photo[(rows - center[0]) ** 2 + (columns - center[1]) ** 2 < radius**2] = CLASSES[name]
            path = folder / split / name / f"{i:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(photo).save(path)
    return folder


@contextmanager
def temporary_folder(train: int = 96, val: int = 24, side: int = PHOTO_PX) -> Iterator[Path]:
    """Temporary folder for runs, with rendered photos in `photos`."""
    with TemporaryDirectory(prefix="check-device-") as folder:
        draw_photos(Path(folder) / "photos", train, val, side)
        yield Path(folder)


def micro_config(folder: Path, **changes) -> FinetuneConfig:
    """Configuration of twenty steps of 16 photos at 64 px in float32, without noise, which differs between devices."""
    values = {
        "data": {"dirs": [folder / "photos"], "cache_dir": folder / "cache"},
        "model": {"name": "hvit_tiny", **SHAPE},
        "optim": {"lr": 1e-3, "warmup_epochs": 0.5},
        "phases": [{"until": 1.0, "img_size": 64}],
        "augment": {"noise_probability": 0.0},
        "epochs": 100,
        "batch_size": 16,
        "eval_img_size": 64,
        "precision": "fp32",
        "square": 1.0,
        "checkpoint_minutes": 1e6,
    }
    return FinetuneConfig(**values | changes)


def device_of(name: str) -> torch.device:
    """Device of a name: cpu, or the current accelerator with its index."""
    return torch.device("cuda", torch.cuda.current_device()) if name == "cuda" else torch.device("cpu")


def begin(config: FinetuneConfig, run_dir: Path, device: str, resume: str | None = None) -> Finetuning:
    """Prepares a training up to its first step, in this process alone."""
    training = Finetuning(config, run_dir, resume, World(0, 1, device_of(device)))
    training._begin()
    training.signals.finishes_step = True
    return training


def losses_of(
    config: FinetuneConfig, run_dir: Path, device: str, prepare: Callable[[Finetuning], None] = lambda training: None
) -> tuple[list[float], float]:
    """Losses of the first steps, and mean seconds a step in the second half of them."""
    training = begin(config, run_dir, device)
    prepare(training)
    first = take_steps(training, STEPS // 2)[1]
    seconds, second = take_steps(training, STEPS - STEPS // 2)
    return first + second, seconds


def largest_difference(losses: list[float], others: list[float]) -> float:
    """Largest relative difference between losses of the same step; not finite where a loss is not."""
    differences = np.abs(np.subtract(losses, others)) / np.maximum(np.abs(others), 1e-6)
    return float(differences.max())
