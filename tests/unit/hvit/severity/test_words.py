"""Sentences on a measured area."""

from hvit.severity.estimator import Severity
from hvit.severity.words import severity_summary

MEASURED = Severity(0.42, 0.17, 0.69, 0.3, 15)


def test_a_number_that_is_a_guess_is_never_printed_without_saying_so():
    area, caveat = severity_summary(MEASURED, "lesions never validated on tomato")
    assert area == "Symptoms on 42 % of the leaf (90 % interval 17 % to 69 %)."
    assert caveat == "Lesions never validated on tomato: take the area as a guess."


def test_a_validated_number_has_no_caveat():
    assert severity_summary(MEASURED, None) == ["Symptoms on 42 % of the leaf (90 % interval 17 % to 69 %)."]


def test_an_area_that_was_not_measured_has_no_sentence():
    assert severity_summary(None, "no leaf was found") == []
