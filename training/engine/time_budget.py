"""Time budget (`--minutes`): schedules optimizer steps over the remaining time, segment by segment.

With a time budget, training progress is a fraction of time, not of steps. It is cut at milestones (every twentieth, and
wherever a phase begins or ends); at each of them the first process reads the clock, decides from the measured speed
how many steps lead to the next one, and broadcasts it. Within a segment progress is linear in the step, so that
everything that depends on progress is a pure function of the step and of the recorded segments: a run that is replayed
with the same segments has the same weights.
"""

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hvit.files import write_json
from hvit.runs import find_run
from hvit.runs.layout import TIME_BUDGET
from hvit.untrusted import inside, read_json
from training.config import ConfigError
from training.parallel.world import World

PARTS = 1_000_000  # progress is counted in millionths: integers are the same on every process and after a resume
MILESTONES = 20
FIRST_STEPS = 12  # that measure the speed, where it is not known yet
OVERTIME_STEPS = 6  # in which the schedule comes down to its end though no time is left
RECENT_STEPS = 32  # that the speed is at least a mean over, where there are so many since it could have changed


@dataclass(frozen=True)
class Segment:
    """Consecutive optimizer steps over which progress rises linearly, or stays constant while speed is measured.

    Attributes:
        first_step: from 0.
        num_steps: planned; fewer are taken where the next segment begins earlier, as after a resume.
        begins, ends: progress in millionths.
    """

    first_step: int
    num_steps: int
    begins: int
    ends: int

    @property
    def end_step(self) -> int:
        """First step after the segment."""
        return self.first_step + self.num_steps


class TimeBudget:
    """Plans segments of steps so that training ends within a time limit.

    Args:
        budget_s: time limit of the training in seconds.
        boundaries: fractions of training where the speed may change, as at a phase of another resolution.
        area: pixels of an image at a fraction of training, in any unit: a first estimate of relative speed.
        world: process group.
        segments: those laid already.
        used_s: seconds that were used before this process began.
        step_s: seconds a step took when `used_s` was recorded, and the `area` it took them at.
        fixed: the segments are those of another run, and nothing is measured.
        began: `now()` from which the time of this process counts; None is now.
    """

    def __init__(
        self,
        budget_s: float,
        boundaries: Iterable[float],
        area: Callable[[float], float],
        world: World,
        segments: Sequence[Segment] = (),
        used_s: float = 0.0,
        step_s: tuple[float, float] | None = None,
        fixed: bool = False,
        began: float | None = None,
    ):
        self.budget_s, self.segments, self.is_fixed = budget_s, list(segments), fixed
        even = (k * PARTS // MILESTONES for k in range(1, MILESTONES + 1))
        self._milestones = sorted({*even, *(round(boundary * PARTS) for boundary in boundaries)} - {0})
        self._boundaries = {*(round(boundary * PARTS) for boundary in boundaries)}
        self._area, self._world = area, world
        self._used_s, self._began = used_s, now() if began is None else began
        self._speed = step_s  # seconds of a step, and the area they were measured at
        self._took: list[float] = []  # seconds of recent steps, and how many of them are of the newest segment
        self._num_new = 0
        self._shapes: set[tuple] = set()
        self._starts = True  # the first segment of this process is laid anew

    @property
    def used_s(self) -> float:
        """Seconds so far, those before a resume included."""
        return self._used_s + now() - self._began

    @property
    def left_s(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self.budget_s - self.used_s)

    def progress(self, step: int) -> float:
        """Fraction of training done before optimizer step `step`, in [0, 1]."""
        if not self.segments:
            return 0.0
        number = bisect_right(self.segments, step, key=lambda segment: segment.first_step) - 1
        segment = self.segments[number]
        done = min(step - segment.first_step, segment.num_steps) / segment.num_steps
        return (segment.begins + (segment.ends - segment.begins) * done) / PARTS

    def is_due(self, step: int) -> bool:
        """Whether `plan_segment` must be called before optimizer step `step`."""
        if self.is_fixed:
            return False
        return self._starts or not self.segments or step >= self.segments[-1].end_step

    def plan_segment(self, step: int, upkeep_s: Callable[[float], float]) -> None:
        """Plans the next segment; every process must call it at the same point.

        Args:
            upkeep_s: at a fraction of training, the seconds that will go into anything but steps from there to the end.
        """
        begins = int(self.progress(step) * PARTS)
        num_steps, ends = self._next(begins, upkeep_s(begins / PARTS)) if self._world.is_main else (0, 0)
        num_steps, ends = self._world.broadcast(num_steps), self._world.broadcast(ends)
        self.segments.append(Segment(step, num_steps, begins, ends))
        self._starts = False

    def _next(self, begins: int, upkeep_s: float) -> tuple[int, int]:
        """Number of steps of the next segment, and progress at its end."""
        is_measured = self._measure(begins)
        if self._speed is None:
            return FIRST_STEPS, begins  # progress waits until the speed is known
        left_s, step_s = self.budget_s - self.used_s - upkeep_s, self._speed[0]
        if left_s <= step_s:
            return OVERTIME_STEPS, PARTS
        target = next(milestone for milestone in self._milestones if milestone > begins)
        num_steps = max(1, round(left_s * (target - begins) / (PARTS - begins) / step_s))
        if is_measured or num_steps <= FIRST_STEPS:
            return num_steps, target
        return FIRST_STEPS, begins + (target - begins) * FIRST_STEPS // num_steps

    def _measure(self, begins: int) -> bool:
        """Updates the seconds of a step from `begins` on; returns whether they were measured at this size, not
        extrapolated.
        """
        if self._num_new:
            recent = self._took[-max(self._num_new, RECENT_STEPS) :]
            before = self._area(self.segments[-1].begins / PARTS)
            self._speed, self._took, self._num_new = (sum(recent) / len(recent), before), recent[-RECENT_STEPS:], 0
        elif self._speed is None:
            return False
        area = self._area(begins / PARTS)
        step_s, measured_at = self._speed
        self._speed = step_s * area / measured_at, area
        if begins in self._boundaries:
            self._took = []
        return begins not in self._boundaries and not self._starts

    def record_step(self, seconds: float, shape: tuple) -> None:
        """Records the duration of a step for an image shape; the first of a shape, which compiles, is ignored."""
        if shape in self._shapes:
            self._took.append(seconds)
            self._num_new += 1
        self._shapes.add(shape)

    def expected_steps(self, otherwise: int) -> int:
        """Expected optimizer steps of the whole training at the current speed; `otherwise` without a segment."""
        newest = self.segments[-1] if self.segments else None
        if newest is None or newest.ends == newest.begins:
            return otherwise
        return newest.end_step + (PARTS - newest.ends) * newest.num_steps // (newest.ends - newest.begins)

    @property
    def state(self) -> dict:
        """State for a checkpoint, as JSON."""
        return {
            "budget_s": self.budget_s,
            "used_s": self.used_s,
            "step_s": self._speed,
            "segments": [asdict(segment) for segment in self.segments],
            "fixed": self.is_fixed,
        }

    def write(self, run_dir: Path) -> None:
        """Writes the segments into the run."""
        write_json(run_dir / TIME_BUDGET, self.state)


def now() -> float:
    """Monotonic clock in seconds."""
    return time.monotonic()


def read_segments(state: dict) -> list[Segment]:
    """Parses the segments of `TimeBudget.state`."""
    return [Segment(**segment) for segment in state["segments"]]


def recorded_segments(run: Path) -> list[Segment]:
    """Reads the segments of a finished run trained by the clock, to replay them.

    Args:
        run: by path or name.
    Raises:
        RunError: there is no such run.
        ConfigError: it was not trained by the clock, or not to its end.
    """
    found = find_run(run)
    try:
        segments = read_segments(read_json(inside(found.path, TIME_BUDGET)))
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(f"--replay: run {found.name} was not trained by the clock: it has no {TIME_BUDGET}") from None
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"--replay: {TIME_BUDGET} of run {found.name} is damaged; copy the run again") from None
    if not segments or segments[-1].ends != PARTS:
        raise ConfigError(f"--replay: run {found.name} did not finish; finish it, or choose another")
    return segments
