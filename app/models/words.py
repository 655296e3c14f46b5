"""Texts of the Models page. Pure functions, no drawing."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from app.words import counted, percent
from hvit.data.classes import crop_of, crop_title, crops, is_healthy, spoken_condition
from hvit.weights_origin import UNKNOWN
from hvit.words import PLANTS_UNKNOWN, capitalized

if TYPE_CHECKING:  # these import torch, which the first frame does not wait for
    from hvit.models.counting import Cost
    from hvit.runs import ModelCard
    from hvit.runs.snapshot import RunSnapshot
    from hvit.speed.benchmark import Timing

NAMES = {"hvit_tiny": "HViT-T", "hvit_small": "HViT-S", "hvit_base": "HViT-B", "hvit_large": "HViT-L"}
FORMS = {"_dfca": "with a spectral stream", "_conv": "conv"}
CONV = (
    "Conv: the first two stages and the way down to stride 16 are convolutions of a published network "
    "(EfficientNet-Lite) and can start from its ImageNet weights; attention follows from there on."
)
BYTES_A_PARAMETER = 4


def latency_caveat(cores: int) -> str:
    """Caveat for latency measured here."""
    return (
        f"Medians of 10 passes after 2 to warm up, with the quickest and the slowest in brackets. This machine has "
        f"{counted(cores, 'core')} and does other things too: measured again, the numbers will differ."
    )


def size_name(name: str) -> str:
    """Title of a size: `hvit_tiny_dfca` -> `HViT-T with a spectral stream`, `hvit_tiny_conv` -> `HViT-T conv`."""
    bare = next((name.removesuffix(form) for form in FORMS if name.endswith(form)), name)
    title = NAMES[bare] if bare in NAMES else name.removeprefix("timm:")
    return title if bare == name else f"{title} {FORMS[name.removeprefix(bare)]}"


def millions(params: int) -> str:
    """`5.1 million`."""
    return f"{params / 1e6:,.1f} million"


def memory(params: int) -> str:
    """Memory of the weights: `1.2 GB`."""
    size = params * BYTES_A_PARAMETER
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def latency(found: Timing | None) -> str:
    """Formats a latency: `52 ms (48 to 71)`; empty where not measured."""
    if found is None:
        return ""
    low, high = found.range_ms
    return f"{found.median_ms:,.0f} ms ({low:,.0f} to {high:,.0f})"


def status(record: RunSnapshot) -> str | None:
    """Caveat for an unfinished run or one without weights; None otherwise."""
    if record.status != "done":
        return f"This run is not finished: {record.status}. What it has recorded so far is below."
    return None


def summary_sentence(record: RunSnapshot, cost: Cost | None) -> str:
    """Describes the run in one sentence."""
    what = "A model" if record.card is None else size_name(record.card.architecture)
    size = "" if cost is None else f", {millions(cost.params)} parameters, {cost.gmacs:.2f} GMACs at {cost.img_size} px"
    if record.kind == "pretrain":
        return f"{what}{size}: a backbone that learned from {_training_images(record)} without labels."
    known = crops(record.classes)
    of = f" of {counted(len(known), 'crop')}" if known else ""
    conditions = f" It tells {len(record.classes)} conditions{of} apart." if record.classes else ""
    return f"{what}{size}.{conditions} It learned from {_training_images(record)}{_pretrained_on(record.card)}."


def _pretrained_on(card: ModelCard | None) -> str:
    """`, starting from weights trained on ImageNet-1k`."""
    if card is None or card.pretrained is None:
        return ""
    learned = card.pretrained.trained_on
    return f", starting from weights trained on {'other pictures' if learned == UNKNOWN else learned}"


def _training_images(record: RunSnapshot) -> str:
    if record.learned_from == {"drawings"}:
        return "drawn leaves"
    return "photos and drawn leaves" if len(record.learned_from) > 1 else "photos"


def condition_lists(classes: tuple[str, ...]) -> list[tuple[str, str]]:
    """Conditions by crop; one list without a title where classes name no crops."""
    rows = []
    for crop in crops(classes) + [""] * any(not crop_of(name) for name in classes):
        own = sorted((name for name in classes if crop_of(name) == crop), key=lambda name: (is_healthy(name), name))
        rows.append((crop_title(crop) if crop else "", capitalized(", ".join(spoken_condition(name) for name in own))))
    return rows


def calibration(record: RunSnapshot) -> list[str]:
    """Calibration of the run in sentences."""
    card, lines = record.card, []
    if card is None or not card.classes:
        return lines
    n = record.summary.get("calibrate_n")
    on = f" on {n:,} {_training_images(record)} of the calibration half of validation" if isinstance(n, int) else ""
    if card.temperature is not None:
        lines.append(f"Probabilities are calibrated{on} (temperature {card.temperature:.2f}).")
    else:
        lines.append("Probabilities are not calibrated: read them as an order, not as chances.")
    if card.conformal is not None:
        lines.append(
            f"Lists of names are made to hold the right one for {percent(1 - card.conformal.alpha)} of leaves "
            "like those it was calibrated on."
        )
    if card.ood is not None:
        lines.append(f"What lies farther than {card.ood.threshold:.2f} from what it learned from is called unfamiliar.")
    return lines


def times_evaluated(count: int) -> str:
    """Number of evaluations on test, in a sentence."""
    often = {1: "once", 2: "twice"}[count] if count in (1, 2) else f"{count} times"
    return f"Test was evaluated {often}."


def made_by(record: RunSnapshot) -> str | None:
    """Command that made the run; None where not recorded."""
    if not record.info.argv:
        return None
    return "python " + shlex.join(word for word in record.info.argv if word != "--resume")


def made_with(record: RunSnapshot) -> list[str]:
    """Seed, code, machine and time."""
    info, parts = record.info, []
    if record.seed is not None:
        parts.append(f"Seed {record.seed}")
    if info.git is not None and info.git.commit:
        parts.append(f"code {info.git.commit[:10]}{', with changes' if info.git.dirty else ''}")
    if info.device:
        processes = info.world_size
        device = "CPU" if info.device == "cpu" else info.device
        parts.append(device + (f", {counted(processes, 'process', 'processes')}" if processes else ""))
    if info.elapsed_s:
        parts.append(f"{info.elapsed_s / 60:,.0f} minutes")
    parts += [f"{name} {version}" for name, version in info.libraries.items()]
    return parts


def licence_rows(record: RunSnapshot) -> list[tuple[str, str]]:
    """Recorded data sets and licences."""
    return [] if record.card is None else sorted(record.card.licences.items())


def pretrained_rows(record: RunSnapshot) -> list[tuple[str, str]]:
    """Recorded origin of pretrained weights of the run or its parent; empty without any."""
    found = None if record.card is None else record.card.pretrained
    if found is None:
        return []
    return [
        ("Net", size_name(found.architecture)),
        ("Trained on", found.trained_on),
        ("Source", found.source),
        ("Licence", found.licence),
    ]


def plants(record: RunSnapshot) -> str | None:
    """Caveat where plants were not held out; None otherwise."""
    return f"{PLANTS_UNKNOWN}." if record.plants_known is False and record.classes else None


def notes_blocks(text: str) -> list[tuple[str, str]]:
    """Blocks of notes.md: "li", "p" or "table" with its text, a table with a line for each row."""
    blocks: list[tuple[str, str]] = []
    for line in map(str.strip, text.splitlines()):
        tag, last = blocks[-1] if blocks else ("p", "")
        if not line:
            blocks.append(("p", ""))
        elif line.startswith("- "):
            blocks.append(("li", line[2:]))
        elif line.startswith("|") and tag == "table":
            blocks[-1] = ("table", f"{last}\n{line}")
        elif line.startswith("|"):
            blocks.append(("table", line))
        elif last and tag != "table":
            blocks[-1] = (tag, f"{last} {line}")
        else:
            blocks.append(("p", line.lstrip("# ")))
    return [block for block in blocks if block[1]]


def table_cells(text: str) -> list[list[str]]:
    """Cells of the rows of a Markdown table, without the line that sets its columns."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return [row for row in rows if any(cell.strip("-:") for cell in row)]
