"""Controls of the Attention page: photo, crop, method, class to explain, style of the map, comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from app import photo_inputs, query_params, state, widgets
from app.attention import words
from app.cache import explanations
from app.cache.diagnoses import diagnose_with_heatmap
from app.cache.photos import as_shown, rendering_of
from app.cache.runs import load_model
from app.photos import photo_files
from app.photos.photo_files import PhotoFile
from app.photos.rendered_leaves import Rendering
from app.widgets import sentence
from hvit.data.classes import crop_title, crops
from hvit.data.leafsim.address import Address, AddressError
from hvit.explain import METHODS
from hvit.explain.request import ExplanationRequest
from hvit.runs.snapshot import RunSnapshot
from hvit.words import class_title

if TYPE_CHECKING:  # import torch, which the first frame does not wait for
    from hvit.diagnosis import Diagnosis
    from hvit.runs.checkpoint import Checkpoint

BEST, DIFFERENCE, NOTHING = "best", "difference", "nothing"
RANDOMIZED = "twin"  # its name in query parameters
MAP, ORIGINAL = "map", "original"
STAGES = (0, 1, 2, 3)


@dataclass(frozen=True)
class DiagnosedPhoto:
    """A photo with its diagnosis by a run: what is explained.

    Attributes:
        photo: the photo, or the leaf cut out of it.
        crop: the crop that predictions are restricted to; None for all.
        rendering: ground truth of a rendered leaf; None for a photo.
    """

    photo: PhotoFile
    run: RunSnapshot
    checkpoint: Checkpoint
    crop: str | None
    diagnosis: Diagnosis
    rendering: Rendering | None

    @property
    def is_rendered(self) -> bool:
        return self.rendering is not None


@dataclass(frozen=True)
class MapStyle:
    """How maps are drawn.

    Attributes:
        shows_map: the heatmap over the photo, or the photo alone.
        opacity: of the heatmap, in [0, 1].
    """

    shows_map: bool
    opacity: float


def diagnose_shown_photo(run: RunSnapshot, crop: str | None) -> DiagnosedPhoto:
    """Diagnoses the photo shown large.

    Args:
        crop: ignored where the run has no class of it.
    Raises:
        CheckpointError: the run cannot predict.
    """
    checkpoint = load_model(run)
    crop = crop if crop in crops(run.classes) else None
    whole = state.photos()[state.position()]
    box = state.cut(whole)
    photo = as_shown(whole, box)
    return DiagnosedPhoto(
        photo, run, checkpoint, crop, diagnose_with_heatmap(photo, checkpoint, crop), rendering_of(whole, box)
    )


def run_of_name(runs: Sequence[RunSnapshot], name: str) -> RunSnapshot:
    """The run of this name."""
    return next(run for run in runs if run.name == name)


def open_sample_from_url() -> None:
    """Renders the leaf in the query parameters, when the page is opened with one."""
    if asked := state.sample_from_query():
        try:
            _choose_sample(asked)
        except AddressError as error:
            widgets.notice(f"The address asks for a leaf that cannot be drawn: {error}")


def _choose_sample(text: str) -> None:
    address = Address.parse(text)
    state.choose_photo(photo_files.rendered(f"Drawn leaf {address.seed}-{address.index}", address))


def choose_photo(runs: Sequence[RunSnapshot], run: RunSnapshot) -> str | None:
    """Select boxes of the photo to explain and of its crop, and buttons for more photos.

    Returns:
        The crop that predictions are restricted to; None for all.
    """
    photos = state.photos()
    if not photos:
        with st.container(key="first_photo"):  # as one: else parts of it would stay until the first map is done
            photo_inputs.ask_for_photos(runs, run)
            _sample_button(run)
        return None
    state.menu_follows_photo()
    with st.container(horizontal=True, vertical_alignment="bottom", key="photo_row"):
        st.selectbox(
            "Photo",
            range(len(photos)),
            format_func=lambda i: f"{i + 1}. {photos[i].name}" if i < len(photos) else "",
            key=state.PHOTO,
            on_change=state.photo_from_menu,
        )
        crop = _choose_crop(run)
        with st.popover("Add photos"):
            photo_inputs.ask_for_photos(runs, run)
        _sample_button(run)
    return crop


def _choose_crop(run: RunSnapshot) -> str | None:
    """Selects the crop, shared with Diagnose; None where it is not chosen or the classes name no crops."""
    known = crops(run.classes)
    if not known:
        query_params.remove(state.CROP)
        return None
    options = [widgets.NOT_SURE, *known]
    return widgets.known_crop(
        widgets.choose_shared(
            "Crop",
            options,
            state.CROP,
            format_func=lambda crop: "Not sure" if crop == widgets.NOT_SURE else crop_title(crop),
        )
    )


def _sample_button(run: RunSnapshot) -> None:
    found = explanations.test_leaves(run)
    if not found:
        return
    label = "Another test leaf" if state.next_sample() else f"A test leaf of {run.name}"
    st.button(label, key="sample_button", on_click=_next_sample, args=(found,))


def _next_sample(found: Sequence[str]) -> None:
    _choose_sample(found[state.next_sample() % len(found)])
    state.count_sample()


def choose_method(diagnosed: DiagnosedPhoto) -> str:
    """Selects the explanation method; by default the best one in the recorded tests of the run."""
    best, tests = (
        explanations.best_method(diagnosed.run, diagnosed.checkpoint),
        explanations.recorded_tests(diagnosed.run),
    )
    chosen = st.selectbox(
        "Method",
        [BEST, *explanations.methods_for(diagnosed.checkpoint)],
        key=state.METHOD,
        bind="query-params",
        format_func=lambda name: words.best_method_label(best, tests) if name == BEST else words.METHOD_TITLES[name],
    )
    return best if chosen == BEST else chosen


def choose_arguments(method: str) -> tuple[tuple[str, Any], ...]:
    """Selects the arguments of the method: its stage and its weight of the residual connection."""
    has_stage, has_residual = method in ("rollout", "gradcam"), method in ("rollout", "gradient_rollout")
    with st.container(key="stage_choice"):
        stage = choose_stage("Stage" if has_stage else f"Stage ({words.NO_STAGE})", state.STAGE, disabled=not has_stage)
    chosen = {}
    if has_residual:
        weight = st.segmented_control(
            "Path around attention",
            ["half", "norms"],
            default="half",
            required=True,
            key=state.RESIDUAL,
            bind="query-params",
            help="How much of a token passes each layer untouched: half, or what the norms of both parts say.",
        )
        chosen["residual"] = 0.5 if weight == "half" else weight
    if has_stage:
        chosen["stage"] = stage
    return tuple(chosen.items())


def choose_stage(label: str, key: str, disabled: bool = False) -> int:
    """Selects a stage, from 0."""
    return st.segmented_control(
        label,
        STAGES,
        default=STAGES[-1],
        required=True,
        key=key,
        bind="query-params",
        format_func=lambda number: str(number + 1),
        disabled=disabled,
    )


def choose_target(diagnosed: DiagnosedPhoto, method: str, arguments: tuple[tuple[str, Any], ...]) -> ExplanationRequest:
    """Selects the class to explain, or the difference of two classes."""
    depends_on_class = METHODS[method].depends_on_class
    asked = state.asked_class()
    by_title = {class_title(name): name for name in diagnosed.run.classes}
    names = words.candidate_classes(diagnosed.diagnosis, by_title.get(asked, asked))
    options = [*names, DIFFERENCE] if len(names) > 1 else names
    default = DIFFERENCE if words.defaults_to_difference(diagnosed.diagnosis) else names[0]
    state.reset_asked_class((diagnosed.photo.key, diagnosed.run.name, diagnosed.crop), default)
    chosen = st.pills(
        "Explain",
        options,
        default=default,
        required=True,
        key=state.ASKED,
        bind="query-params",
        format_func=lambda name: "Difference" if name == DIFFERENCE else class_title(name),
        disabled=not depends_on_class,
    )
    if not depends_on_class:
        sentence(words.NO_CLASS, "standing")
        return ExplanationRequest(method, arguments=arguments)
    if chosen == DIFFERENCE:
        return ExplanationRequest(method, names[0], names[1], arguments)
    return ExplanationRequest(method, chosen, arguments=arguments)


def choose_map_style() -> MapStyle:
    """Selects map or photo, and the opacity of the map."""
    shown = st.segmented_control(
        "Show",
        [ORIGINAL, MAP],
        default=MAP,
        required=True,
        key=state.LOOK,
        format_func=str.capitalize,
        persist_state="session",
        label_visibility="collapsed",
    )
    opacity = st.slider("Strength", 20, 100, 60, 5, key=state.STRENGTH, format="%d%%", persist_state="session")
    return MapStyle(shown == MAP, opacity / 100)


def choose_comparison(diagnosed: DiagnosedPhoto, runs: Sequence[RunSnapshot]) -> str:
    """Selects what the map is compared with: nothing, the model with randomized weights, or another run."""
    titles = {NOTHING: "none", RANDOMIZED: words.RANDOMIZED}
    return st.selectbox(
        "Compare with",
        [NOTHING, RANDOMIZED, *(other.name for other in runs if other.name != diagnosed.run.name)],
        key=state.SECOND,
        bind="query-params",
        format_func=lambda name: titles.get(name, name),
    )
