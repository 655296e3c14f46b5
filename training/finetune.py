"""Trains an HViT, or a baseline of timm's, on labelled photos, and writes a run.

python -m training.finetune --config training/configs/leaf33_tiny.yaml
python -m training.finetune --config training/configs/leaf33_tiny.yaml --dry-run
python -m training.finetune --config training/configs/leaf33_tiny.yaml --set model.name=timm:resnet50
torchrun --standalone --nproc-per-node=4 -m training.finetune --config training/configs/leaf33_tiny.yaml
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn.parallel import DistributedDataParallel

from hvit.data.preprocess import Preprocessing
from hvit.runs import RunWriter
from training.calibrate import finish_run
from training.command_line import program_parser, run_dir_of
from training.config import FinetuneConfig, load_config
from training.distributed import World, world
from training.ema import Ema
from training.loop import Progress, predict, score, train_step
from training.losses import ClassificationLoss
from training.material import gather, write_split
from training.optim import adamw
from training.patience import Patience, better
from training.plan import print_plan
from training.sampler import Sampler, class_shares, sample_weights
from training.schedule import Schedule
from training.start import joint_model, model_arguments, new_model, parent_of, take_backbone
from training.state import load_state, save_state
from training.stopping import ASK_EVERY, EXIT_PREEMPTED, EXIT_USER, stop_on_signals

BEST = "best.safetensors"


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        config, run_dir = load_config(args.config, args.set), run_dir_of(args)
        with world(args.device) as here:
            if args.dry_run:
                if here.is_main:
                    print_plan(config, run_dir, here)
                return 0
            return Finetuning(config, run_dir, args.resume, here, args.tag).run()
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
        tags: words to find the run by.
    Raises:
        ValueError: what a user can mend: in the configuration, the data sets or the folder.
    """

    def __init__(self, config: FinetuneConfig, run_dir: Path, resume: bool, here: World, tags: Sequence[str] = ()):
        torch.manual_seed(config.seed)
        self.config, self.run_dir, self.here, self.tags = config, run_dir, here, tags
        self.states = run_dir / "checkpoints"
        self.say("reading photos")
        self.material = gather(config, here, run_dir if resume else None)
        self.train_labels = self.material.labels(self.material.train)
        self.val_labels = self.material.labels(self.material.val)[self.material.selects]
        self.preprocessing = Preprocessing(config.eval_img_size)
        self.schedule = Schedule.of(config, len(self.material.train), here.size)
        self.parent = None
        self._build(fresh=not resume)
        self.step, self.best, self.patience = 0, None, Patience(config.early_stopping)
        if resume:
            self.step, extra = load_state(self.states, self.learner, self.ema, self.optimizer)
            self.best = extra["best"]
            if "patience" in extra:  # a state of an older version has none, and could not be stopped early
                self.patience = Patience(config.early_stopping, extra["patience"])
        self.stopped_early = self.patience.is_over and self.step < self.schedule.total_steps
        self.writer = self._open_run(resume) if here.is_main else None

    def _build(self, fresh: bool) -> None:
        """Model, average, optimizer, loss and the order of the samples."""
        config, train = self.config, self.material.train
        self.arguments = model_arguments(config, len(self.material.classes))
        self.model = new_model(config, self.arguments).to(self.here.device)
        parent = parent_of(config) if fresh else None
        if parent is not None:
            take_backbone(self.model, parent)
            self.parent = parent.name
            self.say(f"starting from the backbone of {parent.name}")
        # What learns: the model, with a decoder beside it where it also paints masked parts.
        self.learner = self.model if config.aux_mae_weight == 0 else joint_model(self.model, config.masked)
        self.learner.to(self.here.device)
        optim = config.optim
        self.optimizer = adamw(self.learner, optim.lr, optim.weight_decay, optim.beta2, optim.layer_decay)
        self.ema = Ema(self.model, config.optim.ema_decay)
        sources = [sample.source for sample in train.samples]
        weights = sample_weights(self.train_labels, sources, config.data.balance, config.data.source_weights)
        self.sampler = Sampler(weights, config.seed)
        classes = self.material.classes
        shares = torch.from_numpy(class_shares(self.train_labels, weights, len(classes)))
        self.loss = ClassificationLoss(config.loss, optim.label_smoothing, shares, classes).to(self.here.device)

    def _open_run(self, resume: bool) -> RunWriter:
        writer = RunWriter(
            self.run_dir,
            "baseline" if self.config.model.is_baseline else "finetune",
            self.config.model_dump(mode="json"),
            self.config.seed,
            sys.argv,
            self.material.train.fingerprint,
            parent=self.parent,
            plants_known=self.material.plants_known,
            tags=self.tags,
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
        total_steps = self.schedule.total_steps
        self.say(f"{photos} photos, {classes} classes, {total_steps} steps to {self.run_dir}")
        stop = stop_on_signals()
        progress = Progress(total_steps, self.schedule.images_per_step, self.step)
        last_saved = time.monotonic()
        self._freeze() if self.is_frozen else self._thaw()
        while self.step < total_steps and not self.stopped_early:
            self._train_step(progress)
            at_end = self.step == total_steps
            if at_end or self.step % self.schedule.eval_every == 0:
                self._validate()
                at_end |= self.stopped_early
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

    @property
    def is_frozen(self) -> bool:
        """Whether the head alone learns now."""
        return self.step < self.schedule.freeze_steps

    def _freeze(self) -> None:
        """The head alone learns. The rest is as in evaluation: it drops no path, and batch norm gathers nothing."""
        self.learner.requires_grad_(False).eval()
        self.model.get_classifier().requires_grad_(True).train()
        # What frozen weights would send to other processes is nothing: `_train_step` averages the head's gradients.
        self.step_model = self.model

    def _thaw(self) -> None:
        """All weights learn."""
        self.learner.requires_grad_(True).train()
        self.step_model = DistributedDataParallel(self.learner) if self.here.size > 1 else self.learner

    def _train_step(self, progress: Progress) -> None:
        config, schedule, was_frozen = self.config, self.schedule, self.is_frozen
        lr = schedule.lr(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["lr_scale"]
        loss = train_step(
            self.step,
            self.step_model,
            self.model,
            self.material.train,
            self.train_labels,
            self.sampler,
            self.preprocessing,
            self.loss,
            config,
            self.step / schedule.total_steps,
            self.here,
            was_frozen,
            self.material.stream,
        )
        if was_frozen and self.here.size > 1:
            for parameter in self.model.get_classifier().parameters():
                parameter.grad = self.here.mean(parameter.grad)
        grad_norm = torch.nn.utils.clip_grad_norm_(self.learner.parameters(), config.optim.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.ema.update(self.model)
        self.step += 1
        if was_frozen and not self.is_frozen:
            self._thaw()
        logs = self.step % config.log_every == 0 or self.step == schedule.total_steps
        if logs:
            loss = self.here.mean(loss)
        if self.writer:
            self.writer.heartbeat()
            progress(self.step, loss, f"best {config.select_by} {self.best['value']:.4f}" if self.best else "")
            if logs:
                speed = progress.images_per_s
                values = {"loss": loss.item(), "lr": lr, "grad_norm": grad_norm.item(), "images_per_s": speed}
                self.writer.log(self.step, self.step / schedule.steps_per_epoch, "train", **values)

    def _validate(self) -> None:
        """Scores the averaged weights on the selecting half, keeps the best, and says when to stop waiting."""
        if self.writer:
            metric, epoch = self.config.select_by, self.step / self.schedule.steps_per_epoch
            scores = self._scores(self.preprocessing)
            self.writer.log(self.step, epoch, "val", **scores)
            if self.best is None or better(scores[metric], self.best["value"], metric):
                self.best = {"step": self.step, "epoch": epoch, "value": scores[metric]}
                _save_weights(self.states / BEST, self.ema)
            if not self.is_frozen:  # what the head alone reaches does not tell when all weights have learned enough
                self.patience.see(scores)
        self.here.barrier()
        self.stopped_early = self.here.any(self.patience.is_over and self.step < self.schedule.total_steps)
        if self.stopped_early:
            rule = self.config.early_stopping
            self.say(f"\nstopped at step {self.step}: no better {rule.metric} in {rule.patience} validations")

    def _scores(self, preprocessing: Preprocessing) -> dict[str, float]:
        val, selects = self.material.val, self.material.selects
        device, stream = self.here.device, self.material.stream
        return score(predict(self.ema.model, val, selects, preprocessing, device, stream=stream), self.val_labels)

    def _save(self) -> None:
        if self.writer:
            extra = {"best": self.best, "patience": self.patience.state}
            save_state(self.states, self.step, self.learner, self.ema, self.optimizer, extra)

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
        if self.stopped_early:
            summary["stopped_at_step"] = self.step
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
            if best is None or better(value, best[1], metric):
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


def _parser() -> argparse.ArgumentParser:
    return program_parser(
        "training.finetune", "Train an HViT, or a baseline of timm's, on labelled photos.", __doc__.split("\n", 2)[2]
    )


if __name__ == "__main__":
    sys.exit(main())
