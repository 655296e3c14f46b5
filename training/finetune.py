"""Trains an HViT on labelled photos, and writes a run.

python -m training.finetune --config training/configs/leaf33_tiny.yaml
torchrun --standalone --nproc-per-node=4 -m training.finetune --config training/configs/leaf33_tiny.yaml
"""

import argparse
import math
import os
import signal
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn.parallel import DistributedDataParallel

from hvit.checkpoint import load_checkpoint
from hvit.data.preprocess import Preprocessing
from hvit.models import create_model
from hvit.runs import RunWriter, find_run
from training.calibrate import finish_run
from training.config import ConfigError, FinetuneConfig, load_config
from training.distributed import World, world
from training.ema import Ema
from training.loop import Progress, predict, score, train_step
from training.material import gather, write_split
from training.optim import adamw, lr_at
from training.sampler import Sampler, sample_weights
from training.state import load_state, save_state

EXIT_USER, EXIT_PREEMPTED = 2, 75
BEST = "best.safetensors"
ASK_EVERY = 10  # steps between two agreements of several processes on whether to stop


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        config = load_config(args.config, args.set)
        run_dir = args.run_dir or Path("runs") / args.config.stem.replace("_", "-")
        with world(args.device) as here:
            return Finetuning(config, run_dir, args.resume, here).run()
    except ValueError as error:
        print(f"training.finetune: {error}", file=sys.stderr)
        return EXIT_USER


class Finetuning:
    """One run from its photos to its weights.

    Args:
        config: resolved configuration.
        run_dir: folder to write.
        resume: go on from the newest state in it.
        here: this process among all.
    Raises:
        ValueError: what a user can mend: in the configuration, the data sets or the folder.
    """

    def __init__(self, config: FinetuneConfig, run_dir: Path, resume: bool, here: World):
        torch.manual_seed(config.seed)
        self.config, self.run_dir, self.here = config, run_dir, here
        self.states = run_dir / "checkpoints"
        self.say("reading photos")
        self.material = gather(config, here, run_dir if resume else None)
        self.train_labels = self.material.labels(self.material.train)
        self.val_labels = self.material.labels(self.material.val)[self.material.selects]
        self.preprocessing = Preprocessing(config.eval_img_size)
        self._plan()
        self.parent = None
        self._build(fresh=not resume)
        self.step, self.best = 0, None
        if resume:
            self.step, extra = load_state(self.states, self.model, self.ema, self.optimizer)
            self.best = extra["best"]
        self.writer = self._open_run(resume) if here.is_main else None

    def _plan(self) -> None:
        """Steps: of all training, of an epoch, of the warm-up, and between validations."""
        optim = self.config.optim
        self.images_per_step = self.config.batch_size * self.config.accum_steps * self.here.size
        self.steps_per_epoch = len(self.material.train) / self.images_per_step
        self.total_steps = max(1, math.ceil(self.config.epochs * self.steps_per_epoch))
        self.warmup_steps = round(optim.warmup_epochs * self.steps_per_epoch)
        self.eval_every = max(1, round(self.config.eval_every * self.steps_per_epoch))

    def _build(self, fresh: bool) -> None:
        """Model, average, optimizer and the order of the samples."""
        config, train = self.config, self.material.train
        self.arguments = {
            "num_classes": len(self.material.classes),
            "drop_path_rate": config.model.drop_path_rate,
            "img_size": config.eval_img_size,
        }
        self.model = create_model(config.model.name, **self.arguments).to(self.here.device)
        if self.config.init is not None and fresh:
            self._start_from(find_run(self.config.init).path)
        self.model.set_grad_checkpointing(config.model.grad_checkpointing)
        self.step_model = DistributedDataParallel(self.model) if self.here.size > 1 else self.model
        self.optimizer = adamw(self.model, config.optim.lr, config.optim.weight_decay, config.optim.beta2)
        self.ema = Ema(self.model, config.optim.ema_decay)
        sources = [sample.source for sample in train.samples]
        weights = sample_weights(self.train_labels, sources, config.data.balance, config.data.source_weights)
        self.sampler = Sampler(weights, config.seed)

    def _start_from(self, run_dir: Path) -> None:
        """Takes over the backbone of a run; the head is new, whatever its classes were."""
        checkpoint = load_checkpoint(run_dir)
        if checkpoint.card["architecture"] != self.config.model.name:
            raise ConfigError(
                f"init: run {checkpoint.name} is a {checkpoint.card['architecture']}, the configuration asks for "
                f"{self.config.model.name}; set model.name to {checkpoint.card['architecture']}, or choose another run"
            )
        self.model.backbone.load_state_dict(checkpoint.model.backbone.state_dict())
        self.parent = checkpoint.name
        self.say(f"starting from the backbone of {checkpoint.name}")

    def _open_run(self, resume: bool) -> RunWriter:
        writer = RunWriter(
            self.run_dir,
            "finetune",
            self.config.model_dump(mode="json"),
            self.config.seed,
            sys.argv,
            self.material.train.fingerprint,
            parent=self.parent,
            plants_known=self.material.plants_known,
            world_size=self.here.size,
            device=self.here.name,
            resume=resume,
        )
        writer.truncate_metrics(self.step)
        write_split(self.run_dir, self.material)
        return writer

    def run(self) -> int:
        """Trains to the end, or until a signal; returns the exit status. What breaks it is recorded as failed."""
        try:
            return self._run()
        except BaseException:
            if self.writer and self.writer.info["status"] == "running":
                self.writer.finish("failed", {})
            raise

    def _run(self) -> int:
        photos, classes = len(self.material.train), len(self.material.classes)
        self.say(f"{photos} photos, {classes} classes, {self.total_steps} steps to {self.run_dir}")
        stop = _stop_on_signals()
        progress = Progress(self.total_steps, self.images_per_step, self.step)
        last_saved = time.monotonic()
        self.model.train()
        while self.step < self.total_steps:
            self._train_step(progress)
            at_end = self.step == self.total_steps
            if at_end or self.step % self.eval_every == 0:
                self._validate()
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
        config, optim, share = self.config, self.config.optim, self.step / self.total_steps
        lr = lr_at(self.step, self.total_steps, self.warmup_steps, optim.lr, optim.min_lr)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        loss = train_step(
            self.step,
            self.step_model,
            self.model,
            self.material.train,
            self.train_labels,
            self.sampler,
            self.preprocessing,
            config,
            share,
            self.here,
        )
        grad_norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), optim.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.ema.update(self.model)
        self.step += 1
        logs = self.step % config.log_every == 0 or self.step == self.total_steps
        if logs:
            loss = self.here.mean(loss)
        if self.writer:
            self.writer.heartbeat()
            progress(self.step, loss, f"best {config.select_by} {self.best['value']:.4f}" if self.best else "")
            if logs:
                speed = progress.images_per_s
                values = {"loss": loss.item(), "lr": lr, "grad_norm": grad_norm.item(), "images_per_s": speed}
                self.writer.log(self.step, self.step / self.steps_per_epoch, "train", **values)

    def _validate(self) -> None:
        """Scores the averaged weights on the selecting half, and keeps the best."""
        if self.writer:
            metric, epoch = self.config.select_by, self.step / self.steps_per_epoch
            scores = self._scores(self.preprocessing)
            self.writer.log(self.step, epoch, "val", **scores)
            if self.best is None or _better(scores[metric], self.best["value"], metric):
                self.best = {"step": self.step, "epoch": epoch, "value": scores[metric]}
                _save_weights(self.states / BEST, self.ema)
        self.here.barrier()

    def _scores(self, preprocessing: Preprocessing) -> dict[str, float]:
        val, selects = self.material.val, self.material.selects
        return score(predict(self.ema.model, val, selects, preprocessing, self.here.device), self.val_labels)

    def _save(self) -> None:
        if self.writer:
            save_state(self.states, self.step, self.model, self.ema, self.optimizer, {"best": self.best})

    def _stop(self) -> int:
        if self.writer:
            self.writer.finish("preempted", {})
            self.say(f"\nstopped at step {self.step}; go on with --resume --run-dir {self.run_dir}")
        return EXIT_PREEMPTED

    def _finish(self) -> None:
        """Calibrates the best weights and closes the run."""
        metric = self.config.select_by
        self.ema.model.load_state_dict(load_file(self.states / BEST))
        size = self._serving_size()
        summary = {"best_step": self.best["step"], f"val_{metric}": self.best["value"], "serve_img_size": size}
        summary |= finish_run(
            self.run_dir,
            self.ema.model,
            self.config,
            Preprocessing(size),
            self.material,
            self.arguments,
            self.writer.heartbeat,
        )
        self.writer.finish("done", summary)
        self.writer.write_manifest()
        self.say(f"\ndone: {self.run_dir}")

    def _serving_size(self) -> int:
        """The size that scores best on the selecting half: a net often sees more above the size it trained at."""
        metric, best = self.config.select_by, None
        for size in self.config.serve_img_sizes or [self.config.eval_img_size]:
            self.writer.heartbeat()
            value = self._scores(Preprocessing(size))[metric]
            self.say(f"served at {size} px: {metric} {value:.4f}")
            if best is None or _better(value, best[1], metric):
                best = (size, value)
        return best[0]

    def say(self, line: str) -> None:
        """A line for whoever watches; only the first process speaks."""
        if self.here.is_main:
            print(line, file=sys.stderr, flush=True)


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
