"""From photos of leaves to diagnoses."""

import streamlit as st

from app import cache, panels, state, widgets

sheet = st.container(key="sheet")
runs = cache.diagnosing_runs()
if not runs:
    widgets.no_run_yet()
    st.stop()
if trouble := widgets.trouble_with_address(runs):
    with sheet.container(key="trouble"):
        widgets.notice(trouble)
with sheet.container(key="model"):
    run = widgets.choose_run(runs)
with sheet.container(key="crop_choice"):
    choice = widgets.choose_crop(run.classes)
with sheet.container(key="ask"):
    widgets.ask_for_photos(runs, run)
if choice == widgets.ANOTHER:
    with sheet.container(key="wide"):
        panels.unknown_crop(run)
    st.stop()
if not state.photos():
    with sheet.container(key="wide"), widgets.user_errors_shown():
        widgets.warn_of_material(run, runs, is_drawn=False)
        panels.nothing_yet()
        cache.load_model(run)  # the page is drawn; while the reader looks for a photo, the model gets ready
    st.stop()

crop, position = widgets.known_crop(choice), state.position()
with sheet.container(key="wide"), widgets.user_errors_shown(), widgets.progress("Reading the leaves") as progress:
    checkpoint = cache.load_model(run)
    photos = [cache.as_shown(photo, state.cut(photo)) for photo in state.photos()]
    results = cache.diagnose_all(photos, checkpoint, crop, progress)
    diagnosis = cache.look_closely(photos[position], checkpoint, crop)
    drawing = cache.drawing_of(photos[position], state.cut(state.photos()[position]))
    facts = cache.facts_about(diagnosis, run, checkpoint, crop)

with sheet.container(key="list"):
    panels.result_list(photos, results, position, run)
with sheet.container(key="verdict"):
    widgets.warn_of_material(run, runs, is_drawn=drawing is not None)
    panels.verdict(
        diagnosis,
        photos[position].name,
        run.classes,
        facts,
        crop_is_open=choice == widgets.NOT_SURE,
        insisted=state.insists(),
        num_others=sum(result.diagnosis.error is None for result in results),
        drawing=drawing,
    )
with sheet.container(key="photo"), widgets.user_errors_shown():
    if state.is_cutting():
        panels.cutting(state.photos()[position])
    elif diagnosis.pixels is not None:
        panels.photo(diagnosis, is_cut=photos[position] is not state.photos()[position], drawing=drawing)
if len(photos) > 1:
    with sheet.container(key="steps"):
        panels.steps(position, len(photos))
with sheet.container(key="why"):
    panels.why(diagnosis, facts, run, drawing)
with sheet.container(key="foot"):
    panels.small_print(diagnosis, run.name, checkpoint.sha256)
