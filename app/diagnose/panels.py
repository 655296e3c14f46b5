"""Panels of the Diagnose page: verdict, photo, cards, and evidence."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from app import photo_inputs, state, theme, widgets
from app.cache.photos import whole_photo
from app.diagnose import ground_truth, words
from app.diagnose import tell_apart as apart
from app.diagnose.area_panel import outlined
from app.figures.probabilities import class_probabilities
from app.photos import pictures
from app.photos.photo_files import PhotoFile
from app.photos.rendered_leaves import Rendering
from app.theme import SAVE_MODEBAR
from app.widgets import picture, plain, sentence
from app.words import joined, percent, where_photos_go
from hvit.data.classes import crop_of, crops
from hvit.explain.overlay import SEQUENTIAL_COLORS, overlay_heatmap
from hvit.runs.snapshot import RunSnapshot
from hvit.words import PLANTS_UNKNOWN

if TYPE_CHECKING:  # these import torch, which the first frame does not wait for
    from hvit.diagnosis import Diagnosis
    from hvit.runs.checkpoint import Checkpoint
    from hvit.scoring.track_record import TrackRecord

MAX_BARS = 6


def empty_state() -> None:
    """Empty state: the page without photos."""
    stays = where_photos_go(photo_inputs.is_remote_client())
    st.html(
        '<div class="empty"><p class="verdict"><b>Show me a leaf.</b></p><p>One leaf that fills most of the picture, '
        f"in focus and in even light. Several photos at once are fine. They {stays}</p></div>"
    )


def unknown_crop(run: RunSnapshot) -> None:
    """Replaces the diagnosis where the user chose a crop the run does not know."""
    known = html.escape(joined(crops(run.classes)))
    st.html(f'<p class="verdict"><b>I cannot name diseases of this crop.</b></p><p class="below">I know {known}.</p>')
    with st.expander("Train on my own photos"):
        widgets.how_to_train(run.name)


def verdict(
    diagnosis: Diagnosis,
    name: str,
    classes: Sequence[str],
    track_record: TrackRecord,
    *,
    crop_is_open: bool,
    leaf_confirmed: bool,
    num_others: int,
    rendering: Rendering | None = None,
) -> None:
    """Headline, probabilities and caveats of a diagnosis.

    Args:
        crop_is_open: no crop was chosen.
        leaf_confirmed: the user confirmed that this unfamiliar photo is a leaf.
        num_others: number of other photos that can be read.
        rendering: ground truth of a rendered leaf; None for a photo.
    """
    bold, rest = words.headline(diagnosis, name)
    st.html(f'<h2 class="verdict" role="status"><b>{html.escape(bold)}</b>{html.escape(rest)}</h2>')
    if text := words.below_headline(diagnosis):
        sentence(text, "below")
    if can_tell_apart(diagnosis, leaf_confirmed):
        st.html(f'<p class="to-cards"><a href="#{apart.PLACE}">{words.cards_link(diagnosis)}</a></p>')
    for text in words.area_headline(diagnosis):
        st.html(f'<p class="area">{html.escape(text)}</p>')
    if diagnosis.verdict == "unreadable":
        if num_others:
            sentence(words.others_succeeded(num_others), "below")
        return
    if diagnosis.verdict == "unfamiliar":
        sentence(words.distance_sentence(diagnosis, track_record), "below")
    if rendering is not None:
        bold, rest = ground_truth.compare_prediction(diagnosis, rendering, leaf_confirmed)
        st.html(f'<p class="truth"><b>{html.escape(bold)}</b> {html.escape(rest)}</p>')
    if diagnosis.verdict == "unfamiliar":
        if not leaf_confirmed:
            st.button("It is a leaf: show the best guess, marked as unreliable", on_click=state.confirm_leaf)
            return
        sentence(f"Unreliable: my best guess is {words.class_title(diagnosis.label)}.", "notice")
    probability_bars(diagnosis, reliable=diagnosis.verdict != "unfamiliar", calibrated=track_record.calibrated)
    for text in words.class_caveats(diagnosis, classes):
        sentence(text)
    if rendering is None and (text := words.closed_set_caveat(diagnosis, classes)):
        sentence(text, "standing")
    if crop_is_open and crops(classes):
        with st.container(horizontal=True, vertical_alignment="center", key="standing_line"):
            sentence(f"Not one of my {len(crops(classes))} crops? Then this answer is wrong:", "standing")
            st.button("Another crop", type="tertiary", on_click=state.set_crop, args=(widgets.ANOTHER,))


def probability_bars(diagnosis: Diagnosis, reliable: bool, calibrated: bool) -> None:
    """Bar chart of the most likely classes: the prediction set and one more, at most `MAX_BARS`."""
    ranked = sorted(diagnosis.probabilities, key=diagnosis.probabilities.get, reverse=True)
    possible = [name for name in ranked if diagnosis.probabilities[name] > 0]
    shown = possible[: max(2, min(MAX_BARS, len(diagnosis.prediction_set) + 1))]
    figure = class_probabilities(
        [words.class_title(name) for name in shown],
        [diagnosis.probabilities[name] for name in shown],
        [reliable and name in diagnosis.prediction_set for name in shown],
        len(possible),
        theme.palette(st.context.theme.type),
        calibrated,
    )
    bars = ", ".join(f"{words.class_title(name)} {percent(diagnosis.probabilities[name])}" for name in shown)
    what = "Calibrated probabilities" if calibrated else "Probabilities"
    st.plotly_chart(figure, config=SAVE_MODEBAR, key="bars", alt=f"{what}: {bars}")


def photo(
    diagnosis: Diagnosis, photo_key: str, checkpoint: Checkpoint, is_cut: bool, rendering: Rendering | None = None
) -> None:
    """The photo with optional overlays: attention map, measured symptoms, true symptoms; its tools and flags."""
    shows_map = state.shows_map() and diagnosis.heatmap is not None
    has_outline = rendering is not None and rendering.symptom_mask.any()
    shows_truth = state.shows_truth() and has_outline
    pixels = overlay_heatmap(diagnosis.pixels, diagnosis.heatmap) if shows_map else diagnosis.pixels
    if shows_truth:
        pixels = pictures.with_outline(pixels, rendering.symptom_mask)
    has_area = diagnosis.severity is not None and diagnosis.areas is not None
    shows_area = state.shows_area() and has_area
    if shows_area:
        pixels = outlined(diagnosis, pixels, photo_key, checkpoint)
    layers = (("the map", shows_map), ("the outline", shows_truth), ("the symptoms outlined", shows_area))
    over = [name for name, shown in layers if shown]
    alt = "The photo" if rendering is None else "The drawn leaf"
    picture(pixels, alt + (f", with {joined(over)} over it" if over else ""), is_rendered=rendering is not None)
    if shows_truth:
        st.html(f'<p class="standing outlined">{html.escape(ground_truth.outline_legend(rendering))}</p>')
    if shows_map:
        st.html(_heat_legend())
        if diagnosis.verdict == "unfamiliar":
            sentence("There is no diagnosis to explain. The map shows what the network reacts to, not disease.")
    with st.container(horizontal=True, vertical_alignment="center", key="photo_tools"):
        if diagnosis.heatmap is not None:
            st.toggle("Show map", key=state.SHOW_MAP, persist_state="session")
        if has_area:
            st.toggle("Outline symptoms", key=state.SHOW_AREA, persist_state="session")
        if has_outline:
            st.toggle("Outline what was drawn", key=state.SHOW_TRUTH, persist_state="session")
        if is_cut:
            st.button("Back to the whole photo", type="tertiary", on_click=state.cut_chosen, args=(None,))
        else:
            st.button("Cut out one leaf", type="tertiary", on_click=state.start_cutting)
        asked = st.query_params.to_dict()  # run and crop; a link without them would take them out of the address
        st.page_link("../pages/attention.py", label="Explain on the Attention page", query_params=asked)
    for text in words.photo_remarks(diagnosis, is_rendered=rendering is not None):
        sentence(text)


def can_tell_apart(diagnosis: Diagnosis, leaf_confirmed: bool) -> bool:
    """Whether tell-apart cards exist for the prediction set, or for a confirmed unfamiliar leaf."""
    answers = diagnosis.verdict in ("named", "unsure") or (diagnosis.verdict == "unfamiliar" and leaf_confirmed)
    return answers and apart.has_cards(diagnosis.prediction_set)


def tell_apart(diagnosis: Diagnosis) -> None:
    """Tell-apart cards of the prediction set."""
    candidates = diagnosis.prediction_set
    st.html(f'<h2 class="apart" id="{apart.PLACE}">{html.escape(apart.title_of(candidates))}</h2>')
    apart.cards(candidates)


def steps(diagnosis: Diagnosis, name: str, position: int, num_photos: int) -> None:
    """Buttons to the previous and next photo; on a phone a sticky bar with the verdict."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="center", key="steps_bar"):
        if num_photos > 1:
            st.button("Previous", type="tertiary", on_click=state.step, args=(-1,))
            st.html(f'<p class="standing">{position + 1} of {num_photos}</p>', width="content")
        stays = html.escape(words.short_verdict(diagnosis, name))
        st.html(f'<p class="stays" aria-hidden="true">{stays}</p>', width="content")  # the verdict is read out already
        if num_photos > 1:
            st.button("Next", type="tertiary", on_click=state.step, args=(1,))


def _heat_legend() -> str:
    stops = ", ".join(SEQUENTIAL_COLORS)
    return (
        f'<div class="heat"><div class="heat-scale" style="background: linear-gradient(to right, {stops})"></div>'
        "<div class='heat-labels'><span>0.5x</span><span>1x</span><span>2x the average</span></div></div>"
        '<p class="standing">Where the network took its information from, against an even spread (attention rollout). '
        "It is not the outline of a lesion.</p>"
    )


def cutting(photo: PhotoFile) -> None:
    """Sliders of the crop box, over the full photo."""
    pixels = whole_photo(photo)
    if not state.has_box():
        state.put_box(pictures.propose_leaf(pixels))
    name = "The photo" if photo.address is None else "The drawn leaf"
    picture(pictures.with_box(pixels, state.box()), f"{name} with the box", is_rendered=photo.address is not None)
    st.slider("Left and right edge, % of the width", 0, 100, key=state.CUT_X, format="%d%%")
    st.slider("Top and bottom edge, % of the height", 0, 100, key=state.CUT_Y, format="%d%%")
    with st.container(horizontal=True):
        st.button("Diagnose this leaf", type="primary", on_click=state.cut_chosen, args=(state.box(),))
        st.button("Propose a box", on_click=state.put_box, args=(pictures.propose_leaf(pixels),))
        st.button("Cancel", type="tertiary", on_click=state.stop_cutting)


def why(diagnosis: Diagnosis, track_record: TrackRecord, run: RunSnapshot, rendering: Rendering | None = None) -> None:
    """Expanders that explain the numbers, each shown only where the run recorded what it needs."""
    if diagnosis.verdict == "unreadable":
        return
    with st.expander("Why?"):
        for text in words.probability_sentences(diagnosis, track_record):
            st.write(plain(text))
        if track_record.problem:
            widgets.notice(track_record.problem)
    if track_record.ood_threshold is not None and diagnosis.verdict != "unfamiliar":
        with st.expander(f"How familiar is this {'photo' if rendering is None else 'leaf'}?"):
            st.write(plain(words.distance_sentence(diagnosis, track_record)))
            st.write("Beyond that I give no diagnosis. A leaf can look usual and still show a disease I do not know.")
    crop = crop_of(diagnosis.label)
    if track_record.top1 is not None and diagnosis.verdict != "unfamiliar":
        with st.expander(f"How good is it{f' on {crop}' if crop else ''}? (n = {track_record.top1.n:,})"):
            st.write(plain(words.accuracy_sentence(crop, track_record)))
            if outdoors := words.field_accuracy_sentence(crop, track_record):
                st.write(plain(outdoors))
    if run.plants_known is False:
        sentence(f"{PLANTS_UNKNOWN}.", "standing")
    if rendering is not None:
        with st.expander("How are these drawn?"):
            for text in ground_truth.about_rendering(rendering, run.name, run.learned_from):
                st.write(plain(text))


def small_print(diagnosis: Diagnosis, run_name: str, sha256: str) -> None:
    """Latency, run and hash of the weights."""
    took = "" if diagnosis.latency_ms is None else f"{diagnosis.latency_ms / 1000:.2f} s, "
    sentence(f"{took}{run_name} {sha256[:8]}", "small-print")
