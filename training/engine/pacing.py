"""Progress of a training by steps or by the clock (`--minutes`), and the time of validations and checkpoints."""

from abc import ABC, abstractmethod
from pathlib import Path

from hvit.runs import RunWriter
from training.config import ConfigError, FinetuneConfig, PretrainConfig, SegmentConfig
from training.engine.gradient_guard import StepOutcome
from training.engine.schedule import Schedule
from training.engine.steps import Progress
from training.engine.time_budget import PARTS, Segment, TimeBudget, now, read_segments
from training.parallel.world import World

MAX_VALIDATION_SHARE = 1 / 3  # share of a time budget; where validations take more, a notice is printed


class Paced(ABC):
    """Schedule position of a training: by optimizer steps, or by the clock with `--minutes`.

    Attributes:
        step: optimizer steps done.
        began: seconds of `training.engine.time_budget.now`, when this process began.
        minutes: time limit of the training; None where epochs are counted.
        replayed: segments of another run that are taken instead; None without.
        time_budget: schedule of training by the clock; None where epochs are counted.
        save_s, validation_s, finish_s: seconds a checkpoint and a validation took last, and the end is expected to.
    """

    config: FinetuneConfig | PretrainConfig | SegmentConfig
    run_dir: Path
    world: World
    schedule: Schedule
    progress: Progress
    writer: RunWriter | None
    step: int
    began: float
    minutes: float | None
    replayed: list[Segment] | None
    time_budget: TimeBudget | None = None
    save_s = validation_s = finish_s = first_validation_s = 0.0

    # Implemented by a program.

    @property
    @abstractmethod
    def sides(self) -> tuple[int, int]:
        """Image height and width in pixels of the next step."""

    @property
    @abstractmethod
    def speed_boundaries(self) -> list[float]:
        """Fractions of training at which the time of a step changes."""

    @abstractmethod
    def _area(self, progress: float) -> float:
        """Pixels of a square image at a fraction of training."""

    @abstractmethod
    def _upkeep_s(self) -> tuple[float, float]:
        """Measures the seconds of one validation and of everything after the last step; all processes call it."""

    @abstractmethod
    def print_line(self, text: str) -> None:
        """Prints a line; on process 0."""

    @abstractmethod
    def train_step(self) -> StepOutcome | None:
        """Takes an optimizer step; returns its outcome, or that of the step before while this one is still computed."""

    @abstractmethod
    def _validate(self) -> None:
        """Validates the model; on all processes."""

    # How far training has come.

    @property
    def schedule_step(self) -> float:
        """Position on the schedule, in schedule steps; without a clock, the steps done."""
        if self.time_budget is None:
            return self.step
        return self.fraction * self.schedule.total_steps

    @property
    def fraction(self) -> float:
        """Fraction of training done, in [0, 1]."""
        by_epochs = self.time_budget is None
        return self.step / self.schedule.total_steps if by_epochs else self.time_budget.progress(self.step)

    @property
    def at_end(self) -> bool:
        """Whether the last step is done."""
        return self.fraction >= 1

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole training; by the clock, as many as are expected now."""
        total = self.schedule.total_steps
        return total if self.time_budget is None else self.time_budget.expected_steps(total)

    @property
    def _length(self) -> str:
        """Describes the length of training in words."""
        by_clock = self.time_budget is not None and not self.time_budget.is_fixed
        return f"{self.time_budget.budget_s / 60:g} minutes" if by_clock else f"{self.total_steps} steps"

    def _passes_validation(self, before: float) -> bool:
        """Whether a validation is due between the previous and the current position."""
        every = self.schedule.eval_every
        return self.schedule_step // every > before // every

    def _new_progress(self) -> Progress:
        by_clock = self.time_budget is not None and not self.time_budget.is_fixed
        left_s = (lambda: self.time_budget.left_s) if by_clock else None
        return Progress(self.total_steps, self.schedule.images_per_step, self.step, left_s)

    def _new_time_budget(self, state: dict | None = None) -> TimeBudget | None:
        """Creates the requested time budget, or restores that of a checkpoint; None where epochs are counted.

        Args:
            state: of the checkpoint, where there is one that was trained by the clock.
        """
        if self.minutes is None and self.replayed is None and state is None:
            return None
        segments, used_s, step_s, fixed = [], 0.0, None, self.replayed is not None
        if state is not None:
            segments, used_s, step_s = read_segments(state), state["used_s"], state["step_s"]
            fixed |= state["fixed"] and self.minutes is None
        budget_s = 60 * self.minutes if self.minutes is not None else state["budget_s"] if state is not None else 0.0
        if self.replayed is not None:
            segments = self.replayed
        return TimeBudget(
            budget_s, self.speed_boundaries, self._area, self.world, segments, used_s, step_s, fixed, self.began
        )

    def _resume_time_budget(self, state: dict | None) -> None:
        """Restores the time budget of a checkpoint; None where epochs were counted so far.

        Raises:
            ConfigError: it takes the steps of another run than `replayed`.
        """
        if self.replayed is not None and (state is None or read_segments(state) != self.replayed):
            raise ConfigError("--resume: this run did not begin with the same --replay; start a new --run-dir")
        if state is None and self.minutes is not None:
            self.time_budget.segments.append(Segment(0, self.schedule.total_steps, 0, PARTS))
        else:
            self.time_budget = self._new_time_budget(state)

    def _measure_upkeep(self) -> None:
        """Measures the time of validations and checkpoints, and rejects a budget too short for them."""
        budget = self.time_budget
        self.validation_s, self.finish_s = (0.0, 0.0) if budget.is_fixed else self._upkeep_s()
        self.first_validation_s = self.validation_s
        least_s = self.world.broadcast(round(self.validation_s + self.finish_s + budget.used_s))
        if not budget.is_fixed and self.step == 0 and least_s >= budget.budget_s:
            raise ConfigError(
                f"--minutes {budget.budget_s / 60:g} leaves no time for a step: reading, one validation and what "
                f"follows the last step take about {least_s / 60:.1f} minutes; give more"
            )
        self._warn_of_many_validations()

    def _warn_of_many_validations(self) -> None:
        """Prints a notice where validations would take more than `MAX_VALIDATION_SHARE` of the time that is left."""
        total, every = self.schedule.total_steps, self.schedule.eval_every
        count = -(-total // every) - int(self.fraction * total) // every
        validations_s, left_s = count * self.validation_s, self.time_budget.left_s
        if not self.time_budget.is_fixed and validations_s > MAX_VALIDATION_SHARE * left_s:
            self.print_line(
                f"{count} validations would take about {validations_s / 60:.1f} minutes, of {left_s / 60:.1f} left; "
                f"a larger eval_every (now {self.config.eval_every:g} epochs) leaves more for training"
            )

    def _left_beside_steps_s(self, progress: float) -> float:
        """Seconds that validations, checkpoints and the end take from a fraction of training on.

        The end was estimated at the start; where validations take longer now than they did then, so will it.
        """
        total, every = self.schedule.total_steps, self.schedule.eval_every
        validations = -(-total // every) - (progress * total) // every
        saves = 1 + self.time_budget.left_s / (60 * self.config.checkpoint_minutes)
        slowdown = max(1.0, self.validation_s / max(1e-9, self.first_validation_s))
        return validations * self.validation_s + saves * self.save_s + slowdown * self.finish_s

    def _timed_step(self) -> StepOutcome | None:
        """`train_step`; by the clock, plans the next segment first where one is due."""
        budget = self.time_budget
        if budget is None:
            return self.train_step()
        if budget.is_due(self.step):
            budget.plan_segment(self.step, self._left_beside_steps_s)
            self.progress.total = self.total_steps
            if self.writer:
                budget.write(self.run_dir)
        began, shape = now(), self.sides
        outcome = self.train_step()
        budget.record_step(now() - began, shape)
        return outcome

    def _timed_validation(self) -> None:
        began = now()
        self._validate()
        self.validation_s = now() - began

    def _time_used(self) -> dict[str, float]:
        """Summary fields: minutes requested and used, and steps taken."""
        budget = self.time_budget
        if budget is None:
            return {}
        budget.write(self.run_dir)
        asked = {} if budget.is_fixed else {"minutes": budget.budget_s / 60, "minutes_used": budget.used_s / 60}
        return asked | {"steps": self.step}
