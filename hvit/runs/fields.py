"""Schema of the files of a run: types and ranges, checked on reading; absent fields are accepted."""

import re
from typing import Any

from hvit.untrusted.fields import (
    ANY_PLAIN,
    BOOLEAN,
    NAME,
    NUMBER,
    SECTION,
    SHA256,
    SHARE,
    SHARES,
    TEXT,
    TEXTS,
    Field,
    check_fields,
    integer,
    is_number,
    is_text,
    list_of,
    number,
    section_of,
)
from hvit.untrusted.files import UntrustedFileError

MAX_CLASSES = 20_000
MAX_CLASS_NAME = 500  # characters
MAX_DEPTH = 128  # blocks of a stage: a model is described before it is compared with its weights
MAX_WIDTH = 65_536
MAX_SIDE_PX = 2048
COUNT = integer(0)

INFO_FIELDS = {
    "schema_version": integer(1).needed(),
    "status": TEXT,
    "heartbeat": NAME,
    "kind": NAME,
    "parent": NAME,
    "seed": Field("a whole number", lambda value: type(value) is int),
    "git": SECTION,
    "git.commit": NAME,
    "git.dirty": BOOLEAN,
    "argv": TEXTS,
    "world_size": COUNT,
    "device": NAME,
    "libraries": section_of(NAME, "versions"),
    "data_fingerprint": NAME,
    "plants_known": BOOLEAN,
    "started": NAME,
    "ended": NAME,
    "elapsed_s": number(0, 1e12),
    "process": COUNT,
    "exit_status": Field("a whole number", lambda value: type(value) is int),
    "progress": SECTION,
    "progress.step": number(0).needed(),
    "progress.total_steps": number(0).needed(),
    "progress.images_per_s": number(0),
    "progress.left_s": NUMBER,
    "progress.at": NAME,
    "tags": TEXTS.needed(),
    "summary": SECTION.needed(),
    "summary.best_step": COUNT,
    "summary.stopped_at_step": COUNT,
    "summary.calibrate_n": COUNT,
    "summary.serve_img_size": COUNT,
}  # fmt: skip

CLASSES = Field(
    f"a list of up to {MAX_CLASSES:,} texts of up to {MAX_CLASS_NAME} characters, each but once",
    lambda value: (
        isinstance(value, list)
        and len(value) <= MAX_CLASSES
        and all(is_text(name, MAX_CLASS_NAME) and name for name in value)
        and len(set(value)) == len(value)
    ),
)
_DIMS = list_of(integer(1, MAX_WIDTH), f"whole numbers from 1 to {MAX_WIDTH}", 4)
_CHANNELS = list_of(number(0, 1), "numbers from 0 to 1", 3)
_SPREADS = list_of(number(1e-3, 1e3), "numbers from 0.001 to 1000", 3)
THRESHOLD = Field(
    "a number, or one for each crop",
    lambda value: is_number(value) or (isinstance(value, dict) and all(map(is_number, value.values()))),
)
FILE_NAME = Field(
    "the name of a file of the run",
    lambda value: is_text(value, 255) and re.fullmatch(r"[\w.-]+", value) is not None and value.strip(".") != "",
)

CARD_FIELDS = {
    "schema_version": integer(1).needed(),
    "classes": CLASSES.needed(),
    "architecture": NAME.needed(),
    "arguments": SECTION.needed(),
    "arguments.embed_dims": _DIMS.needed(),
    "arguments.depths": list_of(integer(0, MAX_DEPTH), f"whole numbers from 0 to {MAX_DEPTH}", 4).needed(),
    "arguments.window_tokens": list_of(integer(0, 64), "whole numbers from 0 to 64", 4).needed(),
    "arguments.head_dim": integer(1, MAX_WIDTH).needed(),
    "arguments.mlp_ratio": number(0.01, 64).needed(),
    "arguments.in_chans": integer(1, 64).needed(),
    "arguments.num_classes": integer(0, MAX_CLASSES).needed(),
    "arguments.img_size": integer(32, MAX_SIDE_PX).needed(),
    "arguments.drop_path_rate": number(0, 0.99).needed(),
    "arguments.spectral_chans": integer(0, 64).needed(),
    "arguments.front": NAME,
    "preprocessing": SECTION.needed(),
    "preprocessing.img_size": integer(32, MAX_SIDE_PX).needed(),
    "preprocessing.mean": _CHANNELS.needed(),
    "preprocessing.std": _SPREADS.needed(),
    "temperature": number(1e-3, 1e3),
    "conformal": SECTION,
    "conformal.alpha": number(0, 1).needed(),
    "conformal.method": NAME.needed(),
    "conformal.groups": NAME,
    "conformal.threshold": THRESHOLD.needed(),
    "ood": SECTION,
    "ood.method": NAME.needed(),
    "ood.file": FILE_NAME.needed(),
    "ood.threshold": NUMBER.needed(),
    "ood.unsure_threshold": NUMBER,
    "ood.sha256": SHA256.needed(),
    "sha256": SHA256.needed(),
    "data_fingerprint": NAME,
    "licences": section_of(TEXT, "texts"),
    "spectral": SECTION,
    "spectral.kind": NAME.needed(),
    "spectral.names": TEXTS.needed(),
    "spectral.mean": list_of(NUMBER, "numbers").needed(),
    "spectral.std": list_of(number(1e-6), "numbers from 1e-06").needed(),
    "spectral.scale": number(1e-6).needed(),
    "pretrained": SECTION,
}  # fmt: skip

_PER_CLASS = section_of(
    Field("counts and shares", lambda value: isinstance(value, dict) and all(map(_is_figure, value.values()))),
    "figures by class",
)
SCORE_FIELDS = {
    "n": COUNT,
    **dict.fromkeys(("top1", "top5", "macro_f1", "balanced_accuracy", "ece", "coverage", "accepted", "chance"), SHARE),
    **dict.fromkeys(("nll", "brier", "mean_set_size", "temperature"), number(0)),
    **dict.fromkeys(("top1_ci", "macro_f1_ci", "balanced_accuracy_ci"), SHARES),
    "classes": CLASSES,
    "per_class": _PER_CLASS,
    "by_data": SECTION,
}  # fmt: skip

# Settings that pages and texts on methods put into words; all others are shown as they are.
_SECTIONS = ("data", "model", "optim", "augment", "spectral", "contrastive", "masked", "loss", "head")
_NUMBERS = (
    "epochs", "batch_size", "accum_steps", "img_size", "freeze_epochs", "folds", "aux_mae_weight",
    "data.holdout", "data.train_fraction", "model.drop_path_rate", "optim.lr", "optim.min_lr", "optim.weight_decay",
    "optim.warmup_epochs", "optim.clip_norm", "optim.layer_decay", "optim.ema_decay", "optim.label_smoothing",
    "spectral.dropout", "contrastive.temperature", "masked.mask_ratio", "loss.gamma", "head.C",
    *(f"augment.{name}" for name in (
        "turn_probability", "turn_degrees", "min_area", "whole", "stretch", "color_probability", "color", "hue",
        "white_balance", "blur_probability", "noise_probability", "grey_probability", "mix_probability",
        "cutmix_share",
    )),
)  # fmt: skip
CONFIG_FIELDS = {
    **dict.fromkeys(_SECTIONS, SECTION),
    **dict.fromkeys(_NUMBERS, Field("a number", lambda value: isinstance(value, int | float))),  # infinity too
    **dict.fromkeys(("method", "select_by", "precision", "loss.name", "head.kind", "model.name"), NAME),
    "data.dirs": TEXTS,
    "data.field": TEXTS,
    "data.calibrate_only": TEXTS,
    "data.licences": section_of(TEXT, "texts"),
    "phases": list_of(SECTION, "sections"),
}  # fmt: skip


def check_info(document: Any) -> dict[str, Any]:
    """Validates the value of `run.json`."""
    return check_fields(document, INFO_FIELDS)


def check_card(document: Any) -> dict[str, Any]:
    """Validates the value of `model.json`."""
    return check_fields(document, CARD_FIELDS)


def check_config(document: Any) -> dict[str, Any]:
    """Validates the value of `config.yaml`."""
    return check_fields(document, CONFIG_FIELDS)


def check_scores(document: Any) -> dict[str, Any]:
    """Validates `eval/<split>/metrics.json`: scores of the split, and in `by_data` of each data set."""
    check_fields(document, SCORE_FIELDS)
    for name, part in (document.get("by_data") or {}).items():
        try:
            check_fields(part, SCORE_FIELDS)
        except UntrustedFileError as error:
            raise UntrustedFileError(f"{error} (by_data of {name[:40]})") from None
    return document


def check_row(row: Any) -> dict[str, Any]:
    """Validates a line of `metrics.jsonl`."""
    if not isinstance(row, dict) or not all(value is None or ANY_PLAIN(value) for value in row.values()):
        raise UntrustedFileError("is damaged")
    return check_fields(row, ROW_FIELDS)


ROW_FIELDS = {"step": NUMBER, "epoch": NUMBER, "time_s": NUMBER, "split": NAME, "n": COUNT, "top1": SHARE, "time": NAME}


def _is_figure(value: Any) -> bool:
    return value is None or is_number(value) or SHARES(value)
