"""Inputs of photos that several pages share: uploader, folder field, rendered leaves."""

from collections.abc import Sequence

import streamlit as st

from app import state, words
from app.photos import photo_files, rendered_leaves
from app.widgets import notice, plain, sentence
from hvit.data.photo_limits import MAX_BYTES
from hvit.runs.snapshot import RunSnapshot


def ask_for_photos(runs: Sequence[RunSnapshot], current: RunSnapshot) -> None:
    """Uploader, folder field and, for a run that knows them, rendered leaves; adds to `state.photos`."""
    with st.container(key="upload"):
        st.file_uploader(
            "Drop photos here or choose",
            accept_multiple_files=True,
            key=state.inbox_key(),
            on_change=_take_uploads,
            label_visibility="collapsed",
        )
        if run := rendered_leaves.run_for_renderings(runs, current):
            with st.container(horizontal=True, vertical_alignment="center", key="drawn"):
                st.html('<p class="standing">No photo?</p>', width="content")
                st.button("Four drawn leaves", type="tertiary", on_click=_take_renderings, args=(run.name,))
    if is_remote_client():
        sentence(f"Photos {words.where_photos_go(True)}", "standing")
        return  # folders of this computer are not for others to look into
    with st.container(key="folder"):
        st.text_input(
            "or a folder on this computer", key=state.FOLDER, placeholder="~/Pictures/leaves", on_change=_take_folder
        )
        if problem := state.folder_problem():
            notice(problem)
        if note := state.folder_note():
            sentence(note, "standing")


def is_remote_client() -> bool:
    """Whether the client is on another device than the server."""
    return isinstance(st.context.ip_address, str)  # None here, and no text in tests without a browser


def _take_uploads() -> None:
    state.add_photos([_uploaded(file) for file in state.inbox()])
    state.empty_inbox()


def _uploaded(file) -> photo_files.PhotoFile:
    if file.size > MAX_BYTES:
        return photo_files.too_large(file.name, file.size)
    return photo_files.uploaded(file.name, file.getvalue())


def _take_renderings(run_name: str) -> None:
    addresses, following = rendered_leaves.next_leaves(state.next_rendered())
    first = 1 + sum(photo.address is not None for photo in state.photos())
    state.add_photos(photo_files.rendered(f"Drawn leaf {first + i}", address) for i, address in enumerate(addresses))
    state.set_next_rendered(following)
    state.choose_run(run_name)


def warn_of_domain_mismatch(run: RunSnapshot, runs: Sequence[RunSnapshot], is_rendered: bool) -> None:
    """Warns where a run trained on rendered leaves gets a photo, or the reverse, and offers another run."""
    if is_rendered:
        better = rendered_leaves.run_for_renderings([other for other in runs if "drawings" in other.learned_from], run)
    else:
        better = rendered_leaves.run_for_photos(runs)
    text = words.domain_mismatch(run.learned_from, is_rendered, better.name if better else None)
    if text is None:
        return
    with st.container(key="material"):
        notice(text)
        if better:
            st.button(f"Use {plain(better.name)}", on_click=state.choose_run, args=(better.name,))


def _take_folder() -> None:
    state.set_folder_problem(None)
    state.set_folder_note(None)
    if not state.folder().strip():
        return
    try:
        photos, note = photo_files.in_folder(state.folder())
        state.add_photos(photos)
        state.set_folder_note(note)
    except photo_files.FolderError as error:
        state.set_folder_problem(str(error))
