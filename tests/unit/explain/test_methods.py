"""What all methods have in common, and each against values worked out by hand or by another way."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from hvit.explain import METHODS
from hvit.explain.integrated_gradients import blurred
from hvit.models import HViT, ModelConfig
from tests.unit.explain.test_rollout import attention_matrix, drawn_model, taps_matrix

HEIGHT, WIDTH = 64, 96


@pytest.fixture(scope="module")
def model():
    model = drawn_model(ModelConfig((8, 16, 16, 32), (1, 2, 2, 1), head_dim=8, num_classes=5, img_size=64))
    with torch.no_grad():
        model.head.weight.mul_(50)
        model.head.bias.copy_(torch.arange(5.0))
    return model


@pytest.fixture(scope="module")
def photos():
    return torch.randn(2, 1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1))


class Scored(nn.Module):
    """A model of two classes: the second has the score that a function gives to images (B, 3, H, W)."""

    num_classes = 2

    def __init__(self, score):
        super().__init__()
        self.score = score

    def forward(self, images):
        score = self.score(images)
        return torch.stack([torch.zeros_like(score), score], 1)


def test_integrated_gradients_of_a_linear_model_are_weights_times_what_details_change():
    weights = torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(0))
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    linear = Scored(lambda x: (weights * x).sum((1, 2, 3)) + 7).eval()
    found = METHODS["integrated_gradients"](linear, images, 1, steps=3, cell_px=1)
    details = (images - blurred(images, 0.125))[0]
    torch.testing.assert_close(torch.from_numpy(found.attribution), (weights * details).sum(0), atol=1e-5, rtol=0)
    in_cells = METHODS["integrated_gradients"](linear, images, 1, steps=3, cell_px=16)
    by_hand = (weights * details).reshape(3, 4, 16, 4, 16).sum((0, 2, 4))
    torch.testing.assert_close(torch.from_numpy(in_cells.attribution), by_hand, atol=1e-4, rtol=0)
    assert not METHODS["integrated_gradients"](linear, images, 0, steps=3).attribution.any()


def test_integrated_gradients_of_squares_are_differences_of_squares():
    """The integral of 2 x from b on is x * x - b * b; the gradient at the image alone would give 2 x (x - b)."""
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    found = METHODS["integrated_gradients"](Scored(lambda x: x.square().sum((1, 2, 3))).eval(), images, 1, cell_px=1)
    torch.testing.assert_close(
        torch.from_numpy(found.attribution),
        (images.square() - blurred(images, 0.125).square())[0].sum(0),
        atol=1e-4,
        rtol=0,
    )


def test_integrated_gradients_add_up_to_what_the_score_gained(model, photos):
    photo = 0.5 * photos[0] + torch.tensor([1.5, -1.0, 0.8])[None, :, None, None]  # of some color, as photos are
    with torch.no_grad():
        gained = (model(photo) - model(blurred(photo, 0.125)))[0]
    most = int(gained.abs().argmax())
    found = METHODS["integrated_gradients"](model, photo, most, steps=64)
    assert found.attribution.sum() == pytest.approx(float(gained[most]), rel=0.02)
    assert abs(gained[most]) > 0.3  # 2 % of it is more than rounding


def test_blurring_keeps_the_color_and_takes_the_details():
    even = torch.tensor([1.0, -2.0, 0.5])[None, :, None, None].expand(1, 3, 64, 96)
    torch.testing.assert_close(blurred(even, 0.125), even.contiguous())
    checks = torch.ones(64, 96)
    checks[::2] = -1
    assert blurred(checks.expand(1, 3, 64, 96), 0.125).abs().max() < 0.05
    long = torch.randn(1, 3, 64, 1024, generator=torch.Generator().manual_seed(0))  # the blur is wider than the photo
    assert blurred(long, 0.125).shape == long.shape and blurred(long, 0.125).std() < 0.1


def test_occlusion_by_hand():
    """The score is the sum over the first 16 x 16 px, 768 for ones. One of the nine 32-px squares hides it; a place has
    the mean over the squares that cover it: 1, 2 or 4 of them here."""
    corner = Scored(lambda x: x[:, :, :16, :16].sum((1, 2, 3))).eval()
    found = METHODS["occlusion"](corner, torch.ones(1, 3, 64, 64), 1)
    expected = np.zeros((4, 4), np.float32)
    expected[:2, :2] = [[768, 384], [384, 192]]
    np.testing.assert_allclose(found.attribution, expected)
    against = METHODS["occlusion"](
        Scored(lambda x: -x[:, :, :16, :16].sum((1, 2, 3))).eval(), torch.ones(1, 3, 64, 64), 1
    )
    np.testing.assert_allclose(against.attribution, -expected)


def test_passes_are_reported():
    seen = []
    METHODS["occlusion"](
        Scored(lambda x: x.sum((1, 2, 3))).eval(), torch.ones(1, 3, 64, 64), 1, show=lambda *done: seen.append(done)
    )
    assert seen[0] == (1, 10) and seen[-1] == (10, 10)  # the whole photo, then nine squares
    seen.clear()
    METHODS["integrated_gradients"](
        Scored(lambda x: x.sum((1, 2, 3))).eval(), torch.ones(1, 3, 64, 64), 1, steps=20, show=lambda *d: seen.append(d)
    )
    assert seen[-1] == (20, 20) and len(seen) > 1


def test_grad_cam_of_the_last_stage_divides_the_logit_among_the_tokens(model, photos):
    with torch.no_grad():
        tokens = model.forward_features(photos[0])[0]
        expected = tokens @ model.head.weight[3] / tokens[..., 0].numel()
        logit = model(photos[0])[0, 3]
    found = METHODS["gradcam"](model, photos[0], 3)
    torch.testing.assert_close(torch.from_numpy(found.attribution), expected, atol=1e-5, rtol=0)
    assert found.attribution.sum() == pytest.approx(float(logit - model.head.bias[3]), abs=1e-4)
    assert found.values.mean() == pytest.approx(float(logit - model.head.bias[3]), abs=1e-4)


def test_grad_cam_of_a_lower_stage_by_explicit_gradient(model, photos):
    """From the normalized tokens of stage 2 on, the rest of the model is computed here by its parts."""
    backbone = model.backbone
    with torch.no_grad():
        normed = backbone.stages[2].merge.norm(backbone.stage_tokens(photos[1])[1])
    normed.requires_grad_()
    tokens = backbone.stages[2].merge.conv(normed.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    tokens = backbone.stages[2].position(tokens) + backbone.embeddings(HEIGHT, WIDTH)[2]
    shape = tokens.shape
    tokens = tokens.flatten(1, 2)
    for block in backbone.stages[2].blocks:
        tokens = block(tokens, 1)
    logits = model.forward_head(backbone.norm(backbone.stages[3](tokens.reshape(shape))))
    torch.testing.assert_close(logits, model(photos[1]), atol=1e-4, rtol=0)
    (gradient,) = torch.autograd.grad(logits[0, 1], [normed])
    expected = (gradient[0].mean((0, 1)) * normed[0].detach()).sum(-1)
    found = METHODS["gradcam"](model, photos[1], 1, stage=1)
    torch.testing.assert_close(torch.from_numpy(found.attribution), expected, atol=1e-5, rtol=1e-4)
    assert expected.min() < 0 < expected.max()  # the sign is kept


def test_gradient_rollout_equals_the_product_of_full_matrices(model, photos):
    details = model.forward_details(photos[0].clone().requires_grad_())
    attentions = [a for stage in details.stages for a in stage.attentions]
    gradients = torch.autograd.grad(details.logits[0, 4], attentions)
    weighted = iter([(a * g).clamp_min(0).mean(1).detach() for a, g in zip(attentions, gradients)])
    product = torch.eye(HEIGHT * WIDTH // 16, dtype=torch.float64)
    for stage in details.stages:
        if stage.merge_weights is not None:
            product = taps_matrix(stage.merge_weights, 0, 2) @ product
        product = taps_matrix(stage.position_weights, 0, 1) @ product
        for _ in stage.attentions:
            matrix = attention_matrix(next(weighted), stage, 0)
            rows, identity = matrix.sum(1, keepdim=True), torch.eye(len(matrix), dtype=torch.float64)
            product = (identity + torch.where(rows > 0, matrix / rows, identity)) / 2 @ product
    speaks = (details.final_tokens[0].detach() @ model.head.weight[4]).clamp_min(0).flatten().double()
    assert (speaks == 0).any() and (speaks > 0).any()
    expected = speaks / speaks.sum() @ product
    found = METHODS["gradient_rollout"](model, photos[0], 4)
    torch.testing.assert_close(torch.from_numpy(found.attribution).flatten().double(), expected, atol=1e-6, rtol=0)
    assert found.attribution.sum() == pytest.approx(1, abs=1e-5)


def test_gradient_rollout_is_nothing_where_nothing_speaks_for_the_class(photos):
    model = drawn_model(ModelConfig((8, 8, 8, 8), (1, 1, 1, 1), head_dim=8, num_classes=2, img_size=64))
    with torch.no_grad():
        model.head.weight[1] = 0
    assert METHODS["gradient_rollout"](model, photos[0], 0).attribution.sum() == pytest.approx(1, abs=1e-5)
    assert not METHODS["gradient_rollout"](model, photos[0], 1).attribution.any()


CLASS_METHODS = [name for name, method in METHODS.items() if method.depends_on_class]
FEW = {"integrated_gradients": {"steps": 4}}


def explained(model, name, image, class_index):
    return METHODS[name](model, image, class_index, **FEW.get(name, {}))


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
    assert np.array_equal(found.heatmap, found.scale.heat(found.values))


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
def test_a_spectral_picture_takes_part_in_the_answer(photos, name):
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
    ("name", "arguments", "told"),
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
def test_arguments_out_of_range_are_refused(model, photos, name, arguments, told):
    with pytest.raises(ValueError, match=told):
        METHODS[name](model, photos[0], **arguments)


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if not method.any_model])
def test_methods_that_look_inside_an_hvit_refuse_other_models(photos, name):
    with pytest.raises(ValueError, match="use integrated_gradients or occlusion"):
        METHODS[name](Scored(lambda x: x.sum((1, 2, 3))).eval(), photos[0])


def test_dropped_paths_cannot_enter_a_map(photos):
    with pytest.raises(AssertionError):
        METHODS["rollout"](HViT(ModelConfig((8, 8, 8, 8), (1, 1, 1, 1), head_dim=8, num_classes=2)).train(), photos[0])
