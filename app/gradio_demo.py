"""The small demo and its API: python -m app.gradio_demo [--run RUN] [--port PORT]"""

import argparse
import os
import sys

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported

import gradio as gr

from app import pictures, words
from hvit.checkpoint import Checkpoint, load_checkpoint
from hvit.diagnosis import diagnose
from hvit.runs import find_run

SYSTEM_FONTS = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}


def build(checkpoint: Checkpoint) -> gr.Blocks:
    """Photo -> verdict, prediction set and attention overlay, also as the API endpoint `/diagnose`."""

    def answer(photo: bytes | None):
        if photo is None:
            raise gr.Error("Choose a photo first.", duration=None, print_exception=False)
        found = diagnose(checkpoint, photo, overlay=True)
        row = found.to_row("photo")
        verdict = f"### {words.one_sentence(found, 'The photo')}"
        overlay = None if found.heatmap is None else pictures.with_heat(found.pixels, found.heatmap)
        return verdict, {"verdict": row["verdict"], "prediction_set": row["prediction_set"]}, overlay

    with gr.Blocks(title="HViT demo", analytics_enabled=False) as demo:
        gr.Markdown(f"# HViT demo\nModel: {words.run_title(checkpoint.name, checkpoint.classes)}. Nothing is kept.")
        with gr.Row():
            with gr.Column():
                photo = gr.File(label="Photo of a leaf", file_types=["image"], type="binary")
                button = gr.Button("Diagnose", variant="primary")
                verdict = gr.Markdown()
                answer_set = gr.JSON(label="Prediction set")
            overlay = gr.Image(
                label="Attention: dark 0.5x, light 2x the average", format="jpeg", buttons=["download", "fullscreen"]
            )
        button.click(answer, photo, [verdict, answer_set, overlay], api_name="diagnose", concurrency_limit=1)
    return demo


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m app.gradio_demo", description=__doc__)
    parser.add_argument("--run", default="leaf33-tiny", help="a run in ./runs, or a path (default: %(default)s)")
    parser.add_argument("--port", type=int, default=7860)
    args = parser.parse_args(argv)
    try:
        checkpoint = load_checkpoint(find_run(args.run).path)
    except ValueError as error:
        print(f"app.gradio_demo: {error}", file=sys.stderr)
        return 2
    build(checkpoint).launch(
        server_name="127.0.0.1", server_port=args.port, max_file_size="50mb", theme=gr.themes.Base(**SYSTEM_FONTS)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
