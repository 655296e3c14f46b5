"""Recorded answers under corruptions, made by hand."""

from pathlib import Path

from hvit.scoring.robustness_records import record_robustness

CLASSES = ("Potato___healthy", "Tomato___Late_blight", "Tomato___healthy")


def rows_of(correct: dict[tuple[str, int], str], first: int = 0) -> list[dict]:
    """Rows of photos whose answers are spelled out by kind and strength.

    Args:
        correct: for each kind and strength one letter a photo: `C` named correctly, `W` named wrongly, `c` correct but
            unsure, `w` wrong and unsure with the true class in the set, `u` wrong and unfamiliar.
        first: number of the first photo.
    """
    rows = []
    for (kind, strength), letters in correct.items():
        for number, letter in enumerate(letters, first):
            true, other = CLASSES[number % 3], CLASSES[(number + 1) % 3]
            label = true if letter in "Cc" else other
            rows.append(
                {
                    "sample_id": f"{number:016x}",
                    "path": f"photos/{number}.png",
                    "sha256": f"{number:064x}",
                    "data": "photos",
                    "true_class": true,
                    "kind": kind,
                    "strength": strength,
                    "label": label,
                    "probability": 0.9 if letter in "CW" else 0.5,
                    "verdict": {"C": "named", "W": "named", "u": "unfamiliar"}.get(letter, "unsure"),
                    "prediction_set": (label,) if letter in "CWu" else (label, true if letter == "w" else other),
                }
            )
    return rows


def record_answers(run: Path, correct: dict[tuple[str, int], str], split: str = "test", first: int = 0) -> None:
    """Records such answers in a run."""
    record_robustness(run, split, rows_of(correct, first), {"run": run.name})
