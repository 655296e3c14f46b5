"""Why one class rather than another."""

import numpy as np
import pytest

from hvit.explain import METHODS
from hvit.explain.difference import difference
from tests.support.explained_models import CLASS_METHODS, drawn_classifier, drawn_photos, explained


@pytest.fixture(scope="module")
def model():
    return drawn_classifier()


@pytest.mark.parametrize("name", CLASS_METHODS)
def test_a_difference_turned_round_has_the_other_sign(model, name):
    one, other = (explained(model, name, drawn_photos()[0], k) for k in (1, 3))
    there, back = difference(one, other), difference(other, one)
    assert (there.class_index, there.against) == (1, 3) and (back.class_index, back.against) == (3, 1)
    assert np.abs(there.attribution).max() > 0
    assert np.array_equal(there.attribution, -back.attribution)
    assert there.heatmap + back.heatmap == pytest.approx(1, abs=1e-6)  # grey is in the middle


def test_shares_lose_their_whole_and_gain_a_sign(model):
    one, other = (explained(model, "gradient_rollout", drawn_photos()[0], k) for k in (1, 3))
    assert one.scale.linthresh is None
    found = difference(one, other)
    assert found.attribution.sum() == pytest.approx(0, abs=1e-5)
    assert found.scale.ticks[0] == -found.scale.ticks[-1]
    assert found.values[2, 5] == pytest.approx(one.values[2, 5] - other.values[2, 5], abs=1e-5)


def test_points_of_a_score_stay_on_their_scale(model):
    one, other = (explained(model, "gradcam", drawn_photos()[0], k) for k in (1, 3))
    found = difference(one, other)
    assert found.scale.ticks == one.scale.ticks and found.scale.unit != one.scale.unit


def test_what_cannot_be_compared_is_refused(model):
    photo = drawn_photos()[0]
    cam = explained(model, "gradcam", photo, 1)
    with pytest.raises(ValueError, match="use one method"):
        difference(cam, explained(model, "gradient_rollout", photo, 3))
    with pytest.raises(ValueError, match="use one method and its arguments twice"):
        difference(cam, METHODS["gradcam"](model, photo, 3, stage=1))
    with pytest.raises(ValueError, match="two classes"):
        difference(cam, cam)
    rollout = METHODS["rollout"](model, photo)
    with pytest.raises(ValueError, match="two classes"):
        difference(rollout, rollout)
