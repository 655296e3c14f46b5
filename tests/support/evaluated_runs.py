"""Recorded predictions of small runs, and folders that are no run or damaged."""

from pathlib import Path

CLASSES = ["Potato___Late_blight", "Tomato___Early_blight", "Tomato___Late_blight", "Tomato___healthy"]
POTATO, EARLY, LATE, HEALTHY = CLASSES
# 10 right, 3 late blight called early, 1 called potato, 1 missed, 1 false alarm
ANSWERS = [(LATE, LATE)] * 4 + [(EARLY, EARLY)] * 4 + [(HEALTHY, HEALTHY)] * 2
ANSWERS += [(LATE, EARLY)] * 3 + [(LATE, POTATO), (LATE, HEALTHY), (HEALTHY, EARLY)]
BETTER = [(true, true) for true, _ in ANSWERS[:13]] + ANSWERS[13:]

REASONS = (
    "**holiday**: holiday is no run: it has no run.json",
    "**half**: half is half-written: it has no run.json",
    "**torn**: run.json of run torn is damaged",
    "config.yaml of run plain-1 is damaged",
)


def spoil(runs: Path) -> None:
    """A folder that is no run, one half-written, one with a torn run.json, and one with a damaged configuration."""
    (runs / "holiday").mkdir()
    (runs / "half").mkdir()
    (runs / "half" / "metrics.jsonl").write_text("")
    (runs / "torn").mkdir()
    (runs / "torn" / "run.json").write_text('{"status"')
    (runs / "plain-1" / "config.yaml").write_text("{")
