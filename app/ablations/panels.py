"""Panels of the Ablations page: choice of an ablation, effect of each change, learning curves of the variants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from app import state, theme, widgets
from app.ablations import words
from app.cache import costs, records
from app.compare.words import metric_title
from app.figures.curves import GroupCurves, learning_curves
from app.figures.gains import gains
from app.theme import NO_MODEBAR, ZOOM_MODEBAR
from app.words import split_title
from hvit.runs import RunError
from hvit.runs.seed_groups import differences
from hvit.scoring.ablation import FULL, AblationRow
from hvit.scoring.ablation_variants import Variants
from hvit.scoring.learning_curves import curve

if TYPE_CHECKING:  # imports torch, which the first frame does not wait for
    from hvit.models.counting import Cost

CURVES = {"macro_f1": ("val", "macro_f1"), "top1": ("val", "top1"), "loss": ("train", "loss")}


def empty_state() -> None:
    """Page without any ablation."""
    st.html(
        '<div class="empty"><p class="verdict"><b>No ablation here yet.</b></p><p>It trains one configuration with and '
        "without named changes, and shows what each is worth. This one takes about an hour on two cores:</p></div>"
    )
    st.code("python -m training.ablate --plan training/ablations/parts.yaml --processes 2", language="bash")


def choose(found: dict[str, Variants]) -> str:
    """Selects the ablation; its name is a query parameter."""
    options = list(found)
    state.keep_among(state.ABLATION, options)
    if len(options) == 1:
        return options[0]
    return st.selectbox("Ablation", options, key=state.ABLATION, bind="query-params", width=320)


def choose_split(splits: Sequence[str]) -> str:
    """Selects the split the variants are evaluated on."""
    if len(splits) == 1:
        return splits[0]
    return widgets.choose_shared("Evaluated on", splits, state.SPLIT, format_func=split_title, width=320)


def effects(rows: Sequence[AblationRow]) -> None:
    """Figure of the effect of each change, with intervals."""
    widgets.sentence(words.basis(rows), "below")
    compared = [row for row in rows if row.gain is not None]
    if not compared:
        return
    left, right = st.columns(2, gap="large")
    photos = f"n = {compared[0].gain.photos:,}"
    for place, name, title in ((left, "gain", "top-1 accuracy"), (right, "f1_gain", "macro-F1")):
        found = [getattr(row, name) for row in compared]
        titles = [words.variant_title(row.variant) for row in compared]
        figure = gains(
            titles,
            [gain.gain for gain in found],
            [(gain.low, gain.high) for gain in found],
            f"change of {title}, 95 % interval, {photos}",
            theme.palette(st.context.theme.type),
        )
        alt = "; ".join(f"{title}: {100 * gain.gain:+.1f} points" for title, gain in zip(titles, found))
        place.plotly_chart(figure, key=f"ablation_{name}", config=NO_MODEBAR, alt=alt)
    widgets.sentence(
        "Paired bootstrap: runs of equal seed and pictures are drawn again together. Grey: no significant "
        "difference from the full recipe. The intervals are not corrected for how many there are.",
        "standing",
    )


def table(rows: Sequence[AblationRow], variants: Variants, name: str) -> None:
    """Table of the scores of each variant, and of its settings."""
    st.subheader("In numbers")
    has_tta = any(row.top1_tta is not None for row in rows)
    full = variants[FULL][0].config
    shown, exported = [], []
    for row in rows:
        own = variants[row.variant][0].config
        changed = words.changes(differences([full, own])) if full and own else ""
        cost = costs.cost_of(variants[row.variant][0])
        shown.append(_shown(row, cost, changed, has_tta))
        exported.append(_exported(row, cost, changed))
    formats = {"Change of top-1 accuracy, points": "%+.1f", "Parameters, millions": "%.2f", "GMACs": "%.3f"}
    widgets.table(shown, f"ablation-{name}", exported, formats=formats)


def _shown(row: AblationRow, cost: Cost | None, changed: str, has_tta: bool) -> dict[str, Any]:
    """A row of the table on screen."""
    return {
        "Variant": words.variant_title(row.variant),
        "Seeds": row.num_seeds,
        "Parameters, millions": None if cost is None else cost.params / 1e6,
        "GMACs": None if cost is None else cost.gmacs,
        "Top-1 accuracy, %": 100 * row.top1,
        "Macro-F1, %": 100 * row.macro_f1,
        **({"Top-1 accuracy with mirror image, %": _percent(row.top1_tta)} if has_tta else {}),
        "Change of top-1 accuracy, points": None if row.gain is None else 100 * row.gain.gain,
        "95 % interval": "" if row.gain is None else f"{100 * row.gain.low:+.1f} to {100 * row.gain.high:+.1f}",
        "What is changed": changed,
    }


def _exported(row: AblationRow, cost: Cost | None, changed: str) -> dict[str, Any]:
    """The same row of the CSV, with all digits."""
    return {
        "variant": row.variant,
        "runs": " ".join(row.runs),
        "params": None if cost is None else cost.params,
        "gmacs": None if cost is None else cost.gmacs,
        "top1": row.top1,
        "macro_f1": row.macro_f1,
        "top1_tta": row.top1_tta,
        **{
            f"{key}_{part}": None if gain is None else getattr(gain, attribute)
            for key, gain in (("top1", row.gain), ("macro_f1", row.f1_gain))
            for part, attribute in (("change", "gain"), ("low", "low"), ("high", "high"))
        },
        "changed": changed,
    }


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


def convergence(variants: Variants) -> None:
    """Learning curves of the variants, over seeds."""
    st.subheader("How they learned")
    metric = widgets.choice(
        "Metric", {name: metric_title(*parts) for name, parts in CURVES.items()}, state.ABLATION_METRIC, labelled=False
    )
    groups, unreadable = [], []
    for variant, members in variants.items():
        found = []
        for record in members:
            try:
                found.append(curve(records.curves(record), *CURVES[metric], "epoch"))
            except RunError as error:
                unreadable.append(str(error))
        is_running = any(record.status == "running" for record in members)
        groups.append(GroupCurves(words.variant_title(variant), found, is_running))
    for reason in unreadable:
        widgets.notice(f"{reason}.")
    if not any(len(c) for group in groups for c in group.curves):
        widgets.sentence("Nothing of this is logged yet.", "below")
        return
    figure = learning_curves(
        groups,
        0.0,
        metric_title(*CURVES[metric]),
        "epochs",
        False,
        metric != "loss",
        theme.palette(st.context.theme.type),
    )
    alt = f"{metric_title(*CURVES[metric])} of {len(groups)} variants along epochs"
    st.plotly_chart(figure, key="ablation_curves", config=ZOOM_MODEBAR, alt=alt)
    widgets.sentence("Line: mean over seeds. Band: from the lowest seed to the highest.", "standing")
