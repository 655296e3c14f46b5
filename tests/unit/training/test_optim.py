import pytest
import torch

from hvit.models import create_model
from training.ema import Ema
from training.losses import soft_cross_entropy
from training.optim import lr_at, parameter_groups


def test_every_parameter_is_in_exactly_one_group_and_only_matrices_decay():
    model = create_model("hvit_tiny", num_classes=5)
    decayed, exempt = (set(map(id, group["params"])) for group in parameter_groups(model, 0.05))
    named = dict(model.named_parameters())
    assert decayed | exempt == set(map(id, named.values())) and not decayed & exempt
    for name, parameter in named.items():
        is_exempt = name.endswith("bias") or "norm" in name or name.endswith("_embedding")
        assert (id(parameter) in exempt) == is_exempt, name


def test_learning_rate_table():
    rates = [lr_at(step, 101, 10, 1.0, 0.1) for step in (0, 4, 9, 10, 55, 100)]
    assert rates == pytest.approx(
        [0.1, 0.5, 1.0, 1.0, 0.55, 0.1]
    )  # the middle of the cosine is half way: (1 + 0.1) / 2


def test_warm_up_of_the_average_follows_the_published_formula():
    model = torch.nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(0.0)
    ema = Ema(model, decay=0.999)
    model.weight.data.fill_(1.0)
    ema.update(model)  # decay (1 + 0) / (10 + 0) = 0.1
    assert ema.model.weight.item() == pytest.approx(0.9)
    ema.update(model)  # decay 2 / 11: 0.9 * 2/11 + 9/11
    assert ema.model.weight.item() == pytest.approx(0.9 * 2 / 11 + 9 / 11)


def test_soft_cross_entropy_equals_torch():
    torch.manual_seed(0)
    logits, labels = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    targets = torch.nn.functional.one_hot(labels, 4).float()
    for smoothing in (0.0, 0.1):
        expected = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        assert soft_cross_entropy(logits, targets, smoothing).item() == pytest.approx(expected.item(), abs=1e-6)
