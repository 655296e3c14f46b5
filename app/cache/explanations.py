"""Explanations of single photos, each computed once, and what the runs recorded about the methods."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from app import words
from app.cache.photos import bytes_of, prepared
from app.cache.runs import RunChoice, identity, inference, load_model
from app.drawn import Drawing
from app.photo_files import PhotoFile
from hvit.data.leafsim.address import SCHEME
from hvit.data.photos import decode_photo
from hvit.explain import METHODS
from hvit.runs import Run, RunError
from hvit.runs.predictions import read_predictions

if TYPE_CHECKING:  # these import torch, which the first frame does not wait for
    from torch import Tensor

    from hvit.explain.explanation import Explanation
    from hvit.explain.perturbation import PerturbationTest
    from hvit.runs.checkpoint import Checkpoint

REMEMBERED = 400
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Question:
    """What is asked of a photo.

    Attributes:
        method: name of the method.
        class_name: the class to explain; None for a method that does not depend on it.
        against: with `class_name`, why that one rather than this; else None.
        arguments: of the method, as (name, value).
    """

    method: str
    class_name: str | None = None
    against: str | None = None
    arguments: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Judged:
    """What the tests that a run recorded say of the methods.

    Attributes:
        methods: best first; empty where nothing was recorded.
        beat_controls: those that did better than maps that know nothing of the model.
        trusted: those that did so with both covers, best first: one of these is shown first.
        twin_strength: by method, what 95 of 100 maps of the randomized network do not exceed.
        num_photos: they were tested on.
        material: "photos" or "drawn leaves".
        problem: why the record could not be read.
    """

    methods: tuple[str, ...] = ()
    beat_controls: frozenset[str] = frozenset()
    trusted: tuple[str, ...] = ()
    twin_strength: dict[str, float] = field(default_factory=dict)
    num_photos: int = 0
    material: str = "photos"
    problem: str | None = None


@dataclass(frozen=True)
class OnWhat:
    """Shares of lesion, leaf and ground in what a map marks, and in the picture; each sums to 1."""

    attribution: dict[str, float]
    area: dict[str, float]


def judged(run: RunChoice) -> Judged:
    """What the run recorded about the methods."""
    file = run.path / "eval" / "test" / "explain.parquet"
    return _judged(str(run.path), file.stat().st_mtime_ns, run.learned_from) if file.exists() else Judged()


@st.cache_data(max_entries=32, show_spinner=False)
def _judged(path: str, stamp: int, learned_from: frozenset[str]) -> Judged:
    from hvit.explain.ranking import ranking

    try:
        scores = [score for score in ranking(Run(Path(path)).explanations("test")) if not score.is_control]
    except ValueError as error:
        return Judged(problem=str(error))
    return Judged(
        tuple(score.name for score in scores),
        frozenset(score.name for score in scores if score.beats_controls),
        tuple(score.name for score in scores if score.beats_controls and score.lead_mean_baseline is not None),
        {score.name: score.randomized_peak_95 for score in scores if score.randomized_peak_95 is not None},
        max((score.margin.n for score in scores), default=0),
        words.material(learned_from),
    )


def best_method(run: RunChoice, checkpoint: Checkpoint) -> str:
    """The method to begin with: the best one in test; where there is none, one that depends on the class."""
    possible = methods_for(checkpoint)
    otherwise = "gradient_rollout" if can_look_inside(checkpoint) else "occlusion"
    return next((name for name in judged(run).trusted if name in possible), otherwise)


def get_ready(run: RunChoice) -> None:
    """Loads what the first picture would wait for: the model, and what its first method takes seconds to import.

    Raises:
        CheckpointError: the run cannot predict.
    """
    method = METHODS[best_method(run, load_model(run))]
    if method.many_passes:
        import captum.attr  # noqa: F401


def stands_out(run: RunChoice, question: Question, explanation: Explanation) -> bool | None:
    """Whether a map is stronger than those of the randomized network; None where the run did not record that.

    What was recorded is of one class, by each method as it comes.
    """
    from hvit.explain.faithfulness import peak_attribution

    weakest = judged(run).twin_strength.get(question.method)
    as_it_comes = dict(question.arguments).items() <= {"residual": 0.5, "stage": 3}.items()
    if weakest is None or question.against is not None or not as_it_comes:
        return None
    return peak_attribution(explanation) > weakest


def on_what(explanation: Explanation, drawing: Drawing) -> OnWhat | None:
    """What the map of a drawn leaf lies on; None where nothing speaks for the class."""
    from hvit.explain.localization import attribution_by_region

    leaf, lesion = drawing.leaf_mask, drawing.symptom_mask
    areas = {"lesion": lesion, "leaf": leaf & ~lesion, "ground": ~leaf}
    shares = attribution_by_region(explanation, areas)
    return None if shares is None else OnWhat(shares, {name: float(mask.mean()) for name, mask in areas.items()})


def question_for(question: Question, classes: Sequence[str], label: str) -> Question:
    """The same question to another run; a class it does not know becomes its own answer, without a difference."""
    if question.class_name is None or {question.class_name, question.against} <= {*classes, None}:
        return question
    if question.class_name in classes:
        return replace(question, against=None)
    return replace(question, class_name=label, against=None)


def can_look_inside(checkpoint: Checkpoint) -> bool:
    """Whether the model has attention to follow; a baseline has none."""
    from hvit.models import has_attention

    return has_attention(checkpoint.model)


def methods_for(checkpoint: Checkpoint) -> list[str]:
    """Names of the methods that can explain this model."""
    inside = can_look_inside(checkpoint)
    return [name for name, method in METHODS.items() if inside or method.any_model]


def explain(
    photo: PhotoFile, checkpoint: Checkpoint, question: Question, progress: Progress, twin: bool = False
) -> Explanation:
    """The map that answers a question.

    Args:
        progress: told how many of all passes are done, by methods that take many.
        twin: ask the same network with randomized weights.
    """
    if question.against is None:
        return _explain(photo, checkpoint, question, question.class_name, progress, twin)
    from hvit.explain.difference import difference

    # One bar for both: the second half goes on where the first ends.
    halves = (
        lambda done, total: progress(done, 2 * total),
        lambda done, total: progress(total + done, 2 * total),
    )
    names = (question.class_name, question.against)
    return difference(*(_explain(photo, checkpoint, question, *half, twin) for half in zip(names, halves)))


def _explain(
    photo: PhotoFile,
    checkpoint: Checkpoint,
    question: Question,
    class_name: str | None,
    progress: Progress,
    twin: bool,
) -> Explanation:
    def compute(images: Tensor, *beside: Tensor) -> Explanation:
        method = METHODS[question.method]
        model = _twin_of(identity(checkpoint), checkpoint) if twin else checkpoint.model
        index = None if class_name is None else checkpoint.classes.index(class_name)
        shown = {"progress": progress} if method.many_passes else {}
        return method(model, images, index, *beside, **dict(question.arguments), **shown)

    return _remembered(_key(photo, checkpoint, question, class_name, twin), photo, checkpoint, compute)


def _key(photo: PhotoFile, checkpoint: Checkpoint, question: Question, class_name: str | None, twin: bool) -> tuple:
    return photo.key, identity(checkpoint), question.method, class_name, question.arguments, twin


def takes_a_while(photo: PhotoFile, checkpoint: Checkpoint, question: Question) -> bool:
    """Whether many passes are to be computed before `explain` answers."""
    names = [question.class_name] + ([] if question.against is None else [question.against])
    known = all(_key(photo, checkpoint, question, name, twin=False) in _memory() for name in names)
    return METHODS[question.method].many_passes and not known


def square_looks_at(
    photo: PhotoFile, checkpoint: Checkpoint, stage: int, square: tuple[int, int], grid: tuple[int, int]
) -> Explanation:
    """What the tokens of a stage that lie in a square look at, on average.

    Args:
        stage: 0 to 3.
        square: row and column in the grid of the last stage.
        grid: rows and columns of that grid.
    """

    def compute(*inputs: Tensor) -> Explanation:
        import torch

        from hvit.explain.color_scale import LIFT
        from hvit.explain.explanation import Explanation
        from hvit.explain.methods.rollout import query_rollout

        side = 2 ** (3 - stage)  # tokens of the stage along a side of the square
        rows, columns = (range(side * number, side * (number + 1)) for number in square)
        queries = [row * grid[1] * side + column for row in rows for column in columns]
        with torch.inference_mode():
            details = checkpoint.model.forward_details(*inputs)
            share = query_rollout(details, stage, queries).mean(1)[0]
        arguments = {"residual": 0.5, "stage": stage, "square": list(square)}
        return Explanation(share.cpu().numpy(), "rollout", None, arguments, LIFT, is_additive=True)

    return _remembered((photo.key, identity(checkpoint), "square", stage, square), photo, checkpoint, compute)


def heads_look_at(photo: PhotoFile, checkpoint: Checkpoint, stage: int, block: int) -> list[Explanation]:
    """What each head of a block reads, on average over its stage."""

    def compute(*inputs: Tensor) -> list[Explanation]:
        import torch

        from hvit.explain.color_scale import LIFT
        from hvit.explain.explanation import Explanation
        from hvit.explain.methods.rollout import head_rollout

        with torch.inference_mode():
            details = checkpoint.model.forward_details(*inputs)
            heads = range(details.stages[stage].attentions[block].shape[1])
            shares = [head_rollout(details, stage, block, head)[0].cpu().numpy() for head in heads]
        return [
            Explanation(
                share, "rollout", None, {"residual": 0.5, "stage": stage, "block": block, "head": head}, LIFT, True
            )
            for head, share in enumerate(shares)
        ]

    return _remembered((photo.key, identity(checkpoint), "heads", stage, block), photo, checkpoint, compute)


def put_to_the_test(
    photo: PhotoFile,
    checkpoint: Checkpoint,
    question: Question,
    explanation: Explanation,
    class_name: str,
    crop: str | None,
) -> PerturbationTest:
    """What covering the places that the map marks does to the probability of a class."""

    def compute(images: Tensor, *beside: Tensor) -> PerturbationTest:
        from hvit.explain.perturbation import perturbation_test

        index = checkpoint.classes.index(class_name)
        return perturbation_test(checkpoint, images, explanation, index, crop, *beside)

    key = photo.key, identity(checkpoint), "cover", question, class_name, crop
    return _remembered(key, photo, checkpoint, compute)


def marked(photo: PhotoFile, checkpoint: Checkpoint, explanation: Explanation) -> np.ndarray:
    """The places that the test covers, (h, w) bool over the photo."""
    from hvit.explain.perturbation import masked_cells

    return masked_cells(explanation, *inputs_of(photo, checkpoint)[0].shape[-2:])


def likeness(one: Explanation, other: Explanation) -> float | None:
    """Rank correlation of two maps of one photo, 1 to -1; None where one of them is flat."""
    from hvit.explain.randomization import rank_correlation

    return rank_correlation(one.attribution, other.attribution)


def last_grid(photo: PhotoFile, checkpoint: Checkpoint) -> tuple[int, int]:
    """Rows and columns of tokens of the last stage."""
    height, width = inputs_of(photo, checkpoint)[0].shape[-2:]
    return height // 32, width // 32


def blocks_of(checkpoint: Checkpoint) -> list[tuple[int, int]]:
    """Stage and number of every block of attention of the model, from 0."""
    config = checkpoint.model.config
    return [(stage, block) for stage in config.attention_stages for block in range(config.depths[stage])]


def inputs_of(photo: PhotoFile, checkpoint: Checkpoint) -> tuple[Tensor, ...]:
    """What the model takes for a photo; shared, so nobody may change it."""
    return _inputs(photo.key, identity(checkpoint), photo, checkpoint)


@st.cache_resource(max_entries=16, show_spinner=False)
def _inputs(key: str, model: str, _photo: PhotoFile, _checkpoint: Checkpoint) -> tuple[Tensor, ...]:
    from hvit.data.inputs import stacked

    return stacked([prepared(_photo, _checkpoint).inputs], _checkpoint.device)


@st.cache_resource(max_entries=2, show_spinner=False)
def _twin_of(model: str, _checkpoint: Checkpoint):
    from hvit.explain.randomization import randomized_model

    return randomized_model(_checkpoint.model)


@st.cache_resource(show_spinner=False)
def _memory() -> OrderedDict[tuple, Any]:
    return OrderedDict()


def _remembered(key: tuple, photo: PhotoFile, checkpoint: Checkpoint, compute: Callable[..., Any]) -> Any:
    """What `compute` makes of the inputs of a photo, which are read before others have to wait.

    Not `st.cache_data`, which replays what is drawn while it computes: a progress bar of another session."""
    memory = _memory()
    found = memory.get(key)
    if found is None:
        inputs = inputs_of(photo, checkpoint)
        with inference:
            found = memory[key] = compute(*inputs)
        while len(memory) > REMEMBERED:
            memory.popitem(last=False)
    return found


def files_of(photo: PhotoFile, checkpoint: Checkpoint, explanation: Explanation) -> dict[str, Callable[[], bytes]]:
    """What `hvit explain` writes, by ending; each is made when it is asked for."""
    from hvit.explain import export

    told = {} if photo.address is None else {"address": str(photo.address)}

    def record() -> bytes:
        made = export.metadata(explanation, checkpoint, photo.name, prepared(photo, checkpoint).sha256)
        return (json.dumps(made | told, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()

    def picture() -> bytes:
        caption = export.printable_caption(explanation, checkpoint) + (", drawn by LeafSim" if told else "")
        return export.png(explanation, decode_photo(bytes_of(photo)).pixels, caption)

    def array() -> bytes:
        return export.npy(explanation, *prepared(photo, checkpoint).sides)

    return {"png": picture, "npy": array, "json": record}


def samples(run: RunChoice) -> list[str]:
    """Addresses of the drawn leaves a run was judged on, in an order without any meaning; empty for photos."""
    file = run.path / "eval" / "test" / "predictions.parquet"
    return _samples(str(run.path), file.stat().st_mtime_ns) if file.exists() else []


@st.cache_data(max_entries=32, show_spinner=False)
def _samples(path: str, stamp: int) -> list[str]:
    try:
        recorded = read_predictions(Run(Path(path)), "test", ("sample_id", "path"))
    except RunError:
        return []
    drawn = [(sample, name) for sample, name in zip(recorded["sample_id"], recorded["path"]) if name.startswith(SCHEME)]
    return [name for _, name in sorted(drawn)]  # a sample's number is a hash of its pixels
