"""The network with drawn weights, and maps on the way to it."""

import numpy as np
import pytest
import torch

from hvit.explain import METHODS
from hvit.explain.controls import edges
from hvit.explain.randomization import (
    LEVELS,
    cascading_randomization,
    map_similarities,
    randomized_model,
    rank_correlation,
)
from hvit.models import create_model
from tests.support.explained_models import SIZES, drawn_classifier, drawn_photos


@pytest.fixture(scope="module")
def model():
    return drawn_classifier()


def test_a_twin_has_other_weights_and_leaves_the_model_and_the_generator_alone(model):
    before = {key: value.clone() for key, value in model.state_dict().items()}
    torch.manual_seed(5)
    twin, drawn = randomized_model(model, 7), torch.rand(1)
    torch.manual_seed(5)
    assert drawn == torch.rand(1)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    differ = {key for key, value in twin.state_dict().items() if not torch.equal(value, before[key])}
    assert {
        "head.weight",
        "backbone.unit_embedding",
        "backbone.image_embedding",
        "backbone.patch_embed.conv1.weight",
    } <= differ
    assert not twin.training and not any(p.requires_grad for p in twin.parameters())
    assert all(t.data_ptr() != m.data_ptr() for t, m in zip(twin.parameters(), model.parameters()))


def test_a_twin_belongs_to_its_seed(model):
    first, again, other = (randomized_model(model, seed).head.weight for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_baseline_has_a_twin_too():
    baseline = create_model("timm:resnet10t", num_classes=3).eval()
    twin = randomized_model(baseline)
    assert twin.name == "resnet10t" and twin(torch.zeros(1, 3, 64, 64)).shape == (1, 3)
    assert not torch.equal(twin.get_classifier().weight, baseline.get_classifier().weight)


def test_levels_hold_every_weight_once_and_the_last_one_is_the_twin(model):
    fused = create_model("hvit_tiny_dfca", num_classes=3, spectral_chans=2)
    for name in (*model.state_dict(), *fused.state_dict(), *create_model("hvit_tiny_conv").state_dict()):
        assert sum(name.startswith(prefixes) for prefixes in LEVELS.values()) == 1, name
    before = {key: value.clone() for key, value in model.state_dict().items()}
    steps, twin = dict(cascading_randomization(model, 3)), randomized_model(model, 3).state_dict()
    assert list(steps) == list(LEVELS)
    for key, value in steps["head"].state_dict().items():
        assert torch.equal(value, twin[key] if key.startswith(LEVELS["head"]) else before[key])
    assert all(torch.equal(value, twin[key]) for key, value in steps["stem"].state_dict().items())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("size", SIZES)
def test_the_cascade_falls_for_a_method_that_reads_the_weights_and_not_for_edges(size):
    model = drawn_classifier(size)
    image, models = drawn_photos()[0], dict(cascading_randomization(model, 7))

    def by_method(network):
        return METHODS["integrated_gradients"](network, image, 1, steps=8).values

    fallen = map_similarities(models, by_method, by_method(model))
    assert list(fallen) == list(LEVELS)
    assert max(abs(fallen[level]) for level in ("stage2", "stage1", "stem")) < 0.5
    of_photo = map_similarities(models, lambda network: edges(image).values, edges(image).values)
    assert all(similarity == pytest.approx(1) for similarity in of_photo.values())


def test_rollout_does_not_read_the_head_but_what_is_below(model):
    image, models = drawn_photos()[0], dict(cascading_randomization(model, 7))
    fallen = map_similarities(
        models, lambda network: METHODS["rollout"](network, image).values, METHODS["rollout"](model, image).values
    )
    assert fallen["head"] == pytest.approx(1)
    assert max(fallen["stage1"], fallen["stem"]) < 0.6


def test_rank_correlation_by_hand_and_of_a_flat_map():
    assert rank_correlation(np.array([[1.0, 2, 3]]), np.array([[10.0, 20, 15]])) == pytest.approx(0.5)
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == pytest.approx(-1)
    assert rank_correlation(np.array([1.0, 2, 3]), np.ones(3)) is None
