"""Reads JSON and YAML as plain values, with limits on depth, expansion and numbers."""

import codecs
import json
import math
import re
from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml

from hvit.untrusted.files import MB, UntrustedFileError, is_in_utf8, read_bytes

MAX_JSON_BYTES, MAX_YAML_BYTES = 16 * MB, MB // 4
MAX_DEPTH = 50
MAX_YAML_VALUES = 20_000  # aliases unfolded
MAX_YAML_SCALAR = 10_000  # characters: longer ones are no settings, and long numbers take quadratic time
MAX_INT_BITS = 128  # the states of random generators have as many

Nan = Literal["refuse", "null", "keep"]

# A string, or a bracket outside of strings; possessive, so that a string without an end is passed over once.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
# Exceptions of PyYAML for invalid texts, or for values that do not match their tags, such as invalid dates.
_NOT_YAML = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError)
# In C where PyYAML was built so. Its parser does not recurse; its loader does, without a limit, until the stack ends:
# hence the depth is counted on events before anything is loaded.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_json(path: Path, max_bytes: int = MAX_JSON_BYTES, max_depth: int = MAX_DEPTH, nan: Nan = "refuse") -> Any:
    """Reads a JSON file in UTF-8, see `parse_json`."""
    return parse_json(read_bytes(path, max_bytes), max_depth, nan)


def parse_json(data: bytes, max_depth: int = MAX_DEPTH, nan: Nan = "refuse") -> Any:
    """Parses a JSON text in UTF-8.

    Args:
        nan: handling of non-finite numbers: an error, None ("null"), or kept.
    Raises:
        UntrustedFileError: it is not JSON, nested deeper than `max_depth`, or holds a number of more than 128 bits or
            text that is not Unicode.
    """
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode()  # editors of Windows put the mark there
    except UnicodeDecodeError:
        raise UntrustedFileError("is damaged") from None
    if text.count("[") + text.count("{") > max_depth:
        _check_depth(text, max_depth)
    try:
        value = json.loads(text)
    except ValueError as error:  # not JSON, or an integer of thousands of digits
        reason = "" if isinstance(error, json.JSONDecodeError) else ": it holds a number of more than 4,000 digits"
        raise UntrustedFileError(f"is damaged{reason}") from None
    return _plain(value, nan)


def _check_depth(text: str, max_depth: int) -> None:
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        bracket = found[0]
        depth += (bracket in "[{") - (bracket in "]}")
        if depth > max_depth:
            raise UntrustedFileError(f"is damaged: it is nested more than {max_depth} deep")


def read_yaml(path: Path, max_bytes: int = MAX_YAML_BYTES) -> Any:
    """Reads a YAML file in UTF-8, see `parse_yaml`."""
    data = read_bytes(path, max_bytes)
    try:
        return parse_yaml(data.decode())
    except UnicodeDecodeError:
        raise UntrustedFileError("is damaged") from None


def parse_yaml(text: str) -> Any:
    """Parses a YAML text; dates become text.

    Raises:
        UntrustedFileError: it is not YAML, is nested or refers to itself beyond the limits of this module, or holds
            values that are not plain: binary data, sets, objects, or numbers of more than 128 bits.
    """
    try:
        _check_events(text)
        value = yaml.load(text, Loader=_LOADER)
    except UntrustedFileError:
        raise
    except yaml.YAMLError:
        raise UntrustedFileError("is damaged") from None
    except _NOT_YAML as error:
        raise UntrustedFileError(f"is damaged: {' '.join(str(error).split())[:80] or type(error).__name__}") from None
    return _plain(value, "keep")


def _check_events(text: str) -> None:
    """Checks the depth of a YAML text, and its size with aliases expanded, before anything is built."""
    sizes: dict[str | None, int | None] = {}  # by anchor; None while its collection is open
    open_collections: list[list[Any]] = [["", 0]]  # anchor and number of values so far
    for event in yaml.parse(text, Loader=_LOADER):
        anchor = getattr(event, "anchor", None)
        size: int | None = 0
        if isinstance(event, yaml.CollectionStartEvent):
            open_collections.append([anchor, 1])
            sizes[anchor] = None
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = open_collections.pop()
            sizes[anchor] = size
        elif isinstance(event, yaml.AliasEvent):
            size = sizes.get(anchor, 1)
            if size is None:
                raise UntrustedFileError("is damaged: it refers to itself")
        elif isinstance(event, yaml.ScalarEvent):
            size = sizes[anchor] = 1
            if len(event.value) > MAX_YAML_SCALAR:
                raise UntrustedFileError(f"is damaged: it holds a value of more than {MAX_YAML_SCALAR:,} characters")
        open_collections[-1][1] += size
        if len(open_collections) - 1 > MAX_DEPTH:
            raise UntrustedFileError(f"is damaged: it is nested more than {MAX_DEPTH} deep")
        if open_collections[-1][1] > MAX_YAML_VALUES:
            raise UntrustedFileError(f"is damaged: it holds more than {MAX_YAML_VALUES:,} values, aliases unfolded")


def _plain(value: Any, nan: Nan) -> Any:
    """Copies nested lists and dictionaries with text keys, of text, numbers, booleans and None."""
    if isinstance(value, str):
        if not is_in_utf8(value):
            raise UntrustedFileError("is damaged: it holds text that is not Unicode")
        return value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value.bit_length() > MAX_INT_BITS:
            raise UntrustedFileError(f"is damaged: it holds a number of more than {MAX_INT_BITS} bits")
        return value
    if isinstance(value, float):
        if math.isfinite(value) or nan == "keep":
            return value
        if nan == "refuse":
            raise UntrustedFileError("is damaged: it holds a number that is not finite")
        return None
    if isinstance(value, list):
        return [_plain(item, nan) for item in value]
    if isinstance(value, dict):
        return {_key(key): _plain(item, nan) for key, item in value.items()}
    if isinstance(value, date):  # of YAML
        return value.isoformat()
    raise UntrustedFileError(f"is damaged: it holds a value of type {type(value).__name__}")


def _key(key: Any) -> str:
    if isinstance(key, str):
        return _plain(key, "refuse")
    raise UntrustedFileError(f"is damaged: it has the key {str(key)[:40]}, which is no text")
