"""What the page says."""

import numpy as np

from app.feature_space import words
from app.feature_space.selection import summarize
from app.words import NBSP
from hvit.feature_space import Place
from hvit.feature_space.mapped_samples import PlacedPhoto


def test_the_hover_text_of_a_point_has_class_prediction_and_confidence(samples):
    texts = words.point_texts(samples)
    assert texts[0] == f"<b>Potato: early blight</b><br>correct, 99{NBSP}%"
    assert texts[3] == f"<b>Tomato: late blight</b><br>taken for Tomato: no disease I know, 60{NBSP}%"


def test_accuracy_comes_with_its_interval_and_number(samples):
    text = words.accuracy(summarize(samples, np.array([0, 1, 2, 3, 4])))
    assert text == f"40{NBSP}% correct (95{NBSP}%: 12 to 77; n{NBSP}={NBSP}5)"
    assert words.accuracy(summarize(samples, np.array([0]))) == "Correct."


def test_the_confusion_is_counted_against_its_class(samples):
    text = words.confusion(summarize(samples, np.arange(6)))
    assert text == "Most often confused: Tomato: late blight taken for Tomato: no disease I know, 2 of 3."
    assert words.confusion(summarize(samples, np.array([0]))) is None


def test_the_text_on_an_unfamiliar_photo_says_that_every_photo_gets_a_place():
    place = Place(0, 0, np.arange(3), np.zeros(3))
    text = words.unfamiliar(PlacedPhoto(place, 1.4, True, "Tomato___healthy", 0.9), 0.8)
    assert "drawn hollow" in text and "(1.40)" in text and "(0.80)" in text and "healthy" not in text


def test_neighbors_are_counted_against_the_prediction():
    labels = ["Tomato___Late_blight"] * 7 + ["Potato___Early_blight"] * 3
    assert words.neighbors_agree(labels, "Tomato___Late_blight") == (
        "7 of its 10 nearest leaves are Tomato: late blight, like my answer."
    )
    assert words.neighbors_agree(labels, "Potato___Early_blight") == (
        "7 of its 10 nearest leaves are Tomato: late blight; my answer was Potato: early blight."
    )


def test_the_limits_say_that_distances_between_groups_mean_little():
    assert "The space between two groups" in words.limits()[0] and "mean little" in words.limits()[0]
