"""What all sections of a configuration share."""

from pydantic import BaseModel, ConfigDict


class ConfigError(ValueError):
    """An invalid configuration; the message is one line for the user."""


class Section(BaseModel):
    """A section of a configuration: frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
