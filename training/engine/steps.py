"""A training step and a prediction pass, shared by the programs."""

import sys
import time
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.profiler import record_function

from hvit.data.caching.photo_cache import PhotoCache
from hvit.data.inputs import model_inputs, stacked
from hvit.data.preprocess import Preprocessing
from hvit.data.spectral import SpectralStream
from hvit.data.transfer import to_device
from hvit.models import Classifier
from hvit.words import duration
from training.config import FinetuneConfig
from training.distillation.repeated_views import RepeatedViews
from training.distillation.stored_outputs import StoredTeacher
from training.distillation.teacher import Teacher, distillation_loss
from training.engine.losses import ClassificationLoss
from training.inputs.augment import augment, batch_sides
from training.inputs.masking import sample_visible_indices
from training.inputs.mixing import mix
from training.inputs.profiler_regions import BACKWARD
from training.inputs.random_streams import uniform
from training.inputs.sampler import Sampler, samples_of_pass
from training.inputs.spectral import model_batch, with_bands
from training.parallel.world import World, average_gradients

DROP_PATH = 2000  # random stream
MEASURED_S = 10  # that the speed is a mean over


def train_step(
    step: int,
    step_model: nn.Module,
    model: Classifier,
    cache: PhotoCache,
    labels: np.ndarray,
    sampler: Sampler,
    preprocessing: Preprocessing,
    loss_of: ClassificationLoss,
    config: FinetuneConfig,
    progress: float,
    world: World,
    frozen: bool = False,
    stream: SpectralStream | None = None,
    teacher: Teacher | StoredTeacher | None = None,
    repeated: RepeatedViews | None = None,
) -> Tensor:
    """Computes the loss of optimizer step `step` and accumulates its gradients into `model`.

    Args:
        step_model: `model`; or, where nothing is frozen, the `JointModel` or `FeatureStudent` around it that an
            auxiliary loss needs; or the wrapper of either that averages gradients over processes.
        labels: class number of each photo of `cache`.
        loss_of: logits and target probabilities to a scalar.
        progress: fraction of training done, in [0, 1).
        frozen: whether the head alone learns, for which there is no auxiliary loss.
        stream: input specification of the model's spectral stream.
        teacher: for distillation.
        repeated: the views that epochs repeat; None where every epoch has new ones.
    Returns:
        Mean loss of this process's samples, a detached scalar.
    """
    strengths = config.augment_at(progress)
    sides = sides_at(step, progress, config, repeated)
    total = torch.zeros((), device=world.device)
    for part in range(config.accum_steps):
        numbers = samples_of_pass(step, part, world.rank, config, world.size)
        samples = numbers if repeated is None else repeated.samples(numbers)
        photos = sampler(samples)
        views = augment(cache, photos, samples, sides, strengths, config.seed, world.device)
        if cache.bands is not None:
            views = with_bands(views, cache, photos, samples, strengths, config.seed, stream)
        targets = to_device(labels[photos], world.device)
        views, targets = mix(views, targets, samples, model.num_classes, strengths, config.seed)
        set_drop_paths(model, config.seed, numbers, world.device)
        last = part == config.accum_steps - 1
        average_gradients(step_model, last)
        reconstruction = guesses = None
        with torch.autocast(world.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            images, *spectral = model_batch(views, numbers, preprocessing, stream, config.spectral, config.seed)
            if config.aux_mae_weight > 0 and not frozen:
                visible_indices = to_device(
                    sample_visible_indices(config.seed, samples, sides, config.masked.mask_ratio), world.device
                )
                logits, reconstruction = step_model(images, visible_indices, *spectral)
            elif config.learns_features and not frozen:
                logits, guesses = step_model(images, *spectral)
            else:
                logits = step_model(images, *spectral)
        loss = loss_of(logits, targets)
        if teacher is not None:
            loss = distillation_loss(loss, logits, teacher(views[:, :3], samples, progress), config.distill, guesses)
        if reconstruction is not None:
            loss = loss + config.aux_mae_weight * reconstruction
        with record_function(BACKWARD):
            (loss / config.accum_steps).backward()
        total += loss.detach() / config.accum_steps
    return total


def sides_at(step: int, progress: float, config: FinetuneConfig, repeated: RepeatedViews | None) -> tuple[int, int]:
    """Image height and width in pixels of optimizer step `step`."""
    img_size = config.phase_at(progress).img_size
    if repeated is not None:
        return repeated.sides(step, img_size)
    return batch_sides(config.seed, step, img_size, config.square)


def set_drop_paths(model: Classifier, seed: int, samples: np.ndarray, device: torch.device) -> None:
    """Sets the stochastic-depth masks of the next pass from global sample numbers."""
    numbers = torch.from_numpy(uniform(seed, samples, max(1, model.num_drop_paths()), DROP_PATH)).float()
    model.set_drop_path(to_device(numbers.T, device))


@torch.inference_mode()
def predict(
    model: nn.Module,
    cache: PhotoCache,
    indices: np.ndarray,
    preprocessing: Preprocessing,
    world: World,
    batch_size: int = 64,
    stream: SpectralStream | None = None,
    heartbeat: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Predicts cached photos without augmentation: logits, or embeddings of a model without head.

    Processes divide the batches among them, so that the result is the same on any number; all must call it at the same
    point.

    Args:
        model: images (B, 3, H, W) to (B, K), with spectral images where there is a stream.
        heartbeat: called once a batch, as a sign of progress.
    Returns:
        (len(indices), K) float32, on every process.
    """
    by_sides: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, i in enumerate(indices):
        by_sides[preprocessing.sides(*cache.sizes[i])].append(row)
    batches = [rows[i : i + batch_size] for rows in by_sides.values() for i in range(0, len(rows), batch_size)]
    own, outputs = batches[world.rank :: world.size], []
    for rows in own:
        heartbeat()
        batch = stacked([_inputs(cache, indices[row], preprocessing, stream) for row in rows], world.device)
        outputs.append(model(*batch).float().cpu())
    gathered = torch.zeros(len(indices), world.max(outputs[0].shape[1] if own else 0))
    for rows, output in zip(own, outputs):
        gathered[rows] = output
    return world.sum(gathered.to(world.device)).cpu().numpy()


def _inputs(cache: PhotoCache, i: int, preprocessing: Preprocessing, stream: SpectralStream | None):
    bands = cache.bands[i] if cache.bands is not None and cache.bands.present[i] else None
    return model_inputs(np.ascontiguousarray(cache[i]), preprocessing, stream, bands)


def score(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Validation metrics: top1, macro_f1 and nll, as in `training.config.Metric`."""
    from hvit.scoring.metrics import macro_f1

    nll = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)).item()
    predicted = logits.argmax(1)
    return {
        "top1": float((predicted == labels).mean()),
        "macro_f1": macro_f1(labels, predicted, logits.shape[1]),
        "nll": nll,
    }


class Progress:
    """Progress line with images a second and time left: rewritten on a terminal, printed rarely to a log.

    Args:
        left_s: seconds left, for training by the clock.
    Attributes:
        total: steps of the training.
        images_per_s: over the last seconds; None before there were any.
        left_s: seconds to the last step, estimated from all steps so far; None before the first.
    """

    def __init__(
        self, total_steps: int, images_per_step: int, start_step: int, left_s: Callable[[], float] | None = None
    ):
        self.total, self._images, self._start, self._clock_s = total_steps, images_per_step, start_step, left_s
        self._began = self._said = self._measured = time.monotonic()
        self._measured_step = start_step
        self.images_per_s: float | None = None
        self.left_s: float | None = None

    def __call__(self, step: int) -> None:
        """Records that a step was done."""
        now = time.monotonic()
        if now - self._measured >= MEASURED_S or self.images_per_s is None or step == self.total:
            self.images_per_s = (step - self._measured_step) * self._images / max(1e-9, now - self._measured)
            self._measured, self._measured_step = now, step
        by_steps_s = (now - self._began) / (step - self._start) * (self.total - step)
        self.left_s = by_steps_s if self._clock_s is None else self._clock_s()

    def print_line(self, step: int, loss: float, note: str = "") -> None:
        """Prints the line if enough time has passed."""
        now, interactive = time.monotonic(), sys.stderr.isatty()
        if now - self._said < (1.0 if interactive else 30.0) and step < self.total:
            return
        speed = f"{self.images_per_s:.0f} img/s  {duration(self.left_s)} left"
        line = f"step {step}/{self.total}  loss {loss:.3f}  {speed}  {note}"
        print(("\r" + line) if interactive else line, end="" if interactive else "\n", file=sys.stderr, flush=True)
        self._said = now
