import pytest
import torch

from hvit.models import create_model
from training.engine.ema import Ema
from training.engine.optim import lr_at, parameter_groups


@pytest.mark.case("T17")
def test_every_parameter_is_in_exactly_one_group_and_only_matrices_decay():
    model = create_model("hvit_tiny", num_classes=5)
    decayed, exempt = (set(map(id, group["params"])) for group in parameter_groups(model, 0.05))
    named = dict(model.named_parameters())
    assert decayed | exempt == set(map(id, named.values())) and not decayed & exempt
    for name, parameter in named.items():
        is_exempt = name.endswith("bias") or "norm" in name or name.endswith("_embedding")
        assert (id(parameter) in exempt) == is_exempt, name


@pytest.mark.case("T15")
def test_learning_rate_table():
    rates = [lr_at(step, 101, 10, 1.0, 0.1) for step in (0, 4, 9, 10, 55, 100)]
    assert rates == pytest.approx(
        [0.1, 0.5, 1.0, 1.0, 0.55, 0.1]
    )  # the middle of the cosine is half way: (1 + 0.1) / 2


@pytest.mark.case("T7")
def test_warm_up_of_the_average_follows_the_published_formula():
    model = torch.nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(0.0)
    ema = Ema(model, decay=0.999)
    model.weight.data.fill_(1.0)
    ema.update(model)  # decay (1 + 0) / (10 + 0) = 0.1
    assert ema.model.weight.item() == pytest.approx(0.9)
    ema.update(model)  # decay 2 / 11: 0.9 * 2/11 + 9/11
    assert ema.model.weight.item() == pytest.approx(0.9 * 2 / 11 + 9 / 11)


def test_a_thawed_backbone_warms_up_once_more_and_never_above_the_cosine():
    rates = [lr_at(step, 101, 10, 1.0, 0.1, thaw_step=50) for step in (9, 49, 50, 54, 59, 60, 100)]
    cosine = [lr_at(step, 101, 10, 1.0, 0.1) for step in (9, 49, 59, 60, 100)]
    assert rates[:2] == cosine[:2]
    assert rates[2:4] == pytest.approx([0.1, 0.5])
    assert rates[4:] == cosine[2:]  # 0.51 is below the 1.0 the warm-up has reached


def test_each_layer_learns_at_a_fraction_of_the_rate_of_the_one_above():
    model = create_model("hvit_tiny", num_classes=5)  # 1, 2, 6 and 4 blocks
    scale = {
        id(parameter): group["lr_scale"]
        for group in parameter_groups(model, 0.05, layer_decay=0.5)
        for parameter in group["params"]
    }
    named = dict(model.named_parameters())
    assert len(scale) == len(named)
    expected = {
        "head.weight": 1,
        "head.bias": 1,
        "backbone.norm.weight": 1,
        "backbone.stages.3.blocks.3.mlp.fc1.weight": 1 / 2,
        "backbone.stages.3.blocks.0.attn.qkv.bias": 1 / 16,
        "backbone.stages.3.merge.conv.weight": 1 / 16,
        "backbone.stages.2.blocks.5.norm1.weight": 1 / 32,
        "backbone.image_embedding": 1 / 2**10,
        "backbone.stages.0.blocks.0.attn.qkv.weight": 1 / 2**13,
        "backbone.unit_embedding": 1 / 2**14,
        "backbone.patch_embed.conv1.weight": 1 / 2**14,
    }
    assert {name: scale[id(named[name])] for name in expected} == expected


def test_the_average_takes_over_what_cannot_be_averaged():
    model = torch.nn.BatchNorm1d(1)
    ema = Ema(model, decay=0.5)
    model(torch.tensor([[1.0], [3.0]]))
    ema.update(model)  # decay min(0.5, 0.1)
    assert ema.model.num_batches_tracked.item() == 1
    assert ema.model.running_mean.item() == pytest.approx(0.9 * model.running_mean.item())
