"""The time of models of runs, measured on request."""

from types import SimpleNamespace

import pytest

from app.cache import costs
from tests.support.model_cards import model_card


def test_a_model_larger_than_any_that_is_timed_is_refused_before_it_is_built(monkeypatch):
    monkeypatch.setattr(costs, "MAX_PARAMS", 1_000_000)
    arguments = {"num_classes": 3, "depths": [1, 1, 1, 1]}
    card = model_card(["a", "b", "c"], arguments=arguments)
    with pytest.raises(ValueError, match="hvit_tiny with more than 1,000,000 parameters is not timed here"):
        costs.measure([SimpleNamespace(card=card)], lambda done, total: None)
