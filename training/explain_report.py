"""Tables of docs/explanations.md, from the recorded evaluations of explanations.

python -m training.explain_report --run runs/leafsim-tiny runs/leaf45-tiny
"""

import argparse
import json
import sys
from pathlib import Path

import pyarrow.parquet as pq

from hvit.console import Parser
from hvit.explain.randomization import LEVELS
from hvit.explain.ranking import Mean, MethodScore, best_of, ranking
from hvit.runs import Run, find_run
from hvit.runs.layout import EXPLANATIONS, in_split
from training.command_line import reports_os_errors
from training.tables.marked_section import read_around, section_text

BEGIN, END = "<!-- tables: written by training.explain_report -->", "<!-- end of tables -->"
SPLIT = "test"


@reports_os_errors("training.explain_report")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        sections = [section(find_run(name)) for name in args.run]
        before, after = read_around(args.out, BEGIN, END)
    except OSError as error:
        print(f"training.explain_report: {args.out} cannot be read: {error.strerror}", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"training.explain_report: {error}", file=sys.stderr)
        return 2
    args.out.write_text(before + section_text(BEGIN, sections, END) + after, encoding="utf-8")
    print(args.out)
    return 0


def section(run: Run) -> str:
    """Markdown section of a run's recorded evaluation of explanations.

    Raises:
        ValueError: it recorded nothing, or its table is damaged.
    """
    table = run.explanations(SPLIT)
    if table is None:
        command = f"python -m training.explain --run {run.name} --data DIR ..."
        raise ValueError(f"run {run.name} has no recorded explanations; record them: {command}")
    scores = ranking(table)
    about = json.loads(pq.read_schema(run.path / in_split(SPLIT, EXPLANATIONS)).metadata[b"hvit"])
    head = [
        f"### {run.name}",
        "",
        f"{about['photos']} photos of the {SPLIT} split of {', '.join(about['data'])}, classes in turn, "
        f"at {about['img_size']} px, {about['steps']} steps, seed {about['seed']}.",
    ]
    parts = [head, _faithfulness(scores), [_verdict(scores)]]
    if scores[0].shares:
        parts.append(_truth(scores))
    parts.append(_weights([score for score in scores if not score.is_control]))
    return "\n\n".join("\n".join(lines) for lines in parts)


def _faithfulness(scores: list[MethodScore]) -> list[str]:
    lines = [
        "| map | insertion, high is good | deletion, low is good | insertion - deletion | ahead of the best control "
        "| insertion - deletion, mean color | ahead of the best control, mean color |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for score in scores:
        by_mean = (score.margin_mean_baseline, score.lead_mean_baseline)
        cells = (score.insertion, score.deletion, score.margin, score.lead, *by_mean)
        lines.append(f"| {_name(score)} | " + " | ".join(_with_interval(cell) for cell in cells) + " |")
    return lines


def _verdict(scores: list[MethodScore]) -> str:
    best = best_of(scores)
    weaker = [f"`{score.name}`" for score in scores if not score.is_control and not score.beats_controls]
    text = f"The dashboard opens with **`{best}`** for this run." if best else "**No method beats the controls.**"
    return text if not weaker else f"{text} Not better than the best control with each cover: {', '.join(weaker)}."


def _truth(scores: list[MethodScore]) -> list[str]:
    areas, n = scores[0].areas, scores[0].shares["lesion"].n
    lines = [
        f"Where what speaks for the answer lies, in percent, and how often the strongest place hits: {n} photos with "
        "symptoms.",
        "",
        "| map | on lesions | on healthy leaf | on background | strongest place hits | overlap with lesions |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for score in scores:
        cells = (*score.shares.values(), score.pointing, score.overlap)
        lines.append(f"| {_name(score)} | " + " | ".join(_percent(cell) for cell in cells) + " |")
    even = " | ".join(f"{100 * area.value:.1f}" for area in areas.values())
    return [*lines, f"| *an even map* | {even} |  |  |"]


def _weights(scores: list[MethodScore]) -> list[str]:
    lines = [
        "Rank correlation with the map of the trained network when weights are drawn anew from the head down to ..., "
        "and the strength that 95 of 100 maps of the network with drawn weights do not exceed.",
        "",
        "| method | " + " | ".join(_level(level) for level in LEVELS) + " | strength of drawn weights |",
        "|---|" + "--:|" * (len(LEVELS) + 1),
    ]
    for score in scores:
        alike = (f"{score.similarity[level]:.2f}" if level in score.similarity else "" for level in LEVELS)
        lines.append(f"| `{score.name}` | " + " | ".join(alike) + f" | {score.randomized_peak_95:.3g} |")
    return lines


def _level(name: str) -> str:
    return name.replace("stage", "stage ")


def _name(score: MethodScore) -> str:
    return f"*{score.name}* (control)" if score.is_control else f"`{score.name}`"


def _with_interval(mean: Mean | None) -> str:
    return "" if mean is None else f"{mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f})"


def _percent(mean: Mean) -> str:
    return f"{100 * mean.value:.1f} ({100 * mean.low:.1f} to {100 * mean.high:.1f})"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="training.explain_report",
        description="Write the tables of docs/explanations.md from what runs recorded.",
        epilog=__doc__.split("\n", 2)[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", nargs="+", required=True, metavar="RUN", help="runs with recorded explanations")
    parser.add_argument("--out", type=Path, default=Path("docs/explanations.md"), metavar="FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
