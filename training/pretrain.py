"""Trains the backbone of an HViT on photos without labels, and writes a run that `training.finetune` starts from.

python -m training.pretrain --config training/configs/leafsim_mae.yaml
python -m training.pretrain --config training/configs/leafsim_mae.yaml --dry-run
torchrun --standalone --nproc-per-node=4 -m training.pretrain --config training/configs/leafsim_simclr.yaml
python -m training.finetune --config training/configs/leafsim_narrow.yaml --set init=runs/leafsim-mae
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel

from hvit.checkpoint import save_checkpoint
from hvit.data.preprocess import Preprocessing
from hvit.models import create_model
from hvit.runs import RunWriter
from training.augment import batch_sides
from training.command_line import program_parser, run_dir_of
from training.config import PretrainConfig, load_config
from training.distributed import World, world
from training.loop import Progress, predict
from training.monitors import (
    MOST_QUERIES,
    MOST_REFERENCE,
    collapse,
    effective_rank,
    knn_top1,
    probe_top1,
    spread,
)
from training.optim import adamw
from training.pretext import PRETEXTS
from training.pretrain_plan import print_plan
from training.sampler import Sampler
from training.schedule import Schedule
from training.state import load_state, save_state
from training.stopping import ASK_EVERY, EXIT_COLLAPSED, EXIT_PREEMPTED, EXIT_USER, stop_on_signals
from training.unlabeled import gather_unlabeled, write_split


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        config, run_dir = load_config(args.config, args.set, PretrainConfig), run_dir_of(args)
        with world(args.device) as here:
            if args.dry_run:
                if here.is_main:
                    print_plan(config, run_dir, here)
                return 0
            return Pretraining(config, run_dir, args.resume, here, args.tag).run()
    except ValueError as error:
        print(f"training.pretrain: {error}", file=sys.stderr)
        return EXIT_USER


class Pretraining:
    """One run from its photos to the weights of a backbone.

    Args:
        config: resolved configuration.
        run_dir: folder to write.
        resume: go on from the newest state in it.
        here: this process among all.
        tags: words to find the run by.
    Raises:
        ValueError: what a user can mend: in the configuration, the data sets or the folder.
    """

    def __init__(self, config: PretrainConfig, run_dir: Path, resume: bool, here: World, tags: Sequence[str] = ()):
        torch.manual_seed(config.seed)
        self.config, self.run_dir, self.here, self.tags = config, run_dir, here, tags
        self.states = run_dir / "checkpoints"
        self.say("reading photos")
        self.material = gather_unlabeled(config, here)
        self.preprocessing = Preprocessing(config.img_size)
        self.schedule = Schedule.of(config, len(self.material.learns), here.size)
        self.arguments = {"num_classes": 0, "drop_path_rate": config.model.drop_path_rate, "img_size": config.img_size}
        self.arguments |= config.model.shape
        self.model = create_model(config.model.name, **self.arguments).to(here.device)
        self.model.set_grad_checkpointing(config.model.grad_checkpointing)
        self.pretext = PRETEXTS[config.method](self.model, config, self.preprocessing, here)
        self.module = self.pretext.module.to(here.device)
        optim = config.optim
        self.optimizer = adamw(self.module, optim.lr, optim.weight_decay, optim.beta2)
        self.sampler = Sampler(np.ones(len(self.material.learns)), config.seed)
        self.step = 0
        self.control: float | None = None  # what neighbors told on random weights
        self.seen: list[torch.Tensor] = []  # losses since the last look
        if resume:
            self.step, extra = load_state(self.states, self.module, None, self.optimizer)
            self.control, self.seen = extra["control"], [torch.tensor(loss) for loss in extra["seen"]]
        self.writer = self._open_run(resume) if here.is_main else None

    def _open_run(self, resume: bool) -> RunWriter:
        writer = RunWriter(
            self.run_dir,
            "pretrain",
            self.config.model_dump(mode="json"),
            self.config.seed,
            sys.argv,
            self.material.cache.fingerprint,
            plants_known=self.material.plants_known if len(self.material.known) else None,
            tags=self.tags,
            world_size=self.here.size,
            device=self.here.name,
            resume=resume,
        )
        writer.truncate_metrics(self.step)
        write_split(self.run_dir, self.material)
        return writer

    def run(self) -> int:
        """Trains to the end, until a signal, or until features collapse; returns the exit status."""
        try:
            return self._run()
        except BaseException:
            if self.writer and self.writer.info["status"] == "running":
                self.writer.finish("failed", {})
            raise

    def _run(self) -> int:
        total_steps = self.schedule.total_steps
        self.say(f"{len(self.material.learns)} photos, {total_steps} steps of {self.config.method} to {self.run_dir}")
        stop = stop_on_signals()
        progress = Progress(total_steps, self.schedule.images_per_step, self.step)
        self.step_module = DistributedDataParallel(self.module) if self.here.size > 1 else self.module
        last_saved = time.monotonic()
        if self.step == 0:
            self._look()  # what random weights tell: the control
        while self.step < total_steps:
            self._train_step(progress)
            at_end = self.step == total_steps
            if at_end or self.step % self.schedule.eval_every == 0:
                reason = self._look()
                if self.here.any(reason is not None):
                    return self._give_up(reason)
            agrees = self.here.size == 1 or self.step % ASK_EVERY == 0
            stopping = agrees and self.here.any(stop["asked"]) and not at_end
            if stopping or at_end or time.monotonic() - last_saved > 60 * self.config.checkpoint_minutes:
                self._save()
                last_saved = time.monotonic()
            if stopping:
                return self._stop()
        if self.writer:
            self._finish()
        self.here.barrier()
        return 0

    def _train_step(self, progress: Progress) -> None:
        config, schedule = self.config, self.schedule
        lr = schedule.lr(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.module.train()
        loss = self._gradients()
        grad_norm = torch.nn.utils.clip_grad_norm_(self.module.parameters(), config.optim.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        loss = self.here.mean(loss)
        self.seen.append(loss)
        if self.writer:
            self.writer.heartbeat()
            progress(self.step, loss)
            if self.step % config.log_every == 0 or self.step == schedule.total_steps:
                values = {"loss": loss.item(), "lr": lr, "grad_norm": grad_norm.item()}
                values["images_per_s"] = progress.images_per_s
                self.writer.log(self.step, self.step / schedule.steps_per_epoch, "train", **values)

    def _gradients(self) -> torch.Tensor:
        """Accumulates the gradients of a step; returns the mean loss of this process's samples."""
        config, here = self.config, self.here
        sides = batch_sides(config.seed, self.step, config.img_size, config.square)
        total = torch.zeros((), device=here.device)
        for part in range(config.accum_steps):
            first = (self.step * config.accum_steps + part) * config.batch_size * here.size
            samples = np.arange(config.batch_size) + first + here.rank * config.batch_size
            photos = self.material.learns[self.sampler(samples)]
            if here.size > 1:
                self.step_module.require_backward_grad_sync = part == config.accum_steps - 1
            loss = self.pretext.loss(self.step_module, self.material.cache, photos, samples, sides)
            (loss / config.accum_steps).backward()
            total += loss.detach() / config.accum_steps
        return total

    def _look(self) -> str | None:
        """Judges the features on photos that are not learned from; says why training should end, or None."""
        reason = None
        if self.writer:
            self.writer.heartbeat()
            self.module.eval()
            material, judges = self.material, self.material.judges
            queries = _some(material.held_out if judges else material.learns, MOST_QUERIES)
            vectors = self._seen_by(self.pretext.compared(), queries)
            values = {"spread": spread(vectors), "effective_rank": effective_rank(vectors)}
            if judges:
                values |= self._told_classes(queries)
                if self.step == 0:
                    self.control = values["knn_top1"]
            if self.seen:
                values["loss"] = float(np.mean([loss.item() for loss in self.seen]))
            self.writer.log(self.step, self.step / self.schedule.steps_per_epoch, "holdout", **values)
            self.say(f"step {self.step}: " + "  ".join(f"{name} {value:.4f}" for name, value in values.items()))
            if self.step > self.schedule.warmup_steps and self.seen:
                knn = values["knn_top1"] if judges else None
                chance = self.pretext.chance
                reason = collapse(self.config.method, values["loss"], chance, vectors, knn, self.control)
        self.seen = []
        self.here.barrier()
        return reason

    def _told_classes(self, queries: np.ndarray) -> dict[str, float]:
        """How well features tell the classes of held-out photos."""
        reference = _some(self.material.known, MOST_REFERENCE)
        places = [self._seen_by(self.model, photos) for photos in (reference, queries)]
        names = [self.material.labels(photos) for photos in (reference, queries)]
        told = (places[0], names[0], places[1], names[1])
        return {"knn_top1": knn_top1(*told), "probe_top1": probe_top1(*told)}

    def _seen_by(self, module: torch.nn.Module, photos: np.ndarray) -> np.ndarray:
        return predict(module, self.material.cache, photos, self.preprocessing, self.here.device)

    def _save(self) -> None:
        if self.writer:
            extra = {"control": self.control, "seen": [loss.item() for loss in self.seen]}
            save_state(self.states, self.step, self.module, None, self.optimizer, extra)

    def _stop(self) -> int:
        if self.writer:
            self.writer.finish("preempted", {})
            self.say(f"\nstopped at step {self.step}; go on with --resume --run-dir {self.run_dir}")
        return EXIT_PREEMPTED

    def _give_up(self, reason: str | None) -> int:
        if self.writer:
            self.writer.finish("failed", {"stopped_at_step": self.step, "reason": reason})
            print(f"training.pretrain: stopped at step {self.step}: {reason}", file=sys.stderr)
        return EXIT_COLLAPSED

    def _finish(self) -> None:
        """Writes the backbone, with a card that names no classes, and closes the run."""
        rows = [row for row in self.writer.rows() if row["split"] == "holdout"]
        summary = {name: rows[-1].get(name) for name in ("loss", "spread", "effective_rank", "knn_top1", "probe_top1")}
        summary |= {f"random_{name}": rows[0].get(name) for name in ("knn_top1", "probe_top1")}
        save_checkpoint(
            self.run_dir,
            self.model,
            self.config.model.name,
            self.arguments,
            [],
            self.preprocessing,
            self.writer.info["data_fingerprint"],
            self.config.data.licences,
        )
        self.writer.finish("done", {name: value for name, value in summary.items() if value is not None})
        self.writer.write_manifest()
        self.say(f"\ndone: {self.run_dir}")

    def say(self, line: str) -> None:
        """A line for whoever watches; only the first process speaks."""
        if self.here.is_main:
            print(line, file=sys.stderr, flush=True)


def _some(photos: np.ndarray, most: int) -> np.ndarray:
    """At most so many of some photos, evenly from all of them."""
    return photos if len(photos) <= most else photos[np.linspace(0, len(photos) - 1, most).astype(int)]


def _parser() -> argparse.ArgumentParser:
    return program_parser(
        "training.pretrain", "Train the backbone of an HViT on photos without labels.", __doc__.split("\n", 2)[2]
    )


if __name__ == "__main__":
    sys.exit(main())
