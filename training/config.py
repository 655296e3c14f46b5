"""Configuration of the training programs, as frozen pydantic models; unknown keys are errors."""

import difflib
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_serializer, field_validator, model_validator

from hvit.data.leafsim import BANDS, EARLY_STRESS, SCHEME
from hvit.data.spectral import INDICES
from hvit.models import SIZES, check_model_name
from hvit.models.baselines import PREFIX
from hvit.rejection import METHODS

Metric = Literal["top1", "macro_f1", "nll"]  # metrics of a validation, see `training.engine.steps.score`

# Exceptions of PyYAML: its own, and those of Python where a tag or a date does not fit its value.
NOT_YAML = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError)
MOST_ALIASES, MOST_NESTED = 20, 50


class ConfigError(ValueError):
    """An invalid configuration; the message is one line for the user."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
    def _shares_make_sense(self):
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
    def _weights_make_sense(self):
        if any(weight <= 0 for weight in self.source_weights.values()):
            raise ValueError(f"source_weights are {self.source_weights}; each must be above 0")
        return self

    @model_validator(mode="after")
    def _stress_is_drawn(self):
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
    def _names_are_of_bands(self):
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
    def _there_are_photos(self):
        if not self.dirs and not self.unlabeled:
            raise ValueError("no photos are named; list data sets in dirs, folders without labels in unlabeled")
        return self


_NO_CONVOLUTIONS = "a net that can leave masked parts out, which convolutions at strides 4 and 8 do not"


class ModelSection(Section):
    """Model: a size of the family, or a timm baseline (timm:resnet50); None keeps the value of the size."""

    name: str = "hvit_tiny"
    embed_dims: tuple[int, int, int, int] | None = None  # channels of the four stages
    depths: tuple[int, int, int, int] | None = None  # blocks of the four stages
    head_dim: int | None = Field(None, ge=1)  # channels of an attention head; divides every entry of embed_dims
    drop_path_rate: float = Field(0.1, ge=0, lt=1)
    grad_checkpointing: bool = False
    # Pretrained weights to start from, all but those of the head: a file, or timm's own through its hub.
    weights: Literal["timm"] | Path | None = None

    @field_serializer("weights")
    def _with_forward_slashes(self, weights: str | Path | None) -> str | None:
        return weights.as_posix() if isinstance(weights, Path) else weights

    @field_validator("name")
    def _exists(cls, name: str) -> str:
        check_model_name(name)
        return name

    @property
    def is_baseline(self) -> bool:
        return self.name.startswith(PREFIX)

    @property
    def has_front(self) -> bool:
        """Whether the first stages are convolutions."""
        return not self.is_baseline and SIZES[self.name].front is not None

    @property
    def is_fused(self) -> bool:
        return not self.is_baseline and SIZES[self.name].spectral_chans > 0

    @property
    def weights_architecture(self) -> str | None:
        """The timm model whose pretrained weights this model can start from; None where there is none."""
        if self.is_baseline:
            return self.name
        front = SIZES[self.name].front_config
        return None if front is None else front.source

    @model_validator(mode="after")
    def _can_start_from_weights(self):
        if self.weights is not None and self.weights_architecture is None:
            sizes = ", ".join(name for name, size in SIZES.items() if size.front is not None)
            raise ValueError(
                f"weights: {self.name} has no part that starts from pretrained weights; those that have are {sizes} "
                "and models of timm (timm:NAME)"
            )
        return self

    @property
    def shape(self) -> dict:
        """Overrides of the named size."""
        chosen = {"embed_dims": self.embed_dims, "depths": self.depths, "head_dim": self.head_dim}
        return {key: list(value) if key != "head_dim" else value for key, value in chosen.items() if value is not None}

    @model_validator(mode="after")
    def _has_that_shape(self):
        if self.shape and self.is_baseline:
            raise ValueError(f"{', '.join(self.shape)} shape an HViT, and {self.name} is none; leave them out")
        if self.shape:
            replace(SIZES[self.name], **self.shape)  # raises where the fields do not fit together
        return self


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
    def _usual_gamma(cls, values):
        focal = isinstance(values, dict) and "name" in values and values["name"] == "focal"
        return {"gamma": 2.0, **values} if focal else values

    @model_validator(mode="after")
    def _options_fit_the_loss(self):
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
    def _something_is_learned(self):
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


class ViewConfig(Section):
    """Augmentation strengths of a single image; probabilities in [0, 1]."""

    quarter_turns: bool = True
    stretch: float = Field(0.1, ge=0, le=0.5)  # aspect changes up to this fraction
    min_area: float = Field(0.25, gt=0, le=1)  # smallest crop, as a fraction of the photo
    whole: float = Field(0.4, ge=0, le=1)  # probability of showing the full photo, padded to the aspect ratio
    max_margin: float = Field(0.5, ge=0)
    turn_probability: float = Field(0.3, ge=0, le=1)
    turn_degrees: float = Field(20, ge=0, le=180)
    color_probability: float = Field(0.8, ge=0, le=1)
    color: float = Field(0.25, ge=0, lt=1)  # brightness, contrast, saturation
    hue: float = Field(0.02, ge=0, le=0.1)  # of a full turn
    white_balance: float = Field(0.06, ge=0, lt=0.5)
    blur_probability: float = Field(0.15, ge=0, le=1)
    noise_probability: float = Field(0.15, ge=0, le=1)
    noise: float = Field(0.03, ge=0, le=0.5)
    grey_probability: float = Field(0.0, ge=0, le=1)


class AugmentConfig(ViewConfig):
    """Augmentation strengths of a labeled batch, with mixup and CutMix."""

    mix_probability: float = Field(0.5, ge=0, le=1)  # of a block of eight samples
    cutmix_share: float = Field(0.6, ge=0, le=1)  # of the mixed blocks
    mixup_alpha: float = Field(0.3, gt=0)


class MaskedConfig(Section):
    """Masking ratio, and the decoder of masked autoencoding."""

    mask_ratio: float = Field(0.6, gt=0, lt=1)  # of the 32-px units
    decoder_dim: int = Field(128, ge=32, multiple_of=32)
    decoder_depth: int = Field(2, ge=1)


class ContrastiveConfig(Section):
    """Contrastive loss of SimCLR."""

    temperature: float = Field(0.2, gt=0)
    decoupled: bool = True  # the positive pair is left out of the denominator
    hidden_dim: int = Field(512, ge=1)
    projection_dim: int = Field(128, ge=2)


class Phase(Section):
    """A phase of training at one resolution."""

    until: float = Field(gt=0, le=1)  # fraction of training at which it ends
    img_size: int = Field(ge=64, multiple_of=32)
    mix_probability: float | None = Field(None, ge=0, le=1)  # instead of the one in `augment`


class FinetuneConfig(Section):
    """Configuration of `training.finetune`."""

    data: DataConfig
    model: ModelSection = ModelSection()
    spectral: SpectralConfig | None = None  # of the _dfca sizes, which need it
    optim: OptimConfig = OptimConfig()
    loss: LossConfig = LossConfig()
    augment: AugmentConfig = AugmentConfig()
    early_stopping: EarlyStopping | None = None
    aux_mae_weight: float = Field(0.0, ge=0)  # weight of masked reconstruction as an auxiliary loss
    masked: MaskedConfig | None = None  # of that reconstruction; defaults as in `MaskedConfig`
    init: Path | None = None  # a run, by path or name, whose backbone training starts from
    init_head: bool = False  # take over the head of that run too; it must know the same classes
    distill: DistillConfig | None = None
    epochs: float = Field(100, gt=0)
    freeze_epochs: float = Field(0.0, ge=0)  # at the start, in which the head alone learns
    batch_size: int = Field(64, gt=0, multiple_of=8)  # per process
    accum_steps: int = Field(1, ge=1)
    phases: list[Phase] = [Phase(until=1.0, img_size=128)]
    square: float = Field(0.6, ge=0, le=1)  # batches that are square; the others have another aspect
    eval_img_size: int = Field(128, ge=64)
    serve_img_sizes: list[int] = []  # at the end the best of these on the selecting half; empty: eval_img_size
    eval_every: float = Field(2.0, gt=0)  # epochs
    log_every: int = Field(50, ge=1)  # steps
    checkpoint_minutes: float = Field(5.0, gt=0)
    hang_minutes: float = Field(10.0, gt=0)  # without progress of a process for this long, all are ended
    skip_limit: int = Field(10, ge=1)  # steps in a row whose loss or gradients are not finite, before training gives up
    rejection_photos: int = Field(6000, ge=100)  # training photos that the out-of-distribution detector is fitted to
    calibration: CalibrationConfig = CalibrationConfig()
    select_by: Metric = "macro_f1"
    precision: Literal["fp32", "bf16"] = "fp32"
    sharded: bool = False  # processes divide weights, gradients, moments and average among them; alone it does nothing
    compile: bool = False  # torch.compile: minutes at the start, less time a step on accelerators
    seed: int = Field(0, ge=0, lt=2**63)

    @model_validator(mode="after")
    def _phases_cover_training(self):
        ends = [phase.until for phase in self.phases]
        if ends != sorted(ends) or ends[-1] != 1.0:
            raise ValueError(f"phases end at {ends}; they must rise and the last must end at 1.0")
        return self

    @model_validator(mode="before")
    @classmethod
    def _usual_masks(cls, values):
        weight = values.get("aux_mae_weight") if isinstance(values, dict) else None
        return _with_section(values, "masked") if isinstance(weight, int | float) and weight > 0 else values

    @model_validator(mode="after")
    def _masked_parts_can_be_painted(self):
        if self.masked is not None and self.aux_mae_weight == 0:
            raise ValueError("masked is about the auxiliary loss, and aux_mae_weight is 0; set it, or leave masked out")
        if self.aux_mae_weight > 0 and self.model.is_baseline:
            raise ValueError(f"aux_mae_weight needs an HViT, to leave masked parts out; {self.model.name} cannot")
        if self.aux_mae_weight > 0 and self.model.has_front:
            raise ValueError(f"aux_mae_weight needs {_NO_CONVOLUTIONS}; {self.model.name} cannot")
        return self

    @model_validator(mode="after")
    def _classes_are_evened_out_once(self):
        ways = {
            "data.balance": self.data.balance > 0,
            "loss.class_weights": self.loss.class_weights > 0,
            "loss.name balanced_softmax": self.loss.name == "balanced_softmax",
        }
        chosen = [way for way, is_chosen in ways.items() if is_chosen]
        if len(chosen) > 1:
            raise ValueError(
                f"{' and '.join(chosen)} each even out the classes, and together count rare ones twice; choose one "
                "(data.balance and loss.class_weights are off at 0)"
            )
        return self

    @model_validator(mode="after")
    def _a_spectral_picture_meets_its_stream(self):
        name = self.model.name
        if self.spectral is not None and not self.model.is_fused:
            sizes = ", ".join(size for size in SIZES if SIZES[size].spectral_chans)
            raise ValueError(f"spectral is for {sizes}, and model.name is {name}; change one, or leave spectral out")
        if self.spectral is None and self.model.is_fused:
            plain = name.removesuffix("_dfca")
            raise ValueError(f"{name} takes a spectral picture; set spectral.kind to bands or indices, or use {plain}")
        return self

    @model_validator(mode="after")
    def _shards_are_of_blocks(self):
        if self.sharded and self.model.is_baseline:
            raise ValueError(f"sharded divides the blocks of an HViT, and {self.model.name} is none; set it to false")
        if self.sharded and self.freeze_epochs > 0 and self.aux_mae_weight > 0:
            raise ValueError("sharded does not go with freeze_epochs and aux_mae_weight together; leave one out")
        return _not_both(self)

    @model_validator(mode="after")
    def _weights_come_from_one_place(self):
        if self.init is not None and self.model.weights is not None:
            raise ValueError("init and model.weights both say where weights come from; leave one of them out")
        if self.init_head and self.init is None:
            raise ValueError("init_head takes over the head of a run; name the run: init")
        if self.distill is not None and self.aux_mae_weight > 0:
            raise ValueError("distill and aux_mae_weight do not go together: no teacher sees masked pictures")
        if self.distill is not None and self.sharded:
            raise ValueError("distill and sharded were not made to go together; set sharded to false")
        return self

    @model_validator(mode="after")
    def _there_is_something_to_freeze(self):
        has_learned = self.init is not None or (self.model.weights is not None and self.model.is_baseline)
        if self.freeze_epochs > 0 and not has_learned:
            raise ValueError(
                "freeze_epochs keeps a backbone that learned already; name the run it comes from: init, or of a "
                "baseline its pretrained weights: model.weights"
            )
        if self.freeze_epochs > self.epochs:
            raise ValueError(f"freeze_epochs is {self.freeze_epochs}, more than all {self.epochs} epochs")
        return self

    @property
    def learns_features(self) -> bool:
        """Whether the student also predicts the pooled features of its teachers."""
        return self.distill is not None and self.distill.features > 0

    def phase_at(self, progress: float) -> Phase:
        """The phase at a fraction of training."""
        return next(phase for phase in self.phases if progress < phase.until or phase.until == 1.0)

    def augment_at(self, progress: float) -> AugmentConfig:
        """Augmentation strengths at a fraction of training."""
        changed = self.phase_at(progress).mix_probability
        return self.augment if changed is None else self.augment.model_copy(update={"mix_probability": changed})


class PretrainModel(ModelSection):
    """The model whose backbone is pre-trained; baselines cannot leave out masked tokens."""

    drop_path_rate: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _is_ours(self):
        if self.is_baseline:
            raise ValueError(f"{self.name} cannot be pre-trained here; choose one of {', '.join(SIZES)}")
        if self.is_fused:  # its spectral stream would learn nothing; fine-tuning puts one on a plain backbone
            plain = self.name.removesuffix("_dfca")
            raise ValueError(f"{self.name} takes a spectral picture, and pre-training shows none; use {plain}")
        if self.weights is not None:
            raise ValueError("weights: pre-training starts from random weights; leave it out")
        return self


class PretrainConfig(Section):
    """Configuration of `training.pretrain`."""

    data: PretrainData
    method: Literal["simclr", "mae"]
    model: PretrainModel = PretrainModel()
    optim: AdamWConfig = AdamWConfig()
    augment: ViewConfig = ViewConfig()
    contrastive: ContrastiveConfig | None = None  # of simclr
    masked: MaskedConfig | None = None  # of mae
    epochs: float = Field(100, gt=0)
    batch_size: int = Field(64, gt=0, multiple_of=8)  # photos per process
    accum_steps: int = Field(1, ge=1)
    img_size: int = Field(128, ge=64, multiple_of=32)
    square: float = Field(0.6, ge=0, le=1)  # batches that are square; the others have another aspect
    eval_every: float = Field(10.0, gt=0)  # epochs
    log_every: int = Field(50, ge=1)  # steps
    checkpoint_minutes: float = Field(5.0, gt=0)
    hang_minutes: float = Field(10.0, gt=0)  # without progress of a process for this long, all are ended
    skip_limit: int = Field(10, ge=1)  # steps in a row whose loss or gradients are not finite, before training gives up
    precision: Literal["fp32", "bf16"] = "fp32"
    sharded: bool = False  # processes divide weights, gradients, moments and average among them; alone it does nothing
    compile: bool = False  # torch.compile: minutes at the start, less time a step on accelerators
    seed: int = Field(0, ge=0, lt=2**63)

    @model_validator(mode="after")
    def _sharded_or_compiled(self):
        return _not_both(self)

    @model_validator(mode="after")
    def _masked_parts_can_be_left_out(self):
        if self.method == "mae" and self.model.has_front:
            raise ValueError(f"mae needs {_NO_CONVOLUTIONS}; {self.model.name} cannot: use simclr, or a plain size")
        return self

    @model_validator(mode="before")
    @classmethod
    def _usual_section(cls, values):
        method = values.get("method") if isinstance(values, dict) else None
        section = {"simclr": "contrastive", "mae": "masked"}.get(method)
        return values if section is None else _with_section(values, section)

    @model_validator(mode="after")
    def _options_fit_the_method(self):
        other = {"simclr": "masked", "mae": "contrastive"}[self.method]
        if getattr(self, other) is not None:
            raise ValueError(f"{other} has nothing to say where method is {self.method}; leave it out")
        if self.method == "simclr" and self.accum_steps > 1:
            raise ValueError(
                "accum_steps divides a batch, and simclr compares each picture with all others of it; set it to 1"
            )
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
    def _weights_make_sense(self):
        if any(weight <= 0 for weight in self.source_weights.values()):
            raise ValueError(f"source_weights are {self.source_weights}; each must be above 0")
        return self


class SegmentationHeadConfig(Section):
    """Width of the segmentation head, see `hvit.models.segmentation`."""

    dim: int = Field(40, ge=8)
    detail_dim: int = Field(20, ge=8, multiple_of=2)


class SegmentationOptim(AdamWConfig):
    """AdamW with an exponential moving average of the weights."""

    lr: float = Field(2e-3, gt=0)
    warmup_epochs: float = Field(0.5, ge=0)
    ema_decay: float = Field(0.998, ge=0, lt=1)


class SegmentConfig(Section):
    """Configuration of `training.segment`."""

    init: Path  # run with the frozen backbone of the head, by path or name
    data: MaskData
    head: SegmentationHeadConfig = SegmentationHeadConfig()
    optim: SegmentationOptim = SegmentationOptim()
    augment: ViewConfig = ViewConfig(min_area=0.35, max_margin=0.3, turn_degrees=45, turn_probability=0.5)
    dice_weight: float = Field(1.0, ge=0)  # weight of the soft Dice loss
    epochs: float = Field(20, gt=0)
    batch_size: int = Field(16, gt=0, multiple_of=8)  # per process
    accum_steps: int = Field(1, ge=1)
    square: float = Field(0.5, ge=0, le=1)  # batches that are square; the others have another aspect
    eval_every: float = Field(2.0, gt=0)  # epochs
    log_every: int = Field(50, ge=1)  # steps
    checkpoint_minutes: float = Field(5.0, gt=0)
    hang_minutes: float = Field(10.0, gt=0)  # without progress of a process for this long, all are ended
    skip_limit: int = Field(10, ge=1)  # steps in a row whose loss or gradients are not finite, before training gives up
    precision: Literal["fp32", "bf16"] = "fp32"
    sharded: Literal[False] = False  # the head is far too small to be divided
    compile: bool = False  # torch.compile: minutes at the start, less time a step on accelerators
    seed: int = Field(0, ge=0, lt=2**63)

    @field_serializer("init")
    def _init_with_forward_slashes(self, init: Path) -> str:
        return init.as_posix()


def _not_both(config: FinetuneConfig | PretrainConfig):
    if config.sharded and config.compile:
        raise ValueError("sharded and compile were not made to go together; set one of them to false")
    return config


def _with_section(values: dict, name: str) -> dict:
    """Fills in an empty section where it is missing or null."""
    return values if values.get(name) is not None else values | {name: {}}


Config = TypeVar("Config", FinetuneConfig, PretrainConfig, SegmentConfig)


def load_config(path: Path, overrides: list[str], kind: type[Config] = FinetuneConfig) -> Config:
    """Reads a YAML file and applies `key.path=value` overrides.

    Args:
        kind: class of the configuration.
    Raises:
        ConfigError: no such file, not YAML, an unknown key (with the nearest known one), or a value of the wrong kind.
    """
    if not path.is_file():
        near = difflib.get_close_matches(path.name, [p.name for p in Path(__file__).parent.glob("configs/*.yaml")], 1)
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
