"""Diagnose page: photos of leaves to diagnoses."""

import streamlit as st

from app import photo_inputs, state, widgets
from app.cache import diagnoses, photos, runs
from app.diagnose import area_panel, panels, result_list

widgets.unseen_title("Diagnose")
sheet = st.container(key="sheet")
choices = runs.diagnosing_runs()
if not choices:
    widgets.no_run_yet()
    st.stop()
if trouble := widgets.trouble_with_address(choices):
    with sheet.container(key="trouble"):
        widgets.notice(trouble)
with sheet.container(key="model"):
    run = widgets.choose_run(choices)
with sheet.container(key="crop_choice"):
    choice = widgets.choose_crop(run.classes)
with sheet.container(key="ask"):
    photo_inputs.ask_for_photos(choices, run)
if choice == widgets.ANOTHER:
    with sheet.container(key="wide"):
        panels.unknown_crop(run)
    st.stop()
if not state.photos():
    with sheet.container(key="wide"), widgets.user_errors_shown():
        photo_inputs.warn_of_domain_mismatch(run, choices, is_rendered=False)
        panels.empty_state()
        runs.load_model(run)  # the page is drawn; while the reader looks for a photo, the model gets ready
    st.stop()

crop, position = widgets.known_crop(choice), state.position()
with sheet.container(key="wide"), widgets.user_errors_shown(), widgets.progress("Reading the leaves") as progress:
    checkpoint = runs.load_model(run)
    shown = [photos.as_shown(photo, state.cut(photo)) for photo in state.photos()]
    diagnosis = diagnoses.diagnose_with_heatmap(
        shown[position], checkpoint, crop
    )  # first: the list then finds it decoded
    results = diagnoses.diagnose_all(shown, checkpoint, crop, progress)
    rendering = photos.rendering_of(shown[position], state.cut(state.photos()[position]))
    track_record = diagnoses.track_record_of(diagnosis, run, checkpoint, crop)

with sheet.container(key="list"):
    result_list.result_list(shown, results, position, run, checkpoint, crop)
with sheet.container(key="verdict"):
    photo_inputs.warn_of_domain_mismatch(run, choices, is_rendered=rendering is not None)
    panels.verdict(
        diagnosis,
        shown[position].name,
        run.classes,
        track_record,
        crop_is_open=choice == widgets.NOT_SURE,
        leaf_confirmed=state.leaf_is_confirmed(),
        num_others=sum(result.diagnosis.error is None for result in results),
        rendering=rendering,
    )
    area_panel.area(diagnosis, shown[position].key, checkpoint)
with sheet.container(key="photo"), widgets.user_errors_shown():
    if state.is_cutting():
        panels.cutting(state.photos()[position])
    elif diagnosis.pixels is not None:
        is_cut = shown[position] is not state.photos()[position]
        panels.photo(diagnosis, shown[position].key, checkpoint, is_cut, rendering)
with sheet.container(key="steps"):
    panels.steps(diagnosis, shown[position].name, position, len(shown))
with sheet.container(key="why"):
    panels.why(diagnosis, track_record, run, rendering)
if panels.can_tell_apart(diagnosis, state.leaf_is_confirmed()):
    with sheet.container(key="cards"):
        panels.tell_apart(diagnosis)
with sheet.container(key="foot"):
    panels.small_print(diagnosis, run.name, checkpoint.sha256)
