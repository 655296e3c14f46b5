"""The convolutional front: folded batch norms against timm, the record of receptive fields, and exactness."""

import copy

import pytest
import torch
from torch import nn

from hvit.models import HViT, ModelConfig, create_model
from hvit.models.backbone import Backbone
from hvit.models.baselines import plain_model
from hvit.models.conv_front import (
    BlockGroup,
    InvertedResidual,
    ReceptiveField,
    SameConv2d,
    front_blocks,
    same_padding,
    tap_weights,
)
from hvit.models.pretraining import Contrastive
from hvit.models.pyramid import PyramidNeck

MICRO = ModelConfig((24, 40, 32, 64), (1, 1, 1, 1), head_dim=16, num_classes=5, img_size=64, front="efficientnet_lite0")


def sample(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return HViT(MICRO).eval()


@pytest.fixture(scope="module", params=["hvit_tiny_conv", "hvit_small_conv"])
def published(request):
    """A size and the timm model its front comes from, with random weights and statistics."""
    torch.manual_seed(1)
    model = create_model(request.param, num_classes=5).eval()
    net = plain_model(model.config.front_config.source.removeprefix("timm:"), 5, 64).eval()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(std=0.3)
                module.running_mean.normal_(std=0.3)
                module.running_var.uniform_(0.5, 2)
    return model, net


@torch.no_grad()
@pytest.mark.parametrize("sides", [(64, 64), (96, 160)])
def test_the_folded_front_gives_what_timm_gives_with_its_batch_norms(published, sides):
    model, net = published
    model.load_timm_weights(net.state_dict())
    images = sample(2, 3, *sides)
    theirs = net.forward_intermediates(images, indices=[1, 2, 3], intermediates_only=True)
    first, second = model.backbone.stage_tokens(images, 2)
    third = model.backbone.stages[2].merge.blocks(second.permute(0, 3, 1, 2))
    for ours, expected in zip((first.permute(0, 3, 1, 2), second.permute(0, 3, 1, 2), third), theirs, strict=True):
        assert expected.std() > 0.05
        torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-4)


def _without(tensors):
    del tensors["blocks.2.1.bn3.running_var"]


def _reshaped(tensors):
    tensors["blocks.4.2.conv_dw.weight"] = torch.zeros(672, 1, 3, 3)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (_without, "no blocks.2.1.bn3.running_var; expected those of timm:tf_efficientnet_lite0"),
        (_reshaped, r"is \(672, 1, 5, 5\), and that of the weights \(672, 1, 3, 3\)"),
    ],
)
def test_weights_of_another_net_are_named_and_change_nothing(model, damage, expected):
    tensors = plain_model("tf_efficientnet_lite0", 5, 64).state_dict()
    damage(tensors)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=expected):
        model.load_timm_weights(tensors)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_plain_size_has_no_front_to_load():
    with pytest.raises(ValueError, match="use a _conv size"):
        create_model("hvit_tiny").load_timm_weights({})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"front": "resnet"}, "front is 'resnet', expected one of efficientnet_lite0, efficientnet_lite2"),
        ({"embed_dims": (32, 40, 192, 320)}, r"do not begin with those of efficientnet_lite0: \(24, 40\) and \(1, 1\)"),
        ({"depths": (1, 2, 4, 2)}, r"do not begin with those of efficientnet_lite0: \(24, 40\) and \(1, 1\)"),
        ({"embed_dims": (24, 40, 200, 320)}, "not from the third on multiples of head_dim 32"),
    ],
)
def test_a_shape_that_is_not_that_of_the_front_is_refused(changes, expected):
    with pytest.raises(ValueError, match=expected):
        create_model("hvit_tiny_conv", **changes)


@pytest.mark.parametrize("sides", [(64, 64), (65, 97), (64, 320), (200, 100)])
@torch.no_grad()
def test_recording_equals_the_fast_path_at_any_size_from_64_px(model, sides):
    images = sample(2, 3, *sides)
    details, logits = model.forward_details(images), model(images)
    assert logits.isfinite().all() and logits.std() > 0
    torch.testing.assert_close(details.logits, logits, atol=1e-5, rtol=1e-5)
    for recorded, feature in zip(details.stage_features, model.forward_stages(images)[1]):
        torch.testing.assert_close(recorded, feature, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_stages_of_convolutions_record_their_blocks_and_no_attention(model):
    stages = model.forward_details(sample(1, 3, 64, 96)).stages
    assert [len(stage.attentions) for stage in stages] == [0, 0, 1, 1]
    # Stage 3 has the six blocks to stride 16 and its position convolution, stage 4 its merging convolution and that.
    assert [len(stage.convolutions) for stage in stages] == [1, 2, 7, 2]
    kernels = [[field.kernel for field in stage.convolutions] for stage in stages]
    assert kernels == [[3], [5, 5], [3, 3, 3, 5, 5, 5, 3], [3, 3]]
    for stage in stages:
        for field in stage.convolutions:
            assert field.weights.min() >= 0
            torch.testing.assert_close(field.weights.sum(-1), torch.ones(field.weights.shape[:3]), atol=1e-5, rtol=0)


@torch.no_grad()
def test_what_follows_each_stage_reads_the_recorded_tokens(model):
    details = model.forward_details(sample(1, 3, 64, 96))
    read = details.tokens_read
    assert torch.equal(read[0], details.stages[0].tokens) and torch.equal(read[1], details.stages[1].tokens)
    assert [tuple(tokens.shape) for tokens in read] == [(1, 16, 24, 24), (1, 8, 12, 40), (1, 4, 6, 32), (1, 2, 3, 64)]


@pytest.mark.parametrize(
    ("kernel", "stride", "sides"), [(3, 1, (1, 1)), (3, 2, (0, 1)), (5, 1, (2, 2)), (5, 2, (1, 2)), (1, 1, (0, 0))]
)
def test_padding_is_that_of_tensorflow(kernel, stride, sides):
    assert same_padding(kernel, stride) == sides


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
@torch.no_grad()
def test_shares_are_spread_as_the_transposed_convolution_spreads(kernel, stride):
    """With the same weights at every output, spreading is what autograd does with a gradient."""
    weights, share = sample(kernel**2).abs(), sample(1, 3, 4, 1).abs()
    conv = SameConv2d(1, 1, kernel, stride)
    conv.weight.copy_(weights.reshape(1, 1, kernel, kernel))
    field = ReceptiveField(weights.expand(1, 3, 4, -1), stride, conv.pad_before)
    with torch.enable_grad():
        inputs = torch.zeros(1, 1, 3 * stride, 4 * stride, requires_grad=True)
        (expected,) = torch.autograd.grad(conv(inputs), inputs, share.permute(0, 3, 1, 2))
    torch.testing.assert_close(field.to_inputs(share), expected.permute(0, 2, 3, 1))


@torch.no_grad()
def test_a_tap_weighs_what_it_adds_to_the_channels_that_pass():
    """By hand: the middle reads 1 to 9; the taps of channel one are 1, those of channel two 10, but blocked."""
    conv = SameConv2d(2, 2, 3, groups=2)
    conv.weight[0], conv.weight[1] = 1, 10
    inputs = torch.arange(1.0, 10).reshape(1, 1, 3, 3).expand(1, 2, 3, 3)
    passes = torch.tensor([True, False])[None, :, None, None].expand(1, 2, 3, 3)
    weights = tap_weights(conv, inputs, passes)
    torch.testing.assert_close(weights[0, 1, 1], torch.arange(1.0, 10) / 45)
    corner = torch.tensor([0.0, 0, 0, 0, 1, 2, 0, 4, 5]) / 12  # beyond the border counts nothing
    torch.testing.assert_close(weights[0, 0, 0], corner)
    even = tap_weights(conv, inputs, torch.zeros_like(passes))
    torch.testing.assert_close(even[0, 0, 0], torch.tensor([0.0, 0, 0, 0, 1, 1, 0, 1, 1]) / 4)


@torch.no_grad()
def test_a_skip_path_keeps_what_the_norms_say():
    block = InvertedResidual(4, BlockGroup(3, 1, 6, 4, 1), stride=1).eval()
    block.depthwise.bias.normal_(generator=torch.Generator().manual_seed(3))
    feature_map = sample(1, 4, 5, 5)
    output, field = block.forward_with_record(feature_map)
    torch.testing.assert_close(output, block(feature_map))
    added, kept = (output - feature_map).norm(dim=1), feature_map.norm(dim=1)
    hidden = torch.nn.functional.relu6(block.expand(feature_map))
    filtered = block.depthwise(hidden)
    share = (added / (added + kept))[..., None]
    expected = share * tap_weights(block.depthwise, hidden, (filtered > 0) & (filtered < 6))
    expected[..., 4] += 1 - share[..., 0]
    torch.testing.assert_close(field.weights, expected)


@torch.no_grad()
def test_photos_of_a_batch_do_not_influence_each_other(model):
    images = sample(3, 3, 64, 64)
    together = model.train()(images)
    alone = torch.cat([model(image[None]) for image in images])
    model.eval()
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_gradients_of_a_batch_are_those_of_its_halves():
    torch.manual_seed(0)
    model, images, gradients = HViT(MICRO).train(), sample(4, 3, 64, 64), []
    for parts in ([images], [images[[3, 1]], images[[0, 2]]]):
        model.zero_grad()
        for part in parts:
            model(part).square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    for whole, halves in zip(*gradients):
        torch.testing.assert_close(halves, whole, atol=1e-4 * float(whole.abs().max()), rtol=1e-3)


def test_gradients_reach_every_parameter_and_training_changes_no_statistics():
    torch.manual_seed(0)
    model = HViT(MICRO).train()
    torch.nn.functional.cross_entropy(model(sample(2, 3, 64, 64)), torch.tensor([1, 3])).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
    assert list(model.buffers()) == []


def test_checkpointing_recomputes_the_same_dropped_paths():
    model = create_model("hvit_tiny_conv", num_classes=5, drop_path_rate=0.5).train()
    images, gradients = sample(4, 3, 64, 64), []
    for checkpointed in (False, True):
        model.set_grad_checkpointing(checkpointed)
        model.zero_grad()
        torch.manual_seed(3)
        model(images).square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    for plain, checkpointed in zip(*gradients):
        torch.testing.assert_close(checkpointed, plain, atol=1e-6, rtol=1e-4)


def test_paths_are_dropped_by_the_draws_of_the_sample():
    """Only a block with a skip path can be dropped; which image drops it depends on its draw, not on its place."""
    torch.manual_seed(0)
    model = HViT(ModelConfig(**{**MICRO.to_dict(), "drop_path_rate": 0.5})).train()
    paths = model.drop_paths()
    # Two of each block of attention, and one of the second stage's block; the rate of the first block is 0.
    assert len(paths) == 5 and paths[0] is model.backbone.stages[1].blocks[0].drop_path
    images, draws = sample(4, 3, 64, 64), torch.tensor([0.0, 0.9, 0.9, 0.0])

    def tokens(order):
        for path in paths:
            path.uniform = draws[order]
        return model.backbone.stage_tokens(images[order], 2)

    with torch.no_grad():
        first, second = tokens([0, 1, 2, 3])
        entered = model.backbone.stages[1].merge(first.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        torch.testing.assert_close(second[[0, 3]], entered[[0, 3]])  # dropped: only the skip path is left
        assert (second[[1, 2]] - entered[[1, 2]]).abs().amax((1, 2, 3)).min() > 1e-3
        torch.testing.assert_close(tokens([3, 1])[1], second[[3, 1]], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_autocast_leaves_the_front_in_float32_on_the_cpu(model):
    images, seen = sample(1, 3, 64, 64), []
    hooks = [
        module.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
        for module in model.modules()
        if isinstance(module, SameConv2d)
    ]
    with torch.autocast("cpu", torch.bfloat16):
        first, second = model.backbone.stage_tokens(images, 2)
        logits = model(images)
        recorded = model.forward_details(images).logits
    for hook in hooks:
        hook.remove()
    assert set(seen) == {torch.float32} and logits.dtype == torch.bfloat16
    exact = model.backbone.stage_tokens(images, 2)
    assert torch.equal(first, exact[0]) and torch.equal(second, exact[1])
    torch.testing.assert_close(recorded, logits, atol=2e-2, rtol=0)


def test_a_pyramid_can_be_built_on_its_maps(model):
    neck = PyramidNeck(model.config.embed_dims, out_dim=48)
    maps = model.feature_maps(sample(1, 3, 64, 96))
    for feature_map in maps:  # normalised over the channels at each position
        torch.testing.assert_close(feature_map.mean(1), torch.zeros_like(feature_map.mean(1)), atol=1e-4, rtol=0)
    assert [tuple(m.shape) for m in neck(maps)] == [(1, 48, 16, 24), (1, 48, 8, 12), (1, 48, 4, 6), (1, 48, 2, 3)]


def test_masked_images_are_refused(model):
    with pytest.raises(ValueError, match="use a size without _conv"):
        model.backbone.visible_stages(torch.zeros(1, 3, 64, 64), torch.zeros(1, 1, dtype=torch.int64))


def test_a_contrastive_model_names_only_parameters_it_has():
    contrastive = Contrastive(Backbone(MICRO), 32, 16)
    assert contrastive.no_weight_decay() == {"backbone.image_embedding"}
    assert contrastive.no_weight_decay() <= {name for name, _ in contrastive.named_parameters()}
    projections = contrastive(sample(3, 3, 64, 64))
    torch.testing.assert_close(projections.norm(dim=1), torch.ones(3))


def test_layers_run_from_the_image_to_the_head():
    """By hand: blocks of 1, 1, 4 and 2; what enters a stage counts with its first block, the norm with the head."""
    numbers = create_model("hvit_tiny_conv").layer_groups()
    expected = {
        "backbone.patch_embed.stem.weight": 0,
        "backbone.patch_embed.blocks.1.project.bias": 0,
        "backbone.stages.0.blocks.0.depthwise.weight": 1,
        "backbone.stages.1.merge.expand.weight": 2,
        "backbone.stages.1.blocks.0.project.weight": 2,
        "backbone.stages.2.merge.blocks.5.depthwise.weight": 3,
        "backbone.stages.2.merge.proj.weight": 3,
        "backbone.image_embedding": 3,
        "backbone.stages.2.blocks.3.mlp.fc1.weight": 6,
        "backbone.stages.3.merge.conv.weight": 7,
        "backbone.stages.3.blocks.1.mlp.fc1.weight": 8,
        "head.weight": 9,
    }
    assert {name: numbers[name] for name in expected} == expected
    assert numbers.keys() == {name for name, _ in create_model("hvit_tiny_conv").named_parameters()}


def test_the_front_has_as_many_blocks_as_the_published_net():
    backbone = create_model("hvit_tiny_conv").backbone
    blocks = list(front_blocks(backbone.patch_embed, backbone.stages))
    assert len(blocks) == 1 + 2 + 2 + 3 + 3
    assert {id(block) for block in blocks} == {id(m) for m in backbone.modules() if isinstance(m, InvertedResidual)}
