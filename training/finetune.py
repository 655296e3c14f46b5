"""Trains an HViT or a timm baseline on labeled photos, and writes a run.

python -m training.finetune --config training/configs/leaf45_tiny.yaml
python -m training.finetune --config training/configs/leaf45_tiny.yaml --dry-run
python -m training.finetune --config training/configs/leaf33_tiny.yaml --set model.name=timm:resnet50
torchrun --standalone --nproc-per-node=4 -m training.finetune --config training/configs/leaf45_tiny.yaml
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from hvit.data.caching.photo_cache import PhotoCache
from hvit.data.preprocess import Preprocessing
from hvit.files import file_sha256
from hvit.weights_origin import Origin
from training.calibration.fitting import finish_run, finish_s
from training.command_line import program_parser
from training.config import ConfigError, FinetuneConfig
from training.distillation.repeated_views import RepeatedViews
from training.distillation.stored_outputs import stored_teacher
from training.distillation.teacher import FeatureStudent, Teacher, check_same_classes, load_teachers
from training.dry_run.finetune_plan import print_plan
from training.engine.early_stopping import Patience, better
from training.engine.ema import Ema
from training.engine.entry_point import start
from training.engine.initial_weights import (
    check_head,
    joint_model,
    model_arguments,
    new_model,
    origin_of,
    parent_of,
    preprocessing_for,
    start_in_words,
    take_backbone,
    take_head,
    take_weights,
    weights_of,
)
from training.engine.losses import ClassificationLoss
from training.engine.optim import adamw
from training.engine.steps import predict, score, sides_at, train_step
from training.engine.storage import save_weights
from training.engine.trainer import Training
from training.inputs.datasets import build_datasets, listed_classes, write_split
from training.inputs.sampler import Sampler, class_shares, sample_weights
from training.parallel.fsdp import GatheredModule, shard
from training.parallel.world import World

BEST = "best.safetensors"
TIMED_PHOTOS = 64  # to time a validation


def main(argv: list[str] | None = None) -> int:
    return start(Finetuning, _parser(), print_plan, argv)


class Finetuning(Training):
    """Supervised training of a classifier; see `Training` for the loop."""

    name, config_kind = "training.finetune", FinetuneConfig

    @property
    def kind(self) -> str:
        return "baseline" if self.config.model.is_baseline else "finetune"

    @property
    def photos(self) -> PhotoCache:
        return self.datasets.train

    @property
    def num_photos(self) -> int:
        return len(self.datasets.train)

    @property
    def plants_known(self) -> bool:
        return self.datasets.plants_known

    @property
    def sides(self) -> tuple[int, int]:
        return sides_at(self.step, self.fraction, self.config, self.repeated)

    @property
    def speed_boundaries(self) -> list[float]:
        thaws = self.schedule.freeze_steps / self.schedule.total_steps
        return [*(phase.until for phase in self.config.phases), *([thaws] if thaws > 0 else [])]

    def _area(self, progress: float) -> float:
        return self.config.phase_at(progress).img_size ** 2

    def _upkeep_s(self) -> tuple[float, float]:
        config, datasets, model = self.config, self.datasets, self.averaged()
        few = datasets.selects[np.linspace(0, len(datasets.selects) - 1, TIMED_PHOTOS).astype(int)]
        for photos in (few[:8], few):  # the first pass of a net is slower than others
            began = time.perf_counter()
            predict(model, datasets.val, photos, self.preprocessing, self.world, stream=datasets.stream)
        validation_s = (time.perf_counter() - began) / len(few) * len(datasets.selects)
        if not self.world.is_main:
            return validation_s, 0.0
        sizes = config.serve_img_sizes or [config.eval_img_size]
        choosing_s = sum(self.world.size * validation_s * (size / config.eval_img_size) ** 2 for size in sizes)
        preprocessing = replace(self.preprocessing, img_size=max(sizes))
        return validation_s, choosing_s + finish_s(model, config, preprocessing, datasets)

    def _build_datasets(self, resumed: Path | None) -> None:
        config = self.config
        # Check the model before photos are read; its random weights are not those of the run.
        with torch.random.fork_rng(devices=[]):
            self.outside_weights = weights_of(config) if resumed is None else None
            self.parent_run = parent_of(config) if resumed is None else None
            teachers = load_teachers(config, self.world.device)
            takes_head = config.init_head and self.parent_run is not None
            listed = listed_classes(config) if teachers or takes_head else []
            check_same_classes(teachers, listed)
            if takes_head:
                check_head(self.parent_run, listed)
        self.datasets = build_datasets(self.config, self.world, resumed)
        self.train_labels = self.datasets.labels(self.datasets.train)
        self.val_labels = self.datasets.labels(self.datasets.val)[self.datasets.selects]
        self.teacher = None
        if config.distill:
            bf16 = config.precision == "bf16"
            self.teacher = Teacher(teachers, self.datasets.classes, config.distill, bf16)

    def _write_split(self) -> None:
        write_split(self.run_dir, self.datasets)

    def _photos_of(self, samples: np.ndarray) -> np.ndarray:
        return self.sampler(samples if self.repeated is None else self.repeated.samples(samples))

    def _build(self, fresh: bool) -> None:
        """Builds model, EMA, optimizer, loss and sampler."""
        config, train = self.config, self.datasets.train
        parent, weights = self.parent_run, self.outside_weights
        self.preprocessing, self.origin = preprocessing_for(config, parent, weights), origin_of(parent, weights)
        self.best, self.patience = None, Patience(config.early_stopping)
        self.step_is_frozen = False
        self.arguments = model_arguments(config, len(self.datasets.classes))
        self.model = new_model(config, self.arguments).to(self.world.device)
        if weights is not None:
            take_weights(self.model, weights)
            self.print_line(f"starting from {start_in_words(weights.origin)}")
        if parent is not None:
            take_backbone(self.model, parent)
            if config.init_head:
                take_head(self.model, parent, self.datasets.classes)
            self.parent = parent.name
            self.print_line(f"starting from the backbone of {parent.name}")
        self.learner = self._with_auxiliary_parts(self.model)
        self.learner.to(self.world.device)
        optim = config.optim
        self.ema = Ema(self.model, optim.ema_decay)
        self.averaged = GatheredModule(self.ema.model, self.is_sharded)
        if self.is_sharded:
            shard(self.learner, self.world)
            shard(self.ema.model, self.world)
        self.optimizer = adamw(self.learner, optim.lr, optim.weight_decay, optim.beta2, optim.layer_decay)
        sources = [sample.source for sample in train.samples]
        weights = sample_weights(self.train_labels, sources, config.data.balance, config.data.source_weights)
        self.sampler = Sampler(weights, config.seed)
        self.repeated = None
        if config.distill is not None and config.distill.views > 0:
            images = self.schedule.images_per_step
            self.repeated = RepeatedViews(len(train), config.distill.views, images, config.seed, config.square)
        classes = self.datasets.classes
        shares = torch.from_numpy(class_shares(self.train_labels, weights, len(classes)))
        self.loss = ClassificationLoss(config.loss, optim.label_smoothing, shares, classes).to(self.world.device)

    def _with_auxiliary_parts(self, model: torch.nn.Module) -> torch.nn.Module:
        """Wraps the model with the auxiliary heads that its losses need and the trained model does not keep."""
        config = self.config
        if config.aux_mae_weight > 0:
            return joint_model(model, config.masked)
        if config.learns_features:
            side = config.phases[0].img_size
            return FeatureStudent(model, self.teacher.embedding_dims(side), side)
        return model

    def _extra(self) -> dict:
        return {
            "best": self.best,
            "patience": self.patience.state,
            "preprocessing": self.preprocessing.to_dict(),
            "pretrained": None if self.origin is None else self.origin.to_dict(),
            **({} if self.teacher is None else {"teachers": self.teacher.sha256}),
        }

    def _extra_files(self) -> list[Path]:
        return [self.states.folder / BEST] if self.best else []

    def _restore(self, step: int, extra: dict) -> None:
        if self.teacher is not None and "teachers" in extra and extra["teachers"] != self.teacher.sha256:
            raise ConfigError("--resume: the teacher is not the one this run began with; bring it back")
        self.best, self.patience = extra["best"], Patience(self.config.early_stopping, extra["patience"])
        if "preprocessing" in extra:  # a run of before knew one normalization only
            self.preprocessing = Preprocessing.from_dict(extra["preprocessing"])
            self.origin = None if extra["pretrained"] is None else Origin.from_dict(extra["pretrained"])
        self.ended_early = self.patience.is_over and not self.at_end
        if self.best and self.world.is_main:
            self.states.restore(step, BEST)

    def _begin(self) -> None:
        photos, classes = len(self.datasets.train), len(self.datasets.classes)
        self.print_line(f"{photos} photos, {classes} classes, {self._length} to {self.run_dir}")
        if self.repeated is not None:
            train = self.datasets.train
            self.teacher = stored_teacher(self.teacher, self.repeated, train, self.sampler, self.config, self.world)
        self._freeze() if self.is_frozen else self._thaw()

    @property
    def is_frozen(self) -> bool:
        """Whether only the head is trained now."""
        return self.schedule_step < self.schedule.freeze_steps

    def _freeze(self) -> None:
        """Freezes all but the head, in evaluation mode: no stochastic depth, fixed batch-norm statistics."""
        self.learner.requires_grad_(False).eval()
        self.model.get_classifier().requires_grad_(True).train()
        # Frozen weights have no gradients to communicate: `_gradients` averages those of the head, where
        # they are not sharded.
        self.step_module, self.step_is_frozen = self.model, True

    def _thaw(self) -> None:
        """Unfreezes all weights."""
        self.learner.requires_grad_(True).train()
        self.step_module, self.step_is_frozen = self.together(), False

    def _gradients(self) -> Tensor:
        if self.step_is_frozen and not self.is_frozen:
            self._thaw()
        loss = train_step(
            self.step,
            self.step_module,
            self.model,
            self.datasets.train,
            self.train_labels,
            self.sampler,
            self.preprocessing,
            self.loss,
            self.config,
            self.fraction,
            self.world,
            self.is_frozen,
            self.datasets.stream,
            self.teacher,
            self.repeated,
        )
        if self.is_frozen and self.world.size > 1 and not self.is_sharded:
            for parameter in self.model.get_classifier().parameters():
                parameter.grad = self.world.mean(parameter.grad)
        return loss

    @property
    def _note(self) -> str:
        return f"best {self.config.select_by} {self.best['value']:.4f}" if self.best else ""

    def _validate(self) -> None:
        """Validates the averaged weights on the selecting half, saves the best, and checks early stopping."""
        model = self.averaged()
        logits = self._logits(model, self.preprocessing, self.world)
        if self.writer:
            metric, epoch = self.config.select_by, self.step / self.schedule.steps_per_epoch
            scores = score(logits, self.val_labels)
            self.writer.log(self.step, epoch, "val", **scores)
            if self.best is None or better(scores[metric], self.best["value"], metric):
                sha256 = save_weights(self.states.folder / BEST, model)
                self.best = {"step": self.step, "epoch": epoch, "value": scores[metric], "sha256": sha256}
            # Scores with a frozen backbone say nothing about early stopping of the full training.
            if not self.is_frozen:
                self.patience.record(scores)
        self.world.barrier()
        self.ended_early = self.world.any(self.patience.is_over and not self.at_end)
        if self.ended_early:
            rule = self.config.early_stopping
            self.print_line(f"\nstopped at step {self.step}: no better {rule.metric} in {rule.patience} validations")

    def _logits(self, model: torch.nn.Module, preprocessing: Preprocessing, world: World) -> np.ndarray:
        """Logits of the selecting half, predicted by the processes of `world` together."""
        val, selects = self.datasets.val, self.datasets.selects
        return predict(
            model, val, selects, preprocessing, world, stream=self.datasets.stream, heartbeat=self._heartbeat
        )

    def _heartbeat(self) -> None:
        self.world.heartbeat(self.step)

    def _finish(self) -> dict:
        """Calibrates the best weights and writes the run."""
        model = self.averaged()
        if not self.writer:
            return {}
        metric, weights = self.config.select_by, self.states.folder / BEST
        if not weights.exists() or file_sha256(weights) != self.best["sha256"]:
            raise ConfigError(f"{weights} was changed since it was written; --resume takes it back from a checkpoint")
        model.load_state_dict(load_file(weights))
        size = self._serving_size(model)
        summary = {"best_step": self.best["step"], f"val_{metric}": self.best["value"], "serve_img_size": size}
        if self.ended_early:
            summary["stopped_at_step"] = self.step
        return summary | finish_run(
            self.run_dir,
            model,
            self.config,
            replace(self.preprocessing, img_size=size),
            self.datasets,
            self.arguments,
            self.origin,
        )

    def _serving_size(self, model: torch.nn.Module) -> int:
        """Chooses the image size with the best score on the selecting half, often above the training size."""
        metric, best = self.config.select_by, None
        for size in self.config.serve_img_sizes or [self.config.eval_img_size]:
            logits = self._logits(model, replace(self.preprocessing, img_size=size), self.world.alone)
            value = score(logits, self.val_labels)[metric]
            self.print_line(f"served at {size} px: {metric} {value:.4f}")
            if best is None or better(value, best[1], metric):
                best = (size, value)
        return best[0]


def _parser() -> argparse.ArgumentParser:
    return program_parser(
        "training.finetune", "Train an HViT, or a baseline of timm's, on labelled photos.", __doc__.split("\n", 2)[2]
    )


if __name__ == "__main__":
    sys.exit(main())
