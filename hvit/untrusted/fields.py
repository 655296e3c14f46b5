"""Schema of a document: types and ranges of its fields."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hvit.untrusted.files import UntrustedFileError


@dataclass(frozen=True)
class Field:
    """Type and range of a value.

    Attributes:
        expected: in words.
        holds: whether a value is so.
        nullable: whether None is valid too.
    """

    expected: str
    holds: Callable[[Any], bool]
    nullable: bool = True

    def __call__(self, value: Any) -> bool:
        return (value is None and self.nullable) or (value is not None and self.holds(value))

    def needed(self) -> "Field":
        """The same field, but not nullable."""
        return Field(self.expected, self.holds, nullable=False)


def check_fields(document: Any, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Validates the fields of a document; absent and unknown fields are accepted.

    Args:
        fields: by name; `a.b` is field b of the section a, which must be listed before as a section.
    Returns:
        The document.
    Raises:
        UntrustedFileError: it is no object, or a field is invalid; names the first.
    """
    if not isinstance(document, dict):
        raise UntrustedFileError("is damaged")
    for name, field in fields.items():
        *sections, last = name.split(".")
        section: Any = document
        for part in sections:
            section = section.get(part) if isinstance(section, dict) else None
        if isinstance(section, dict) and last in section and not field(section[last]):
            raise UntrustedFileError(f"has {name} {section[last]!r:.60}; expected {field.expected}")
    return document


def is_number(value: Any) -> bool:
    """Whether a value is a finite number and no boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_text(value: Any, longest: int = 10_000) -> bool:
    """Whether a value is text of at most `longest` characters."""
    return isinstance(value, str) and len(value) <= longest


def number(low: float = -math.inf, high: float = math.inf) -> Field:
    """Field for numbers in [low, high]."""
    bounds = "" if math.isinf(low) else f" from {low:g}" + ("" if math.isinf(high) else f" to {high:g}")
    return Field(f"a number{bounds}", lambda value: is_number(value) and low <= value <= high)


def integer(low: int, high: int = 2**63 - 1) -> Field:
    """Field for integers in [low, high]."""
    top = "" if high == 2**63 - 1 else f" to {high}"
    return Field(f"a whole number from {low}{top}", lambda value: type(value) is int and low <= value <= high)


def one_of(*values: str) -> Field:
    """Field for one of several texts."""
    return Field(f"one of {', '.join(values)}", lambda value: isinstance(value, str) and value in values)


def list_of(field: Field, what: str, count: int | None = None) -> Field:
    """Field for lists, of `count` entries if given."""
    number_of = "" if count is None else f"{count} "
    return Field(
        f"a list of {number_of}{what}",
        lambda value: isinstance(value, list) and count in (None, len(value)) and all(map(field.needed(), value)),
    )


def section_of(field: Field, what: str) -> Field:
    """Field for objects with values of one kind."""
    return Field(f"an object of {what}", lambda value: isinstance(value, dict) and all(map(field, value.values())))


TEXT = Field("text", is_text)
NAME = Field("up to 255 characters of text", lambda value: is_text(value, 255) and "\0" not in value)
BOOLEAN = Field("true or false", lambda value: isinstance(value, bool))
SECTION = Field("an object", lambda value: isinstance(value, dict))
SHA256 = Field("64 hexadecimal digits", lambda value: is_text(value) and bool(re.fullmatch("[0-9a-f]{64}", value)))
TEXTS = list_of(TEXT, "texts")
NUMBER = number()
SHARE = number(0, 1)
SHARES = list_of(SHARE, "numbers from 0 to 1", 2)
ANY_PLAIN = Field("a number or text", lambda value: is_number(value) or isinstance(value, bool) or is_text(value))
