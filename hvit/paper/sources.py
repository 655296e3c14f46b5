"""Records of runs for figures: predictions, seed groups, and the files they come from."""

import shlex
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

SPLIT_WORDS = {"cv": "cross-validated"}  # out-of-fold predictions


@dataclass(frozen=True)
class Origin:
    """Provenance of a figure: run and files.

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
    """Hashes the files of a run that a figure reads.

    Raises:
        RunError: one is not the file that the run's manifest lists.
    """
    listed, card = _listed(run), run.model_card()
    hashes = {name: file_sha256(run.path / name) for name in files}
    for name, sha256 in hashes.items():
        if name in listed and listed[name] != sha256:
            raise RunError(f"{name} of run {run.name} was changed after it was written; copy the run again")
    return Origin(run.name, card.sha256 if card else None, hashes)


def predictions_origin(run: Run, split: str) -> Origin:
    """Origin of the predictions of a run on a split."""
    return origin(run, in_split(split, PREDICTIONS))


def _listed(run: Run) -> dict[str, str]:
    return run.manifest() or {}  # none during training: the manifest is written last


def predictions_of(run: Run, split: str | None = None) -> Predictions:
    """Reads the recorded predictions of a run.

    Args:
        split: None for the one the run is evaluated on: test, else cross-validation.
    Raises:
        RunError: there are none, or they are damaged.
    """
    wanted = split or run.evaluated_split or "test"
    predictions = read_predictions(run, wanted)
    if predictions is None and run.info.kind == "pretrain":
        raise RunError(f"run {run.name} was pre-trained without labels: it has no classes and no predictions")
    if predictions is None:
        recorded = sorted(path.parent.name for path in run.path.glob(in_split("*", PREDICTIONS)))
        here = f"it has them on {', '.join(recorded)}" if recorded else "it has none"
        record = f"python -m hvit evaluate --run {shlex.quote(run.name)} --data DIR --save"
        raise RunError(f"run {run.name} has no predictions on {wanted}: {here}; record them with {record}")
    return predictions


def picture_noun(predictions: Predictions) -> str:
    """Kind of the images of predictions: "photos" or "drawings"."""
    return "drawings" if all(path.startswith(SCHEME) for path in predictions.paths) else "photos"


def size_in_words(predictions: Predictions) -> str:
    """`1,677 test photos`, `2,400 test drawings`."""
    split = SPLIT_WORDS[predictions.split] if predictions.split in SPLIT_WORDS else predictions.split
    return f"{len(predictions):,} {split} {picture_noun(predictions)}"


def cautions(run: Run, predictions: Predictions) -> list[str]:
    """Caveats for the caption of a figure of these predictions."""
    drawn = ["The leaves are drawn by LeafSim: these figures say nothing of photos."]
    return drawn * (picture_noun(predictions) == "drawings") + [f"{PLANTS_UNKNOWN}."] * (run.plants_known is False)


@dataclass(frozen=True)
class Group:
    """A seed group: runs of one configuration.

    Attributes:
        title: `tenth-simclr (3 seeds)`.
        runs: by seed.
    """

    title: str
    runs: tuple[Run, ...]


def groups_of(runs: Sequence[Run], labels: Sequence[str] | None = None) -> list[Group]:
    """Groups runs by seed, in the order given.

    Args:
        labels: titles of the groups; by default the common part of their names.
    Raises:
        FigureError: a run is named twice, or the labels are not as many as the groups.
    """
    order = [run.name for run in runs]
    if len(set(order)) < len(order):
        raise FigureError(f"a run is named twice: {', '.join(order)}")
    entries = [_Entry(run.name, run.info.kind, run.info.seed, run.config, run) for run in runs]
    seed_groups = sorted(group_by_seed(entries), key=lambda each: min(order.index(e.name) for e in each.members))
    names = [group.name for group in seed_groups] if labels is None else labels
    groups = [
        Group(
            f"{name} ({len(each.members)} seeds)" if len(each.members) > 1 else name, tuple(e.run for e in each.members)
        )
        for name, each in zip(names, seed_groups)
    ]
    if len(names) != len(seed_groups):
        found = ", ".join(group.name for group in seed_groups)
        raise FigureError(f"--labels are {len(names)}, and the runs make {len(seed_groups)} groups: {found}")
    return groups


@dataclass(frozen=True)
class _Entry:
    """A run as `group_by_seed` sorts it."""

    name: str
    kind: str | None
    seed: int | None
    config: dict[str, Any] | None
    run: Run
