"""Sections on optimization: optimizer, loss, distillation, early stopping and calibration."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_serializer, model_validator

from hvit.rejection import METHODS
from training.config.base import Section

Metric = Literal["top1", "macro_f1", "nll"]  # metrics of a validation, see `training.engine.steps.score`


class AdamWConfig(Section):
    """AdamW with linear warm-up and cosine decay."""

    lr: float = Field(1e-3, gt=0)
    min_lr: float = Field(1e-5, ge=0)
    weight_decay: float = Field(0.05, ge=0)
    beta2: float = Field(0.999, gt=0, lt=1)
    warmup_epochs: float = Field(3, ge=0)
    clip_norm: float = Field(1.0, gt=0)


class OptimConfig(AdamWConfig):
    """Optimizer of fine-tuning."""

    ema_decay: float = Field(0.999, ge=0, lt=1)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    layer_decay: float = Field(1.0, gt=0, le=1)  # the learning rate of a layer against that of the layer above it


class CalibrationConfig(Section):
    """Calibration after training, see `training.calibrate`."""

    # The out-of-distribution detector; this one won on validation, see docs/calibration.md.
    ood_method: Literal[tuple(METHODS)] = "half_relative_mahalanobis"
    conformal: Literal["pooled", "by-crop", "field-weighted", "auto"] = "auto"  # thresholds of the prediction sets
    # Known photos that must stay in distribution, in each data set; used where `data.field` names one.
    accepted_laboratory: float = Field(0.96, gt=0, lt=1)
    accepted_field: float = Field(0.92, gt=0, lt=1)
    # Share of photos of left-out classes that may be named: the unsure threshold. None: no such threshold.
    max_unknown_named: float | None = Field(None, gt=0, lt=1)


class LossConfig(Section):
    """Classification loss; label smoothing is in `optim`."""

    name: Literal["cross_entropy", "focal", "balanced_softmax"] = "cross_entropy"
    gamma: float | None = Field(None, gt=0)  # of the focal loss; default 2
    class_weights: float = Field(0.0, ge=0, le=1)  # 0 counts photos evenly, 1 counts classes evenly

    @model_validator(mode="before")
    @classmethod
    def _default_gamma(cls, values):
        focal = isinstance(values, dict) and "name" in values and values["name"] == "focal"
        return {"gamma": 2.0, **values} if focal else values

    @model_validator(mode="after")
    def _check_loss_options(self):
        if self.gamma is not None and self.name != "focal":
            raise ValueError(f"gamma belongs to the focal loss, and name is {self.name}; leave one of them out")
        if self.name == "focal" and self.gamma is None:
            raise ValueError("gamma of the focal loss is null; name a number, for example 2")
        return self


class DistillConfig(Section):
    """Knowledge distillation from trained runs (Hinton et al. 2015, arXiv:1503.02531)."""

    teacher: Path | list[Path]  # runs, by path or name; of several the mean of their probabilities
    weight: float = Field(0.7, ge=0, le=1)  # of the teacher's probabilities; the labels have the rest
    temperature: float = Field(2.0, gt=0)  # divides the logits of both, so that small probabilities count more
    features: float = Field(0.0, ge=0)  # weight of the loss on the teacher's pooled features
    views: int = Field(
        0, ge=0
    )  # views of each photo with stored teacher outputs, which epochs repeat; 0: always new views

    @field_serializer("teacher")
    def _with_forward_slashes(self, teacher: Path | list[Path]) -> str | list[str]:
        return [run.as_posix() for run in teacher] if isinstance(teacher, list) else teacher.as_posix()

    @model_validator(mode="after")
    def _check_distill_weights(self):
        if not self.teachers:
            raise ValueError("teacher names no run; name one, or several whose probabilities are averaged")
        if self.weight == 0 and self.features == 0:
            raise ValueError("weight and features are both 0, so nothing would be learned from the teacher; set one")
        return self

    @property
    def teachers(self) -> list[Path]:
        """All teachers."""
        return self.teacher if isinstance(self.teacher, list) else [self.teacher]


class EarlyStopping(Section):
    """Early stopping: ends training after some validations without improvement on the selecting half."""

    metric: Metric
    patience: int = Field(ge=1)  # in validations, every `eval_every` epochs


class SegmentationOptim(AdamWConfig):
    """AdamW with an exponential moving average of the weights."""

    lr: float = Field(2e-3, gt=0)
    warmup_epochs: float = Field(0.5, ge=0)
    ema_decay: float = Field(0.998, ge=0, lt=1)
