"""Panels of the Attention page on single tokens and heads: rollout of a cell of the grid, and of heads of a block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app import state
from app.attention import words
from app.attention.controls import NOTHING, DiagnosedPhoto, choose_stage
from app.attention.panels import MAP_PX, with_heatmap
from app.cache import explanations
from app.photos import pictures
from app.widgets import picture, sentence

if TYPE_CHECKING:  # most import torch, which the first frame does not wait for
    pass


HEAD_PX = 240


def squares(diagnosed: DiagnosedPhoto, opacity: float) -> None:
    """Grid over the photo; a selected cell shows the rollout of its tokens."""
    rows, columns = grid = explanations.token_grid(diagnosed.photo, diagnosed.checkpoint)
    names = words.square_names(rows, columns)
    st.html('<h3 class="part">Choose a square, see where it looks</h3>')
    with st.container(key="squares_view"), st.container(key="squares_photo"):
        place = st.container()
        # The grid depends on the photo, so the style sheet cannot set it.
        st.html(f"<style>.st-key-squares_photo {{ --columns: {columns}; --rows: {rows}; }}</style>")
        chosen = st.pills("Square", names, key=state.SQUARE, bind="query-params", label_visibility="collapsed")
    if chosen is None:
        sentence("Letters run to the right, numbers down.", "standing")
        with place:
            picture(
                pictures.enlarged(diagnosed.diagnosis.pixels, MAP_PX),
                "The photo",
                diagnosed.is_rendered,
                "picture_squares",
            )
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="square_tools"):
        stage = choose_stage(f"{chosen} looks here, at stage", state.SQUARE_STAGE)
        st.button("All squares", type="tertiary", on_click=state.forget_square)
    text = words.square_caption(chosen, stage)
    sentence(text, "standing")
    with place:
        square = divmod(names.index(chosen), columns)
        explanation = explanations.square_rollout(diagnosed.photo, diagnosed.checkpoint, stage, square, grid)
        picture(
            with_heatmap(diagnosed.diagnosis.pixels, explanation, opacity),
            text,
            diagnosed.is_rendered,
            "picture_squares",
        )


def heads(diagnosed: DiagnosedPhoto, opacity: float) -> None:
    """Rollouts of the heads of one block."""
    blocks = {
        f"{stage + 1}.{block + 1}": (stage, block)
        for stage, block in explanations.attention_blocks(diagnosed.checkpoint)
    }
    chosen = st.selectbox(
        "Single heads",
        [NOTHING, *blocks],
        key=state.BLOCK,
        bind="query-params",
        format_func=lambda name: "not shown" if name == NOTHING else words.block_title(name),
    )
    if chosen == NOTHING:
        return
    small = pictures.shrunk(diagnosed.diagnosis.pixels, HEAD_PX)
    with st.container(horizontal=True, key="heads_grid"):
        for number, head in enumerate(
            explanations.head_rollouts(diagnosed.photo, diagnosed.checkpoint, *blocks[chosen]), 1
        ):
            with st.container(width=HEAD_PX // 2, gap=None):
                st.image(
                    pictures.jpeg(with_heatmap(small, head, opacity, HEAD_PX)), width="stretch", alt=f"Head {number}"
                )
                sentence(f"Head {number}", "standing")
    sentence(words.HEADS, "standing")
