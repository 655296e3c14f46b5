"""Cost of models: parameters and multiply-accumulates, counted; time, measured on this machine on request."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from app.cache.runs import inference
from hvit.runs.snapshot import RunSnapshot

if TYPE_CHECKING:  # these import torch, which the first frame does not wait for
    from torch import nn

    from hvit.models.counting import Cost
    from hvit.speed.benchmark import Timing

MAX_CACHED = 256
TURNS, LEAST_S = 10, 0.1
MAX_PARAMS = 1_000_000_000  # of a model that is built to be timed; a card may ask for any size
Model = tuple[str, str, int]  # architecture, its arguments as JSON, and the side in px it serves


def cost_of(record: RunSnapshot) -> Cost | None:
    """Parameters and GMACs at the serving size; None where the model cannot be built."""
    model = _model_of(record)
    return None if model is None else _cost(*model)


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _cost(architecture: str, arguments: str, img_size: int) -> Cost | None:
    from hvit.models.counting import cost_of

    try:
        return cost_of(architecture, json.loads(arguments), img_size)
    except (ValueError, TypeError):
        return None


def times_of(records: Sequence[RunSnapshot]) -> list[Timing] | None:
    """Latency of the model of each run; None until measured in the same turns."""
    models = [_model_of(record) for record in records]
    found = next((times for times in reversed(_measured()) if times.keys() >= set(models)), None)
    return None if found is None else [found[model] for model in models]


def measure(records: Sequence[RunSnapshot], progress: Callable[[int, int], None]) -> None:
    """Measures models interleaved, on one thread; nothing else computes meanwhile.

    Args:
        progress: called with the turns of single models done and their number.
    """
    from hvit.speed.benchmark import Setting, measure_all

    models = {str(i): model for i, model in enumerate(dict.fromkeys(_model_of(record) for record in records))}

    def build(name: str, img_size: int) -> nn.Module:
        from hvit.models import create_model

        architecture, arguments, _ = models[name]
        cost = _cost(*models[name])
        if cost is None or cost.params > MAX_PARAMS:
            raise ValueError(f"a model of {architecture} with more than {MAX_PARAMS:,} parameters is not timed here")
        return create_model(architecture, **json.loads(arguments))

    cases = [(name, Setting("infer", "cpu", "fp32", False, 1, 1, model[2])) for name, model in models.items()]
    with inference:
        timings = measure_all(cases, TURNS, LEAST_S, progress, build)
    _measured().append(dict(zip(models.values(), timings)))


@st.cache_resource(show_spinner=False)
def _measured() -> list[dict[Model, Timing]]:
    """Measurements since the server started, shared by all sessions."""
    return []


def _model_of(record: RunSnapshot) -> Model | None:
    card = record.card
    if card is None:
        return None
    return card.architecture, json.dumps(card.arguments, sort_keys=True), card.preprocessing.img_size
