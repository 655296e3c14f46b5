"""Training loop of the programs: run folder, checkpoints, resume, signals, faults and exit status.

A program defines model, loss and validation; this file alone handles faults. docs/reliability.md describes them for
users.
"""

import json
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.profiler import record_function

from hvit.files import append_line, write_bytes
from hvit.runs import INFO, METRICS, Run, RunLock, RunWriter, check_not_taken, truncate_lines
from hvit.runs.layout import CHECKPOINTS, SKIPPED, UNREADABLE
from training.command_line import AUTO
from training.config import ConfigError, FinetuneConfig, PretrainConfig, SegmentConfig
from training.engine.checkpoints import Checkpoints
from training.engine.ema import Ema
from training.engine.gradient_guard import GradientGuard, StepOutcome
from training.engine.pacing import Paced
from training.engine.program_hooks import ProgramHooks
from training.engine.resumed_config import check_resumed_config
from training.engine.schedule import Schedule
from training.engine.storage import StorageError
from training.engine.time_budget import now, recorded_segments
from training.inputs.profiler_regions import UPDATE
from training.inputs.sampler import Sampler, samples_of_pass
from training.parallel.signals import (
    EXIT_GAVE_UP,
    EXIT_INTERRUPTED,
    EXIT_PREEMPTED,
    GaveUp,
    Signals,
    Stopped,
)
from training.parallel.world import World

SEEN_S = 60  # until all nodes see a file that one of them wrote: shared file systems remember for a while
COMPILED_SHAPES = 64
MOST_SKIPPED = 0.5  # of all steps, in a run that may end as done


class Training(Paced, ProgramHooks):
    """Base class of a training, from reading photos to the exit status.

    Args:
        config: resolved configuration.
        run_dir: folder to write.
        resume: "must" resume from the newest checkpoint, "auto" if there is one; None starts a new run.
        world: process group.
        tags: words to find the run by.
        minutes: lay the schedule over this time; None takes the epochs of the configuration.
        replay: a run by path or name that was trained by the clock: take its steps instead of measuring time.
    Attributes:
        learner: the trained module.
        ema: the average of its weights; None where there is none.
        optimizer: of all its weights.
        step: optimizer steps done.
        ended_early: whether there is nothing left to learn before the last step.
    Raises:
        ValueError: an error in the configuration, the data sets or the folder.
    """

    name: ClassVar[str]  # of the program
    config_kind: ClassVar[type]

    learner: nn.Module
    optimizer: torch.optim.Optimizer
    sampler: Sampler
    ema: Ema | None = None
    parent: str | None = None
    ended_early = False

    def __init__(
        self,
        config: FinetuneConfig | PretrainConfig | SegmentConfig,
        run_dir: Path,
        resume: str | None,
        world: World,
        tags: Sequence[str] = (),
        minutes: float | None = None,
        replay: Path | None = None,
    ):
        self.began = now()  # reading photos is a part of the time training may take
        torch.manual_seed(config.seed)
        self.minutes, self.replayed = minutes, None if replay is None else recorded_segments(replay)
        self.config, self.run_dir, self.world, self.tags = config, run_dir, world, tags
        self.states = Checkpoints(run_dir / CHECKPOINTS, world if self.is_sharded else world.alone)
        self.signals = Signals()
        check_not_taken(run_dir, resume is not None)
        # A folder that is there is claimed at once; one that is not, only when there is something to write.
        self.lock = RunLock(run_dir) if world.is_main and run_dir.exists() else None
        try:
            self._prepare(resume)
        except BaseException:
            if self.lock:
                self.lock.release()
            raise

    def _prepare(self, resume: str | None) -> None:
        config, world, run_dir = self.config, self.world, self.run_dir
        begun = self._step_to_resume_from(resume)
        self.print_line("reading photos")
        self._build_datasets(run_dir if begun else None)
        if not world.all_equal(self.photos.fingerprint):
            raise ConfigError(
                f"process {world.rank} reads other photos than process 0; all must see the same data.dirs"
            )
        if self.photos.make_resident(world.device):
            self.print_line("all photos are in the memory of the accelerator")
        self.schedule = Schedule.of(config, self.num_photos, world.size)
        self.time_budget = self._new_time_budget()
        self.step, self.last_saved = 0, time.monotonic()
        self._build(fresh=not begun)
        self.step_module = self.learner
        self.guard = GradientGuard(world, self.learner, config.skip_limit)
        if begun:
            self._resume_from(begun)
        self.progress = self._new_progress()
        self.writer = self._open_run(begun) if world.is_main else None
        if self.is_sharded:
            self._check_samples_seen()

    def run(self) -> int:
        """Trains to the end, a signal or a fault; records the outcome and returns the exit status."""
        with self.signals, self.writer.beating() if self.writer else nullcontext():
            try:
                return self._run()
            except GaveUp as reason:
                self._record("failed", EXIT_GAVE_UP, {"stopped_at_step": self.step, "reason": str(reason)})
                self.print_line(f"\n{self.name}: stopped at step {self.step}: {reason}")
                return EXIT_GAVE_UP
            except Stopped:  # during the last validation: the last step was saved
                return self._stopped(EXIT_PREEMPTED)
            except KeyboardInterrupt:
                return self._stopped(EXIT_INTERRUPTED)
            except BaseException:
                try:
                    self._record("failed", None, {})
                except OSError:  # of a full disk; the original error reports it
                    pass
                raise

    def _run(self) -> int:
        self._begin()
        if self.time_budget is not None:
            self._measure_upkeep()
        self.progress = self._new_progress()
        self.world.set_watched(True)
        self.signals.finishes_step = True
        while not self.at_end and not self.ended_early:
            if self.writer and time.monotonic() - self.last_saved > 60 * self.config.checkpoint_minutes:
                self.signals.save = True  # so that all processes know
            place = self.schedule_step
            outcome = self._timed_step()
            at_end = self.at_end
            if at_end or self._passes_validation(place):
                outcome = _both(outcome, self._read_pending())
                self.world.heartbeat(self.step)
                self._timed_validation()
                at_end |= self.ended_early
            stopping = outcome is not None and outcome.stop and not at_end
            if stopping or at_end or (outcome is not None and outcome.save):
                self._save(must=stopping)
            if stopping:
                return self._stopped(EXIT_PREEMPTED)
        self.signals.finishes_step = False
        self.world.set_watched(False)
        if self.world.any(self.signals.stop):  # it came with the last step
            return self._stopped(EXIT_PREEMPTED)
        if self.guard.skipped > MOST_SKIPPED * self.step:
            raise GaveUp(
                f"{self.guard.skipped} of {self.step} steps were skipped, so that hardly anything was learned; lower "
                f"optim.lr, and look at the photos that {SKIPPED} lists"
            )
        summary = self._finish()
        if self.writer:
            self._record("done", 0, summary | self._skipped() | self._time_used())
            self.writer.write_manifest()
            self.print_line(f"\ndone: {self.run_dir}")
        self.world.barrier()
        return 0

    def train_step(self) -> StepOutcome | None:
        """Takes an optimizer step; returns its outcome, or that of the step before while this one is still computed."""
        schedule = self.schedule
        lr = schedule.lr(self.schedule_step)
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["lr_scale"]
        self.guard.begin()
        loss = self._gradients()
        outcome = self._read_pending()  # the outcome of the step before is known by now: no wait
        self.guard.stop_if_diverged()
        grad_norm = nn.utils.clip_grad_norm_(self.learner.parameters(), self.config.optim.clip_norm)
        if self.is_sharded:
            grad_norm = grad_norm.full_tensor()
        self.optimizer.found_inf = self.guard.check(self.step, loss, grad_norm, self.signals)
        with record_function(UPDATE):
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            if self.ema is not None:
                self.ema.update(self.model)
        self.step += 1
        self.world.heartbeat(self.step)
        self.progress(self.step)
        logs = self.step % self.config.log_every == 0 or self.at_end
        if logs or self.reads_at_once:
            outcome = _both(outcome, self._read_pending())
            self.guard.stop_if_diverged()
        if self.writer:
            progress = self.progress
            self.writer.progress(self.step, self.total_steps, progress.images_per_s, progress.left_s)
            if outcome is not None:
                progress.print_line(self.step, outcome.loss, self._note)
            if logs:
                values = {"loss": outcome.loss, "lr": lr, "grad_norm": outcome.grad_norm}
                values |= {"images_per_s": progress.images_per_s} | self._skipped()
                self.writer.log(self.step, self.step / schedule.steps_per_epoch, "train", **values)
        return outcome

    @property
    def reads_at_once(self) -> bool:
        """Whether the outcome of a step is read before the next: not on an accelerator, which would be synchronized."""
        return self.world.device.type == "cpu"

    def _read_pending(self) -> StepOutcome | None:
        """Reads the outcome of the last step, and records it if it was skipped."""
        outcome = self.guard.read()
        if outcome is None:
            return None
        if outcome.skipped:
            self._record_skipped(outcome)
        self._after_step(outcome)
        return outcome

    def _skipped(self) -> dict[str, int]:
        return {"skipped_steps": self.guard.skipped} if self.guard.skipped else {}

    def _record_skipped(self, outcome: StepOutcome) -> None:
        ranks = outcome.ranks or range(self.world.size)
        self.print_line(
            f"\nstep {outcome.step + 1} is skipped: loss {outcome.loss}, norm of the gradients {outcome.grad_norm}, "
            f"from process {', '.join(map(str, ranks))}"
        )
        if self.writer:
            passes = [(part, rank) for part in range(self.config.accum_steps) for rank in ranks]
            samples = [samples_of_pass(outcome.step, *which, self.config, self.world.size) for which in passes]
            photos = [self.photos.samples[i].relative for i in self._photos_of(np.concatenate(samples))]
            row = {"step": outcome.step + 1, "processes": list(ranks), "photos": photos}
            append_line(self.run_dir / SKIPPED, json.dumps(row))

    def _step_to_resume_from(self, resume: str | None) -> int:
        """Step of the checkpoint that all processes load, 0 for a new training."""
        begun = 0
        if self.world.is_main and resume is not None:
            self.states.clean()
            begun = self.states.newest() or 0
            if not begun and resume != AUTO:
                raise ConfigError(
                    f"--resume: no checkpoint in {self.states.folder}; --resume auto starts this run over"
                )
            if begun:
                check_resumed_config(Run(self.run_dir), self.config)
        return self.world.broadcast(begun)

    def _resume_from(self, step: int) -> None:
        extra = self.states.load(step, self.learner, self.ema, self.optimizer)
        images, now_images = extra["images_per_step"], self.schedule.images_per_step
        if images != now_images:
            passes = self.config.accum_steps * self.world.size
            hint = f"set batch_size to {images // passes}" if images % (8 * passes) == 0 else "change accum_steps"
            raise ConfigError(
                f"--resume: a step of this run is {images} photos, and would be {now_images} here (batch_size "
                f"{self.config.batch_size} x accum_steps {self.config.accum_steps} x {self.world.size} processes); "
                f"{hint}"
            )
        if extra["fingerprint"] != self.photos.fingerprint:
            raise ConfigError(
                "--resume: the training photos are not those this run began with; bring them back, or start a new "
                "--run-dir"
            )
        self.step, self.guard.skipped, self.guard.in_a_row = step, extra["skipped"], extra["skipped_in_a_row"]
        self._resume_time_budget(extra["time_budget"] if "time_budget" in extra else None)  # runs of before had none
        self._restore(step, extra["own"])

    def _open_run(self, begun: int) -> RunWriter:
        writer = RunWriter(
            self.run_dir,
            self.kind,
            self.config.model_dump(mode="json"),
            self.config.seed,
            sys.argv,
            self.photos.fingerprint,
            parent=self.parent,
            plants_known=self.plants_known,
            tags=self.tags,
            world_size=self.world.size,
            device=self.world.name,
            resume=True,
            lock=self.lock,
        )
        last = begun or -1  # random weights may have been validated at step 0
        for name in (METRICS, SKIPPED):
            if wrong := truncate_lines(self.run_dir / name, last):
                self.print_line(f"{wrong} damaged lines of {name} are dropped")
        self._write_split()
        if reasons := self.photos.unreadable:
            write_bytes(self.run_dir / UNREADABLE, json.dumps(reasons, indent=2, ensure_ascii=False).encode())
            self.print_line(
                f"{len(reasons)} photos cannot be read and are left out; {UNREADABLE} of the run lists them"
            )
        return writer

    @property
    def is_sharded(self) -> bool:
        """Whether weights are sharded over processes; never on a single one."""
        return self.config.sharded and self.world.size > 1

    def together(self) -> nn.Module:
        """`learner`, wrapped in DDP where gradients must be averaged; FSDP does so by itself."""
        is_wrapped = self.world.size > 1 and not self.is_sharded
        module = DistributedDataParallel(self.learner) if is_wrapped else self.learner
        return compiled(module) if self.config.compile else module

    def _check_samples_seen(self) -> None:
        """Checks that all processes can see the run folder, where each writes its part of the checkpoints."""
        self.world.barrier()
        deadline = time.monotonic() + SEEN_S
        while not (seen := (self.run_dir / INFO).exists()) and time.monotonic() < deadline:
            time.sleep(1)
        if self.world.any(not seen):
            raise ConfigError(f"sharded: not all processes see {self.run_dir}; choose a --run-dir that all nodes share")

    def _save(self, must: bool) -> None:
        """Writes a checkpoint. A failure ends training only where no later checkpoint can replace it."""
        self._read_pending()
        began = self.last_saved = time.monotonic()
        if not self.writer and not self.is_sharded:
            return
        extra = {
            "images_per_step": self.schedule.images_per_step,
            "fingerprint": self.photos.fingerprint,
            "skipped": self.guard.skipped,
            "skipped_in_a_row": self.guard.in_a_row,
            "own": self._extra(),
            **({} if self.time_budget is None else {"time_budget": self.time_budget.state}),
        }
        try:
            self.states.save(self.step, self.learner, self.ema, self.optimizer, extra, self._extra_files())
        except StorageError as error:
            if must:
                raise
            self.print_line(f"\n{error}; training goes on, and the checkpoint before this one is kept")
        self.save_s = time.monotonic() - began

    def _record(self, status: str, exit_status: int | None, summary: dict) -> None:
        if self.writer and self.writer.info.status == "running":
            self.writer.finish(status, summary, exit_status)

    def _stopped(self, exit_status: int) -> int:
        self._record("preempted", exit_status, self._skipped())
        self.print_line(f"\nstopped at step {self.step}; go on with --resume --run-dir {self.run_dir}")
        return exit_status

    def print_line(self, line: str) -> None:
        """Prints a line on the first process."""
        if self.world.is_main:
            print(line, file=sys.stderr, flush=True)


def compiled(module: nn.Module) -> nn.Module:
    """Compiles a module with `torch.compile`, once for each batch shape; there are as many as aspect ratios."""
    torch._dynamo.config.recompile_limit = max(COMPILED_SHAPES, torch._dynamo.config.recompile_limit)
    return torch.compile(module, dynamic=False)


def _both(first: StepOutcome | None, second: StepOutcome | None) -> StepOutcome | None:
    """Merges two outcomes: the later one, with the requests of both."""
    if first is None or second is None:
        return first or second
    return StepOutcome(**vars(second) | {"stop": first.stop or second.stop, "save": first.save or second.save})
