"""Attribution methods: rollout, gradient rollout, Grad-CAM, integrated gradients and occlusion, with one signature.

`METHODS["gradcam"](model, images, class_index)` returns an `Explanation`. Importing this package does not import torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from hvit.explain.explanation import Explanation
    from hvit.models import Classifier


@dataclass(frozen=True)
class Method:
    """An attribution method.

    Attributes:
        name: also that of its module in `hvit.explain.methods`.
        depends_on_class: whether the attribution is for one class, which can be chosen.
        any_model: whether it works for every `Classifier`; the others need the attention or tokens of an HViT.
        many_passes: whether it runs dozens of forward passes; it then takes a callback `progress(done, total)`.
    """

    name: str
    depends_on_class: bool
    any_model: bool
    many_passes: bool

    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        class_index: int | None = None,
        spectral: Tensor | None = None,
        present: Tensor | None = None,
        **arguments: Any,
    ) -> Explanation:
        """Computes the attribution for one image.

        Thread-safe: no gradients are stored in the model and no hooks are registered.

        Args:
            model: in evaluation mode.
            images: one normalized image, (1, 3, H, W), sides multiples of 32 px.
            class_index: the class to explain, in [0, K); by default the predicted class.
            spectral, present: as for `HViT.forward`; they are held fixed, the attribution is for the photo.
            arguments: of the method, see `explain` in its module.
        Raises:
            ValueError: the method cannot explain this model or does not depend on the class, there is no such class, or
                an argument is out of range.

        >>> import torch
        >>> from hvit.models import create_model
        >>> model = create_model("hvit_tiny", num_classes=3, depths=(1, 1, 1, 1)).eval()
        >>> explanation = METHODS["gradcam"](model, torch.zeros(1, 3, 64, 64), class_index=2)
        >>> explanation.attribution.shape, explanation.heatmap.shape
        ((2, 2), (2, 2))
        """
        if not self.any_model:
            from hvit.models import has_attention

            if not has_attention(model):
                others = " or ".join(method.name for method in METHODS.values() if method.any_model)
                raise ValueError(f"{self.name} looks inside an HViT, and this model is a baseline; use {others}")
        if class_index is not None:
            if not self.depends_on_class:
                raise ValueError(f"{self.name} does not depend on the class; {class_methods_in_words()} do")
            if not 0 <= class_index < model.num_classes:
                raise ValueError(f"class_index is {class_index}; there are {model.num_classes} classes, from 0")
        module = import_module(f"hvit.explain.methods.{self.name}")
        explanation: Explanation = module.explain(model, images, class_index, spectral, present, **arguments)
        return explanation


def class_methods_in_words() -> str:
    """Names of two methods that depend on the class, for an error message: "a and b"."""
    return " and ".join([method.name for method in METHODS.values() if method.depends_on_class][:2])


METHODS = {
    method.name: method
    for method in (
        Method("rollout", depends_on_class=False, any_model=False, many_passes=False),
        Method("gradient_rollout", depends_on_class=True, any_model=False, many_passes=False),
        Method("integrated_gradients", depends_on_class=True, any_model=True, many_passes=True),
        Method("occlusion", depends_on_class=True, any_model=True, many_passes=True),
        Method("gradcam", depends_on_class=True, any_model=False, many_passes=False),
    )
}
