"""The parts of the Attention page: the question, the map, the tests of it, and single squares and heads."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from app import photo_files, pictures, state, widgets
from app.attention import words
from app.cache import explanations
from app.cache.diagnoses import look_closely
from app.cache.explanations import OnWhat, Progress, Question
from app.cache.photos import as_shown, drawing_of
from app.cache.runs import RunChoice, load_model
from app.diagnose import words as verdict_words
from app.drawn import Drawing
from app.photo_files import PhotoFile
from app.widgets import picture, plain, sentence
from app.words import percent
from hvit.data.classes import crop_title, crops
from hvit.data.leafsim.address import Address
from hvit.explain import METHODS
from hvit.explain.heat import Scale
from hvit.explain.picture import stops_of, with_heat
from hvit.words import class_title

if TYPE_CHECKING:  # most import torch, which the first frame does not wait for
    from streamlit.delta_generator import DeltaGenerator

    from hvit.checkpoint import Checkpoint
    from hvit.diagnosis import Diagnosis
    from hvit.explain.explanation import Explanation

BEST, DIFFERENCE, NOTHING, TWIN = "best", "difference", "nothing", "twin"
MAP, ORIGINAL = "map", "original"
STAGES = (0, 1, 2, 3)
MAP_PX = 640  # small photos are enlarged to this, so that colors run smoothly
HEAD_PX = 240


@dataclass(frozen=True)
class Case:
    """What is explained: a photo, as a run sees it.

    Attributes:
        photo: as shown: whole, or the leaf cut out of it.
        crop: the crop the answer is restricted to, or None.
        drawing: what was drawn; None for a photo.
    """

    photo: PhotoFile
    run: RunChoice
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


def nothing_yet() -> None:
    """The page before the first photo."""
    st.html(
        '<div class="empty"><p class="verdict"><b>Show me a leaf.</b></p><p>You will see which places of the photo an '
        "answer comes from, and a test of whether that is so. Photos stay on this computer.</p></div>"
    )


def take_sample_of_address() -> None:
    """Draws the leaf that the address names, when the page is opened with one.

    Raises:
        AddressError: it names no drawn leaf.
    """
    if asked := state.new_sample_of_address():
        _choose_sample(asked)


def _choose_sample(text: str) -> None:
    address = Address.parse(text)
    state.choose_photo(photo_files.drawn(f"Drawn leaf {address.seed}-{address.index}", address))


def choose_photo(runs: Sequence[RunChoice], run: RunChoice) -> str | None:
    """Which photo is explained, of which crop, and ways to other photos.

    Returns:
        The crop the answer is restricted to; None for all.
    """
    photos = state.photos()
    if not photos:
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


def _choose_crop(run: RunChoice) -> str | None:
    """The crop, as chosen on Diagnose; None where that is open or the run knows none."""
    known = crops(run.classes)
    if not known:
        state.forget_crop_of_address()
        return None
    options = [widgets.NOT_SURE, *known]
    state.keep_crop_among(options)
    return widgets.known_crop(
        st.selectbox(
            "Crop",
            options,
            key=state.CROP,
            bind="query-params",
            format_func=lambda crop: "Not sure" if crop == widgets.NOT_SURE else crop_title(crop),
        )
    )


def _sample_button(run: RunChoice) -> None:
    found = explanations.samples(run)
    if not found:
        return
    label = "Another test leaf" if state.next_sample() else f"A test leaf of {run.name}"
    st.button(label, key="sample_button", on_click=_next_sample, args=(found,))


def _next_sample(found: Sequence[str]) -> None:
    _choose_sample(found[state.next_sample() % len(found)])
    state.count_sample()


def case_of(run: RunChoice, crop: str | None) -> Case:
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


def named(runs: Sequence[RunChoice], name: str) -> RunChoice:
    """The run of this name."""
    return next(run for run in runs if run.name == name)


def verdict(case: Case) -> bool:
    """The answer that is explained, in the words of Diagnose; False where there is none to explain."""
    bold, rest = verdict_words.headline(case.diagnosis, case.photo.name)
    st.html(f'<h2 class="verdict" role="status"><b>{html.escape(bold)}</b>{html.escape(rest)}</h2>')
    if text := verdict_words.below_headline(case.diagnosis):
        sentence(text, "below")
    if case.diagnosis.verdict == "unreadable":
        return False
    if case.diagnosis.verdict == "unfamiliar":
        sentence(words.UNFAMILIAR, "notice")
        if not state.shows_anyway(case.photo):
            st.button("Show anyway", on_click=state.show_anyway, args=(case.photo,))
            return False
    return True


def choose_method(case: Case) -> str:
    """The method; the best one by the tests of the run unless the reader chooses."""
    best, judged = explanations.best_method(case.run, case.checkpoint), explanations.judged(case.run)
    chosen = st.selectbox(
        "Method",
        [BEST, *explanations.methods_for(case.checkpoint)],
        key=state.METHOD,
        bind="query-params",
        format_func=lambda name: words.best_label(best, judged) if name == BEST else words.METHOD_TITLES[name],
    )
    return best if chosen == BEST else chosen


def choose_arguments(method: str) -> tuple[tuple[str, Any], ...]:
    """Stage and residual, where the method has them."""
    has_stage, has_residual = method in ("rollout", "gradcam"), method in ("rollout", "gradient_rollout")
    with st.container(key="stage_choice"):
        stage = _stages("Stage" if has_stage else f"Stage ({words.NO_STAGE})", state.STAGE, disabled=not has_stage)
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


def _stages(label: str, key: str, disabled: bool = False) -> int:
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


def ask(case: Case, method: str, arguments: tuple[tuple[str, Any], ...]) -> Question:
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
        key=state.CLASS,
        bind="query-params",
        format_func=lambda name: "Difference" if name == DIFFERENCE else class_title(name),
        disabled=not depends,
    )
    if not depends:
        sentence(words.NO_CLASS, "standing")
        return Question(method, arguments=arguments)
    if chosen == DIFFERENCE:
        return Question(method, names[0], names[1], arguments)
    return Question(method, chosen, arguments=arguments)


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


def shown_map(case: Case, question: Question, explanation: Explanation, look: Look) -> None:
    """The map over its photo, with its scale and what to make of it; a line runs around the marked tenth."""
    title = words.what_is_shown(question)
    marked = explanations.marked(case.photo, case.checkpoint, explanation)
    _over_photo(case, explanation, look, title, "picture_map", marked)
    scale_of(explanation.scale, look.strength)
    if question.against is not None:
        sentence(words.colors_of_difference(question.class_name, question.against), "below")
    if explanations.stands_out(case.run, question, explanation) is False:
        sentence(words.NOTHING_STANDS_OUT, "notice")


def _over_photo(
    case: Case, explanation: Explanation, look: Look, title: str, key: str, outlined: np.ndarray | None = None
) -> None:
    st.html(f'<p class="map-title">{html.escape(title)}</p>')
    if not look.heat:
        picture(pictures.enlarged(case.diagnosis.pixels, MAP_PX), "The photo", case.is_drawn, key)
        return
    pixels = heated(case.diagnosis.pixels, explanation, look.strength)
    if outlined is not None:
        pixels = pictures.with_outline(pixels, outlined, width_px=1)
    picture(pixels, title, case.is_drawn, key)


def beside_map(
    case: Case,
    other: Case | None,
    question: Question,
    explanation: Explanation,
    look: Look,
    progress: Progress,
) -> None:
    """The same question to the network with random weights, or to another run.

    Args:
        other: the photo as that run sees it; None for random weights.
    """
    if other is None:
        twin = explanations.explain(case.photo, case.checkpoint, question, progress, twin=True)
        _over_photo(case, twin, look, words.TWIN, "picture_beside")
        scale_of(twin.scale, look.strength)
        sentence(words.likeness_line(explanations.likeness(explanation, twin)), "standing")
        return
    if question.method not in explanations.methods_for(other.checkpoint):
        sentence(words.cannot_look_inside(other.run.name, question.method), "notice")
        return
    asked = explanations.question_for(question, other.run.classes, other.diagnosis.label)
    answer = explanations.explain(other.photo, other.checkpoint, asked, progress)
    _over_photo(other, answer, look, f"{other.run.name}: {words.what_is_shown(asked)}", "picture_beside")
    scale_of(answer.scale, look.strength)
    bold, rest = verdict_words.headline(other.diagnosis, other.photo.name)
    sentence(f"{other.run.name} says: {bold}{rest}", "below")


def heated(pixels: np.ndarray, explanation: Explanation, strength: float, side_px: int = MAP_PX) -> np.ndarray:
    """The photo with the map over it, its longer side at least `side_px`."""
    return with_heat(pictures.enlarged(pixels, side_px), explanation.heatmap, stops_of(explanation.scale), strength)


def scale_of(scale: Scale, strength: float) -> None:
    """The colors with numbers beside them, as they look over a middling grey."""
    bar = np.linspace(0, 1, 21, dtype=np.float32)[None]
    colors = with_heat(np.full((1, 21, 3), 128, np.uint8), bar, stops_of(scale), strength)[0]
    stops = ", ".join(f"rgb({r},{g},{b})" for r, g, b in colors.tolist())
    ticks = "".join(
        f'<span style="left:{100 * position:.1f}%">{label}</span>'
        for label, position in zip(scale.labels, scale.heat(np.array(scale.ticks)).tolist())
    )
    st.html(
        f'<div class="heat"><div class="heat-scale" style="background: linear-gradient(to right, {stops})"></div>'
        f'<div class="heat-ticks">{ticks}</div></div><p class="standing unit">{html.escape(scale.unit)}</p>'
    )


def tests_of(case: Case, question: Question, explanation: Explanation, place: DeltaGenerator) -> None:
    """Does it hold up? The photo covered in two ways, where the map of a drawn leaf lies, and the rank of the method.

    Args:
        place: where the outcome stands in words, near the map.
    """
    name = question.class_name or case.diagnosis.label
    test = explanations.put_to_the_test(case.photo, case.checkpoint, question, explanation, name, case.crop)
    with place:
        if question.class_name is None:
            sentence(words.OF_NO_CLASS, "below")
        sentence(words.depends(test, name, name == case.diagnosis.label and case.diagnosis.verdict == "named"), "below")
    st.html('<h3 class="part">Does it hold up?</h3>')
    share = percent(test.share)
    st.html(
        _fall(f"Cover marked {share}", test.before, test.marked, "marked")
        + _fall(f"Cover {share} at random", test.before, test.at_random, "chance")
    )
    sentence(words.how_covered(test, name), "standing")
    if case.drawing is not None and (on_what := explanations.on_what(explanation, case.drawing)):
        st.html(_on_what(on_what))
    sentence(words.rank(explanations.judged(case.run), question.method), "rank")


def _fall(label: str, before: float, after: float, style: str) -> str:
    """A chance before and after, in numbers and as a bar that lost its end."""
    return (
        f'<div class="fall {style}"><p><span>{label}</span><b>{words.fall(before, after)}</b></p>'
        f'<div class="track" aria-hidden="true"><i class="was" style="width:{100 * before:.1f}%"></i>'
        f'<i class="is" style="width:{100 * after:.1f}%"></i></div></div>'
    )


def _on_what(on_what: OnWhat) -> str:
    """How much of the map lies on what, beside how much of the picture that is."""
    rows = (("On", on_what.attribution), ("Area", on_what.area))
    told = "".join(
        f"<p><span>{label}: {words.shares_line(shares)}</span></p>"
        '<div class="track parts" aria-hidden="true">'
        + "".join(f'<i class="{kind}" style="width:{100 * share:.1f}%"></i>' for kind, share in shares.items())
        + "</div>"
        for label, shares in rows
    )
    return f'<div class="on-what">{told}</div>'


def cannot_tell(method: str) -> None:
    """The limits of a method, behind a click."""
    with st.expander("What this picture cannot tell"):
        for text in (*words.CANNOT_TELL[method], words.NO_PROOF):
            st.write(plain(text))


def save(case: Case, explanation: Explanation) -> None:
    """Picture, numbers and what made them, as files."""
    stem = f"{Path(case.photo.name).stem}.{explanation.method}"
    labels = {"png": "Picture (PNG)", "npy": "Numbers (NPY)", "json": "Record (JSON)"}
    with st.popover("Save"):
        for ending, make in explanations.files_of(case.photo, case.checkpoint, explanation).items():
            st.download_button(labels[ending], make, f"{stem}.{ending}", on_click="ignore", key=f"save_{ending}")


def link(case: Case) -> None:
    """The address of what is on the screen; a drawn leaf is in it, a photo is not."""
    can_be_drawn = case.is_drawn and case.photo.data is None
    state.put_sample_into_address(str(case.photo.address) if can_be_drawn else None)
    with st.popover("Link"):
        # The run even where it is the first here: elsewhere another may be.
        asked = urlencode({state.RUN: case.run.name, **st.query_params.to_dict()})
        st.code(f"{st.context.url or ''}?{asked}", language=None, wrap_lines=True)
        if not can_be_drawn:
            st.caption("The link holds everything but the photo, which stays on this computer.")


def choose_beside(case: Case, runs: Sequence[RunChoice]) -> str:
    """What stands beside the map: nothing, the network with random weights, or another run."""
    titles = {NOTHING: "nothing", TWIN: words.TWIN}
    return st.selectbox(
        "Compare with",
        [NOTHING, TWIN, *(other.name for other in runs if other.name != case.run.name)],
        key=state.BESIDE,
        bind="query-params",
        format_func=lambda name: titles.get(name, name),
    )


def squares(case: Case, strength: float) -> None:
    """The photo under a grid; a chosen square shows what it looks at."""
    rows, columns = grid = explanations.last_grid(case.photo, case.checkpoint)
    names = words.square_names(rows, columns)
    st.html('<h3 class="part">Choose a square, see where it looks</h3>')
    with st.container(key="squares_view"), st.container(key="squares_photo"):
        place = st.container()
        # How many there are is known here only, so that the style sheet cannot say it.
        st.html(f"<style>.st-key-squares_photo {{ --columns: {columns}; --rows: {rows}; }}</style>")
        chosen = st.pills("Square", names, key=state.SQUARE, bind="query-params", label_visibility="collapsed")
    if chosen is None:
        sentence("Letters run to the right, numbers down.", "standing")
        with place:
            picture(pictures.enlarged(case.diagnosis.pixels, MAP_PX), "The photo", case.is_drawn, "picture_squares")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="square_tools"):
        stage = _stages(f"{chosen} looks here, at stage", state.SQUARE_STAGE)
        st.button("All squares", type="tertiary", on_click=state.forget_square)
    told = words.square_looks(chosen, stage)
    sentence(told, "standing")
    with place:
        square = divmod(names.index(chosen), columns)
        explanation = explanations.square_looks_at(case.photo, case.checkpoint, stage, square, grid)
        picture(heated(case.diagnosis.pixels, explanation, strength), told, case.is_drawn, "picture_squares")


def heads(case: Case, strength: float) -> None:
    """Small maps of the heads of one block."""
    blocks = {f"{stage + 1}.{block + 1}": (stage, block) for stage, block in explanations.blocks_of(case.checkpoint)}
    chosen = st.selectbox(
        "Single heads",
        [NOTHING, *blocks],
        key=state.BLOCK,
        bind="query-params",
        format_func=lambda name: "not shown" if name == NOTHING else words.block_title(name),
    )
    if chosen == NOTHING:
        return
    small = pictures.shrunk(case.diagnosis.pixels, HEAD_PX)
    with st.container(horizontal=True, key="heads_grid"):
        for number, head in enumerate(explanations.heads_look_at(case.photo, case.checkpoint, *blocks[chosen]), 1):
            with st.container(width=HEAD_PX // 2, gap=None):
                st.image(pictures.jpeg(heated(small, head, strength, HEAD_PX)), width="stretch", alt=f"Head {number}")
                sentence(f"Head {number}", "standing")
    sentence(words.HEADS, "standing")
