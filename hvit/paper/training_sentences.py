"""Sentences of a Methods paragraph on training: pre-training, augmentation, optimization, selection."""

from collections.abc import Callable
from pathlib import Path

from hvit.paper.record import Record, Text, cite

METRIC_WORDS = {"macro_f1": "macro-F1", "top1": "accuracy", "nll": "negative log-likelihood"}
AUGMENTATIONS: tuple[tuple[str, Callable[[Record], str]], ...] = (
    ("augment.quarter_turns", lambda r: "quarter turns and flips" if r("augment.quarter_turns") else "flips"),
    ("augment.turn_probability", lambda r: f"turns by up to {r('augment.turn_degrees'):g} degrees"),
    ("augment.min_area", lambda r: f"crops of at least {100 * r('augment.min_area'):g} % of the area"),
    ("augment.whole", lambda r: f"whole padded views (share {r('augment.whole'):g})"),
    ("augment.stretch", lambda r: f"changes of aspect by up to {100 * r('augment.stretch'):g} %"),
    ("augment.color_probability", lambda r: f"color contrast and brightness by up to {100 * r('augment.color'):g} %"),
    ("augment.hue", lambda r: f"hue by up to {360 * r('augment.hue'):g} degrees"),
    ("augment.white_balance", lambda r: f"white balance by up to {100 * r('augment.white_balance'):g} %"),
    ("augment.blur_probability", lambda r: f"blur (probability {r('augment.blur_probability'):g})"),
    ("augment.noise_probability", lambda r: f"noise (probability {r('augment.noise_probability'):g})"),
    ("augment.grey_probability", lambda r: f"grey (probability {r('augment.grey_probability'):g})"),
)  # fmt: skip


def pretraining(text: Text, record: Record) -> None:
    """Self-supervised pre-training."""
    method = record("method")
    if method == "simclr":
        keys, decoupled = ["chen2020simclr"], record("contrastive.decoupled")
        if decoupled:
            keys.append("yeh2022decoupled")
        words = "SimCLR with the decoupled contrastive loss" if decoupled else "SimCLR"
        text.add(f"Method: {words}{cite(*keys)}, temperature {record('contrastive.temperature'):g}.", *keys)
    elif method == "mae":
        keys = ["he2022mae", "ryali2023hiera"]
        ratio = record("masked.mask_ratio")
        text.add(f"Method: masked autoencoding{cite(*keys)} with {100 * ratio:g} % of the 32-px units hidden.", *keys)


def augmentation(text: Text, record: Record) -> None:
    """Augmentation and mixing of pictures."""
    used = [words(record) for name, words in AUGMENTATIONS if record(name)]
    if used:
        text.add(f"Augmentation: {', '.join(used)}.")
    # A phase may mix where the rest does not, or the reverse.
    given = {record("augment.mix_probability")} | {p.get("mix_probability") for p in record("phases") or []}
    shares = sorted(share for share in given if share)
    if shares:
        cut = record("augment.cutmix_share")
        keys = ["zhang2018mixup"] * (cut < 1) + ["yun2019cutmix"] * (cut > 0)
        names = [name for name, used in (("mixup", cut < 1), ("CutMix", cut > 0)) if used]
        span = " or ".join(f"{share:g}" for share in shares)
        text.add(
            f"Blocks of eight pictures were mixed by {' or '.join(names)}{cite(*keys)} with probability {span}.", *keys
        )


def optimization(text: Text, record: Record) -> None:
    """Optimizer, schedule, loss and length."""
    lr, epochs = record("optim.lr"), record("epochs")
    if lr is not None:
        keys = ["loshchilov2019adamw", "loshchilov2017sgdr"]
        line = f"AdamW{cite(keys[0])} with weight decay {record('optim.weight_decay'):g}; learning rate {lr:g} after "
        line += f"{_epochs(record('optim.warmup_epochs'))} of linear warm-up, falling as a cosine{cite(keys[1])} to "
        text.add(f"{line}{record('optim.min_lr'):g}; gradients clipped to norm {record('optim.clip_norm'):g}.", *keys)
    if (decay := record("optim.layer_decay")) is not None and decay < 1:
        text.add(f"Learning rates fell by a factor of {decay:g} a layer{cite('clark2020electra')}.", "clark2020electra")
    _loss(text, record)
    if record("model.drop_path_rate"):
        text.add(
            f"Stochastic depth{cite('huang2016stochastic')} of {record('model.drop_path_rate'):g}.",
            "huang2016stochastic",
        )
    if record("optim.ema_decay"):
        text.add(
            f"Weights were averaged over steps with decay {record('optim.ema_decay'):g}{cite('polyak1992averaging')}.",
            "polyak1992averaging",
        )
    if epochs is not None and record("batch_size") is not None:
        batch = record("batch_size") * (record("accum_steps") or 1) * (record.run.info.world_size or 1)
        sizes = list(dict.fromkeys(p["img_size"] for p in record("phases") or [])) or [record("img_size")]
        sizes = [str(size) for size in sizes if size is not None]
        at = f", at {', then '.join(sizes)} px" if sizes else ""
        text.add(f"The schedule has {_epochs(epochs)} with batches of {batch}{at}.")
    if record.summary("stopped_at_step") is not None:
        text.add(f"Training was stopped early, at step {record.summary('stopped_at_step'):,}.")
    if record("freeze_epochs"):
        text.add(f"In the first {_epochs(record('freeze_epochs'))} the head alone learned.")


def _epochs(count: float) -> str:
    return f"{count:g} epoch{'' if count == 1 else 's'}"


def _loss(text: Text, record: Record) -> None:
    if record("optim.label_smoothing") is None:
        return  # learned without labels
    losses = {
        "focal": ("the focal loss", ["lin2017focal"]),
        "balanced_softmax": ("the balanced softmax loss", ["ren2020balanced"]),
    }
    name = record("loss.name") or "cross_entropy"  # runs of before could have no other
    words, keys = losses.get(name, ("cross-entropy", []))
    description = f"Loss: {words}{cite(*keys)}"
    if record("loss.gamma"):
        description += f" (gamma {record('loss.gamma'):g})"
    if record("optim.label_smoothing"):
        description += f" with label smoothing of {record('optim.label_smoothing'):g}{cite('szegedy2016rethinking')}"
        keys = [*keys, "szegedy2016rethinking"]
    text.add(f"{description}.", *keys)
    _distillation(text, record)
    if record("aux_mae_weight"):
        words = (
            f"Beside the labels the model painted masked parts of its pictures (weight {record('aux_mae_weight'):g})"
        )
        text.add(f"{words}{cite('das2024limited')}.", "das2024limited")


def _distillation(text: Text, record: Record) -> None:
    teachers = record("distill.teacher")
    if not teachers:
        return
    names = [Path(teacher).name for teacher in ([teachers] if isinstance(teachers, str) else teachers)]
    words = f"It also learned from the class probabilities of run {' and run '.join(names)}"
    how = f"weight {record('distill.weight'):g}, temperature {record('distill.temperature'):g}"
    features = record("distill.features")
    how += f", features {features:g}" if features else ""
    text.add(f"{words}{cite('hinton2015distilling')}, {how}.", "hinton2015distilling")


def head(text: Text, record: Record) -> None:
    """The head fitted by `training.quick`, and its cross-validation."""
    kind, folds = record("head.kind"), record("folds")
    if kind is not None:
        words = f"A head was fitted to its features by {kind} (C = {record('head.C'):g}) with scikit-learn"
        text.add(f"{words}{cite('pedregosa2011scikit')}.", "pedregosa2011scikit")
    if folds is not None:
        text.add(f"It was judged by {folds}-fold cross-validation over groups of photos.")


def selection(text: Text, record: Record) -> None:
    """Selection of the weights."""
    step, metric = record.summary("best_step"), record("select_by")
    if step is not None and metric is not None:
        words = METRIC_WORDS[metric] if metric in METRIC_WORDS else metric
        text.add(f"The weights are those after step {step:,}, the best by {words} on the selecting half of validation.")
