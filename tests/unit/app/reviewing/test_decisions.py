"""Labels that a reviewer types."""

import pytest

from app.reviewing.decisions import known_label

CLASSES = ["Tomato___Late_blight", "Apple___Scab"]


@pytest.mark.parametrize(
    "typed", ["Tomato___Late_blight", "tomato___late_blight", " Tomato:  late blight ", "TOMATO: LATE BLIGHT"]
)
def test_a_known_class_is_meant_however_it_is_spelled(typed):
    assert known_label(typed, CLASSES) == "Tomato___Late_blight"


def test_a_new_label_stays_as_typed_but_for_its_spaces():
    assert known_label(" Tomate  Blattflecken ", CLASSES) == "Tomate Blattflecken"
