"""Losses against torch, kornia and formulas worked out here, with hard and with mixed targets."""

import pytest
import torch
import torch.nn.functional as F

from training.config import ConfigError, LossConfig
from training.engine.losses import ClassificationLoss

SHARES = torch.tensor([0.5, 0.25, 0.15, 0.1])
NAMES = ["a", "b", "c", "d"]
LABELS = torch.tensor([0, 1, 2, 3, 0, 1])


def loss_of(name="cross_entropy", smoothing=0.0, shares=SHARES, **options):
    return ClassificationLoss(LossConfig(name=name, **options), smoothing, shares, NAMES)


@pytest.fixture
def logits():
    return 3 * torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=["hard", "mixed"])
def targets(request):
    hard = F.one_hot(LABELS, 4).float()
    return hard if request.param == "hard" else 0.7 * hard + 0.3 * hard.roll(1, 0)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_equals_torch(logits, targets, smoothing):
    expected = F.cross_entropy(logits, targets, label_smoothing=smoothing)
    torch.testing.assert_close(loss_of(smoothing=smoothing)(logits, targets), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_class_weights_equal_torch_and_average_to_one_over_sampled_photos(logits, targets, smoothing):
    loss = loss_of(smoothing=smoothing, class_weights=1.0)
    torch.testing.assert_close(loss.weights, torch.tensor([0.5, 1.0, 1 / 0.6, 2.5]))  # 1 / (4 * share)
    assert (loss.weights * SHARES).sum().item() == pytest.approx(1)
    expected = F.cross_entropy(logits, targets, weight=loss.weights, label_smoothing=smoothing)
    torch.testing.assert_close(loss(logits, targets), expected)


def test_half_class_weights_lie_between():
    weights = loss_of(class_weights=0.5).weights
    assert weights[3] / weights[0] == pytest.approx(5**0.5)  # shares 0.5 and 0.1


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_equals_kornia_on_hard_targets(logits, gamma):
    kornia = pytest.importorskip("kornia")
    expected = kornia.losses.focal_loss(logits, LABELS, alpha=None, gamma=gamma, reduction="sum") / len(LABELS)
    actual = loss_of("focal", gamma=gamma)(logits, F.one_hot(LABELS, 4).float())
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)


def test_focal_loss_of_mixed_targets_is_the_mixture_of_the_focal_losses(logits):
    loss, hard = loss_of("focal"), F.one_hot(LABELS, 4).float()
    other = hard.roll(1, 0)
    expected = 0.7 * loss(logits, hard) + 0.3 * loss(logits, other)
    torch.testing.assert_close(loss(logits, 0.7 * hard + 0.3 * other), expected)


def test_focal_loss_by_hand():
    probs = torch.tensor([[0.7, 0.1, 0.1, 0.1]])
    value = loss_of("focal", gamma=2.0)(probs.log(), torch.tensor([[1.0, 0, 0, 0]]))
    assert value.item() == pytest.approx(-(0.3**2) * torch.tensor(0.7).log().item(), rel=1e-5)


def test_focal_loss_has_a_finite_gradient_where_all_is_known():
    logits = torch.tensor([[60.0, 0, 0, 0]], requires_grad=True)
    loss_of("focal", gamma=0.5)(logits, torch.tensor([[1.0, 0, 0, 0]])).backward()
    assert logits.grad.isfinite().all()


def test_balanced_softmax_by_its_definition(logits, targets):
    counts = 200 * SHARES  # n_k exp(z_k) / sum_j n_j exp(z_j), Ren et al. 2020, equation 4
    scaled = counts * logits.exp()
    expected = -(targets * (scaled / scaled.sum(1, keepdim=True)).log()).sum(1).mean()
    torch.testing.assert_close(loss_of("balanced_softmax")(logits, targets), expected, rtol=1e-5, atol=1e-6)


def test_balanced_softmax_of_even_classes_is_cross_entropy(logits, targets):
    even = torch.full((4,), 0.25)
    torch.testing.assert_close(
        loss_of("balanced_softmax", shares=even)(logits, targets), F.cross_entropy(logits, targets)
    )


def test_the_best_constant_answer_is_the_frequency_of_classes_or_evenness_where_they_are_evened_out():
    labels = torch.arange(4).repeat_interleave(torch.tensor([10, 5, 3, 2]))
    targets = F.one_hot(labels, 4).float()
    found = {}
    for name, options in {
        "cross_entropy": {},
        "balanced_softmax": {},
        "weighted": {"name": "cross_entropy", "class_weights": 1.0},
    }.items():
        loss, logits = loss_of(**({"name": name} | options)), torch.zeros(4, requires_grad=True)
        optimizer = torch.optim.LBFGS([logits], max_iter=50, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

        def closure(loss=loss, logits=logits, optimizer=optimizer):
            optimizer.zero_grad()
            value = loss(logits.expand(20, 4), targets)
            value.backward()
            return value

        optimizer.step(closure)
        found[name] = logits.detach().softmax(0)
    torch.testing.assert_close(found["cross_entropy"], SHARES, atol=1e-3, rtol=0)
    torch.testing.assert_close(found["balanced_softmax"], torch.full((4,), 0.25), atol=1e-3, rtol=0)
    torch.testing.assert_close(found["weighted"], torch.full((4,), 0.25), atol=1e-3, rtol=0)


@pytest.mark.parametrize("options", [{"name": "balanced_softmax"}, {"class_weights": 0.5}])
def test_a_class_without_photos_cannot_be_evened_out_and_is_named(options):
    with pytest.raises(ConfigError, match="c has no training photo"):
        loss_of(shares=torch.tensor([0.5, 0.25, 0.0, 0.25]), **options)
