"""What a map can be colored by."""

import numpy as np
import pytest

from app.feature_space import groups
from app.feature_space.groups import groups_of, highlighted, modes
from app.theme import DARK, PAPER
from hvit.data.leafsim import CONDITIONS, EARLY_STRESS


def told(found) -> dict[str, list[int]]:
    return {group.title: group.rows.tolist() for group in found}


def test_only_what_is_known_of_the_samples_is_offered(make_samples):
    assert modes(make_samples()) == ["crop", "correct", "confidence"]
    N = np.arange(6) / 10
    paths = ["a/1.jpg"] * 3 + ["b/1.jpg"] * 3
    splits = np.array(["test"] * 5 + ["val"])
    offered = modes(make_samples(paths=paths, strangeness=N, severity=N, splits=splits))
    assert offered == ["crop", "correct", "confidence", "severity", "strangeness", "data", "split"]


def test_each_crop_has_a_hue(samples):
    found = groups_of(samples, "crop", PAPER)
    assert told(found) == {"Potato": [0, 1], "Tomato": [2, 3, 4, 5]}
    assert len({group.color for group in found}) == 2


def test_right_and_wrong(samples):
    assert told(groups_of(samples, "correct", PAPER)) == {"Correct": [0, 2, 5], "Wrong": [1, 3, 4]}


def test_confidence_in_steps_from_little_to_much(samples):
    found = groups_of(samples, "confidence", PAPER)
    assert [group.rows.tolist() for group in found] == [[4], [3], [1, 5], [2], [0]]
    assert [group.color for group in found] == list(PAPER.steps)
    assert found[0].title == "under 50\u00a0%" and found[-1].title == "97\u00a0% and more"


def test_strangeness_in_quarters_and_beyond_what_is_accepted(make_samples):
    samples = make_samples(strangeness=np.array([0.1, 0.2, 0.3, 0.4, 0.9, 0.95]))
    found = groups_of(samples, "strangeness", PAPER)
    assert [group.rows.tolist() for group in found] == [[0], [1], [2], [3], [4, 5]]
    assert found[-1].title == "over 0.50: unfamiliar" and found[-1].color == PAPER.error


def test_where_all_is_familiar_nothing_is_called_unfamiliar(make_samples):
    found = groups_of(make_samples(strangeness=np.arange(6) / 20), "strangeness", PAPER)
    assert len(found) == 4 and not any("unfamiliar" in group.title for group in found)


def test_where_nothing_is_familiar_all_is_called_unfamiliar(make_samples):
    assert told(groups_of(make_samples(strangeness=np.ones(6)), "strangeness", PAPER)) == {
        "over 0.50: unfamiliar": [0, 1, 2, 3, 4, 5]
    }


def test_rendered_conditions_are_grouped_by_appearance(make_samples):
    classes = sorted(CONDITIONS)
    rust, scab, spot = (classes.index(name) for name in ("Rust", "Scab", "Bacterial_spot"))
    samples = make_samples(classes=classes, labels=[rust, scab, spot], answers=[0, 0, 0])
    assert modes(samples)[0] == "condition"
    found = {group.title: group for group in groups_of(samples, "condition", PAPER)}
    assert found["Spots"].rows.tolist() == [1, 2] and found["Rust"].rows.tolist() == [0]
    assert found["Rust"].color == PAPER.hues[2]  # the same on every map of drawn leaves


def test_every_rendered_condition_has_an_appearance_group_of_at_most_nine():
    assert set(groups.LOOK_OF) == {*CONDITIONS, EARLY_STRESS}
    assert len(groups.LOOKS) <= len(PAPER.hues) == len(DARK.hues) == 9


def test_beyond_nine_classes_without_crops_the_rarest_share_the_grey(make_samples):
    classes = [f"kind_{i:02d}" for i in range(12)]
    labels = [i for i in range(12) for _ in range(3 if i < 9 else 1)]
    found = groups_of(make_samples(classes=classes, labels=labels, answers=labels), "condition", PAPER)
    assert len(found) == 10 and found[0].title == "The other 3" and found[0].color == PAPER.quiet
    assert len(found[0].rows) == 3


def test_a_class_is_highlighted_with_the_samples_predicted_as_it(samples):
    found = highlighted(samples, "Tomato___Late_blight", PAPER)
    assert told(found) == {
        "All others": [0, 5],
        "Other leaves taken for Tomato: late blight": [1],
        "Tomato: late blight, taken for another": [3, 4],
        "Tomato: late blight, correct": [2],
    }
    assert found[0].color == PAPER.quiet


@pytest.mark.parametrize("mode", ["crop", "correct", "confidence", "severity", "strangeness", "data", "split"])
def test_every_sample_is_in_one_group_whatever_the_color(make_samples, mode):
    values = np.array([0, 0.02, 0.05, 0.15, 0.35, 1])
    samples = make_samples(strangeness=values, severity=values)
    rows = np.concatenate([group.rows for group in groups_of(samples, mode, PAPER)])
    assert sorted(rows.tolist()) == [0, 1, 2, 3, 4, 5]
