"""Tables of docs/robustness.md, from the recorded predictions of runs under corruptions and attacks.

python -m training.stress_report --run leaf45-tiny leaf45-teacher
"""

import argparse
import sys
from pathlib import Path

from hvit.console import Parser
from hvit.data.corruptions import CORRUPTIONS
from hvit.runs import Run, find_run
from hvit.runs.layout import ROBUSTNESS_SCORES, in_split
from hvit.scoring.attacks import ATTACKS
from hvit.scoring.comparison import holm
from hvit.scoring.robustness import curve, mean_curve, newly_misnamed
from hvit.scoring.robustness_comparison import PairedDifference, corruption_errors, difference_of_runs, drop, shared
from hvit.scoring.robustness_records import Robustness, read_robustness
from training.command_line import reports_os_errors
from training.tables.marked_section import read_around, section_text

BEGIN, END = "<!-- tables: written by training.stress_report -->", "<!-- end of tables -->"
COMPARED_AT = (3, 5)  # strengths at which runs are compared


@reports_os_errors("training.stress_report")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        found = [_recorded(find_run(name), args.split) for name in args.run]
        _check_masks([settings for settings, _ in found])
        sections = [section(*each) for each in found]
        sections += [comparison(found[0][1], other) for _, other in found[1:]]
        before, after = read_around(args.out, BEGIN, END)
    except ValueError as error:
        print(f"training.stress_report: {error}", file=sys.stderr)
        return 2
    args.out.write_text(before + section_text(BEGIN, sections, END) + after, encoding="utf-8")
    print(args.out)
    return 0


def _recorded(run: Run, split: str) -> tuple[dict, Robustness]:
    """Reads the recorded settings and predictions of a run.

    Raises:
        ValueError: it recorded nothing, or its table is damaged.
    """
    found, settings = read_robustness(run, split), run.document(in_split(split, ROBUSTNESS_SCORES))
    if found is None or not isinstance(settings, dict):
        command = f"python -m training.stress --run {run.name} --split {split} --data DIR ..."
        raise ValueError(f"run {run.name} has no robustness on {split}; record it: {command}")
    return settings, found


def _check_masks(settings: list[dict]) -> None:
    used = {_masks(each): each["run"] for each in settings}
    if len(used) > 1:
        told = ", ".join(f"{name} by {masks}" for masks, name in used.items())
        raise ValueError(f"leaves were found differently ({told}); stress all runs with the same --leaf-masks")


def _masks(settings: dict) -> str:
    name = settings.get("leaf_masks")
    return "color" if name is None else f"the segmentation head of {name}"


def section(settings: dict, found: Robustness) -> str:
    """Markdown of one run: accuracy by kind and strength, and mean scores."""
    head = [
        f"### {found.run}",
        "",
        f"{len(found)} photos of the {found.split} split of {', '.join(settings['data'])}, spread over classes, seed "
        f"{settings['seed']}; {settings['attacked']} of them attacked. Leaves found by {_masks(settings)}. "
        f"Weights {settings['weights_sha256'][:8]}.",
    ]
    parts = [head, _means(found), _misnamed(found), _kinds(found)]
    if attacks := [kind for kind in found.kinds if kind in ATTACKS]:
        parts.append(_attacks(found, attacks))
    return "\n\n".join("\n".join(lines) for lines in parts)


def _means(found: Robustness) -> list[str]:
    lines = [
        "Mean over the corruptions, in percent:",
        "",
        "| strength | top-1 | named | correct among named | coverage | classes in a set | accepted |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for scores in mean_curve(found):
        shares = [scores.named, scores.named_correct, scores.coverage]
        cells = [_with_interval(scores.top1, scores.top1_ci), *map(_percent, shares), f"{scores.set_size:.2f}"]
        lines.append(f"| {scores.strength} | {' | '.join(cells)} | {_percent(scores.accepted)} |")
    return lines


def _misnamed(found: Robustness) -> list[str]:
    wrong, versions = newly_misnamed(found)
    counts = {kind: newly_misnamed(found, [kind])[0] for kind in found.kinds if kind in CORRUPTIONS}
    most = sorted(counts, key=lambda kind: -counts[kind])[:3]
    often = ", ".join(f"{CORRUPTIONS[kind].title.lower()} {counts[kind]}" for kind in most)
    return [
        f"Of {versions:,} changed versions of photos that are named correctly as they are, {wrong:,} are given another",
        f"name, {_percent(wrong / max(versions, 1), 2)} %; most often: {often}.",
    ]


def _kinds(found: Robustness) -> list[str]:
    lines = [
        "Top-1 in percent at strengths 0 to 5, what is lost at 5 in points (paired, 95 % interval), and at 5 the share",
        "named and how many of those are correct:",
        "",
        "| | 0 | 1 | 2 | 3 | 4 | 5 | change at 5 | named at 5 | correct among named |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for kind in (kind for kind in found.kinds if kind in CORRUPTIONS):
        scores = curve(found, kind)
        cells = [_percent(each.top1) for each in scores]
        cells += [_points(drop(found, kind, scores[-1].strength)), _percent(scores[-1].named)]
        lines.append(f"| {CORRUPTIONS[kind].title} | {' | '.join(cells)} | {_percent(scores[-1].named_correct)} |")
    return lines


def _attacks(found: Robustness, kinds: list[str]) -> list[str]:
    lines = [
        f"Attacks on {curve(found, kinds[0])[0].n} of these photos, top-1 in percent by the largest change of a value, "
        "of 255:",
        "",
        "| | 0 | 0.5 | 1 | 2 | 4 | 8 | named at 8 | correct among named |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for kind in (kind for kind in ATTACKS if kind in kinds):
        scores = curve(found, kind)
        cells = [*(_percent(each.top1) for each in scores), _percent(scores[-1].named)]
        lines.append(f"| {ATTACKS[kind]} | {' | '.join(cells)} | {_percent(scores[-1].named_correct)} |")
    return lines


def comparison(first: Robustness, second: Robustness) -> str:
    """Markdown of the paired differences of two runs, with corruption errors.

    Raises:
        ValueError: the runs share no photo or no change.
    """
    errors, both = corruption_errors(second, first), shared(first, second)
    kinds = [kind for kind in both[0].kinds if kind in CORRUPTIONS]
    cells = [(kind, strength) for kind in kinds for strength in COMPARED_AT if strength in both[0].strengths(kind)]
    changes = {cell: difference_of_runs(*both, *cell) for cell in cells}
    corrected = dict(zip(cells, holm([change.test.p for change in changes.values()])))
    lines = [
        f"### {second.run} against {first.run}",
        "",
        f"{errors.n} shared photos. Top-1 of {second.run} minus {first.run} in points with 95 % interval;",
        f"p of McNemar's exact test after Holm's correction for {len(cells)} comparisons. CE: corruption error",
        f"relative to {first.run}, below 1 is better. **mCE {_number(errors.mean)}**, relative mCE",
        f"{_number(errors.relative_mean)}.",
        "",
        "| | at 3 | p | at 5 | p | CE |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for kind in kinds:
        row = []
        for cell in ((kind, strength) for strength in COMPARED_AT):
            row += [_points(changes[cell]), f"{corrected[cell]:.2g}"] if cell in changes else ["", ""]
        lines.append(f"| {CORRUPTIONS[kind].title} | {' | '.join(row)} | {_number(errors.by_kind[kind])} |")
    return "\n".join(lines)


def _points(change: PairedDifference) -> str:
    return f"{100 * change.difference:+.1f} ({100 * change.low:+.1f} to {100 * change.high:+.1f})"


def _with_interval(share: float, interval: tuple[float, float]) -> str:
    return f"{100 * share:.1f} ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})"


def _percent(share: float | None, decimals: int = 1) -> str:
    return "none" if share is None else f"{100 * share:.{decimals}f}"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="training.stress_report", description=__doc__.split("\n", 1)[0], epilog=__doc__.split("\n", 2)[2]
    )
    parser.add_argument("--run", nargs="+", required=True, help="stressed runs; others are compared with the first")
    parser.add_argument("--split", default="test", metavar="NAME", help="of the recorded predictions (default test)")
    parser.add_argument("--out", type=Path, default=Path("docs/robustness.md"), metavar="FILE", help="Markdown file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
