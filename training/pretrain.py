"""Pre-trains the backbone of an HViT on unlabeled photos, and writes a run that `training.finetune` starts from.

python -m training.pretrain --config training/configs/leafsim_mae.yaml
python -m training.pretrain --config training/configs/leafsim_mae.yaml --dry-run
torchrun --standalone --nproc-per-node=4 -m training.pretrain --config training/configs/leafsim_simclr.yaml
python -m training.finetune --config training/configs/leafsim_narrow.yaml --set init=runs/leafsim-mae
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.profiler import record_function

from hvit.data.caching.photo_cache import PhotoCache
from hvit.data.preprocess import Preprocessing
from hvit.models import create_model
from hvit.runs.saving import save_checkpoint
from training.command_line import program_parser
from training.config import PretrainConfig
from training.dry_run.pretrain_plan import print_plan
from training.engine.entry_point import start
from training.engine.gradient_guard import StepOutcome
from training.engine.optim import adamw
from training.engine.steps import predict
from training.engine.trainer import Training
from training.inputs.augment import batch_sides
from training.inputs.profiler_regions import BACKWARD
from training.inputs.sampler import Sampler, samples_of_pass
from training.inputs.unlabeled import gather_unlabeled, write_split
from training.parallel.fsdp import GatheredModule, shard
from training.parallel.signals import GaveUp
from training.parallel.world import average_gradients
from training.self_supervised.monitors import (
    MOST_QUERIES,
    MOST_REFERENCE,
    collapse,
    effective_rank,
    knn_top1,
    probe_top1,
    spread,
)
from training.self_supervised.pretext import PRETEXTS


def main(argv: list[str] | None = None) -> int:
    return start(Pretraining, _parser(), print_plan, argv)


class Pretraining(Training):
    """Self-supervised training of a backbone; see `Training` for the loop."""

    name, config_kind, kind = "training.pretrain", PretrainConfig, "pretrain"

    @property
    def photos(self) -> PhotoCache:
        return self.datasets.cache

    @property
    def num_photos(self) -> int:
        return len(self.datasets.learns)

    @property
    def plants_known(self) -> bool | None:
        return self.datasets.plants_known if len(self.datasets.known) else None

    @property
    def sides(self) -> tuple[int, int]:
        return batch_sides(self.config.seed, self.step, self.config.img_size, self.config.square)

    @property
    def speed_boundaries(self) -> list[float]:
        return []

    def _area(self, progress: float) -> float:
        return self.config.img_size**2

    def _upkeep_s(self) -> tuple[float, float]:
        """Estimates validation time by predicting as many training photos; the end only writes a file."""
        began = time.perf_counter()
        self._features_to_check()
        return time.perf_counter() - began, 0.0

    def _build_datasets(self, resumed: Path | None) -> None:
        self.datasets = gather_unlabeled(self.config, self.world)

    def _write_split(self) -> None:
        write_split(self.run_dir, self.datasets)

    def _photos_of(self, samples: np.ndarray) -> np.ndarray:
        return self.datasets.learns[self.sampler(samples)]

    def _build(self, fresh: bool) -> None:
        """Builds model, pretext task, optimizer and sampler."""
        config, device = self.config, self.world.device
        self.preprocessing = Preprocessing(config.img_size)
        self.arguments = {"num_classes": 0, "drop_path_rate": config.model.drop_path_rate, "img_size": config.img_size}
        self.arguments |= config.model.shape
        self.model = create_model(config.model.name, **self.arguments).to(device)
        self.model.set_grad_checkpointing(config.model.grad_checkpointing)
        self.pretext = PRETEXTS[config.method](self.model, config, self.preprocessing, self.world)
        self.learner = self.pretext.module.to(device)
        self.whole = GatheredModule(self.model, self.is_sharded)
        self.compared = GatheredModule(self.pretext.compared(), self.is_sharded)
        if self.is_sharded:
            shard(self.learner, self.world)
        optim = config.optim
        self.optimizer = adamw(self.learner, optim.lr, optim.weight_decay, optim.beta2)
        self.sampler = Sampler(np.ones(len(self.datasets.learns)), config.seed)
        self.control: float | None = None  # k-NN accuracy with random weights
        self.seen: list[float] = []  # losses since the last look

    def _extra(self) -> dict:
        return {"control": self.control, "seen": self.seen}

    def _restore(self, step: int, extra: dict) -> None:
        self.control, self.seen = extra["control"], extra["seen"]

    def _begin(self) -> None:
        photos = len(self.datasets.learns)
        self.print_line(f"{photos} photos, {self._length} of {self.config.method} to {self.run_dir}")
        self.step_module = self.together()
        if self.step == 0:
            self._validate()  # accuracy of random weights: the control

    def _gradients(self) -> Tensor:
        config, world = self.config, self.world
        self.learner.train()
        sides = self.sides
        total = torch.zeros((), device=world.device)
        for part in range(config.accum_steps):
            samples = samples_of_pass(self.step, part, world.rank, config, world.size)
            average_gradients(self.step_module, part == config.accum_steps - 1)
            photos = self._photos_of(samples)
            loss = self.pretext.loss(self.step_module, self.datasets.cache, photos, samples, sides)
            with record_function(BACKWARD):
                (loss / config.accum_steps).backward()
            total += loss.detach() / config.accum_steps
        return total

    def _after_step(self, outcome: StepOutcome) -> None:
        if not outcome.skipped:
            self.seen.append(outcome.loss)

    @property
    def _note(self) -> str:
        return ""

    def _validate(self) -> None:
        """Evaluates the features on held-out photos.

        Raises:
            GaveUp: they have collapsed, or are about to.
        """
        vectors, labeled = self._features_to_check()
        reason = self._record_features(vectors, labeled) if self.writer else None
        self.seen = []
        if self.world.any(reason is not None):
            raise GaveUp(reason)

    def _features_to_check(self) -> tuple[np.ndarray, tuple | None]:
        """Vectors checked for collapse, and the result of `_labeled_features` where photos have labels."""
        self.learner.eval()
        datasets = self.datasets
        queries = _some(datasets.held_out if datasets.can_evaluate else datasets.learns, MOST_QUERIES)
        labeled = self._labeled_features(queries) if datasets.can_evaluate else None
        return self._features_of(self.compared(), queries), labeled

    def _labeled_features(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Features and class names of training photos, then of held-out photos."""
        model, reference = self.whole(), _some(self.datasets.known, MOST_REFERENCE)
        return tuple(
            part
            for photos in (reference, queries)
            for part in (self._features_of(model, photos), self.datasets.labels(photos))
        )

    def _record_features(self, vectors: np.ndarray, labeled: tuple | None) -> str | None:
        """Records metrics of the features; returns the reason to stop training, or None.

        Args:
            vectors: those that must not collapse, (N, D).
            labeled: see `_labeled_features`; None where no photo has a label.
        """
        values = {"spread": spread(vectors), "effective_rank": effective_rank(vectors)}
        if labeled is not None:
            values |= {"knn_top1": knn_top1(*labeled), "probe_top1": probe_top1(*labeled)}
            if self.step == 0:
                self.control = values["knn_top1"]
        if self.seen:
            values["loss"] = float(np.mean(self.seen))
        self.writer.log(self.step, self.step / self.schedule.steps_per_epoch, "holdout", **values)
        self.print_line(f"step {self.step}: " + "  ".join(f"{name} {value:.4f}" for name, value in values.items()))
        if self.schedule_step <= self.schedule.warmup_steps or not self.seen:
            return None
        knn = values["knn_top1"] if labeled is not None else None
        return collapse(self.config.method, values["loss"], self.pretext.chance, vectors, knn, self.control)

    def _features_of(self, module: torch.nn.Module, photos: np.ndarray) -> np.ndarray:
        return predict(module, self.datasets.cache, photos, self.preprocessing, self.world, heartbeat=self._heartbeat)

    def _heartbeat(self) -> None:
        self.world.heartbeat(self.step)

    def _finish(self) -> dict:
        """Writes the backbone, with a model card without classes."""
        model = self.whole()
        if not self.writer:
            return {}
        rows = [row for row in self.writer.rows() if row["split"] == "holdout"]
        summary = {name: rows[-1].get(name) for name in ("loss", "spread", "effective_rank", "knn_top1", "probe_top1")}
        summary |= {f"random_{name}": rows[0].get(name) for name in ("knn_top1", "probe_top1")}
        save_checkpoint(
            self.run_dir,
            model,
            self.config.model.name,
            self.arguments,
            [],
            self.preprocessing,
            self.writer.info.data_fingerprint,
            self.config.data.licences,
        )
        return {name: value for name, value in summary.items() if value is not None}


def _some(photos: np.ndarray, most: int) -> np.ndarray:
    """Subsamples photos evenly, at most `most`."""
    return photos if len(photos) <= most else photos[np.linspace(0, len(photos) - 1, most).astype(int)]


def _parser() -> argparse.ArgumentParser:
    return program_parser(
        "training.pretrain", "Train the backbone of an HViT on photos without labels.", __doc__.split("\n", 2)[2]
    )


if __name__ == "__main__":
    sys.exit(main())
