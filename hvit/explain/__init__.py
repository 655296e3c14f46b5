"""Why a model gave its answer: five methods with one signature, one a file.

`METHODS["gradcam"](model, images, class_index)` gives an `Explanation`. Importing this package loads nothing heavy.
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
    """A way to explain an answer.

    Attributes:
        name: also that of its file.
        depends_on_class: whether it explains one class against others, so that a class can be chosen.
        any_model: whether it also works for a baseline; the others look inside an HViT.
        many_passes: whether it runs the model dozens of times, and then takes `show(done, total)` to report progress.
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
        """Explains the answer for one image.

        No gradient is left on the model and nothing is hooked into it: threads can explain with one model at once.

        Args:
            model: HViT or Baseline in evaluation mode.
            images: one normalised image, (1, 3, H, W), sides multiples of 32 px.
            class_index: the class to explain, in [0, K); None is the most likely one.
            spectral, present: as for `HViT.forward`. What is explained is the image: they stay as they are.
            arguments: of the method, see `explain` in its file.
        Raises:
            ValueError: the method cannot explain this model or does not depend on the class, there is no such class, or
                an argument is out of range.
        """
        if not self.any_model:
            from hvit.models import has_attention

            if not has_attention(model):
                others = " or ".join(method.name for method in METHODS.values() if method.any_model)
                raise ValueError(f"{self.name} looks inside an HViT, and this model is a baseline; use {others}")
        if class_index is not None:
            if not self.depends_on_class:
                raise ValueError(f"{self.name} does not depend on the class; {name_some()} do")
            if not 0 <= class_index < model.num_classes:
                raise ValueError(f"class_index is {class_index}; there are {model.num_classes} classes, from 0")
        module = import_module(f"hvit.explain.methods.{self.name}")
        return module.explain(model, images, class_index, spectral, present, **arguments)


def name_some() -> str:
    """Two methods that depend on the class, in words."""
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
