"""Explanations against values worked out by hand, or by another way that is written out here."""

import numpy as np
import pytest
import torch

from hvit.explain import METHODS
from hvit.explain.methods.integrated_gradients import blurred
from tests.support.explained_models import (
    HEIGHT,
    SIZES,
    WIDTH,
    Scored,
    attention_matrix,
    convolution_matrix,
    drawn_classifier,
    drawn_photos,
)


@pytest.fixture(scope="module", params=SIZES)
def model(request):
    return drawn_classifier(request.param)


@pytest.fixture(scope="module")
def photos():
    return drawn_photos()


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
    found = METHODS["integrated_gradients"](model, photo, most, steps=256)  # ReLU6 bends often
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
    """The score is the sum over one cell of 16 x 16 px, 768 for ones; a place has the mean over the squares over it.

    Squares are two cells wide: two of them hide the cell. Down, they begin at row 0, which one square covers and the
    next row two. Across, the cell itself is covered by just these two, and its neighbors by one of them and another.
    """
    images = torch.ones(1, 3, 64, 96)
    expected = np.zeros((4, 6), np.float32)
    expected[:2, 1:4] = [[384, 768, 384], [192, 384, 192]]
    found = METHODS["occlusion"](Scored(lambda x: x[:, :, :16, 32:48].sum((1, 2, 3))).eval(), images, 1)
    np.testing.assert_allclose(found.attribution, expected)
    against = METHODS["occlusion"](Scored(lambda x: -x[:, :, :16, 32:48].sum((1, 2, 3))).eval(), images, 1)
    np.testing.assert_allclose(against.attribution, -expected)


def test_grad_cam_of_the_last_stage_divides_the_logit_among_the_tokens(model, photos):
    with torch.no_grad():
        tokens = model.forward_features(photos[0])[0]
        expected = tokens @ model.head.weight[3] / tokens[..., 0].numel()
        logit = model(photos[0])[0, 3]
    found = METHODS["gradcam"](model, photos[0], 3)
    torch.testing.assert_close(torch.from_numpy(found.attribution), expected, atol=1e-5, rtol=0)
    assert found.attribution.sum() == pytest.approx(float(logit - model.head.bias[3]), abs=1e-4)
    assert found.values.mean() == pytest.approx(float(logit - model.head.bias[3]), abs=1e-4)


def test_grad_cam_of_a_lower_stage_by_explicit_gradient(photos):
    """From the normalized tokens of stage 2 on, the rest of the model is computed here by its parts."""
    model = drawn_classifier()
    backbone = model.backbone
    with torch.no_grad():
        normed = backbone.stages[2].merge.norm(backbone.stage_tokens(photos[1])[1])
    normed.requires_grad_()
    tokens = backbone.stages[2].merge.conv(normed.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    tokens = backbone.stages[2].position(tokens) + backbone.position_embeddings(HEIGHT, WIDTH)[2]
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


def test_grad_cam_of_a_stage_of_convolutions_reads_its_outputs_as_they_are(photos):
    """Each token of stage 1 is read by the convolutions that follow, without a norm."""
    model = drawn_classifier("conv")
    with torch.no_grad():
        tokens = model.backbone.stage_tokens(photos[1], 1)[0]
    tokens.requires_grad_()
    features, embeddings = tokens, model.backbone.position_embeddings(HEIGHT, WIDTH)
    for stage, embedding in zip(model.backbone.stages[1:], embeddings[1:]):
        features = stage(features, embedding)
    (gradient,) = torch.autograd.grad(model.forward_head(model.backbone.norm(features))[0, 1], [tokens])
    expected = (gradient[0].mean((0, 1)) * tokens[0].detach()).sum(-1)
    found = METHODS["gradcam"](model, photos[1], 1, stage=0)
    torch.testing.assert_close(torch.from_numpy(found.attribution), expected, atol=1e-5, rtol=1e-4)
    assert found.attribution.shape == (HEIGHT // 4, WIDTH // 4)
    assert expected.min() < 0 < expected.max()  # the sign is kept


def test_gradient_rollout_equals_the_product_of_full_matrices(model, photos):
    details = model.forward_details(photos[0].clone().requires_grad_())
    attentions = [a for stage in details.stages for a in stage.attentions]
    gradients = torch.autograd.grad(details.logits[0, 4], attentions)
    weighted = iter([(a * g).clamp_min(0).mean(1).detach() for a, g in zip(attentions, gradients)])
    product = torch.eye(HEIGHT * WIDTH // 16, dtype=torch.float64)
    for stage in details.stages:
        for convolution in stage.convolutions:
            product = convolution_matrix(convolution, 0) @ product
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
