"""Configuration of the training programs, as frozen pydantic models; unknown keys are errors.

| file | what is in it |
|---|---|
| programs.py | `FinetuneConfig`, `PretrainConfig`, `SegmentConfig`: one field for each section or key |
| data.py, model.py, optimization.py, augmentation.py | the sections |
| loading.py | YAML files and `--set` overrides to a configuration |
"""

from training.config.augmentation import AugmentConfig, MaskedConfig, ViewConfig
from training.config.base import ConfigError, Section
from training.config.data import MaskData, SpectralConfig
from training.config.loading import Config, kind_of, load_classifier_config, load_config
from training.config.model import PretrainModel
from training.config.optimization import AdamWConfig, CalibrationConfig, DistillConfig, EarlyStopping, LossConfig
from training.config.programs import FinetuneConfig, PretrainConfig, SegmentConfig

__all__ = [
    "AdamWConfig",
    "AugmentConfig",
    "CalibrationConfig",
    "Config",
    "ConfigError",
    "DistillConfig",
    "EarlyStopping",
    "FinetuneConfig",
    "LossConfig",
    "MaskData",
    "MaskedConfig",
    "PretrainConfig",
    "PretrainModel",
    "Section",
    "SegmentConfig",
    "SpectralConfig",
    "ViewConfig",
    "kind_of",
    "load_classifier_config",
    "load_config",
]
