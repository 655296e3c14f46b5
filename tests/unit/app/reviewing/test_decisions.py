"""Decisions of a reviewer: on which photo, and with which label."""

import pytest
import streamlit as st

from app import state
from app.reviewing.decisions import known_label

CLASSES = ["Tomato___Late_blight", "Apple___Scab"]


@pytest.fixture
def session(monkeypatch):
    found = {}
    monkeypatch.setattr(st, "session_state", found)
    return found


def test_the_button_of_the_photo_before_decides_nothing(session):
    state.await_decision("a")
    assert state.take_decision("a", "rust") == (True, None)
    state.await_decision("b")
    assert state.take_decision("a", "unsure") == (False, None)
    assert state.take_decision("b", "unsure") == (True, None)


def test_a_photo_takes_one_decision_until_it_is_drawn_again(session):
    state.await_decision("a")
    state.take_decision("a", "rust")
    assert state.take_decision("a", "unsure") == (False, "rust")
    state.await_decision("a")
    assert state.take_decision("a", "unsure") == (True, None)


@pytest.mark.parametrize("typed", ["Tomato___Late_blight", "tomato___late_blight", " Tomato:  late blight "])
def test_a_known_class_is_meant_however_it_is_spelled(typed):
    assert known_label(typed, CLASSES) == "Tomato___Late_blight"


def test_a_new_label_stays_as_typed_but_for_its_spaces():
    assert known_label(" Tomate  Blattflecken ", CLASSES) == "Tomate Blattflecken"
