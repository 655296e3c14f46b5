"""timm's models behind the interface of HViT, to compare with on the same data and budget: `timm:resnet50`.

timm is imported when a model is built or its name is checked, which takes seconds; importing this file is free.
"""

import difflib

import torch
from torch import Tensor, nn

from hvit.models.layers import for_convolution

PREFIX = "timm:"


def refuse_unknown_baseline(name: str) -> None:
    """Checks a name such as timm:resnet50.

    Raises:
        ValueError: timm has no such model; names the nearest.
    """
    known, bare = import_timm().list_models(), name.removeprefix(PREFIX)
    if bare not in known:
        near = difflib.get_close_matches(bare, known, 1)
        raise ValueError(f"timm has no model {bare!r}" + (f"; did you mean {PREFIX}{near[0]}?" if near else ""))


class Baseline(nn.Module):
    """A timm model: what training, calibration, evaluation and diagnosis ask of a model.

    Batch norm is left as it is: its statistics are those of a process's pictures, so that such a baseline, unlike an
    HViT, depends on how many processes and passes a batch is divided among.

    Args:
        name: of timm's, without any prefix.
        num_classes: K.
        drop_path_rate: probability of skipping the last block in training.
        img_size: side in pixels of a square photo in evaluation: sets the position embedding of models that have one.
    Raises:
        ValueError: timm has no such model, or it cannot be used here; says why.
    """

    def __init__(self, name: str, num_classes: int = 1000, drop_path_rate: float = 0.0, img_size: int = 224):
        super().__init__()
        refuse_unknown_baseline(name)
        self.name, self.num_classes, self.img_size = name, num_classes, img_size
        self.net = _build(name, num_classes, drop_path_rate, img_size)
        for needed in ("forward_intermediates", "forward_head", "get_classifier", "group_matcher", "feature_info"):
            if not hasattr(self.net, needed):
                raise ValueError(f"{PREFIX}{name} cannot be used here: it has no {needed}; choose another model")
        if any(isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0 for m in self.net.modules()):
            raise ValueError(f"{PREFIX}{name} drops features by draws of its own, so no run could be repeated exactly")
        _take_over_draws(self.net)
        if drop_path_rate > 0 and not self.drop_paths():
            raise ValueError(f"{PREFIX}{name} has no paths to drop; set model.drop_path_rate to 0")
        self._stages = _stage_indices(self.net)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised RGB (B, 3, H, W) -> logits (B, K)."""
        return self.net(for_convolution(images))

    def forward_stages(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits (B, K) and the mean of up to four feature maps, (B, C) each, from the image upward."""
        features, maps = self.net.forward_intermediates(for_convolution(images), indices=self._stages)
        return self.net.forward_head(features), [m.mean(dim=(2, 3)) for m in maps]

    def forward_embedding(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, K) and the pooled features before the classifier, (B, C)."""
        features = self.net.forward_features(for_convolution(images))
        return self.net.forward_head(features), self.net.forward_head(features, pre_logits=True)

    def stage_widths(self) -> list[int]:
        """Channels of the feature maps of `forward_stages`."""
        return [self.net.feature_info[index]["num_chs"] for index in self._stages]

    def get_classifier(self) -> nn.Module:
        return self.net.get_classifier()

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Trades compute for memory in training.

        Raises:
            ValueError: this model cannot.
        """
        if enable or hasattr(self.net, "set_grad_checkpointing"):
            try:
                self.net.set_grad_checkpointing(enable)
            except (AttributeError, AssertionError):
                if not enable:
                    return
                raise ValueError(f"{PREFIX}{self.name} has no gradient checkpointing; leave it off") from None

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters besides norms and biases that must not decay."""
        return {f"net.{name}" for name in (self.net.no_weight_decay() if hasattr(self.net, "no_weight_decay") else ())}

    def layer_numbers(self) -> dict[str, int]:
        """Number of the layer each parameter belongs to, as timm counts them: 0 next to the image, the head last."""
        from timm.models import group_parameters

        numbers = group_parameters(self.net, self.net.group_matcher(coarse=False), reverse=True)
        return {f"net.{name}": number for name, number in numbers.items()}

    def drop_paths(self) -> list["SampleDropPath"]:
        """The stochastic-depth modules in order, for a training loop to set their `draws`."""
        return [m for m in self.modules() if isinstance(m, SampleDropPath)]

    @torch.no_grad()
    def refuse_sides(self, sides: list[tuple[int, int]]) -> None:
        """Tries images of these heights and widths.

        Raises:
            ValueError: the model cannot compute at one of them.
        """
        training, device = self.training, next(self.parameters()).device
        self.eval()
        try:
            for height, width in sides:
                try:
                    self.forward_stages(torch.zeros(1, 3, height, width, device=device))
                except (AssertionError, RuntimeError, ValueError) as error:
                    reason = " ".join(str(error).split())[:120]
                    raise ValueError(
                        f"{PREFIX}{self.name} does not compute at {height} x {width} px ({reason}); choose other "
                        "sizes, or a model that takes any"
                    ) from None
        finally:
            self.train(training)


class SampleDropPath(nn.Module):
    """timm's DropPath, but what is dropped can be decided by `draws`, a (B,) tensor in [0, 1), one a sample."""

    def __init__(self, rate: float, scale_by_keep: bool):
        super().__init__()
        self.rate, self.scale_by_keep = rate, scale_by_keep
        self.draws: Tensor | None = None

    def forward(self, branch: Tensor) -> Tensor:
        if self.rate == 0.0 or not self.training:
            return branch
        draws = torch.rand(len(branch), device=branch.device) if self.draws is None else self.draws
        if len(draws) != len(branch):
            raise ValueError("this model drops the paths of parts of an image; set model.drop_path_rate to 0")
        keep = (draws >= self.rate).to(branch.dtype) / ((1 - self.rate) if self.scale_by_keep else 1)
        return branch * keep.reshape(-1, *[1] * (branch.ndim - 1))


def plain_model(name: str, num_classes: int, img_size: int) -> nn.Module:
    """A timm model as timm makes it, for square pictures of one size: what speed is compared with.

    Args:
        name: of timm's, without any prefix.
    Raises:
        ValueError: timm has no such model; names the nearest.
    """
    refuse_unknown_baseline(name)
    try:
        return import_timm().create_model(name, num_classes=num_classes, img_size=img_size)
    except TypeError:  # convolutions take any size, and no such word
        return import_timm().create_model(name, num_classes=num_classes)


def import_timm():
    """The module timm, imported when it is first needed."""
    from hvit.models.torchvision_ops import declare_missing_torchvision_ops

    declare_missing_torchvision_ops()  # before timm, which imports torchvision
    import timm

    return timm


def _build(name: str, num_classes: int, drop_path_rate: float, img_size: int) -> nn.Module:
    """The model, told of sizes in the words it understands: convolutions take any, others must be allowed to."""
    arguments = {"num_classes": num_classes} | ({"drop_path_rate": drop_path_rate} if drop_path_rate > 0 else {})
    ways = (
        {"img_size": img_size, "dynamic_img_size": True},
        {"img_size": img_size, "strict_img_size": False},
        {"img_size": img_size},
        {},
    )
    for sizes in ways:
        try:
            return import_timm().create_model(name, pretrained=False, **arguments, **sizes)
        except TypeError as error:
            if "drop_path_rate" in str(error):
                raise ValueError(f"{PREFIX}{name} has no paths to drop; set model.drop_path_rate to 0") from None
            if not any(word in str(error) for word in sizes):
                raise
    raise AssertionError("without sizes there is no word to refuse")


def _take_over_draws(net: nn.Module) -> None:
    from timm.layers import DropPath

    for parent in list(net.modules()):
        for name, child in parent.named_children():
            if isinstance(child, DropPath):
                setattr(parent, name, SampleDropPath(child.drop_prob, child.scale_by_keep))


def _stage_indices(net: nn.Module) -> list[int]:
    """The last feature map of each of the last four resolutions, or four evenly spaced where there is but one."""
    reductions = [info["reduction"] for info in net.feature_info]
    last_of = {reduction: i for i, reduction in enumerate(reductions)}
    if len(last_of) > 1:
        return sorted(last_of.values())[-4:]
    count = len(reductions)
    return sorted({max(0, (k + 1) * count // 4 - 1) for k in range(4)})
