"""The family in numbers, and the properties everything else relies on.

Parameters and multiply-accumulates are those of backbone and 1000-class head at 224 px. The counts come from two sides:
torch's own counter over the built model, and the formula below, written from the description of the architecture.
"""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hvit.models import SIZES, HViT, ModelConfig, create_model

PARAMS = {
    "hvit_tiny": 5143896,
    "hvit_small": 22311368,
    "hvit_base": 87961512,
    "hvit_large": 303209608,
    "hvit_tiny_dfca": 5308536,
    "hvit_small_dfca": 22965256,
    "hvit_base_dfca": 90567720,
    "hvit_large_dfca": 309066568,
    "hvit_tiny_conv": 5172120,
    "hvit_small_conv": 24489120,
}
MACS = {
    "hvit_tiny": 646108928,
    "hvit_small": 2931166720,
    "hvit_base": 11257256960,
    "hvit_large": 33501015552,
    "hvit_tiny_dfca": 721172224,
    "hvit_small_dfca": 3193687552,
    "hvit_base_dfca": 12231875584,
    "hvit_large_dfca": 35637308928,
    "hvit_tiny_conv": 726824576,
    "hvit_small_conv": 2950826304,
}


def on_meta(name):
    with torch.device("meta"):
        return create_model(name).eval()


def macs_by_hand(config, side=224):
    """The way to the tokens of the stages; then per stage a position convolution, and blocks of 4 C^2 + 2 T C a token
    for attention and 2 r C^2 for an MLP of ratio r (12 C^2 together with the usual 4)."""
    dims = config.embed_dims
    macs = plain_way_macs(config, side) if config.front is None else front_macs(config, side)
    for stage, (dim, depth, window) in enumerate(zip(dims, config.depths, config.window_tokens)):
        if config.front is not None and stage < 2:
            continue
        tokens = (side // (4 << stage)) ** 2
        attended = window**2 or tokens
        macs += tokens * 9 * dim  # depthwise
        macs += depth * tokens * ((4 + 2 * config.mlp_ratio) * dim**2 + 2 * attended * dim)
    if config.spectral_chans:  # four 3x3 convolutions to stride 16, then one attention: 4 C^2 + 2 N C a token
        dim, tokens = dims[2], (side // 16) ** 2
        widths = [config.spectral_chans, dim // 8, dim // 4, dim // 2, dim]
        macs += sum(9 * a * b * (side >> i) ** 2 for i, (a, b) in enumerate(zip(widths, widths[1:]), 1))
        macs += tokens * (4 * dim**2 + 2 * tokens * dim)
    return macs + dims[3] * config.num_classes


def plain_way_macs(config, side):
    """Two 3x3 stem convolutions, and 3x3 merging into each later stage."""
    dims = config.embed_dims
    macs = (side // 2) ** 2 * 9 * config.in_chans * dims[0] // 2 + (side // 4) ** 2 * 9 * dims[0] // 2 * dims[0]
    return macs + sum((side // (4 << i)) ** 2 * 9 * dims[i - 1] * dims[i] for i in (1, 2, 3))


# Table 1 of Tan & Le 2019 without its last two rows: kernel, stride, expansion; then channels and blocks of each row.
LITE_ROWS = ((3, 1, 1), (3, 2, 6), (5, 2, 6), (3, 2, 6), (5, 1, 6))
LITE = {
    "efficientnet_lite0": ((16, 1), (24, 2), (40, 2), (80, 3), (112, 3)),
    "efficientnet_lite2": ((16, 1), (24, 3), (48, 3), (88, 4), (120, 4)),  # width 1.1, depth 1.2
}


def front_macs(config, side):
    """A 3x3 stem of 32 channels, inverted residual blocks to stride 16, a linear map, and 3x3 merging into stage 4."""
    below, side = 32, side // 2
    macs = side**2 * 9 * config.in_chans * below
    for (kernel, stride, expansion), (channels, repeats) in zip(LITE_ROWS, LITE[config.front]):
        for block in range(repeats):
            hidden = below * expansion
            macs += side**2 * below * hidden if expansion > 1 else 0
            side //= stride if block == 0 else 1
            macs += side**2 * (kernel**2 * hidden + hidden * channels)
            below = channels
    third, fourth = config.embed_dims[2:]
    return macs + side**2 * below * third + (side // 2) ** 2 * 9 * third * fourth


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    model = create_model("hvit_tiny", num_classes=7).eval()
    with torch.no_grad():  # attention far from even, and logits of order 1
        model.head.weight.mul_(10)
        for name, parameter in model.named_parameters():
            if "qkv.weight" in name:
                queries_and_keys = 2 * parameter.shape[0] // 3
                parameter[:queries_and_keys].mul_(6)
    return model


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_golden_numbers_cover_every_size():
    assert PARAMS.keys() == MACS.keys() == SIZES.keys()


@pytest.mark.parametrize("name", PARAMS)
def test_parameters_of_a_size(name):
    assert sum(p.numel() for p in on_meta(name).parameters()) == PARAMS[name]


@pytest.mark.parametrize("name", MACS)
def test_multiply_accumulates_of_a_size(name):
    model, bands = on_meta(name), SIZES[name].spectral_chans
    spectral = torch.empty(1, bands, 224, 224, device="meta") if bands else None
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 3, 224, 224, device="meta"), spectral)
    assert counter.get_total_flops() == 2 * MACS[name]


@pytest.mark.parametrize("name", MACS)
def test_multiply_accumulates_agree_with_the_formula(name):
    assert macs_by_hand(SIZES[name]) == MACS[name]


@pytest.mark.parametrize("name", SIZES)
def test_a_size_is_built_without_memory_or_batch_norm(name):
    model = on_meta(name)
    assert all(p.is_meta for p in (*model.parameters(), *model.buffers()))
    assert not [m for m in model.modules() if "BatchNorm" in type(m).__name__]


@pytest.mark.parametrize("sides", [(64, 64), (96, 160), (128, 96)])
def test_the_recording_path_equals_the_fast_path(tiny, sides):
    images = draw(2, 3, *sides)
    with torch.no_grad():
        details, logits, (staged, features) = tiny.forward_details(images), tiny(images), tiny.forward_stages(images)
    assert logits.std() > 0.1
    torch.testing.assert_close(details.logits, logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(staged, logits, atol=1e-5, rtol=1e-5)
    for recorded, fast in zip(details.stage_features, features):
        torch.testing.assert_close(recorded, fast, atol=1e-5, rtol=1e-4)


def test_recorded_attention_is_a_share_of_every_window(tiny):
    with torch.no_grad():
        stages = tiny.forward_details(draw(2, 3, 64, 96)).stages
    shapes = [tuple(stage.attentions[0].shape) for stage in stages]
    # 64x96 px is 2x3 units; windows of 8x8 and 4x4 tokens, then all of 4x6 and 2x3 tokens
    assert shapes == [(12, 1, 64, 64), (12, 2, 16, 16), (2, 4, 24, 24), (2, 8, 6, 6)]
    assert [len(stage.attentions) for stage in stages] == [1, 2, 6, 4]
    for stage in stages:
        for attention in stage.attentions:
            torch.testing.assert_close(attention.sum(-1), torch.ones(attention.shape[:-1]), atol=1e-5, rtol=0)


def test_checkpointing_changes_neither_outputs_nor_gradients():
    torch.manual_seed(0)
    model, images, results = create_model("hvit_tiny", num_classes=5).train(), draw(2, 3, 64, 64), []
    for checkpointed in (False, True):
        model.set_grad_checkpointing(checkpointed)
        model.zero_grad()
        logits = model(images)
        logits.square().sum().backward()
        results.append([logits.detach(), *(p.grad.clone() for p in model.parameters())])
    for plain, checkpointed in zip(*results):
        torch.testing.assert_close(checkpointed, plain, atol=1e-6, rtol=1e-5)


def test_checkpointing_recomputes_the_same_dropped_paths():
    model = create_model("hvit_tiny", num_classes=5, drop_path_rate=0.5).train()
    images, gradients = draw(4, 3, 64, 64), []
    for checkpointed in (False, True):
        model.set_grad_checkpointing(checkpointed)
        model.zero_grad()
        torch.manual_seed(3)
        model(images).square().sum().backward()
        gradients.append(model.backbone.patch_embed.conv1.weight.grad.clone())
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-6, rtol=1e-4)


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    model = create_model("hvit_tiny", num_classes=5).train()
    torch.nn.functional.cross_entropy(model(draw(2, 3, 64, 64)), torch.tensor([1, 3])).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@pytest.mark.parametrize("sides", [(64, 64), (65, 97), (64, 320), (200, 100)])
def test_any_size_from_64_px_works(tiny, sides):
    with torch.no_grad():
        assert tiny(draw(1, 3, *sides)).isfinite().all()


def test_the_maps_have_strides_4_8_16_and_32(tiny):
    with torch.no_grad():
        maps = tiny.feature_maps(draw(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [(1, 32, 16, 24), (1, 64, 8, 12), (1, 128, 4, 6), (1, 256, 2, 3)]
    for feature_map in maps:  # normalised over the channels at each position
        torch.testing.assert_close(feature_map.mean(1), torch.zeros_like(feature_map.mean(1)), atol=1e-4, rtol=0)
        deviation = feature_map.std(1, correction=0)
        torch.testing.assert_close(deviation, torch.ones_like(deviation), atol=1e-2, rtol=0)


def test_a_side_under_64_px_is_refused_with_both_sides_named(tiny):
    with pytest.raises(ValueError, match="63x200 px; both sides must be at least 64 px"):
        tiny(draw(1, 3, 63, 200))


def test_photos_of_a_batch_do_not_influence_each_other(tiny):
    images = draw(3, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(tiny(images)[2:], tiny(images[2:]), atol=1e-5, rtol=1e-4)


def test_a_spectral_band_is_refused_by_a_model_without_a_stream_for_it(tiny):
    with pytest.raises(ValueError, match="no spectral stream"):
        tiny(draw(1, 3, 64, 64), spectral=draw(1, 4, 64, 64))


def test_names_and_arguments_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="hvit_tiny, hvit_small, hvit_base, hvit_large"):
        create_model("hvit_huge")
    with pytest.raises(ValueError, match="no argument embed_dim"):
        create_model("hvit_tiny", embed_dim=32)


def test_an_attention_block_equals_torch_on_each_window():
    """torch.nn.TransformerEncoderLayer, pre-norm, with the same weights, on windows cut here by slicing."""
    torch.manual_seed(0)
    model = HViT(ModelConfig((16, 16, 16, 16), (1, 1, 1, 1), head_dim=8, num_classes=3, img_size=64)).eval()
    stage, oracle = (
        model.backbone.stages[0],
        torch.nn.TransformerEncoderLayer(
            16, 2, dim_feedforward=64, dropout=0, activation="gelu", batch_first=True, norm_first=True
        ).eval(),
    )
    block = stage.blocks[0]
    with torch.no_grad():
        block.attn.qkv.weight.mul_(40)
        oracle.self_attn.in_proj_weight.copy_(block.attn.qkv.weight)
        oracle.self_attn.in_proj_bias.copy_(block.attn.qkv.bias)
        oracle.self_attn.out_proj.load_state_dict(block.attn.proj.state_dict())
        for name in ("norm1", "norm2"):
            getattr(oracle, name).load_state_dict(getattr(block, name).state_dict())
        oracle.linear1.load_state_dict(block.mlp.fc1.state_dict())
        oracle.linear2.load_state_dict(block.mlp.fc2.state_dict())
        tokens = draw(2, 16, 24, 16)
        actual = stage(tokens)
        entered = stage.position(tokens)
        for top in (0, 8):
            for left in (0, 8, 16):
                window = entered[:, top : top + 8, left : left + 8].reshape(2, 64, 16)
                expected = oracle(window).reshape(2, 8, 8, 16)
                torch.testing.assert_close(actual[:, top : top + 8, left : left + 8], expected, atol=1e-5, rtol=1e-4)
