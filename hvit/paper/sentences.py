"""Sentences of a Methods paragraph, one function for each subject."""

from collections.abc import Sequence

from hvit.data.classes import crops
from hvit.data.inspection.balance import CALIBRATE, CV, SELECT, TEST, TRAIN, balance_of
from hvit.models.baselines import PREFIX
from hvit.paper import pretrained
from hvit.paper.record import Record, Text, cite
from hvit.paper.references import TOOL, cited_for
from hvit.runs.model_card import ConformalRecord
from hvit.scoring.metrics import wilson

FAMILY = {"hvit_tiny": "HViT-T", "hvit_small": "HViT-S", "hvit_base": "HViT-B", "hvit_large": "HViT-L"}
PRECISIONS = {"bf16": "bfloat16 mixed precision", "fp32": "single precision"}
ROLE_WORDS = {
    TRAIN: "trained",
    SELECT: "selected the weights",
    CALIBRATE: "calibrated",
    CV: "were learned from and judged in turn",
    TEST: "were kept for the test",
}
SCORED = ("test", "cv")
LIBRARIES = {"python": "Python", "numpy": "NumPy"}
DETECTORS = {  # by ood.method: description of the score, and works to cite
    "knn": ("the distance to their nearest neighbors in feature space", ["sun2022knn"]),
    "knn_last_stages": (
        "the distance to their nearest neighbors in the features of the last two stages", ["sun2022knn"],
    ),
    "mahalanobis": ("the Mahalanobis distance to the nearest class", ["lee2018mahalanobis"]),
    "relative_mahalanobis": ("the relative Mahalanobis distance", ["ren2021relative"]),
    "half_relative_mahalanobis": (
        "the Mahalanobis distance to the nearest class less half of that to the mean of all training photos",
        ["lee2018mahalanobis", "ren2021relative"],
    ),
    "vim": ("virtual-logit matching", ["wang2022vim"]),
    "energy": ("the energy of the logits", ["liu2020energy"]),
}  # fmt: skip


def model(text: Text, record: Record) -> None:
    """Architecture, size and task."""
    run, card = record.run, record.card
    name = record("model.name") if card is None else card.architecture
    if name is None:
        return
    bare = name.removesuffix("_dfca").removesuffix("_conv")
    if name.startswith(PREFIX):
        what, keys = (
            f"{name.removeprefix(PREFIX)} as implemented in timm{cite('wightman2019timm')}",
            ["wightman2019timm"],
        )
    elif bare in FAMILY:
        form = " with a spectral stream" if name.endswith("_dfca") else ""
        what = f"{FAMILY[bare]}{form}, a hierarchical vision transformer{_shape(record)}"
        front, keys = _front(name)
        what += front
    else:
        what, keys = name, []
    parent = run.info.parent
    origin = pretrained.origin_of(record)
    start = pretrained.start(origin) if parent is None else f"from the backbone of run {parent}"
    if run.info.kind == "pretrain":
        goal = "without labels"
    else:
        goal = f"to tell {_classes(() if card is None else card.classes)}"
    frozen = record("model.frozen") is True
    verb = "was used with frozen weights" if frozen else "was trained"
    if run.status != "done":
        text.add(f"Run {run.name} is not finished ({run.status}).")
    text.add(f"Run {run.name}: {what}{cite(TOOL)}{_size(record, name)} {verb} {start} {goal}.", *keys, TOOL)
    if origin is not None:
        pretrained.pretrained(text, origin, through_parent=parent is not None)
    if card is not None and card.spectral is not None:
        measured = card.spectral.kind == "bands"
        kind = "measured bands" if measured else "indices computed from the colors of the photo"
        text.add(f"Its spectral stream takes {kind}: {', '.join(card.spectral.names)}.")
    if record("spectral.dropout"):
        text.add(f"It was hidden from {100 * record('spectral.dropout'):g} % of the samples in training.")


def _classes(classes: Sequence[str]) -> str:
    if not classes:
        return "classes"
    known = crops(classes)
    return f"{len(classes)} classes" + (f" of {len(known)} crop{'s' * (len(known) > 1)}" if known else "")


def _shape(record: Record) -> str:
    """Deviations from the named size."""
    arguments = {} if record.card is None else record.card.arguments
    channels, blocks = arguments.get("embed_dims"), arguments.get("depths")
    changed = [
        f"{', '.join(map(str, value))} {what}"
        for value, what in ((channels, "channels"), (blocks, "blocks"))
        if value is not None
    ]
    return f" changed to {' and '.join(changed)} in its four stages" if changed else ""


def _front(name: str) -> tuple[str, list[str]]:
    """Convolutional front of a `_conv` size, with citations; empty for other sizes."""
    from hvit.models.config import SIZES

    front = SIZES[name].front_config if name in SIZES else None
    if front is None:
        return "", []
    keys = ["sandler2018mobilenetv2", "tan2019efficientnet"]
    published = front.source.removeprefix(PREFIX).removeprefix("tf_")
    sentence = " whose first two stages, and the way down to stride 16, are the inverted residual blocks of "
    return f"{sentence}{published}{cite(*keys)} with their batch norms folded in", keys


def _size(record: Record, name: str) -> str:
    """Parameter count of the recorded architecture."""
    if record.card is None:
        return ""
    size = record.card.preprocessing.img_size
    from hvit.models.counting import cost_of

    cost = cost_of(name, record.card.arguments, size)
    return f" ({cost.params / 1e6:.2f} million parameters, {cost.gmacs:.2f} GMACs for a picture of {size} px)"


def data(text: Text, record: Record) -> None:
    """Training and test data, their sources and licences."""
    balance = balance_of(record.run)
    counts = [f"{balance.count(role=role):,} {ROLE_WORDS[role]}" for role in balance.roles]
    if counts:
        text.add(f"Of the {record.picture_noun}, {', '.join(counts)}.")
    if record("data.holdout") is not None:
        text.add(f"{100 * record('data.holdout'):g} % of those to train on were held out, to judge the features by.")
    if (fraction := record("data.train_fraction")) is not None and fraction < 1:
        text.add(
            f"{100 * fraction:g} % of the {record.picture_noun} of each class that were there to train on were used."
        )
    licences = (record.card and record.card.licences) or record("data.licences") or {}
    sources = sorted({*balance.sources, *licences})
    for source in sources:
        licence = licences[source] if source in licences else ""
        # Without the list of training photos, the rest would look like the full data set.
        known = balance.role_source is not None and source in balance.sources
        facts = [f"{balance.count(source):,} {record.picture_noun}"] * known
        facts += [f"licence: {licence}"] * bool(licence)
        keys = cited_for(source, licence)
        text.add(f"Data set {source}{': ' * bool(facts)}{'; '.join(facts)}{cite(*keys)}.", *keys)
    if not sources and record("data.dirs"):
        names = [str(name).rstrip("/").rpartition("/")[2] for name in record("data.dirs")]
        text.add(f"Data sets: {', '.join(names)}.")
    if record.run.plants_known is not None:
        verb = "was" if record.run.plants_known else "was not"
        text.add(f"Which plant each of them shows {verb} known.")


def calibration(text: Text, record: Record) -> None:
    """Temperature, prediction sets and rejection."""
    if record.card is None:
        return
    temperature, conformal, ood = record.card.temperature, record.card.conformal, record.card.ood
    n = record.summary("calibrate_n")
    on = f" on {n:,} {record.picture_noun} that neither trained nor selected" if n is not None else ""
    if temperature is not None:
        text.add(
            f"Temperature scaling{cite('guo2017calibration')}: T = {temperature:.3f}, fitted{on}.", "guo2017calibration"
        )
    if conformal is not None and conformal.method == "lac":
        level = f"{100 * conformal.alpha:g} %"
        text.add(
            f"Prediction sets by split conformal prediction with the LAC score{cite('sadinle2019least')}, at an error "
            f"level of {level}.",
            "sadinle2019least",
        )
        _threshold_groups(text, conformal)
    if ood is not None and ood.method in DETECTORS:
        distance, works = DETECTORS[ood.method]
        text.add(
            f"Photos unlike those of training are rejected by {distance}{cite(*works)}, beyond {ood.threshold:.3f}.",
            *works,
        )
        if ood.unsure_threshold is not None:
            text.add(f"Photos beyond {ood.unsure_threshold:.3f} are never given a single name.")


def _threshold_groups(text: Text, conformal: ConformalRecord) -> None:
    """Groups of photos with conformal thresholds of their own."""
    if conformal.groups == "by-crop":
        text.add("Their thresholds are set for each predicted crop; crops with few photos share one.")
    if conformal.groups == "field-weighted":
        text.add(
            "Their threshold is a weighted one, in which field photos count as much as all others together"
            f"{cite('tibshirani2019covariate')}.",
            "tibshirani2019covariate",
        )


def evaluation(text: Text, record: Record) -> None:
    """Scores, and how often the test split was evaluated."""
    for split in SCORED:
        found = record.run.evaluation(split)
        if found is None or not found.get("n"):
            continue
        keys = ["wilson1927inference"]
        low, high = found.get("top1_ci") or wilson(round(found["top1"] * found["n"]), found["n"])
        where = "by cross-validation" if split == "cv" else f"on {split}"
        sentence = (
            f"Evaluated {where} (n = {found['n']:,}): top-1 {100 * found['top1']:.1f} % (95 % interval {100 * low:.1f} "
            f"to {100 * high:.1f}{cite('wilson1927inference')}), macro-F1 {100 * found['macro_f1']:.1f} %"
        )
        if record.card is not None and record.card.temperature is not None and found.get("ece") is not None:
            keys.append("nguyen2015posterior")
            sentence += f", expected calibration error {100 * found['ece']:.1f} %{cite('nguyen2015posterior')}"
        if found.get("coverage") is not None:
            sentence += f", prediction sets of {found['mean_set_size']:.2f} classes that held the right one for "
            sentence += f"{100 * found['coverage']:.1f} %"
        text.add(f"{sentence}.", *keys)
    if count := len(record.run.test_evaluations()):
        text.add(f"Test was evaluated {'once' if count == 1 else 'twice' if count == 2 else f'{count} times'}.")


def machine(text: Text, record: Record) -> None:
    """Software, hardware, precision, time and seed."""
    info = record.run.info
    libraries = info.libraries
    if "torch" in libraries:
        others = [f"{LIBRARIES[name]} {libraries[name]}" for name in LIBRARIES if name in libraries]
        sentence = ", ".join([f"PyTorch {libraries['torch']}{cite('paszke2019pytorch')}", *others])
        text.add(f"{sentence}.", "paszke2019pytorch")
    where = []
    if info.device is not None:
        processes = info.world_size
        count = f" in {processes} process{'es' * (processes > 1)}" if processes else ""
        where.append(f"{info.device if info.device != 'cpu' else 'CPU'}{count}")
    if record("precision") in PRECISIONS:
        where.append(PRECISIONS[record("precision")])
    if info.elapsed_s:
        where.append(f"{_time(info.elapsed_s)} in all")
    if where:
        text.add(f"Computed on {', '.join(where)}.")
    if info.seed is not None:
        text.add(f"Seed {info.seed}.")


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"
