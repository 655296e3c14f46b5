"""What is asked on the Attention page: of which photo, by which method, for which class, and beside what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from app import address, state, widgets
from app.attention import words
from app.cache import explanations
from app.cache.diagnoses import look_closely
from app.cache.photos import as_shown, drawing_of
from app.cache.runs import load_model
from app.photos import photo_files
from app.photos.drawn_leaves import Drawing
from app.photos.photo_files import PhotoFile
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

BEST, DIFFERENCE, NOTHING, TWIN = "best", "difference", "nothing", "twin"
MAP, ORIGINAL = "map", "original"
STAGES = (0, 1, 2, 3)


@dataclass(frozen=True)
class Case:
    """What is explained: a photo, as a run sees it.

    Attributes:
        photo: as shown: whole, or the leaf cut out of it.
        crop: the crop the answer is restricted to, or None.
        drawing: what was drawn; None for a photo.
    """

    photo: PhotoFile
    run: RunSnapshot
    checkpoint: Checkpoint
    crop: str | None
    diagnosis: Diagnosis
    drawing: Drawing | None

    @property
    def is_drawn(self) -> bool:
        return self.drawing is not None


@dataclass(frozen=True)
class Look:
    """How the reader wants to see maps: heat over the photo or the photo alone, and how strong the colors are."""

    heat: bool
    strength: float


def case_of(run: RunSnapshot, crop: str | None) -> Case:
    """The photo shown large, as a run sees it.

    Args:
        crop: counts where the run knows it.
    Raises:
        CheckpointError: the run cannot predict.
    """
    checkpoint = load_model(run)
    crop = crop if crop in crops(run.classes) else None
    whole = state.photos()[state.position()]
    box = state.cut(whole)
    photo = as_shown(whole, box)
    return Case(photo, run, checkpoint, crop, look_closely(photo, checkpoint, crop), drawing_of(whole, box))


def named(runs: Sequence[RunSnapshot], name: str) -> RunSnapshot:
    """The run of this name."""
    return next(run for run in runs if run.name == name)


def take_sample_of_address() -> None:
    """Draws the leaf that the address names, when the page is opened with one."""
    if asked := state.new_sample_of_address():
        try:
            _choose_sample(asked)
        except AddressError as error:
            widgets.notice(f"The address asks for a leaf that cannot be drawn: {error}")


def _choose_sample(text: str) -> None:
    address = Address.parse(text)
    state.choose_photo(photo_files.drawn(f"Drawn leaf {address.seed}-{address.index}", address))


def choose_photo(runs: Sequence[RunSnapshot], run: RunSnapshot) -> str | None:
    """Which photo is explained, of which crop, and ways to other photos.

    Returns:
        The crop the answer is restricted to; None for all.
    """
    photos = state.photos()
    if not photos:
        with st.container(key="first_photo"):  # as one: else parts of it would stay until the first map is done
            widgets.ask_for_photos(runs, run)
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
            widgets.ask_for_photos(runs, run)
        _sample_button(run)
    return crop


def _choose_crop(run: RunSnapshot) -> str | None:
    """The crop, as chosen on Diagnose; None where that is open or the run knows none."""
    known = crops(run.classes)
    if not known:
        address.forget(state.CROP)
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
    found = explanations.samples(run)
    if not found:
        return
    label = "Another test leaf" if state.next_sample() else f"A test leaf of {run.name}"
    st.button(label, key="sample_button", on_click=_next_sample, args=(found,))


def _next_sample(found: Sequence[str]) -> None:
    _choose_sample(found[state.next_sample() % len(found)])
    state.count_sample()


def choose_method(case: Case) -> str:
    """The method; the best one by the tests of the run unless the reader chooses."""
    best, tests = explanations.best_method(case.run, case.checkpoint), explanations.recorded_tests(case.run)
    chosen = st.selectbox(
        "Method",
        [BEST, *explanations.methods_for(case.checkpoint)],
        key=state.METHOD,
        bind="query-params",
        format_func=lambda name: words.best_label(best, tests) if name == BEST else words.METHOD_TITLES[name],
    )
    return best if chosen == BEST else chosen


def choose_arguments(method: str) -> tuple[tuple[str, Any], ...]:
    """Stage and residual, where the method has them."""
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
    """A stage, from 0."""
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


def ask(case: Case, method: str, arguments: tuple[tuple[str, Any], ...]) -> ExplanationRequest:
    """The class to explain, or why one class rather than another, as chips."""
    depends = METHODS[method].depends_on_class
    asked = state.asked_class()
    by_title = {class_title(name): name for name in case.run.classes}
    names = words.chips(case.diagnosis, by_title.get(asked, asked))
    options = [*names, DIFFERENCE] if len(names) > 1 else names
    default = DIFFERENCE if words.starts_with_difference(case.diagnosis) else names[0]
    state.start_question((case.photo.key, case.run.name, case.crop), default)
    chosen = st.pills(
        "Explain",
        options,
        default=default,
        required=True,
        key=state.ASKED,
        bind="query-params",
        format_func=lambda name: "Difference" if name == DIFFERENCE else class_title(name),
        disabled=not depends,
    )
    if not depends:
        sentence(words.NO_CLASS, "standing")
        return ExplanationRequest(method, arguments=arguments)
    if chosen == DIFFERENCE:
        return ExplanationRequest(method, names[0], names[1], arguments)
    return ExplanationRequest(method, chosen, arguments=arguments)


def choose_look() -> Look:
    """Map or photo, and the strength of the colors."""
    look = st.segmented_control(
        "Show",
        [ORIGINAL, MAP],
        default=MAP,
        required=True,
        key=state.LOOK,
        format_func=str.capitalize,
        persist_state="session",
        label_visibility="collapsed",
    )
    strength = st.slider("Strength", 20, 100, 60, 5, key=state.STRENGTH, format="%d%%", persist_state="session")
    return Look(look == MAP, strength / 100)


def choose_beside(case: Case, runs: Sequence[RunSnapshot]) -> str:
    """What stands beside the map: nothing, the network with random weights, or another run."""
    titles = {NOTHING: "none", TWIN: words.TWIN}
    return st.selectbox(
        "Compare with",
        [NOTHING, TWIN, *(other.name for other in runs if other.name != case.run.name)],
        key=state.SECOND,
        bind="query-params",
        format_func=lambda name: titles.get(name, name),
    )
