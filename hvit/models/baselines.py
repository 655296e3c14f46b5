"""timm models behind the interface of HViT, as baselines on the same data and training budget: `timm:resnet50`.

timm is imported when a model is built or its name is checked, which takes seconds; importing this file is free.
"""

import difflib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hvit.models.layers import DropPath, for_convolution

PREFIX = "timm:"


def check_timm_name(name: str) -> None:
    """Checks that timm has a model of this name, such as timm:resnet50.

    Raises:
        ValueError: it has none; the message names the closest match.
    """
    known, bare = import_timm().list_models(), name.removeprefix(PREFIX)
    if bare not in known:
        near = difflib.get_close_matches(bare, known, 1)
        raise ValueError(f"timm has no model {bare!r}" + (f"; did you mean {PREFIX}{near[0]}?" if near else ""))


class Baseline(nn.Module):
    """A timm model as a `hvit.models.Classifier`.

    Batch norm stays as timm has it: its statistics are those of the images of one process, so a baseline with batch
    norm, unlike an HViT, depends on how many processes and accumulation steps a batch is divided into.

    Args:
        name: of the timm model, without prefix.
        num_classes: K.
        drop_path_rate: stochastic-depth rate of the last block.
        img_size: side in px of a square image in evaluation: sets the position embedding of models that have one.
    Raises:
        ValueError: timm has no such model, or it lacks a feature that training needs; the message says which.
    """

    spectral_chans = 0
    attention_stages: tuple[int, ...] = ()
    exports_to_onnx = False
    net: Any  # timm has no types

    def __init__(self, name: str, num_classes: int = 1000, drop_path_rate: float = 0.0, img_size: int = 224):
        super().__init__()
        check_timm_name(name)
        self.name, self.num_classes, self.img_size = name, num_classes, img_size
        self.net = _build(name, num_classes, drop_path_rate, img_size)
        for needed in ("forward_intermediates", "forward_head", "get_classifier", "group_matcher", "feature_info"):
            if not hasattr(self.net, needed):
                raise ValueError(f"{PREFIX}{name} cannot be used here: it has no {needed}; choose another model")
        if any(isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0 for m in self.net.modules()):
            raise ValueError(
                f"{PREFIX}{name} has dropout with a random generator of its own, so no run could be repeated exactly; "
                "choose another model"
            )
        _replace_drop_paths(self.net)
        if drop_path_rate > 0 and not self.drop_paths():
            raise ValueError(f"{PREFIX}{name} has no stochastic depth; set model.drop_path_rate to 0")
        self.stage_indices = _stage_indices(self.net)

    def forward(self, images: Tensor, spectral: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        """Normalized RGB (B, 3, H, W) -> logits (B, K)."""
        _check_no_spectral(spectral)
        logits: Tensor = self.net(for_convolution(images))
        return logits

    def forward_stages(
        self, images: Tensor, spectral: Tensor | None = None, present: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Logits (B, K) and the spatial mean of up to four feature maps, (B, C) each, from fine to coarse."""
        _check_no_spectral(spectral)
        features, maps = self.net.forward_intermediates(for_convolution(images), indices=self.stage_indices)
        return self.net.forward_head(features), [m.mean(dim=(2, 3)) for m in maps]

    def forward_embedding(
        self, images: Tensor, spectral: Tensor | None = None, present: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits (B, K) and the pooled features before the classifier, (B, C)."""
        _check_no_spectral(spectral)
        features = self.net.forward_features(for_convolution(images))
        return self.net.forward_head(features), self.net.forward_head(features, pre_logits=True)

    def stage_dims(self) -> list[int]:
        """Channels of each feature map of `forward_stages`."""
        return [self.net.feature_info[index]["num_chs"] for index in self.stage_indices]

    def get_classifier(self) -> nn.Module:
        """The classification head."""
        head: nn.Module = self.net.get_classifier()
        return head

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Turns activation checkpointing on or off.

        Raises:
            ValueError: this model has none.
        """
        if enable or hasattr(self.net, "set_grad_checkpointing"):
            try:
                self.net.set_grad_checkpointing(enable)
            except (AttributeError, AssertionError):
                if not enable:
                    return
                raise ValueError(f"{PREFIX}{self.name} has no gradient checkpointing; leave it off") from None

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters, besides norms and biases, that get no weight decay."""
        return {f"net.{name}" for name in (self.net.no_weight_decay() if hasattr(self.net, "no_weight_decay") else ())}

    def layer_groups(self) -> dict[str, int]:
        """Layer index of each parameter, as timm's layer decay counts them: 0 next to the image, the head last."""
        from timm.models import group_parameters

        numbers = group_parameters(self.net, self.net.group_matcher(coarse=False), reverse=True)
        return {f"net.{name}": number for name, number in numbers.items()}

    def drop_paths(self) -> list[DropPath]:
        """The stochastic-depth layers in order."""
        return [m for m in self.modules() if isinstance(m, DropPath)]

    def num_drop_paths(self) -> int:
        """Number of stochastic-depth layers."""
        return len(self.drop_paths())

    def set_drop_path(self, uniform: Tensor) -> None:
        """Fixes the random numbers of stochastic depth, in [0, 1), (num_drop_paths, B), for the next passes."""
        for layer, numbers in zip(self.drop_paths(), uniform):
            layer.uniform = numbers

    @torch.no_grad()
    def check_image_sizes(self, sizes: list[tuple[int, int]]) -> None:
        """Tries a forward pass at each (height, width) in px.

        Raises:
            ValueError: the model cannot compute at one of them.
        """
        training, device = self.training, next(self.parameters()).device
        self.eval()
        try:
            for height, width in sizes:
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

    def load_timm_weights(self, state_dict: Mapping[str, Tensor]) -> None:
        """Loads pretrained weights of this timm model, without the head.

        Raises:
            ValueError: a tensor is missing or of another shape; nothing is changed then.
        """
        self._load_all_but_head({f"net.{name}": value for name, value in state_dict.items()})

    def load_backbone(self, other: "Baseline") -> None:
        """Copies all weights but the head's from another instance of the same timm model.

        Raises:
            ValueError: `other` was built for another image size; nothing is changed then.
        """
        try:
            self._load_all_but_head(other.state_dict())
        except ValueError:
            raise ValueError(
                f"it was built for images of {other.img_size} px; set eval_img_size to {other.img_size}"
            ) from None

    def _load_all_but_head(self, tensors: Mapping[str, Tensor]) -> None:
        head = {id(parameter) for parameter in self.get_classifier().parameters()}
        new = {name for name, parameter in self.named_parameters() if id(parameter) in head}
        values = self.state_dict()
        for name, value in values.items():
            if name in new:
                continue
            if name not in tensors:
                raise ValueError(f"the weights have no {name.removeprefix('net.')}")
            if tensors[name].shape != value.shape:
                raise ValueError(
                    f"{name.removeprefix('net.')} of the weights is {tuple(tensors[name].shape)}, and of this model "
                    f"{tuple(value.shape)}; where that depends on the size of images, change eval_img_size"
                )
        self.load_state_dict(values | {name: tensors[name] for name in values if name not in new})

    def reinitialized(self) -> "Baseline":
        """The same timm model with new random weights, without stochastic depth, on the CPU."""
        return Baseline(self.name, self.num_classes, img_size=self.img_size)


def plain_model(name: str, num_classes: int, img_size: int) -> nn.Module:
    """Builds a timm model as timm does, for square images of one size: the reference of speed benchmarks.

    Args:
        name: of the timm model, without prefix.
    Raises:
        ValueError: timm has no such model; the message names the closest match.
    """
    check_timm_name(name)
    model: nn.Module
    try:
        model = import_timm().create_model(name, num_classes=num_classes, img_size=img_size)
    except TypeError:  # convolutional networks take any size and have no argument img_size
        model = import_timm().create_model(name, num_classes=num_classes)
    return model


def import_timm() -> Any:
    """The module timm, imported on first use."""
    from hvit.models.torchvision_ops import declare_missing_torchvision_ops

    declare_missing_torchvision_ops()  # before timm, which imports torchvision
    import timm

    return timm


def _check_no_spectral(spectral: Tensor | None) -> None:
    if spectral is not None:
        raise ValueError("a timm model takes no spectral image; only the _dfca sizes of HViT take `spectral`")


def _build(name: str, num_classes: int, drop_path_rate: float, img_size: int) -> nn.Module:
    """Builds the timm model with the image-size arguments that its constructor accepts."""
    arguments = {"num_classes": num_classes} | ({"drop_path_rate": drop_path_rate} if drop_path_rate > 0 else {})
    # Transformers take img_size and must be allowed other sizes; convolutional networks take any and no argument.
    candidates: tuple[dict[str, int | bool], ...] = (
        {"img_size": img_size, "dynamic_img_size": True},
        {"img_size": img_size, "strict_img_size": False},
        {"img_size": img_size},
        {},
    )
    for size_arguments in candidates:
        try:
            net: nn.Module = import_timm().create_model(name, pretrained=False, **arguments, **size_arguments)
            return net
        except TypeError as error:
            if "drop_path_rate" in str(error):
                raise ValueError(f"{PREFIX}{name} has no stochastic depth; set model.drop_path_rate to 0") from None
            if not any(word in str(error) for word in size_arguments):
                raise
    raise AssertionError("the last candidate has no argument that could be unknown")


def _replace_drop_paths(net: nn.Module) -> None:
    """Replaces timm's DropPath layers with ours, whose random numbers can be set."""
    from timm.layers.drop import DropPath as TimmDropPath

    for parent in list(net.modules()):
        for name, child in parent.named_children():
            if isinstance(child, TimmDropPath):
                setattr(parent, name, DropPath(child.drop_prob, child.scale_by_keep))


def _stage_indices(net: Any) -> list[int]:
    """Indices of the last feature map at each of the four coarsest strides; four evenly spaced where one stride."""
    reductions = [info["reduction"] for info in net.feature_info]
    last_of = {reduction: i for i, reduction in enumerate(reductions)}
    if len(last_of) > 1:
        return sorted(last_of.values())[-4:]
    count = len(reductions)
    return sorted({max(0, (k + 1) * count // 4 - 1) for k in range(4)})
