"""Cached explanations of single photos, and cached tests of the methods."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from app.cache.photos import bytes_of, prepared
from app.cache.runs import identity, inference, load_model
from app.photos.photo_files import PhotoFile
from hvit.data.leafsim.address import SCHEME
from hvit.data.photos import decode_photo
from hvit.explain import METHODS
from hvit.explain.recorded_tests import (
    RecordedTests,
    available_methods,
    default_method,
    exceeds_randomized,
    read_recorded_tests,
)
from hvit.explain.request import ExplanationRequest
from hvit.runs import Run, RunError
from hvit.runs.layout import EXPLANATIONS, PREDICTIONS, in_split
from hvit.runs.predictions import read_prediction_columns
from hvit.runs.snapshot import RunSnapshot

if TYPE_CHECKING:  # these import torch, which the first frame does not wait for
    from torch import Tensor

    from hvit.explain.explanation import Explanation
    from hvit.explain.perturbation import PerturbationTest
    from hvit.runs.checkpoint import Checkpoint

MAX_CACHED = 400
Progress = Callable[[int, int], None]


def recorded_tests(run: RunSnapshot) -> RecordedTests:
    """Recorded tests of the explanation methods of a run."""
    file = run.path / in_split("test", EXPLANATIONS)
    if not file.exists():
        return RecordedTests()
    return _recorded_tests(str(run.path), file.stat().st_mtime_ns, run.learned_from)


@st.cache_data(max_entries=32, show_spinner=False)
def _recorded_tests(path: str, stamp: int, learned_from: frozenset[str]) -> RecordedTests:
    return read_recorded_tests(Run(Path(path)), learned_from)


def best_method(run: RunSnapshot, checkpoint: Checkpoint) -> str:
    """The default method, see `hvit.explain.recorded_tests.default_method`."""
    return default_method(recorded_tests(run), has_attention(checkpoint))


def preload(run: RunSnapshot) -> None:
    """Preloads the model and slow imports of its first method.

    Raises:
        CheckpointError: the run cannot predict.
    """
    method = METHODS[best_method(run, load_model(run))]
    if method.many_passes:
        import captum.attr  # noqa: F401


def exceeds_randomized_model(run: RunSnapshot, request: ExplanationRequest, explanation: Explanation) -> bool | None:
    """See `exceeds_randomized`; None for a difference of classes, which is not tested."""
    if request.against is not None:
        return None
    return exceeds_randomized(recorded_tests(run), request.method, dict(request.arguments), explanation)


def has_attention(checkpoint: Checkpoint) -> bool:
    """Whether the model exposes its attention; a baseline may not."""
    from hvit import models

    return models.has_attention(checkpoint.model)


def methods_for(checkpoint: Checkpoint) -> list[str]:
    """Names of the methods that support this model."""
    return available_methods(has_attention(checkpoint))


def explain(
    photo: PhotoFile, checkpoint: Checkpoint, request: ExplanationRequest, progress: Progress, randomized: bool = False
) -> Explanation:
    """Explanation of a photo.

    Args:
        progress: called with the number of passes done and their total, by methods that take many.
        randomized: explain the same network with randomized weights.
    """
    if request.against is None:
        return _explain(photo, checkpoint, request, request.class_name, progress, randomized)
    from hvit.explain.difference import difference

    # One progress bar for both, half each.
    halves = (
        lambda done, total: progress(done, 2 * total),
        lambda done, total: progress(total + done, 2 * total),
    )
    names = (request.class_name, request.against)
    return difference(*(_explain(photo, checkpoint, request, *half, randomized) for half in zip(names, halves)))


def _explain(
    photo: PhotoFile,
    checkpoint: Checkpoint,
    request: ExplanationRequest,
    class_name: str | None,
    progress: Progress,
    randomized: bool,
) -> Explanation:
    def compute(images: Tensor, *spectral: Tensor) -> Explanation:
        method = METHODS[request.method]
        model = _randomized_model(identity(checkpoint), checkpoint) if randomized else checkpoint.model
        index = None if class_name is None else checkpoint.classes.index(class_name)
        reported = {"progress": progress} if method.many_passes else {}
        return method(model, images, index, *spectral, **dict(request.arguments), **reported)

    return _cached(_key(photo, checkpoint, request, class_name, randomized), photo, checkpoint, compute)


def _key(
    photo: PhotoFile, checkpoint: Checkpoint, request: ExplanationRequest, class_name: str | None, randomized: bool
) -> tuple:
    return photo.key, identity(checkpoint), request.method, class_name, request.arguments, randomized


def is_slow(photo: PhotoFile, checkpoint: Checkpoint, request: ExplanationRequest) -> bool:
    """Whether `explain` must run many passes, because the result is not cached."""
    names = [request.class_name] + ([] if request.against is None else [request.against])
    known = all(_key(photo, checkpoint, request, name, randomized=False) in _memory() for name in names)
    return METHODS[request.method].many_passes and not known


def square_rollout(
    photo: PhotoFile, checkpoint: Checkpoint, stage: int, square: tuple[int, int], grid: tuple[int, int]
) -> Explanation:
    """Rollout of the tokens of a stage in one cell of the grid of the last stage, see `square_rollout`."""

    def compute(*inputs: Tensor) -> Explanation:
        from hvit.explain.token_rollout import square_rollout

        return square_rollout(checkpoint.model, inputs, stage, square, grid[1])

    return _cached((photo.key, identity(checkpoint), "square", stage, square), photo, checkpoint, compute)


def head_rollouts(photo: PhotoFile, checkpoint: Checkpoint, stage: int, block: int) -> list[Explanation]:
    """Rollout of each head of a block, see `head_rollouts`."""

    def compute(*inputs: Tensor) -> list[Explanation]:
        from hvit.explain.token_rollout import head_rollouts

        return head_rollouts(checkpoint.model, inputs, stage, block)

    return _cached((photo.key, identity(checkpoint), "heads", stage, block), photo, checkpoint, compute)


def perturbation_test(
    photo: PhotoFile,
    checkpoint: Checkpoint,
    request: ExplanationRequest,
    explanation: Explanation,
    class_name: str,
    crop: str | None,
) -> PerturbationTest:
    """Effect of masking the top attributions on the probability of a class."""

    def compute(images: Tensor, *spectral: Tensor) -> PerturbationTest:
        from hvit.explain.perturbation import perturbation_test

        index = checkpoint.classes.index(class_name)
        return perturbation_test(checkpoint, images, explanation, index, crop, *spectral)

    key = photo.key, identity(checkpoint), "cover", request, class_name, crop
    return _cached(key, photo, checkpoint, compute)


def top_attributions(photo: PhotoFile, checkpoint: Checkpoint, explanation: Explanation) -> np.ndarray:
    """Mask of the top attributions, (h, w) bool over the photo."""
    from hvit.explain.perturbation import masked_cells

    return masked_cells(explanation, *model_inputs(photo, checkpoint)[0].shape[-2:])


def rank_correlation(one: Explanation, other: Explanation) -> float | None:
    """Rank correlation of two attributions of one photo, -1 to 1; None where one is constant."""
    from hvit.explain.randomization import rank_correlation

    return rank_correlation(one.attribution, other.attribution)


def token_grid(photo: PhotoFile, checkpoint: Checkpoint) -> tuple[int, int]:
    """Rows and columns of tokens of the last stage."""
    height, width = model_inputs(photo, checkpoint)[0].shape[-2:]
    return height // 32, width // 32


def attention_blocks(checkpoint: Checkpoint) -> list[tuple[int, int]]:
    """Stage and index of every attention block, from 0."""
    config = checkpoint.model.config
    return [(stage, block) for stage in config.attention_stages for block in range(config.depths[stage])]


def model_inputs(photo: PhotoFile, checkpoint: Checkpoint) -> tuple[Tensor, ...]:
    """Model inputs of a photo; shared, so they must not be changed."""
    return _inputs(photo.key, identity(checkpoint), photo, checkpoint)


@st.cache_resource(max_entries=16, show_spinner=False)
def _inputs(key: str, model: str, _photo: PhotoFile, _checkpoint: Checkpoint) -> tuple[Tensor, ...]:
    from hvit.data.inputs import stacked

    return stacked([prepared(_photo, _checkpoint).inputs], _checkpoint.device)


@st.cache_resource(max_entries=2, show_spinner=False)
def _randomized_model(model: str, _checkpoint: Checkpoint):
    from hvit.explain.randomization import randomized_model

    return randomized_model(_checkpoint.model)


@st.cache_resource(show_spinner=False)
def _memory() -> OrderedDict[tuple, Any]:
    return OrderedDict()


def _cached(key: tuple, photo: PhotoFile, checkpoint: Checkpoint, compute: Callable[..., Any]) -> Any:
    """Caches a result of the inputs of a photo, which are prepared before others wait for the lock.

    Not `st.cache_data`, which would replay the progress bar of another session."""
    memory = _memory()
    found = memory.get(key)
    if found is None:
        inputs = model_inputs(photo, checkpoint)
        with inference:
            found = memory[key] = compute(*inputs)
        while len(memory) > MAX_CACHED:
            memory.popitem(last=False)
    return found


def files_of(photo: PhotoFile, checkpoint: Checkpoint, explanation: Explanation) -> dict[str, Callable[[], bytes]]:
    """Contents of the files of `hvit explain`, by extension; each is made on request."""
    from hvit.explain import export

    source = {} if photo.address is None else {"address": str(photo.address)}

    def record() -> bytes:
        made = export.metadata(explanation, checkpoint, photo.name, prepared(photo, checkpoint).sha256)
        return (json.dumps(made | source, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()

    def picture() -> bytes:
        caption = export.printable_caption(explanation, checkpoint) + (", drawn by LeafSim" if source else "")
        return export.png(explanation, decode_photo(bytes_of(photo)).pixels, caption)

    def array() -> bytes:
        return export.npy(explanation, *prepared(photo, checkpoint).sides)

    return {"png": picture, "npy": array, "json": record}


def test_leaves(run: RunSnapshot) -> list[str]:
    """Addresses of the rendered test leaves of a run, shuffled; empty for a run on photos."""
    file = run.path / in_split("test", PREDICTIONS)
    return _test_leaves(str(run.path), file.stat().st_mtime_ns) if file.exists() else []


@st.cache_data(max_entries=32, show_spinner=False)
def _test_leaves(path: str, stamp: int) -> list[str]:
    try:
        recorded = read_prediction_columns(Run(Path(path)), "test", ("sample_id", "path"))
    except RunError:
        return []
    rendered = [
        (sample, name) for sample, name in zip(recorded["sample_id"], recorded["path"]) if name.startswith(SCHEME)
    ]
    return [name for _, name in sorted(rendered)]  # ids are hashes of the pixels
