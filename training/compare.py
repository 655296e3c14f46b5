"""How much better one way of training is than another, from the test predictions of its runs, paired by seed.

python -m training.compare --without runs/tenth-scratch-{0,1,2} --with runs/tenth-leafsim-{0,1,2}
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np

from hvit.commands.terminal import print_json
from hvit.comparison import paired_f1_gain, paired_gain
from hvit.runs import Run, RunError, find_run


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        document = compare([find_run(p) for p in args.without], [find_run(p) for p in args.runs], args.split)
    except ValueError as error:
        print(f"training.compare: {error}", file=sys.stderr)
        return 2
    if args.json:
        print_json(document)
    else:
        for name in ("top1", "macro_f1"):
            print(_sentence(name, document[name]))
        print("{runs} pairs of runs, {photos} photos".format(**document["top1"]))
    return 0


def compare(first: list[Run], second: list[Run], split: str = "test") -> dict:
    """The gains of the second runs over the first, in top-1 and in macro-F1, see `hvit.comparison.Gain`.

    Raises:
        ValueError: the numbers of runs or their seeds differ, a run has no predictions, or the photos are not the same.
    """
    seeds = [[run.info["seed"] for run in runs] for runs in (first, second)]
    if seeds[0] != seeds[1]:
        raise ValueError(f"runs are paired by seed, in order: --without has seeds {seeds[0]}, --with has {seeds[1]}")
    tables = [[_answers(run, split) for run in runs] for runs in (first, second)]
    photos = tables[0][0][0]
    for run, (paths, _, _) in zip(first + second, tables[0] + tables[1]):
        if paths != photos:
            raise ValueError(
                f"run {run.name} answered other photos than {first[0].name}; evaluate both on the same data"
            )
    labels = tables[0][0][1]
    names = np.unique(np.concatenate([labels, *(answers for table in tables for _, _, answers in table)]))
    answers = [np.searchsorted(names, np.stack([predicted for _, _, predicted in table])) for table in tables]
    truth = np.searchsorted(names, labels)
    top1, f1 = paired_gain(*(answer == truth for answer in answers)), paired_f1_gain(truth, *answers)
    return {"seeds": seeds[0], "top1": dataclasses.asdict(top1), "macro_f1": dataclasses.asdict(f1)}


def _sentence(name: str, gain: dict) -> str:
    first, second = (
        f"{100 * gain[key]:.1f} % ({100 * gain[f'{key}_ci'][0]:.1f} to {100 * gain[f'{key}_ci'][1]:.1f})"
        for key in ("first", "second")
    )
    return f"{name} {first} -> {second}, gain " + "{gain:+.1%} (95 %: {low:+.1%} to {high:+.1%})".format(**gain)


def _answers(run: Run, split: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Paths, true and predicted class names on a split, sorted by path."""
    table = run.predictions(split)
    if table is None:
        raise RunError(f"run {run.name} has no predictions on {split}; record them: hvit evaluate --save")
    classes = np.array(run.model_card()["classes"])
    order = np.argsort(table["path"])
    predicted = classes[np.stack(table["logits"]).argmax(1)]
    return list(np.array(table["path"])[order]), np.array(table["label"])[order], predicted[order]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="training.compare",
        description="The gain of one way of training over another, with its interval.",
        epilog=__doc__.split("\n", 2)[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--without", nargs="+", type=Path, required=True, metavar="RUN", help="runs of the first way")
    parser.add_argument(
        "--with", nargs="+", type=Path, required=True, metavar="RUN", dest="runs", help="runs of the second, same seeds"
    )
    parser.add_argument("--split", default="test", help="default test")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
