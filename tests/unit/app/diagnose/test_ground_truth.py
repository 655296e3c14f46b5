"""What is said of an answer about a drawn leaf, word by word."""

from types import SimpleNamespace

import numpy as np
import pytest

from app.diagnose import ground_truth
from app.photos.rendered_leaves import Rendering
from hvit.data.leafsim import CONDITIONS, Address, Plan

NBSP = "\u00a0"


def rendering(condition: str, companion: str | None = None, severity: float = 0.18) -> Rendering:
    plan = Plan("tomato", condition, companion, False)
    return Rendering(Address(5, 9), plan, severity, np.ones((4, 4), bool), np.ones((4, 4), bool), b"")


def answer(verdict: str, *names: str, classes=CONDITIONS):
    return SimpleNamespace(
        verdict=verdict, label=names[0], prediction_set=list(names), probabilities=dict.fromkeys(classes, 0.1)
    )


@pytest.mark.parametrize(
    ("diagnosis", "drawn", "bold", "rest"),
    [
        (
            answer("named", "Late_blight"),
            rendering("Late_blight"),
            "The answer is right.",
            f"Drawn as: late blight, 18{NBSP}% of the leaf.",
        ),
        (
            answer("named", "Late_blight"),
            rendering("Rust"),
            "The answer is wrong: drawn as rust,",
            f"18{NBSP}% of the leaf.",
        ),
        (
            answer("named", "Late_blight"),
            rendering("healthy", severity=0),
            "The answer is wrong: drawn without a disease.",
            "",
        ),
        (
            answer("named", "healthy"),
            rendering("healthy", severity=0),
            "The answer is right.",
            "Drawn without a disease.",
        ),
        (
            answer("named", "Rust"),
            rendering("Late_blight", "Rust"),
            "The answer is half right: it names the smaller of two infections.",
            f"Drawn as: late blight and, smaller, rust, together 18{NBSP}% of the leaf.",
        ),
        (
            answer("named", "Scab"),
            rendering("Late_blight", "Rust"),
            "The answer is wrong: drawn as late blight and, smaller, rust,",
            f"together 18{NBSP}% of the leaf.",
        ),
        (
            answer("unsure", "Scab", "Rust"),
            rendering("Rust", severity=0.002),
            "The right name is among these.",
            f"Drawn as: rust, under 1{NBSP}% of the leaf.",
        ),
        (
            answer("unsure", "Scab", "Rust"),
            rendering("Septoria_leaf_spot"),
            "The right name is not among these: drawn as Septoria leaf spot,",
            f"18{NBSP}% of the leaf.",
        ),
        (
            answer("unfamiliar", "Rust"),
            rendering("Rust"),
            "No answer, so none to check.",
            f"Drawn as: rust, 18{NBSP}% of the leaf.",
        ),
        (
            answer("named", "Tomato___Late_blight", classes=["Tomato___Late_blight", "Tomato___healthy"]),
            rendering("Late_blight"),
            "",
            f"Drawn as: late blight, 18{NBSP}% of the leaf.",
        ),
    ],
)
def test_a_prediction_is_marked_correct_or_wrong(diagnosis, drawn, bold, rest):
    assert ground_truth.compare_prediction(diagnosis, drawn) == (bold, rest)


def test_a_guess_about_an_unfamiliar_leaf_is_evaluated_on_request():
    assert (
        ground_truth.compare_prediction(answer("unfamiliar", "Rust"), rendering("Rust"), leaf_confirmed=True)[0]
        == "The guess is right."
    )


def test_a_run_of_rendered_leaves_is_not_for_photos_and_the_address_is_corrected():
    text = " ".join(ground_truth.about_rendering(rendering("Rust"), "leafsim-tiny", {"drawings"}))
    assert "leafsim:v1/5/9" in text and "None is a photograph." in text
    assert "leafsim-tiny learned from drawn leaves only. Do not use it on photos of real leaves." in text
    assert "leaf45-tiny" not in " ".join(ground_truth.about_rendering(rendering("Rust"), "leaf45-tiny", {"photos"}))


def test_the_table_holds_identifiers_and_is_empty_for_a_photo():
    assert ground_truth.csv_columns(rendering("Late_blight", "Rust")) == {
        "address": "leafsim:v1/5/9",
        "drawn_as": "Late_blight; Rust",
        "drawn_severity": 0.18,
    }
    assert set(ground_truth.csv_columns(None).values()) == {""}
