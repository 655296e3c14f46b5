"""Adversarial attacks in pixel space: FGSM and PGD (captum.robust), with random noise of the same size as control."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from hvit.data.leafsim.address import Address
from hvit.data.leafsim.random_stream import RandomStream
from hvit.runs.checkpoint import Checkpoint

ATTACKS = {"fgsm": "FGSM attack", "pgd": "PGD attack", "random_sign": "Random noise of the same size"}
EPSILONS = (0.5 / 255, 1 / 255, 2 / 255, 4 / 255, 8 / 255)  # largest change of a value in [0, 1], at strengths 1 to 5
PGD_STEPS, STEP_SHARE = 10, 0.25  # ten steps of a quarter of the size reach every corner of the ball


def attacked_inputs(
    checkpoint: Checkpoint,
    photos: Sequence[np.ndarray],
    labels: Sequence[int],
    attack: str,
    epsilon: float,
    steps: int = PGD_STEPS,
    seed: int = 0,
    indices: Sequence[int] | None = None,
) -> list[tuple[Tensor, ...]]:
    """Adversarial model inputs that increase the loss of the true class.

    The perturbation is at most `epsilon` in every value of the resized image, at the resolution of the run,
    and stays within [0, 1]. FGSM: one step along the sign of the gradient (Goodfellow et al. 2015). PGD: `steps` steps
    of a quarter of epsilon, each projected back (Madry et al. 2018), deterministic, without random start.
    random_sign: plus or minus epsilon at random, as a control.

    Args:
        photos: each (H, W, 3) uint8.
        labels: true class numbers, one a photo.
        attack: of `ATTACKS`.
        epsilon: in [0, 1].
        seed, indices: of the random control; index 0, 1, ... by default.
    Returns:
        Model inputs of each photo, as of `hvit.data.inputs.model_inputs`.
    Raises:
        ValueError: the attack is unknown, epsilon out of range, or the run takes more than RGB.
    """
    if attack not in ATTACKS:
        raise ValueError(f"no attack {attack!r}; there are {', '.join(ATTACKS)}")
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon is {epsilon}; expected a number from 0 to 1, of values in [0, 1]")
    if checkpoint.spectral is not None:
        raise ValueError(f"run {checkpoint.name} takes spectral planes; attacks are for runs that take RGB alone")
    numbers = range(len(photos)) if indices is None else indices
    attacked: list[tuple[Tensor, ...]] = []
    for photo, label, number in zip(photos, labels, numbers, strict=True):
        pixels = torch.from_numpy(checkpoint.preprocessing.resize(photo)).permute(2, 0, 1)[None]
        image = pixels.to(checkpoint.device).float() / 255
        if attack == "random_sign":
            changed = _random_sign(image, epsilon, seed, int(number))
        else:
            changed = _captum_attack(checkpoint, image.requires_grad_(), label, attack, epsilon, steps)
        attacked.append((_normalized(checkpoint, changed)[0].cpu(),))
    return attacked


def mean_loss(checkpoint: Checkpoint, inputs: Sequence[tuple[Tensor, ...]], labels: Sequence[int]) -> float:
    """Mean cross-entropy of inputs in nats, before temperature: the objective of the attacks."""
    with torch.no_grad():
        losses = [
            nn.functional.cross_entropy(
                checkpoint.model(image[None].to(checkpoint.device)), torch.tensor([label], device=checkpoint.device)
            )
            for (image, *_), label in zip(inputs, labels, strict=True)
        ]
    return float(torch.stack(losses).mean())


def _captum_attack(
    checkpoint: Checkpoint, image: Tensor, label: int, attack: str, epsilon: float, steps: int
) -> Tensor:
    from captum.robust import FGSM, PGD

    settings = {"loss_func": nn.CrossEntropyLoss(reduction="none"), "lower_bound": 0.0, "upper_bound": 1.0}

    def logits_of(pixels: Tensor) -> Tensor:
        return checkpoint.model(_normalized(checkpoint, pixels))

    target = torch.tensor([label], device=image.device)
    with warnings.catch_warnings():  # PGD cuts the graph after every step, and warns of it
        warnings.filterwarnings("ignore", "Input Tensor 0 did not already require gradients")
        if attack == "fgsm":
            return FGSM(logits_of, **settings).perturb(image, epsilon, target).detach()
        return PGD(logits_of, **settings).perturb(image, epsilon, STEP_SHARE * epsilon, steps, target).detach()


def _random_sign(image: Tensor, epsilon: float, seed: int, index: int) -> Tensor:
    stream = RandomStream(Address(seed, index), "attack random_sign")
    signs = torch.from_numpy(np.where(stream.uniform(size=tuple(image.shape)) < 0.5, -1.0, 1.0)).to(image)
    return (image + epsilon * signs).clamp(0, 1)


def _normalized(checkpoint: Checkpoint, pixels: Tensor) -> Tensor:
    """Normalizes values in [0, 1] for the model, differentiably."""
    return checkpoint.preprocessing.normalize(255 * pixels)
