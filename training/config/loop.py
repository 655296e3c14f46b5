"""Settings of the training loop that all configurations share."""

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from training.config.base import Section


class LoopConfig(Section):
    """Base class of the configurations of training programs: logging, checkpoints, precision and processes."""

    accum_steps: int = Field(1, ge=1)
    log_every: int = Field(50, ge=1)  # steps
    checkpoint_minutes: float = Field(5.0, gt=0)
    hang_minutes: float = Field(10.0, gt=0)  # without progress of a process for this long, all are ended
    skip_limit: int = Field(10, ge=1)  # steps in a row whose loss or gradients are not finite, before training gives up
    precision: Literal["fp32", "bf16"] = "fp32"
    sharded: bool = False  # processes divide weights, gradients, moments and average among them; alone it does nothing
    compile: bool = False  # torch.compile: minutes at the start, less time a step on accelerators
    seed: int = Field(0, ge=0, lt=2**63)

    @model_validator(mode="after")
    def _check_sharded_or_compiled(self):
        if self.sharded and self.compile:
            raise ValueError("sharded and compile were not made to go together; set one of them to false")
        return self

    @model_serializer(mode="wrap")
    def _own_fields_first(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Serializes the fields of a program before those of the loop, as people look for them in config.yaml."""
        values = serialize(self)
        return values | {name: values.pop(name) for name in LoopConfig.model_fields if name in values}
