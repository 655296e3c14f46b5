"""Recorded tests of the explanation methods (`training.explain`): their ranking, and the method to show first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hvit.explain import METHODS
from hvit.runs import Run

if TYPE_CHECKING:  # imports torch, which a page's first frame does not wait for
    from hvit.explain.explanation import Explanation

DEFAULT_ARGUMENTS = {"residual": 0.5, "stage": 3}.items()  # with which methods are tested


@dataclass(frozen=True)
class RecordedTests:
    """Ranking of the methods on recorded test photos.

    Attributes:
        methods: best first; empty where nothing was recorded.
        beat_controls: methods that beat the model-free controls.
        trusted: methods that beat them under both covers, best first.
        randomized_peak: by method, the 95th percentile of the peak attribution of the network with randomized weights.
        num_photos: they were tested on.
        learned_from: "photos", "drawings" or both, as of the run.
        problem: why the recorded table could not be read.
    """

    methods: tuple[str, ...] = ()
    beat_controls: frozenset[str] = frozenset()
    trusted: tuple[str, ...] = ()
    randomized_peak: dict[str, float] = field(default_factory=dict)
    num_photos: int = 0
    learned_from: frozenset[str] = frozenset()
    problem: str | None = None


def read_recorded_tests(run: Run, learned_from: frozenset[str] = frozenset()) -> RecordedTests:
    """Ranks the methods by the recorded tests of a run; a damaged table becomes a `problem`."""
    from hvit.explain.ranking import ranking

    try:
        table = run.explanations("test")
        scores = [] if table is None else [score for score in ranking(table) if not score.is_control]
    except ValueError as error:
        return RecordedTests(problem=str(error))
    return RecordedTests(
        tuple(score.name for score in scores),
        frozenset(score.name for score in scores if score.beats_controls),
        tuple(score.name for score in scores if score.beats_controls and score.lead_mean_baseline is not None),
        {score.name: score.randomized_peak_95 for score in scores if score.randomized_peak_95 is not None},
        max((score.margin.n for score in scores), default=0),
        learned_from,
    )


def available_methods(has_attention: bool) -> list[str]:
    """Names of the methods that support a model: a baseline without attention has no rollout."""
    return [name for name, method in METHODS.items() if has_attention or method.any_model]


def default_method(tests: RecordedTests, has_attention: bool) -> str:
    """The best trusted method for a model; without one, a method that depends on the class."""
    possible = available_methods(has_attention)
    otherwise = "gradient_rollout" if has_attention else "occlusion"
    return next((name for name in tests.trusted if name in possible), otherwise)


def exceeds_randomized(
    tests: RecordedTests, method: str, arguments: dict[str, Any], explanation: Explanation
) -> bool | None:
    """Whether an attribution is stronger than the 95th percentile of those of the randomized model.

    Returns:
        None where the run did not record that, or the method has other arguments than it was tested with.
    """
    from hvit.explain.faithfulness import peak_attribution

    threshold = tests.randomized_peak.get(method)
    if threshold is None or not arguments.items() <= DEFAULT_ARGUMENTS:
        return None
    return peak_attribution(explanation) > threshold
