"""DFCA against an explicit computation, and what a missing spectral picture must not change."""

import math

import pytest
import torch

from hvit.models import HViT, ModelConfig, create_model
from hvit.models.fusion import Fusion

MICRO = ModelConfig((16, 32, 64, 128), (1, 1, 2, 1), head_dim=16, num_classes=3, img_size=64, spectral_chans=5)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def model():
    """Attention far from even, and logits of order 1."""
    torch.manual_seed(0)
    model = HViT(MICRO).eval()
    with torch.no_grad():
        model.head.weight.mul_(20)
        for linear in (model.backbone.fusion.attn.query, model.backbone.fusion.attn.key_value):
            linear.weight.mul_(20)
    return model


def test_the_attention_is_that_of_an_explicit_computation():
    """Two heads of 4 channels, token by token in plain loops over double precision."""
    torch.manual_seed(1)
    fusion = Fusion(bands=2, dim=8, head_dim=4).double().eval()
    with torch.no_grad():
        for parameter in fusion.attn.parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64))
        fusion.gate_logit.copy_(torch.linspace(-2, 2, 8))
        tokens, embedding = draw(1, 1, 2, 8).double(), draw(1, 1, 2, 8, seed=1).double()
        spectral = draw(1, 2, 16, 32, seed=2).double()
        actual, record = fusion.forward_with_record(tokens, embedding, spectral, None)

        asking = torch.nn.functional.layer_norm(tokens, (8,))[0, 0]
        answering = (fusion.embed(spectral) + embedding)[0, 0]
        query = asking @ fusion.attn.query.weight.T + fusion.attn.query.bias
        key_value = answering @ fusion.attn.key_value.weight.T + fusion.attn.key_value.bias
        key, value = key_value[:, :8], key_value[:, 8:]
        for n in range(2):
            found = torch.zeros(8, dtype=torch.float64)
            for head in range(2):
                part = slice(4 * head, 4 * head + 4)
                scores = [math.exp(float(query[n, part] @ key[m, part]) / 2) for m in range(2)]  # sqrt(4) = 2
                for m in range(2):
                    share = scores[m] / sum(scores)
                    assert record.attention[0, head, n, m].item() == pytest.approx(share, abs=1e-12)
                    found[part] += share * value[m, part]
            added = fusion.attn.proj.weight @ found + fusion.attn.proj.bias
            expected = tokens[0, 0, n] + added / (1 + torch.exp(-torch.linspace(-2, 2, 8, dtype=torch.float64)))
            torch.testing.assert_close(actual[0, 0, n], expected, atol=1e-6, rtol=1e-6)
    assert record.received.sum().item() == pytest.approx(1)


def test_the_recording_path_equals_the_fast_path_and_shows_the_cross_attention(model):
    images, spectral, present = draw(3, 3, 64, 96), draw(3, 5, 64, 96, seed=1), torch.tensor([True, False, True])
    with torch.no_grad():
        details, logits = model.forward_details(images, spectral, present), model(images, spectral, present)
        staged, _ = model.forward_stages(images, spectral, present)
    assert (logits - model(images)).abs().max() > 0.1
    torch.testing.assert_close(details.logits, logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(staged, logits, atol=1e-5, rtol=1e-5)
    fusion = details.fusion
    assert fusion.attention.shape == (3, 4, 24, 24) and fusion.received.shape == (3, 4, 6)
    assert fusion.attention.std(-1).max() > 0.05  # not even
    torch.testing.assert_close(fusion.attention.sum(-1), torch.ones(3, 4, 24), atol=1e-5, rtol=0)
    assert torch.equal(fusion.present, present) and not fusion.added[1].any() and fusion.added[0].any()
    assert model.forward_details(images).fusion is None


def test_a_missing_spectral_picture_is_the_rgb_path_bit_for_bit(model):
    images, spectral = draw(4, 3, 64, 64), draw(4, 5, 64, 64, seed=1)
    spectral[1] = float("nan")  # what stands in the place of a missing picture is never read
    with torch.no_grad():
        alone = model(images)
        assert torch.equal(model(images, spectral, torch.zeros(4, dtype=torch.bool)), alone)
        some = model(images, spectral, torch.tensor([True, False, True, False]))
        assert torch.equal(some[1::2], alone[1::2])
        assert (some[::2] - alone[::2]).abs().amin() > 1e-4


def test_a_closed_gate_is_the_rgb_path_bit_for_bit(model):
    images, spectral = draw(2, 3, 64, 64), draw(2, 5, 64, 64, seed=1)
    logit, before = model.backbone.fusion.gate_logit, model.backbone.fusion.gate_logit.detach().clone()
    with torch.no_grad():
        logit.fill_(-torch.inf)
        assert torch.equal(model(images, spectral), model(images))
        logit.copy_(before)
        assert not torch.equal(model(images, spectral), model(images))
    assert torch.equal(model.backbone.fusion.gate, torch.full((64,), 0.5))  # half open at first


def test_gradients_reach_every_parameter_and_survive_a_missing_sample():
    torch.manual_seed(0)
    model = HViT(MICRO).train()
    images, spectral = draw(2, 3, 64, 64), draw(2, 5, 64, 64, seed=1)
    spectral[1] = float("nan")
    logits = model(images, spectral, torch.tensor([True, False]))
    torch.nn.functional.cross_entropy(logits, torch.tensor([1, 2])).backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    assert [n for n, g in gradients.items() if g is None or not g.isfinite().all() or not g.abs().sum() > 0] == []


def test_without_any_spectral_picture_gradients_are_zeros_and_not_none():
    """Several processes average gradients: one whose samples all lack a picture must still take part."""
    model = HViT(MICRO).train()
    model(draw(2, 3, 64, 64), draw(2, 5, 64, 64), torch.zeros(2, dtype=torch.bool)).sum().backward()
    assert all(p.grad is not None and not p.grad.any() for p in model.backbone.fusion.parameters())


def test_all_but_the_spectral_stream_starts_as_in_the_model_without_it():
    starts = []
    for name in ("hvit_tiny", "hvit_tiny_dfca"):
        torch.manual_seed(5)
        starts.append(create_model(name, num_classes=3).backbone.state_dict())
    assert all(torch.equal(starts[1][name], value) for name, value in starts[0].items())
    assert {name.split(".")[0] for name in starts[1].keys() - starts[0].keys()} == {"fusion"}


@pytest.mark.parametrize("sides", [(65, 97), (64, 160)])
def test_any_size_works_and_samples_do_not_influence_each_other(model, sides):
    images, spectral = draw(3, 3, *sides), draw(3, 5, *sides, seed=1)
    with torch.no_grad():
        together, apart = model(images, spectral), model(images[2:], spectral[2:])
    torch.testing.assert_close(together[2:], apart, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("shape", [(1, 4, 64, 64), (2, 5, 64, 64), (1, 5, 64, 96)])
def test_a_spectral_picture_of_another_shape_is_refused(model, shape):
    with pytest.raises(ValueError, match=r"expected \(1, 5, 64, 64\): bands at the pixels of images"):
        model(draw(1, 3, 64, 64), draw(*shape))


def test_the_number_of_bands_is_an_argument():
    model = create_model("hvit_tiny_dfca", spectral_chans=4, num_classes=2).eval()
    with torch.no_grad():
        assert model(draw(1, 3, 64, 64), draw(1, 4, 64, 64)).shape == (1, 2)
    with pytest.raises(ValueError, match="spectral_chans is -1"):
        create_model("hvit_tiny_dfca", spectral_chans=-1)


def test_checkpointing_changes_no_gradient_of_the_spectral_stream():
    torch.manual_seed(0)
    model, images, spectral, results = HViT(MICRO).train(), draw(2, 3, 64, 64), draw(2, 5, 64, 64, seed=1), []
    for checkpointed in (False, True):
        model.set_grad_checkpointing(checkpointed)
        model.zero_grad()
        model(images, spectral).square().sum().backward()
        results.append([p.grad.clone() for p in model.parameters()])
    for plain, checkpointed in zip(*results):
        torch.testing.assert_close(checkpointed, plain, atol=1e-6, rtol=1e-5)


def test_bf16_attention_with_gradients_agrees_with_the_fused_kernel_on_the_cpu(model):
    images, spectral = draw(2, 3, 64, 64), draw(2, 5, 64, 64, seed=1)
    with torch.autocast("cpu", torch.bfloat16):
        with_gradients = model(images, spectral)
        with torch.no_grad():
            fused = model(images, spectral)
    torch.testing.assert_close(with_gradients, fused, atol=0.1, rtol=0.05)
