"""The small demo and its API: python -m app.gradio_demo [--run RUN] [--port PORT]"""

import argparse
import os
import sys

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported

import gradio as gr

from app.diagnose.words import one_sentence
from app.words import knows, wrong_material
from hvit.checkpoint import Checkpoint, load_checkpoint
from hvit.diagnosis import diagnose
from hvit.explain.picture import with_heat
from hvit.runs import DEFAULT_RUN, Run, find_run
from hvit.words import PLANTS_UNKNOWN

SYSTEM_FONTS = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
MAP = "Attention: dark 0.5x, light 2x the average"


def build(checkpoint: Checkpoint) -> gr.Blocks:
    """Photo -> verdict, prediction set and attention overlay, also as the API endpoint `/diagnose`."""

    def answer(photo: bytes | None):
        if photo is None:
            raise gr.Error("Choose a photo first.", print_exception=False)
        found = diagnose(checkpoint, photo, overlay=True)
        overlay = None if found.heatmap is None else with_heat(found.pixels, found.heatmap)
        answer_set = {"verdict": found.verdict, "prediction_set": found.prediction_set}
        return f"### {one_sentence(found, 'The photo')}", answer_set, overlay

    run = Run(checkpoint.run_dir)
    learned_from = run.learned_from
    with gr.Blocks(title="HViT demo", analytics_enabled=False) as demo:
        told = [f"Model: {checkpoint.name}, {knows(checkpoint.classes, learned_from)}."]
        if warning := wrong_material(learned_from, is_drawn=False, better=None):
            told.append(f"**{warning}**")
        if run.plants_known is False:
            told.append(f"{PLANTS_UNKNOWN}.")
        gr.Markdown("\n\n".join(["# HViT demo", *told]))
        with gr.Row():
            with gr.Column():
                photo = gr.File(label="Photo of a leaf", type="binary")  # of any type: the answer says why not
                button = gr.Button("Diagnose", variant="primary")
                outputs = [gr.Markdown(), gr.JSON(label="Prediction set")]
            outputs.append(gr.Image(label=MAP, format="jpeg", buttons=["download", "fullscreen"]))
        button.click(answer, photo, outputs, api_name="diagnose", concurrency_limit=1)
    return demo


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m app.gradio_demo", description=__doc__)
    parser.add_argument("--run", default=DEFAULT_RUN, help="a run in ./runs, or a path (default: %(default)s)")
    parser.add_argument("--port", type=int, default=7860, help="of this machine (default: %(default)s)")
    args = parser.parse_args(argv)
    try:
        demo = build(load_checkpoint(find_run(args.run).path))
    except ValueError as error:
        print(f"app.gradio_demo: {error}", file=sys.stderr)
        return 2
    theme = gr.themes.Base(primary_hue="green", **SYSTEM_FONTS)
    demo.launch(server_name="127.0.0.1", server_port=args.port, max_file_size="500mb", theme=theme)
    return 0


if __name__ == "__main__":
    sys.exit(main())
