"""timm's models behind the interface of HViT; timm is the oracle."""

import copy

import pytest
import torch

from hvit.models import check_model_name, create_model

NAMES = ["timm:test_resnet", "timm:test_convnext", "timm:test_vit"]
WIDE = torch.randn(2, 3, 64, 128, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    torch.manual_seed(0)
    return create_model(request.param, num_classes=5, img_size=64, drop_path_rate=0.2).eval()


def test_forward_and_forward_stages_give_the_logits_of_timm_for_a_photo_that_is_not_square(model):
    with torch.no_grad():
        logits, features = model.forward_stages(WIDE)
        torch.testing.assert_close(logits, model.net(WIDE))
        torch.testing.assert_close(model(WIDE), model.net(WIDE))
        # The memory layout is the only difference, and it changes the order of sums.
        channels_last = WIDE.contiguous(memory_format=torch.channels_last)
        assert torch.equal(model(WIDE), model.net(channels_last)) and logits.shape == (2, 5)
        theirs = model.net.forward_intermediates(WIDE, intermediates_only=True)
    assert len(features) == 4
    torch.testing.assert_close(features[-1], theirs[-1].mean((2, 3)))


def test_layers_are_those_of_timm(model):
    from timm.optim import param_groups_layer_decay

    groups = param_groups_layer_decay(model.net, layer_decay=0.5)
    expected = {id(parameter): group["lr_scale"] for group in groups for parameter in group["params"]}
    numbers = model.layer_groups()
    top = max(numbers.values())
    actual = {id(parameter): 0.5 ** (top - numbers[name]) for name, parameter in model.named_parameters()}
    assert actual == expected and len(set(actual.values())) > 2


def test_what_is_dropped_depends_on_the_draws_of_a_sample_alone():
    torch.manual_seed(0)
    model = create_model("timm:test_vit", num_classes=5, drop_path_rate=0.5, img_size=64).train()
    images, draws = torch.randn(4, 3, 64, 64), torch.rand(4, len(model.drop_paths()))

    def logits(rows):
        model.set_drop_path(draws[rows].T)
        return model(images[rows])

    together = logits([0, 1, 2, 3])
    torch.testing.assert_close(together, torch.cat([logits([0, 1]), logits([2, 3])]))
    draws = 1 - draws
    assert not torch.allclose(logits([0, 1, 2, 3]), together, atol=1e-4)


def test_paths_are_dropped_as_often_and_as_strongly_as_by_timm():
    from timm.layers import DropPath as TimmDropPath

    from hvit.models.layers import DropPath

    ours, theirs = DropPath(0.25, True).train(), TimmDropPath(0.25).train()
    ours.uniform = torch.arange(1000) / 1000
    branch = torch.ones(1000, 2, 3)
    assert set(ours(branch).unique().tolist()) == set(theirs(branch).unique().tolist())
    assert (ours(branch)[:, 0, 0] == 0).sum() == 250
    assert torch.equal(copy.deepcopy(ours).eval()(branch), branch)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("timm:resnet5O", "did you mean timm:resnet50"), ("hvit_tin", "did you mean hvit_tiny"), ("zzz", "hvit_tiny")],
)
def test_an_unknown_model_is_named_with_the_nearest(name, expected):
    with pytest.raises(ValueError, match=expected):
        check_model_name(name)
    with pytest.raises(ValueError, match=expected):
        create_model(name)


def test_what_a_model_cannot_do_is_refused():
    with pytest.raises(ValueError, match="set model.drop_path_rate to 0"):
        create_model("timm:dla46_c", drop_path_rate=0.1)
    with pytest.raises(ValueError, match="random generator of its own"):
        create_model("timm:test_vit_relpos")
    fixed = create_model("timm:gmlp_ti16_224", img_size=64)
    fixed.check_image_sizes([(64, 64)])
    with pytest.raises(ValueError, match="does not compute at 64 x 128 px"):
        fixed.check_image_sizes([(64, 64), (64, 128)])
