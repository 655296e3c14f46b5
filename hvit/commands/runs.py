"""`hvit runs`: the runs that are here, shipped and local."""

from hvit.commands.terminal import print_json, print_table
from hvit.runs import STALE_S
from hvit.words import PLANTS_UNKNOWN, duration

SLOW_STEP_S = 120  # after which a step is said to take long

EXAMPLES = """examples:
  python -m hvit runs
  python -m hvit runs --json
"""


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser("runs", help="list runs", description=__doc__, epilog=EXAMPLES)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run, parser=parser)


def run(args) -> int:
    from hvit.runs import list_runs

    rows = [run.row() for run in list_runs()]
    if args.json:
        print_json(rows)
    elif not rows:
        print("no runs in runs/; train one: python -m training.finetune --config training/configs/leaf33_tiny.yaml")
    else:
        print_table(
            ["name", "status", "kind", "classes", "started", "predicts", "progress"],
            [
                [
                    row["name"],
                    row["status"],
                    row["kind"],
                    len(row["classes"] or []) or None,
                    row["started"],
                    "yes" if row["can_predict"] else "no",
                    progress(row["progress"]),
                ]
                for row in rows
            ],
        )
        if doubtful := [row["name"] for row in rows if row["plants_known"] is False]:
            print(f"\n{PLANTS_UNKNOWN}: {', '.join(doubtful)}")
    return 0


def progress(live: dict | None) -> str | None:
    """How far a run that trains has come, in words; see `hvit.runs.Live`."""
    if live is None:
        return None
    parts = [f"step {live['step']} of {live['total_steps']}"]
    if live["silent_s"] > STALE_S:
        return f"{parts[0]}, silent for {duration(live['silent_s'])}"
    if live["step_age_s"] > SLOW_STEP_S:
        parts.append(f"no step for {duration(live['step_age_s'])}")
    if live["images_per_s"] is not None:
        parts.append(f"{live['images_per_s']:.0f} img/s")
    if live["left_s"] is not None:
        parts.append(f"about {duration(live['left_s'])} left")
    return ", ".join(parts)
