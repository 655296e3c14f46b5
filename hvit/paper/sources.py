"""What runs recorded, as figures need it: answers on a split, ways of training, and the files behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hvit.data.leafsim.address import SCHEME
from hvit.files import file_sha256
from hvit.paper.style import FigureError
from hvit.runs import Run, RunError
from hvit.runs.layout import PREDICTIONS, in_split
from hvit.runs.predictions import Predictions, read_predictions
from hvit.runs.seed_groups import group_by_seed
from hvit.words import PLANTS_UNKNOWN

SPLIT_WORDS = {"cv": "cross-validated"}  # each answered by a model that had not seen it


@dataclass(frozen=True)
class Origin:
    """Which run, and which of its files, a figure was drawn from.

    Attributes:
        run: its name.
        weights: SHA-256 of its weights, as its card records it; None where it has no card.
        files: SHA-256 of each file that was read.
    """

    run: str
    weights: str | None
    files: dict[str, str]

    def __str__(self) -> str:
        weights = "" if self.weights is None else f"; weights sha256 {self.weights}"
        return f"run {self.run}{weights}" + "".join(f"; {name} sha256 {sha}" for name, sha in self.files.items())


def origin(run: Run, *files: str) -> Origin:
    """Hashes the files that are read.

    Raises:
        RunError: one is not the file that the run's manifest lists.
    """
    listed, card = _listed(run), run.model_card()
    hashes = {name: file_sha256(run.path / name) for name in files}
    for name, sha256 in hashes.items():
        if name in listed and listed[name] != sha256:
            raise RunError(f"{name} of run {run.name} was changed after it was written; copy the run again")
    return Origin(run.name, card.sha256 if card else None, hashes)


def predictions_of(run: Run, split: str) -> Origin:
    """Where the answers of a run on a split come from."""
    return origin(run, in_split(split, PREDICTIONS))


def _listed(run: Run) -> dict[str, str]:
    return run.manifest() or {}  # none where the run goes on: its manifest is written last


def answers_of(run: Run, split: str | None = None) -> Predictions:
    """The recorded answers of a run.

    Args:
        split: None for what the run is judged on: test, else cross-validation.
    Raises:
        RunError: there are none, or they are damaged.
    """
    wanted = split or run.judged_on or "test"
    answers = read_predictions(run, wanted)
    if answers is None and run.info.kind == "pretrain":
        raise RunError(f"run {run.name} was pre-trained without labels and names no classes: it has no answers to draw")
    if answers is None:
        recorded = sorted(path.parent.name for path in run.path.glob(in_split("*", PREDICTIONS)))
        here = f"it has them on {', '.join(recorded)}" if recorded else "it has none"
        record = f"python -m hvit evaluate --run {run.name} --data DIR --save"
        raise RunError(f"run {run.name} has no predictions on {wanted}: {here}; record them with {record}")
    return answers


def things(answers: Predictions) -> str:
    """What was answered: "photos" or "drawings"."""
    return "drawings" if all(path.startswith(SCHEME) for path in answers.paths) else "photos"


def counted(answers: Predictions) -> str:
    """`1,677 test photos`, `2,400 test drawings`."""
    split = SPLIT_WORDS[answers.split] if answers.split in SPLIT_WORDS else answers.split
    return f"{len(answers):,} {split} {things(answers)}"


def cautions(run: Run, answers: Predictions) -> list[str]:
    """What a reader of any figure of these answers must know."""
    drawn = ["The leaves are drawn by LeafSim: these figures say nothing of photos."]
    return drawn * (things(answers) == "drawings") + [f"{PLANTS_UNKNOWN}."] * (run.plants_known is False)


@dataclass(frozen=True)
class Group:
    """Runs of one way of training, which differ by their seed.

    Attributes:
        title: `tenth-simclr (3 seeds)`.
        runs: by seed.
    """

    title: str
    runs: tuple[Run, ...]


def groups_of(runs: Sequence[Run], labels: Sequence[str] | None = None) -> list[Group]:
    """Runs that differ by nothing but the seed, together; groups are in the order in which runs are given.

    Args:
        labels: what to call the groups in place of what their names share.
    Raises:
        FigureError: a run is named twice, or the labels are not as many as the groups.
    """
    order = [run.name for run in runs]
    if len(set(order)) < len(order):
        raise FigureError(f"a run is named twice: {', '.join(order)}")
    entries = [_Entry(run.name, run.info.kind, run.info.seed, run.config, run) for run in runs]
    ways = sorted(group_by_seed(entries), key=lambda way: min(order.index(entry.name) for entry in way.members))
    names = [way.name for way in ways] if labels is None else labels
    groups = [
        Group(f"{name} ({len(way.members)} seeds)" if len(way.members) > 1 else name, tuple(e.run for e in way.members))
        for name, way in zip(names, ways)
    ]
    if len(names) != len(ways):
        told = ", ".join(way.name for way in ways)
        raise FigureError(f"--labels are {len(names)}, and the runs make {len(ways)} groups: {told}")
    return groups


@dataclass(frozen=True)
class _Entry:
    """A run as `group_by_seed` sorts it."""

    name: str
    kind: str | None
    seed: int | None
    config: dict[str, Any] | None
    run: Run
