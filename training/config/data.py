"""Sections on data: data sets, spectral inputs, unlabeled photos and photos with masks."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_serializer, model_validator

from hvit.data.leafsim import BANDS, EARLY_STRESS, SCHEME
from hvit.data.spectral import INDICES
from training.config.base import Section


class PhotosConfig(Section):
    """Data sets, split shares for those without splits, and the cache of decoded photos."""

    dirs: list[Path] = Field(min_length=1)  # folders, CSV files, or rendered leaves: leafsim:v1/1/0-23999
    cache_dir: Path = Path("cache")
    cache_side: int = Field(160, ge=64)
    # Data sets without splits are divided by group: a pattern in the path, the groups they name, or near-duplicates.
    group_from: str | None = None
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)  # of train, val and test
    licences: dict[str, str] = {}
    early_stress: bool = False  # label rendered leaves by their bands, not by RGB: adds the class Early_stress

    @field_serializer("dirs")
    def _with_forward_slashes(self, dirs: list[Path]) -> list[str]:
        return [place.as_posix() for place in dirs]  # a run made on Windows is read elsewhere

    @model_validator(mode="after")
    def _check_shares(self):
        if min(self.shares) < 0 or min(self.shares[:2]) == 0 or abs(sum(self.shares) - 1) > 1e-6:
            raise ValueError(
                f"shares of train, val and test are {self.shares}; they must sum to 1, with train and val above 0"
            )
        return self


class DataConfig(PhotosConfig):
    """Labeled photos and their sampling weights."""

    calibrate_only: list[str] = []  # data sets whose validation photos only calibrate
    balance: float = Field(0.0, ge=0, le=1)  # 0 samples photos uniformly, 1 samples classes uniformly
    source_weights: dict[str, float] = {}  # sampling weight of the photos of a data set, relative to 1
    train_fraction: float = Field(1.0, gt=0, le=1)  # of the training photos of each class, to study fewer labels
    field: list[str] = []  # data sets of photos from the field: calibrated and reported apart from laboratory photos

    @model_validator(mode="after")
    def _check_source_weights(self):
        if any(weight <= 0 for weight in self.source_weights.values()):
            raise ValueError(f"source_weights are {self.source_weights}; each must be above 0")
        return self

    @model_validator(mode="after")
    def _check_early_stress(self):
        if self.early_stress and not any(place.as_posix().startswith(SCHEME) for place in self.dirs):
            raise ValueError(
                f"early_stress makes {EARLY_STRESS} a class of rendered leaves, and dirs name none of those"
            )
        return self


class SpectralConfig(Section):
    """Input of the spectral stream of a `_dfca` model."""

    kind: Literal["bands", "indices"]  # measured, in a file next to the photo; or computed from its colors
    names: list[str] | None = None  # of bands, in the order of the files; by default those of rendered leaves
    scale: float | None = Field(None, gt=0)  # value in the files for a reflectance of 1; default 1
    dropout: float = Field(0.2, ge=0, lt=1)  # samples that learn without it, so that the model can do without

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels, in order."""
        return INDICES if self.kind == "indices" else tuple(BANDS if self.names is None else self.names)

    @property
    def white(self) -> float:
        """Value that stands for a reflectance of 1."""
        return 1.0 if self.scale is None else self.scale

    @model_validator(mode="after")
    def _check_band_names(self):
        given = [key for key in ("names", "scale") if getattr(self, key) is not None]
        if self.kind == "indices" and given:
            raise ValueError(f"{' and '.join(given)} are those of bands, and kind is indices; leave them out")
        if self.names is not None and (not self.names or len(set(self.names)) < len(self.names)):
            raise ValueError(f"names are {self.names}; expected one a band, each another")
        return self


class PretrainData(PhotosConfig):
    """Unlabeled photos to learn from: training photos of data sets, and folders of any photos.

    Labels are used only to evaluate the features, on held-out photos of `dirs`.
    """

    dirs: list[Path] = []
    unlabeled: list[Path] = []  # folders; every photo below them is learned from
    holdout: float = Field(0.1, gt=0, le=0.5)  # of the training photos of `dirs`, to evaluate the features

    @field_serializer("unlabeled")
    def _unlabeled_with_forward_slashes(self, folders: list[Path]) -> list[str]:
        return [folder.as_posix() for folder in folders]

    @model_validator(mode="after")
    def _check_any_photos(self):
        if not self.dirs and not self.unlabeled:
            raise ValueError("no photos are named; list data sets in dirs, folders without labels in unlabeled")
        return self


class MaskData(Section):
    """Photos with masks of background, leaf and symptoms."""

    dirs: list[Path] = Field(min_length=1)  # DIR/{train,val,test}/{images,masks}, or rendered leaves
    cache_dir: Path = Path("cache")
    cache_side: int = Field(384, ge=64)
    source_weights: dict[str, float] = {}  # how often photos of a data set are sampled, against 1
    healthy_dirs: list[Path] = []  # labeled data sets: photos of their healthy classes train as masks without symptoms
    calibrate_dirs: list[Path] = []  # further data sets, all of whose photos calibrate: rendered leaves cost nothing
    leaf_unknown: list[str] = []  # data sets with masks of symptoms only: 0 is background or leaf
    crops: dict[str, str] = {}  # crop of a data set, whose intervals it calibrates; "*" for all crops
    licences: dict[str, str] = {}

    @field_serializer("dirs", "healthy_dirs", "calibrate_dirs")
    def _with_forward_slashes(self, dirs: list[Path]) -> list[str]:
        return [place.as_posix() for place in dirs]

    @model_validator(mode="after")
    def _check_source_weights(self):
        if any(weight <= 0 for weight in self.source_weights.values()):
            raise ValueError(f"source_weights are {self.source_weights}; each must be above 0")
        return self
