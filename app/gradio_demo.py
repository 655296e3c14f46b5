"""Gradio demo and API: python -m app.gradio_demo [--run RUN] [--port PORT]"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported

import gradio as gr
from filelock import FileLock, Timeout
from gradio_client.utils import is_http_url_like
from starlette.middleware import Middleware

from app import access_control
from app.diagnose.words import area_sentences, summary_sentence
from app.words import domain_mismatch, knows
from hvit.diagnosis import diagnose
from hvit.explain.overlay import overlay_heatmap
from hvit.runs import DEFAULT_RUN, Run, find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from hvit.words import PLANTS_UNKNOWN

SYSTEM_FONTS = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
KEYS = ("verdict", "label", "probability", "prediction_set", "flags", "severity", "severity_reason")  # of the JSON
MAP = "Attention: dark 0.5x, light 2x the average"
PREFIX, LOCK = "hvit-demo-", ".lock"  # of the folder for uploads
FOLDER_VARIABLE = "GRADIO_TEMP_DIR"
SWEEP_S, KEPT_S = 60, 600  # interval and age for deleting unused files
GUARDED = {"app_kwargs": {"middleware": [Middleware(access_control.AccessControl)]}, "run_history": False}


def build(checkpoint: Checkpoint) -> gr.Blocks:
    """Builds the interface: photo to verdict, prediction set and attention overlay, also as the API endpoint
    `/diagnose`.
    """

    def answer(photo: str | None):
        if photo is None:
            raise gr.Error("Choose a photo first.", print_exception=False)
        found = diagnose(checkpoint, _taken(Path(photo)), overlay=True)
        overlay = None if found.heatmap is None else overlay_heatmap(found.pixels, found.heatmap)
        row = found.to_row("")
        answer_set = {key: row[key] for key in KEYS}
        lines = [f"### {summary_sentence(found, 'The photo')}", *area_sentences(found)]
        return "\n\n".join(lines), answer_set, overlay

    run = Run(checkpoint.run_dir)
    learned_from = run.learned_from
    with gr.Blocks(title="HViT demo", analytics_enabled=False, delete_cache=(SWEEP_S, KEPT_S)) as demo:
        lines = [f"Model: {checkpoint.name}, {knows(checkpoint.classes, learned_from)}."]
        if warning := domain_mismatch(learned_from, is_rendered=False, better=None):
            lines.append(f"**{warning}**")
        if run.plants_known is False:
            lines.append(f"{PLANTS_UNKNOWN}.")
        gr.Markdown("\n\n".join(["# HViT demo", *lines]))
        with gr.Row():
            with gr.Column():
                photo = _without_addresses(gr.File(label="Photo of a leaf"))  # of any type: the answer says why not
                button = gr.Button("Diagnose", variant="primary")
                outputs = [gr.Markdown(label="Answer"), gr.JSON(label="Prediction set")]
            outputs.append(gr.Image(label=MAP, format="jpeg", buttons=["download", "fullscreen"]))
        asked = button.click(answer, photo, outputs, api_name="diagnose", concurrency_limit=1)
        asked.then(lambda: None, None, photo, api_visibility="private")  # its file is deleted
    return demo


def _without_addresses(upload: gr.File) -> gr.File:
    """Lets a component take uploads only: Gradio would fetch a web address that is given in place of a file."""
    take = upload.async_move_resource_to_block_cache

    async def take_upload(path: str | Path | None) -> str | None:
        if is_http_url_like(str(path)):
            raise gr.Error("Give the photo itself: web addresses are not fetched.", print_exception=False)
        return await take(path)

    upload.async_move_resource_to_block_cache = take_upload  # a subclass would make Gradio write a file beside this one
    return upload


def _taken(photo: Path) -> bytes:
    """Reads an upload and deletes its file."""
    try:
        data = photo.read_bytes()
    except FileNotFoundError:
        raise gr.Error("The photo was deleted meanwhile. Choose it again.", print_exception=False) from None
    photo.unlink(missing_ok=True)
    return data


def serve(checkpoint: Checkpoint, port: int) -> None:
    """Serves the demo until interrupted; uploads are in a temporary folder of its own."""
    above = os.environ.get(FOLDER_VARIABLE)
    if above:
        Path(above).mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the folder goes then too
    remove_leftovers(Path(above or tempfile.gettempdir()))
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX, dir=above, ignore_cleanup_errors=True) as folder,
        FileLock(Path(folder) / LOCK),
    ):
        os.environ[FOLDER_VARIABLE] = folder
        threading.Thread(target=_keep_sweeping, args=(Path(folder),), daemon=True).start()
        theme = gr.themes.Base(primary_hue="green", **SYSTEM_FONTS)
        demo = build(checkpoint)
        try:
            demo.launch(server_name="127.0.0.1", server_port=port, max_file_size="500mb", theme=theme, **GUARDED)
        finally:
            demo.close()


def _keep_sweeping(folder: Path) -> None:
    while folder.exists():
        time.sleep(SWEEP_S)
        remove_old_uploads(folder, time.time() - KEPT_S)


def remove_old_uploads(folder: Path, before: float) -> None:
    """Deletes files last written before a time: Gradio itself forgets an upload that was broken off.

    Args:
        before: seconds since the epoch.
    """
    for path in folder.rglob("*"):
        try:
            if path.name != LOCK and path.is_file() and path.stat().st_mtime < before:
                path.unlink()
        except OSError:  # deleted meanwhile
            continue


def remove_leftovers(parent: Path) -> None:
    """Deletes upload folders of demos that were killed, whose locks are free."""
    for lock in parent.glob(f"{PREFIX}*/{LOCK}"):
        try:
            with FileLock(lock, blocking=False):
                pass
        except (Timeout, OSError):  # in use, or of another user
            continue
        shutil.rmtree(lock.parent, ignore_errors=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m app.gradio_demo", description=__doc__)
    parser.add_argument("--run", default=DEFAULT_RUN, help="a run in ./runs, or a path (default: %(default)s)")
    parser.add_argument("--port", type=int, default=7860, help="of this machine (default: %(default)s)")
    args = parser.parse_args(argv)
    try:
        checkpoint = load_checkpoint(find_run(args.run).path)
    except ValueError as error:
        print(f"app.gradio_demo: {error}", file=sys.stderr)
        return 2
    serve(checkpoint, args.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
