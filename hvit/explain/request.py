"""What to explain: a method, a class or a difference of two classes, and the arguments of the method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class ExplanationRequest:
    """A method with its target class.

    Attributes:
        method: its name, see `hvit.explain.METHODS`.
        class_name: the class to explain; None for a method that does not depend on it.
        against: with `class_name`, explain why that one rather than this; else None.
        arguments: of the method, as (name, value).
    """

    method: str
    class_name: str | None = None
    against: str | None = None
    arguments: tuple[tuple[str, Any], ...] = ()

    def for_classes(self, classes: Sequence[str], label: str) -> ExplanationRequest:
        """The same request for a model with other classes.

        Args:
            classes: that the model knows.
            label: its own prediction, explained in place of a class it does not know.
        """
        if self.class_name is None or {self.class_name, self.against} <= {*classes, None}:
            return self
        if self.class_name in classes:
            return replace(self, against=None)
        return replace(self, class_name=label, against=None)
