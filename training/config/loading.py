"""Reads a configuration: YAML with limits, overrides, and errors of one line."""

import difflib
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from training.config.base import ConfigError
from training.config.programs import FinetuneConfig, PretrainConfig, SegmentConfig

# Exceptions of PyYAML: its own, and those of Python where a tag or a date does not fit its value.
NOT_YAML = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError)


MOST_ALIASES, MOST_NESTED = 20, 50


Config = TypeVar("Config", FinetuneConfig, PretrainConfig, SegmentConfig)


def load_config(path: Path, overrides: list[str], kind: type[Config] = FinetuneConfig) -> Config:
    """Reads a YAML file and applies `key.path=value` overrides.

    Args:
        kind: class of the configuration.
    Raises:
        ConfigError: no such file, not YAML, an unknown key (with the nearest known one), or a value of the wrong kind.
    """
    if not path.is_file():
        shipped = [each.name for each in (Path(__file__).parents[1] / "configs").glob("*.yaml")]
        near = difflib.get_close_matches(path.name, shipped, 1)
        raise ConfigError(
            f"no configuration file {path}" + (f"; did you mean training/configs/{near[0]}?" if near else "")
        )
    values = read_yaml(path)
    for override in overrides:
        _apply(values, override)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_first_problem(error, kind)) from None


def kind_of(path: Path) -> type[FinetuneConfig] | type[PretrainConfig] | type[SegmentConfig]:
    """What a YAML file configures: pre-training where it has `method`, segmentation where it has `head`."""
    try:
        values = read_yaml(path)
    except (OSError, ConfigError):
        return FinetuneConfig  # `load_config` reports the error
    if "head" in values:
        return SegmentConfig
    return PretrainConfig if "method" in values else FinetuneConfig


def load_classifier_config(path: Path, overrides: list[str]) -> FinetuneConfig | PretrainConfig:
    """`load_config` of a pre-training or a fine-tuning, whichever the file configures.

    Raises:
        ConfigError: see `load_config`; or it configures a segmentation head.
    """
    kind = kind_of(path)
    if kind is SegmentConfig:
        raise ConfigError(f"{path} configures training.segment; name one of training.finetune or training.pretrain")
    return load_config(path, overrides, kind)  # type: ignore[type-var]


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads a YAML file as a dict; empty for an empty file.

    Raises:
        ConfigError: it is no YAML in UTF-8, or holds something else.
        OSError: it cannot be read.
    """
    try:
        values = _parsed(path.read_text(encoding="utf-8"), f"{path} is not YAML")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text in UTF-8: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds {type(values).__name__} {values!r:.40}; expected keys, for example epochs: 10")
    return values


def _parsed(text: str, trouble: str) -> Any:
    """Parses YAML text.

    Raises:
        ConfigError: it is not, or is nested or refers to itself so often that it is more than anyone wrote.
    """
    try:
        reason = _beyond_limits(text)
        values = yaml.safe_load(text) if reason is None else None
    except NOT_YAML as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if reason is not None:
        raise ConfigError(f"{trouble}: {reason}")
    return values


def _beyond_limits(text: str) -> str | None:
    """Checks the size and nesting of a YAML text before it is parsed; None where it is within limits."""
    aliases = depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        aliases += isinstance(event, yaml.AliasEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if aliases > MOST_ALIASES:
            return f"more than {MOST_ALIASES} aliases"
        if depth > MOST_NESTED:
            return f"more than {MOST_NESTED} brackets or sections within each other"
    return None


def _apply(values: dict[str, Any], override: str) -> None:
    key, sign, text = override.partition("=")
    if not sign or not key:
        raise ConfigError(f"--set {override}: expected key=value, for example --set optim.lr=0.001")
    *parents, leaf = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise ConfigError(f"--set {override}: {parent} is not a section")
    values[leaf] = _parsed(text, f"--set {' '.join(override.split()):.80}: the value is not YAML")


def _section_of(annotation: Any) -> type[BaseModel]:
    """The section class of an annotation: `Section`, `Section | None` or `list[Section]`."""
    candidates = (annotation, *get_args(annotation))
    return next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))


def _first_problem(error: ValidationError, kind: type[BaseModel]) -> str:
    problems = error.errors()
    # Misspelt keys first: a missing key is then only a consequence.
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        section = kind
        for part in problem["loc"][:-1]:
            if isinstance(part, str):
                section = _section_of(section.model_fields[part].annotation)
        for program, other in (("finetune", FinetuneConfig), ("pretrain", PretrainConfig), ("segment", SegmentConfig)):
            if section is kind is not other and where in other.model_fields:
                return f"unknown key {where}; that is a key of training.{program}"
        near = difflib.get_close_matches(str(problem["loc"][-1]), section.model_fields, 1, cutoff=0.4)
        return f"unknown key {where}" + (
            f"; did you mean {near[0]}?" if near else f"; known: {', '.join(section.model_fields)}"
        )
    return f"{where or 'configuration'}: {problem['msg']}, got {problem['input']!r:.80}"
