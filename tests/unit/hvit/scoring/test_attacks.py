"""FGSM and PGD in pixel space: their size, their direction, and that they are worse than noise of the same size."""

import numpy as np
import pytest
import torch
from torch import nn

from hvit.data.leafsim import Address, render
from hvit.runs.checkpoint import load_checkpoint
from hvit.scoring.attacks import ATTACKS, attacked_inputs, mean_loss

EPSILON = 4 / 255


@pytest.fixture(scope="module")
def checkpoint(tiny_run):
    return load_checkpoint(tiny_run)


@pytest.fixture(scope="module")
def photos():
    return [render(Address(11, index), 64).picture for index in (9, 19, 29)]


@pytest.fixture(scope="module")
def labels(checkpoint, photos):
    """The classes that the run itself gives, so that every attack has something to take away."""
    inputs = attacked_inputs(checkpoint, photos, [0, 0, 0], "fgsm", 0.0)
    with torch.no_grad():
        return [int(checkpoint.model(image[None]).argmax()) for (image,) in inputs]


def values(checkpoint, inputs):
    """Values in [0, 1] of model inputs, (N, 3, h, w)."""
    mean, std = (torch.tensor(v)[:, None, None] for v in (checkpoint.preprocessing.mean, checkpoint.preprocessing.std))
    return torch.stack([image for (image,) in inputs]) * std + mean


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_value_changes_by_more_than_epsilon_or_leaves_its_range(checkpoint, photos, labels, attack):
    clean = values(checkpoint, attacked_inputs(checkpoint, photos, labels, attack, 0.0))
    changed = values(checkpoint, attacked_inputs(checkpoint, photos, labels, attack, EPSILON))
    assert (changed - clean).abs().max() == pytest.approx(EPSILON, abs=1e-5)
    assert changed.min() >= -1e-6 and changed.max() <= 1 + 1e-6


@pytest.mark.parametrize("attack", ATTACKS)
def test_epsilon_0_is_the_photo_as_it_is(checkpoint, photos, labels, attack):
    inputs = attacked_inputs(checkpoint, photos, labels, attack, 0.0)
    expected = torch.stack([checkpoint.preprocessing(photo) for photo in photos])
    assert torch.stack([image for (image,) in inputs]) == pytest.approx(expected, abs=1e-5)


def test_fgsm_steps_along_the_sign_of_the_gradient(checkpoint, photos, labels):
    pixels = torch.from_numpy(photos[0]).permute(2, 0, 1)[None].float().div(255).requires_grad_()
    logits = checkpoint.model(checkpoint.preprocessing.normalize(255 * pixels))
    gradient = torch.autograd.grad(nn.functional.cross_entropy(logits, torch.tensor(labels[:1])), pixels)[0]
    expected = (pixels + EPSILON * gradient.sign()).clamp(0, 1)[0]
    found = values(checkpoint, attacked_inputs(checkpoint, photos[:1], labels[:1], "fgsm", EPSILON))[0]
    assert found.detach().numpy() == pytest.approx(expected.detach().numpy(), abs=1e-5)


def test_more_steps_of_pgd_raise_the_loss(checkpoint, photos, labels):
    losses = [
        mean_loss(checkpoint, attacked_inputs(checkpoint, photos, labels, "pgd", EPSILON, steps), labels)
        for steps in (0, 1, 2, 5, 10)
    ]
    assert losses == sorted(losses) and losses[-1] > losses[0]


def test_attacks_raise_the_loss_more_than_noise_of_the_same_size(checkpoint, photos, labels):
    loss = {a: mean_loss(checkpoint, attacked_inputs(checkpoint, photos, labels, a, EPSILON), labels) for a in ATTACKS}
    clean = mean_loss(checkpoint, attacked_inputs(checkpoint, photos, labels, "fgsm", 0.0), labels)
    assert loss["fgsm"] - clean > 3 * abs(loss["random_sign"] - clean)
    assert loss["pgd"] - clean > 3 * abs(loss["random_sign"] - clean)


def test_a_photo_is_attacked_alike_in_every_batch(checkpoint, photos, labels):
    for attack in ATTACKS:
        together = attacked_inputs(checkpoint, photos, labels, attack, EPSILON, seed=3, indices=[5, 6, 7])
        alone = attacked_inputs(checkpoint, photos[2:], labels[2:], attack, EPSILON, seed=3, indices=[7])
        assert torch.equal(together[2][0], alone[0][0])


def test_noise_depends_on_seed_and_index(checkpoint, photos, labels):
    def noise(**options):
        return attacked_inputs(checkpoint, photos[:1], labels[:1], "random_sign", EPSILON, **options)[0][0]

    assert torch.equal(noise(seed=1, indices=[2]), noise(seed=1, indices=[2]))
    assert not torch.equal(noise(seed=1, indices=[2]), noise(seed=2, indices=[2]))
    assert not torch.equal(noise(seed=1, indices=[2]), noise(seed=1, indices=[3]))


def test_weights_and_their_gradients_stay_as_they_are(checkpoint, photos, labels):
    before = [parameter.clone() for parameter in checkpoint.model.parameters()]
    attacked_inputs(checkpoint, photos[:1], labels[:1], "pgd", EPSILON)
    assert all(torch.equal(a, b) for a, b in zip(before, checkpoint.model.parameters()))
    assert all(parameter.grad is None for parameter in checkpoint.model.parameters())


def test_a_run_with_spectral_planes_is_refused(bands_run):
    with pytest.raises(ValueError, match="takes spectral planes"):
        attacked_inputs(load_checkpoint(bands_run), [np.zeros((64, 64, 3), np.uint8)], [0], "fgsm", EPSILON)


@pytest.mark.parametrize(("attack", "epsilon", "message"), [("cw", 0.1, "no attack 'cw'"), ("pgd", 4, "epsilon is 4")])
def test_what_cannot_be_done_is_refused(checkpoint, photos, attack, epsilon, message):
    with pytest.raises(ValueError, match=message):
        attacked_inputs(checkpoint, photos, [0, 0, 0], attack, epsilon)
