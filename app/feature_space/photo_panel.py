"""Panels of the Feature space page on a photo of the user: its position on the map, and its neighbors."""

from __future__ import annotations

import html

import streamlit as st

from app import photo_inputs, state, widgets
from app.cache import maps
from app.cache.photos import whole_photo
from app.cache.runs import diagnosing_runs, load_model
from app.feature_space import words
from app.feature_space.selection_panel import sample_tile
from app.figures.feature_map import Marker
from app.gallery import gallery
from app.photos import pictures
from app.photos.photo_files import PhotoFile
from app.widgets import plain, sentence
from hvit.feature_space.mapped_samples import MappedSamples, PlacedPhoto
from hvit.runs.snapshot import RunSnapshot


def model_of(record: RunSnapshot) -> RunSnapshot | None:
    """The checkpoint of the run; None where its weights are missing."""
    return next((run for run in diagnosing_runs() if run.name == record.name), None)


def place_photo(photo: PhotoFile, record: RunSnapshot, samples: MappedSamples) -> PlacedPhoto | None:
    refined = state.is_refined(photo)
    try:
        with st.spinner("Placing the photo by t-SNE" if refined else "Looking at the photo"):
            return maps.placed(photo, load_model(model_of(record)), samples, refined)
    except ValueError as error:
        widgets.notice(f"{photo.name}: {error}")
        return None


def photo_marker(photo: PhotoFile, placed: PlacedPhoto) -> Marker:
    at = placed.place
    return Marker(at.x, at.y, f"<b>{html.escape(photo.name)}</b>", placed.unfamiliar, tuple(at.neighbors.tolist()))


def photo_panel(photo: PhotoFile, placed: PlacedPhoto, samples: MappedSamples) -> None:
    """A photo of the user on the map, and the reliability of its position."""
    refined = state.is_refined(photo)
    st.image(pictures.jpeg(pictures.shrunk(whole_photo(photo), 320)), width="stretch", alt="Your photo")
    with st.container(key="space_photo_words"):
        st.html(f'<p class="summary">{html.escape(photo.name)}</p>')
        if placed.unfamiliar:
            sentence(words.unfamiliar(placed, samples.ood_threshold), "notice")
        else:
            sentence(words.prediction(placed), "below")
        sentence(words.position(refined), "standing")
        if not refined:
            st.button("Refine the position", type="tertiary", on_click=state.refine, args=(photo,))


def neighbors_of_photo(record: RunSnapshot, placed: PlacedPhoto, samples: MappedSamples) -> None:
    """Nearest samples of a photo in feature space, with their distance on the map."""
    near = placed.place
    st.html('<p class="summary">The leaves nearest to your photo in feature space</p>')
    if not placed.unfamiliar:
        sentence(words.neighbors_agree(samples.labels[near.neighbors], placed.label), "standing")
    tiles = [
        sample_tile(samples, int(row), words.distance(float(distance)))
        for row, distance in zip(near.neighbors, near.distances)
    ]
    gallery(tiles, "photo_neighbors", record.name, record.classes)


def photo_inputs_panel(record: RunSnapshot) -> None:
    with st.expander("Put a photo of yours on the map"):
        run = model_of(record)
        if run is None:
            st.write(
                plain(f"The weights of {record.name} are not in this copy, so it cannot look at a photo. ")
                + "Choose a run with weights."
            )
            return
        st.write("Photos given here or on Diagnose can be chosen above, under Your photo.")
        photo_inputs.ask_for_photos(diagnosing_runs(), run)
