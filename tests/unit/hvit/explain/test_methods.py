"""What all methods have in common."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from hvit.explain import METHODS
from hvit.models import HViT, ModelConfig
from tests.support.explained_models import (
    CLASS_METHODS,
    FEW,
    HEIGHT,
    SIZES,
    WIDTH,
    Scored,
    drawn_classifier,
    drawn_model,
    drawn_photos,
    explained,
)


@pytest.fixture(scope="module", params=SIZES)
def model(request):
    return drawn_classifier(request.param)


@pytest.fixture(scope="module")
def photos():
    return drawn_photos()


@pytest.mark.parametrize("name", CLASS_METHODS)
def test_without_a_class_the_most_likely_one_is_explained(model, photos, name):
    with torch.no_grad():
        likely = int(model(photos[1]).argmax())
    found, asked, other = (explained(model, name, photos[1], c) for c in (None, likely, (likely + 1) % 5))
    assert found.class_index == likely and np.array_equal(found.attribution, asked.attribution)
    assert other.class_index != likely and not np.allclose(other.attribution, found.attribution)


@pytest.mark.parametrize("name", METHODS)
def test_an_explanation_is_finite_and_its_heatmap_on_a_fixed_scale(model, photos, name):
    found = explained(model, name, photos[0], None)
    assert found.method == name and found.attribution.dtype == found.heatmap.dtype == np.float32
    assert np.isfinite(found.attribution).all() and found.heatmap.shape == found.attribution.shape
    assert 0 <= found.heatmap.min() and found.heatmap.max() <= 1
    assert np.array_equal(found.heatmap, found.scale.normalize(found.values))


def test_passes_are_reported():
    seen = []
    METHODS["occlusion"](
        Scored(lambda x: x.sum((1, 2, 3))).eval(), torch.ones(1, 3, 64, 64), 1, progress=lambda *done: seen.append(done)
    )
    assert seen[0] == (1, 10) and seen[-1] == (10, 10)  # the whole photo, then nine squares
    seen.clear()
    METHODS["integrated_gradients"](
        Scored(lambda x: x.sum((1, 2, 3))).eval(),
        torch.ones(1, 3, 64, 64),
        1,
        steps=20,
        progress=lambda *d: seen.append(d),
    )
    assert seen[-1] == (20, 20) and len(seen) > 1


def test_gradient_rollout_is_nothing_where_nothing_speaks_for_the_class(photos):
    model = drawn_model(ModelConfig((8, 8, 8, 8), (1, 1, 1, 1), head_dim=8, num_classes=2, img_size=64))
    with torch.no_grad():
        model.head.weight[1] = 0
    assert METHODS["gradient_rollout"](model, photos[0], 0).attribution.sum() == pytest.approx(1, abs=1e-5)
    assert not METHODS["gradient_rollout"](model, photos[0], 1).attribution.any()


def test_people_can_explain_at_once_with_one_model(model, photos):
    """Different photos, classes and methods in many threads, over and over, give what each gives alone."""
    jobs = [(name, i, c) for name, i, c in itertools.product(CLASS_METHODS, (0, 1), (1, 3))] + [("rollout", 0, None)]

    def do(job):
        name, i, class_index = job
        return explained(model, name, photos[i], class_index).attribution

    alone = {job: do(job) for job in jobs}
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(do, jobs * 3))
    for job, attribution in zip(jobs * 3, together):
        np.testing.assert_allclose(attribution, alone[job], atol=1e-6, rtol=1e-4, err_msg=str(job))


@pytest.mark.parametrize("name", METHODS)
def test_nothing_is_left_on_the_model(model, photos, name):
    before = {key: value.clone() for key, value in model.state_dict().items()}
    image = photos[0].clone()
    explained(model, name, image, None)
    assert not any(p.requires_grad or p.grad is not None for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.modules())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not model.training and torch.equal(image, photos[0]) and not image.requires_grad


@pytest.mark.parametrize("name", METHODS)
def test_a_spectral_picture_takes_part_in_the_prediction(photos, name):
    model = drawn_model(
        ModelConfig((8, 8, 8, 8), (1, 1, 1, 1), head_dim=8, num_classes=3, img_size=64, spectral_chans=2)
    )
    bands = torch.randn(1, 2, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(2))
    few = FEW.get(name, {})
    with_bands = METHODS[name](model, photos[0], None, bands, torch.tensor([True]), **few)
    absent = METHODS[name](model, photos[0], with_bands.class_index, bands, torch.tensor([False]), **few)
    alone = METHODS[name](model, photos[0], with_bands.class_index, **few)
    np.testing.assert_allclose(absent.attribution, alone.attribution, atol=1e-6)
    assert not np.allclose(with_bands.attribution, alone.attribution, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("rollout", {"class_index": 1}, "gradient_rollout and integrated_gradients do"),
        ("gradcam", {"class_index": 5}, "there are 5 classes"),
        ("gradcam", {"class_index": -1}, "there are 5 classes"),
        ("gradcam", {"stage": 4}, "there are 4"),
        ("rollout", {"stage": -1}, "there are 4"),
        ("gradient_rollout", {"residual": 2}, "between 0 and 1"),
        ("integrated_gradients", {"steps": 0}, "at least 1"),
        ("integrated_gradients", {"cell_px": 5}, "does not divide"),
        ("integrated_gradients", {"blur": 0}, "above 0"),
        ("occlusion", {"stride_px": 15}, "does not divide"),
        ("occlusion", {"square_px": 24}, "a multiple of 16"),
        ("occlusion", {"square_px": 80}, "up to 64"),
    ],
)
def test_arguments_out_of_range_are_refused(model, photos, name, arguments, expected):
    with pytest.raises(ValueError, match=expected):
        METHODS[name](model, photos[0], **arguments)


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if not method.any_model])
def test_methods_that_look_inside_an_hvit_refuse_other_models(photos, name):
    with pytest.raises(ValueError, match="use integrated_gradients or occlusion"):
        METHODS[name](Scored(lambda x: x.sum((1, 2, 3))).eval(), photos[0])


def test_dropped_paths_cannot_enter_a_map(photos):
    with pytest.raises(AssertionError):
        METHODS["rollout"](HViT(ModelConfig((8, 8, 8, 8), (1, 1, 1, 1), head_dim=8, num_classes=2)).train(), photos[0])
