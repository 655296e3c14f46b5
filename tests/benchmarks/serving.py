"""Record what a photo costs from file to verdict, by PyTorch and by ONNX Runtime: python -m tests.benchmarks.serving

Everything is measured in turns, so that a busy machine slows all alike. CPU time is that of all threads of the process;
it counts where threads wait for other programs. No test asserts these times.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import torch

from hvit.console import at_least
from hvit.data.photos import decode_photo
from hvit.diagnosis import diagnose_window, prepare_photo
from hvit.export import ServedWithSegmentation, onnx_program
from hvit.runs import DEFAULT_RUN, find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from hvit.speed.benchmark import machine
from tests.benchmarks.reduced_decoding import enlarged, jpeg
from tests.browser.photos import leaf
from tests.support.dashboard import ROOT

SIDES = (160, 224)  # of the input for a photo of 3 to 4, at 192 px


def main(argv: list[str] | None = None) -> None:
    args = _parser().parse_args(argv)
    checkpoint = load_checkpoint(find_run(args.run).path)
    document = {"machine": machine(), "run": args.run, "load": os.getloadavg()[0], "threads": {}}
    for threads in args.threads:
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)
        actions = networks_of(checkpoint, threads) | (photos_of(checkpoint) if threads == 1 else {})
        document["threads"][threads] = measured(actions, args.turns)
        print(threads, json.dumps(document["threads"][threads], indent=1), flush=True)
    args.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(table(document))


def measured(actions: dict[str, Callable[[], object]], turns: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of each action, wall and CPU, over turns in which each is done once."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in actions}
    for turn in range(turns + 1):
        for name, action in actions.items():
            began, cpu = time.perf_counter(), time.process_time()
            action()
            if turn:  # the first one warms up
                times[name].append((time.perf_counter() - began, time.process_time() - cpu))
    return {
        name: {
            kind: round(1000 * statistics.median(pair[i] for pair in pairs), 2)
            for i, kind in enumerate(("wall_ms", "cpu_ms"))
        }
        for name, pairs in times.items()
    }


def networks_of(checkpoint: Checkpoint, threads: int) -> dict[str, Callable[[], object]]:
    """The network with its severity head, for one photo and for four, by both programs."""
    actions: dict[str, Callable[[], object]] = {}
    for batch in (1, 4):
        module = ServedWithSegmentation(checkpoint).eval()
        shapes = [(batch, 3, scale * SIDES[0], scale * SIDES[1]) for scale in (1, 2)]
        inputs = tuple(torch.randint(0, 256, shape, dtype=torch.uint8) for shape in shapes)
        began = time.process_time()
        session = session_of(module, inputs, threads)
        print(f"graph of {batch}: {time.process_time() - began:.1f} s of CPU time", flush=True)
        named = {name: value.numpy() for name, value in zip(("pixels", "detail"), inputs)}

        def by_torch(inputs: tuple[torch.Tensor, ...] = inputs) -> object:
            with torch.inference_mode():
                images, detail = (checkpoint.preprocessing.normalize(part) for part in inputs)
                logits, _, maps = checkpoint.model.forward_pyramid(images)
                return logits, checkpoint.severity.head(maps, detail)

        actions[f"network of {batch}: PyTorch"] = by_torch
        actions[f"network of {batch}: ONNX Runtime"] = lambda session=session, named=named: session.run(None, named)
    return actions


def session_of(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], threads: int):
    """A session for inputs of these shapes."""
    import onnxruntime

    program = onnx_program(module, inputs, ["pixels", "detail"], list(module.output_names), None)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    data = program.model_proto.SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def photos_of(checkpoint: Checkpoint) -> dict[str, Callable[[], object]]:
    """A photo of 12 megapixels and a small one: reading, all that comes before the network, and all of a diagnosis."""
    small = leaf(0, 256)
    large = jpeg(enlarged(cv2.resize(decode_photo(leaf(0, 1024)).pixels, (1024, 768)), 0), 90)
    least = checkpoint.preprocessing.least_sides
    actions: dict[str, Callable[[], object]] = {
        "12 megapixels: decode at full size": lambda: decode_photo(large),
        "12 megapixels: decode at reduced size": lambda: decode_photo(large, least),
    }
    for name, data in (("12 megapixels", large), ("small photo", small)):
        prepared = prepare_photo(checkpoint, data)
        actions |= {
            f"{name}: all before the network": lambda data=data: prepare_photo(checkpoint, data),
            f"{name}: network to verdict": lambda prepared=prepared: diagnose_window(checkpoint, [prepared]),
        }
    return actions


def table(document: dict) -> str:
    """The table of docs/benchmarks.md."""
    head = "| | " + " | ".join(f"{threads} thread(s): wall, ms | CPU, ms" for threads in document["threads"]) + " |"
    names = dict.fromkeys(name for actions in document["threads"].values() for name in actions)
    rows = [
        " | ".join([name, *(_cells(actions.get(name)) for actions in document["threads"].values())]) for name in names
    ]
    return "\n".join([head, "| --- |" + " --: |" * 2 * len(document["threads"]), *(f"| {row} |" for row in rows)])


def _cells(times: dict[str, float] | None) -> str:
    return "| " if times is None else f"{times['wall_ms']:.0f} | {times['cpu_ms']:.0f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving", description=__doc__.splitlines()[0])
    parser.add_argument("--run", default=DEFAULT_RUN, help="with a severity head")
    parser.add_argument("--turns", type=at_least(3), default=15)
    parser.add_argument("--threads", type=at_least(1), nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "serving.json")
    return parser


if __name__ == "__main__":
    main()
