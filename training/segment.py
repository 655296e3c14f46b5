"""Trains a segmentation head on the frozen backbone of a run, and adds a severity estimate to that run.

With `encoder`, a timm model learns with the head in place of the backbone: a baseline, which changes no other run.

python -m training.segment --config training/configs/leaf45_severity.yaml
python -m training.segment --config training/configs/leaf45_severity.yaml --set init=RUN --minutes 60
torchrun --standalone --nproc-per-node=4 -m training.segment --config training/configs/leaf45_severity.yaml
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F
from torch.profiler import record_function

from hvit.data.caching.photo_cache import PhotoCache
from hvit.files import file_sha256
from hvit.models.segmentation import DETAIL_SCALE, SegmentationHead
from hvit.scoring.segmentation import MaskCounts
from training.command_line import program_parser
from training.config import ConfigError, SegmentConfig
from training.dry_run.segment_plan import print_plan
from training.engine.ema import Ema
from training.engine.entry_point import start
from training.engine.optim import adamw
from training.engine.storage import save_weights
from training.engine.trainer import Training
from training.inputs.augment import augment, augment_masks, batch_sides
from training.inputs.datasets import write_roles
from training.inputs.profiler_regions import BACKWARD
from training.inputs.sampler import Sampler, samples_of_pass
from training.parallel.world import average_gradients
from training.segmentation.encoder import EncoderDecoder, build_encoder_decoder
from training.segmentation.finish import finish_encoder, finish_severity
from training.segmentation.losses import segmentation_loss
from training.segmentation.mask_datasets import build_mask_datasets, with_symptoms
from training.segmentation.parent_run import load_parent
from training.segmentation.predict import Segmenter, predict_counts

BEST = "best.safetensors"
TIMED_PHOTOS = 16


def main(argv: list[str] | None = None) -> int:
    return start(Segmentation, _parser(), print_plan, argv)


class Segmentation(Training):
    """Training of a segmentation head; see `Training` for the loop."""

    name, config_kind, kind = "training.segment", SegmentConfig, "segment"

    @property
    def photos(self) -> PhotoCache:
        return self.datasets.train.photos

    @property
    def num_photos(self) -> int:
        return len(self.datasets.train)

    @property
    def plants_known(self) -> bool | None:
        return None

    @property
    def sides(self) -> tuple[int, int]:
        return batch_sides(self.config.seed, self.step, self.img_size, self.config.square)

    @property
    def speed_boundaries(self) -> list[float]:
        return []

    def _area(self, progress: float) -> float:
        return self.img_size**2

    def _upkeep_s(self) -> tuple[float, float]:
        few = self.datasets.selects[np.linspace(0, len(self.datasets.selects) - 1, TIMED_PHOTOS).astype(int)]
        began = time.perf_counter()
        self._counts(few)
        one_s = (time.perf_counter() - began) / len(few)
        return one_s * len(self.datasets.selects), one_s * self.world.size * len(self.datasets.val)

    def _build_datasets(self, resumed: Path | None) -> None:
        self.parent_run = load_parent(self.config, self.world.device)
        self.preprocessing = self.parent_run.preprocessing
        self.parent, self.img_size = self.parent_run.name, self.preprocessing.img_size
        self.datasets = build_mask_datasets(self.config, self.world)

    def _write_split(self) -> None:
        train, val = self.datasets.train.photos, self.datasets.val.photos
        roles = np.full(len(val), "calibrate", dtype=object)
        roles[self.datasets.selects] = "select"
        samples, hashes = train.samples + val.samples, train.sha256 + val.sha256
        write_roles(self.run_dir, samples, hashes, ["train"] * len(train) + list(roles))

    def _photos_of(self, samples: np.ndarray) -> np.ndarray:
        return self.sampler(samples)

    def _build(self, fresh: bool) -> None:
        """Builds head, EMA, optimizer and sampler."""
        config, train = self.config, self.datasets.train
        torch.manual_seed(config.seed)  # independent of random numbers used before, as by an existing head of the run
        net: SegmentationHead | EncoderDecoder
        if config.encoder is None:
            net = SegmentationHead(self.parent_run.model.stage_dims(), **config.head.model_dump())
        else:
            net, self.preprocessing = build_encoder_decoder(config.encoder, config.head, self.preprocessing)
        self.learner = self.model = net.to(self.world.device)
        self.ema = Ema(net, config.optim.ema_decay)
        self.optimizer = adamw(net, config.optim.lr, config.optim.weight_decay, config.optim.beta2)
        given = config.data.source_weights
        self.sampler = Sampler(np.array([given.get(source, 1.0) for source in train.sources]), config.seed)
        self.best: dict | None = None

    def _extra(self) -> dict:
        return {"best": self.best, "backbone_sha256": self.parent_run.sha256}

    def _restore(self, step: int, extra: dict) -> None:
        if extra["backbone_sha256"] != self.parent_run.sha256:
            raise ConfigError("--resume: the weights of `init` are not those this run began with; bring them back")
        self.best = extra["best"]
        if self.best and self.world.is_main:
            self.states.restore(step, BEST)

    def _extra_files(self) -> list[Path]:
        return [self.states.folder / BEST] if self.best else []

    def _begin(self) -> None:
        self.print_line(f"{self.num_photos} photos with masks, {self._length} on {self.parent} to {self.run_dir}")
        self.step_module = self.together()

    def _gradients(self) -> Tensor:
        config, world, train = self.config, self.world, self.datasets.train
        self.learner.train()
        height, width = self.sides
        detail_sides = (DETAIL_SCALE * height, DETAIL_SCALE * width)
        total = torch.zeros((), device=world.device)
        for part in range(config.accum_steps):
            samples = samples_of_pass(self.step, part, world.rank, config, world.size)
            average_gradients(self.step_module, part == config.accum_steps - 1)
            photos = self._photos_of(samples)
            views = augment(train.photos, photos, samples, detail_sides, config.augment, config.seed, world.device)
            masks = augment_masks(train.masks, photos, samples, detail_sides, config.augment, config.seed, world.device)
            with torch.autocast(world.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
                logits = self._logits(self.preprocessing.normalize(views))
            known = torch.from_numpy(train.leaf_known[photos]).to(world.device)
            shares = F.avg_pool2d(masks, DETAIL_SCALE)
            loss = segmentation_loss(logits.float(), shares, known, config.dice_weight)
            with record_function(BACKWARD):
                (loss / config.accum_steps).backward()
            total += loss.detach() / config.accum_steps
        return total

    def _logits(self, detail: Tensor) -> Tensor:
        """Logits (B, 3, H, W) of normalized photos at twice the resolution, (B, 3, 2H, 2W)."""
        if self.config.encoder is not None:
            return self.step_module(detail)
        with torch.no_grad():
            maps = self.parent_run.model.backbone.feature_maps(F.avg_pool2d(detail, DETAIL_SCALE))
        return self.step_module(maps, detail)

    @property
    def _segmenter(self) -> Segmenter:
        """The network with averaged weights."""
        net = self.ema.model
        if self.config.encoder is not None:
            return Segmenter(net.encoder, net.head, self.preprocessing)
        return Segmenter(self.parent_run.model.backbone, net, self.preprocessing)

    @property
    def _note(self) -> str:
        return f"best symptom IoU {self.best['value']:.4f}" if self.best else ""

    def _counts(self, photos: np.ndarray) -> MaskCounts:
        return predict_counts(self._segmenter, self.datasets.val, photos, self.world, self._heartbeat)

    def _heartbeat(self) -> None:
        self.world.heartbeat(self.step)

    def _validate(self) -> None:
        """Scores the averaged head on the selecting half; saves the best by mean symptom IoU of data sets with any."""
        selects = self.datasets.selects
        counts, sources = self._counts(selects), self.datasets.val.sources[selects]
        values: dict[str, float | None] = {"leaf_iou": counts.leaf_iou()}
        by_source = {source: counts[sources == source].symptom_iou() for source in sorted(set(sources))}
        values |= {f"symptom_iou/{source}": value for source, value in by_source.items()}
        scored = with_symptoms(self.datasets.val, selects)
        values["symptom_iou"] = float(np.mean([by_source[source] or 0.0 for source in scored]))
        if self.writer:
            self.writer.log(self.step, self.step / self.schedule.steps_per_epoch, "val", **values)
            if self.best is None or values["symptom_iou"] > self.best["value"]:
                path = self.states.folder / BEST
                sha256 = save_weights(path, self.ema.model)
                self.best = {"step": self.step, "value": values["symptom_iou"], "sha256": sha256}
        self.world.barrier()

    def _finish(self) -> dict:
        """Calibrates the best head and writes it into its parent run; a trained encoder is only evaluated."""
        if not self.writer:
            return {}
        path, net = self.states.folder / BEST, self.ema.model
        if not path.exists() or file_sha256(path) != self.best["sha256"]:
            raise ConfigError(f"{path} was changed since it was written; --resume takes it back from a checkpoint")
        net.load_state_dict(load_file(path))
        summary = {"best_step": self.best["step"], "val_symptom_iou": self.best["value"]}
        if self.config.encoder is not None:
            return summary | finish_encoder(self.run_dir, net, self.preprocessing, self.config, self.datasets)
        return summary | finish_severity(self.run_dir, net, self.config, self.parent_run, self.datasets)


def _parser() -> argparse.ArgumentParser:
    return program_parser(
        "training.segment",
        "Train a segmentation head (background, leaf, symptom) on the frozen backbone of a run.",
        __doc__.split("\n", 2)[2],
    )


if __name__ == "__main__":
    sys.exit(main())
