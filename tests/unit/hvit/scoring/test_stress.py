"""What a run answers on corrupted photos."""

from functools import partial

import numpy as np
import pytest

from hvit.data.corruptions import corrupt
from hvit.data.leafsim import Address, render
from hvit.diagnosis import PreparedPhoto, diagnose_prepared
from hvit.runs.checkpoint import load_checkpoint
from hvit.scoring.predict import predict_pixels
from hvit.scoring.stress import MAX_SIDE_PX, predict_attacked, predict_clean, predict_corrupted, working_copy


@pytest.fixture(scope="module")
def checkpoint(tiny_run):
    return load_checkpoint(tiny_run)


@pytest.fixture(scope="module")
def photos():
    return [render(Address(11, 9), 64).picture, render(Address(11, 19), 80).picture[:64]]


def test_predictions_are_those_of_a_diagnosis_of_the_corrupted_photo(checkpoint, photos):
    found = predict_corrupted(checkpoint, photos, [4, 5], "noise", seed=2)
    for photo, index, answers in zip(photos, (4, 5), found):
        for strength in (1, 5):
            pixels = corrupt(photo[None], "noise", strength, 2, [index])[0]
            prepared = PreparedPhoto("0", pixels.shape[:2], [], (checkpoint.preprocessing(pixels),), pixels)
            expected, answer = diagnose_prepared(checkpoint, prepared), answers[strength - 1]
            assert (answer.kind, answer.strength) == ("noise", strength)
            assert (answer.label, answer.verdict) == (expected.label, expected.verdict)
            assert answer.probability == pytest.approx(expected.probability, abs=1e-5)
            assert list(answer.prediction_set) == expected.prediction_set


def test_predictions_do_not_depend_on_the_batch(checkpoint, photos):
    by_seven, singly = (partial(predict_pixels, checkpoint, batch_size=size) for size in (7, 1))
    together = predict_corrupted(checkpoint, photos, [4, 5], "dust", predict=by_seven)
    alone = predict_corrupted(checkpoint, photos[1:], [5], "dust", predict=singly)
    assert [a.label for a in together[1]] == [a.label for a in alone[0]]
    assert [a.probability for a in together[1]] == pytest.approx([a.probability for a in alone[0]], abs=1e-5)


def test_photos_as_they_are_have_strength_0(checkpoint, photos):
    assert [(a.kind, a.strength) for a in predict_clean(checkpoint, photos)] == [("clean", 0), ("clean", 0)]


def test_attacked_photos_have_five_strengths(checkpoint, photos):
    found = predict_attacked(checkpoint, photos, [0, 1], [4, 5], "fgsm")
    assert [[a.strength for a in answers] for answers in found] == [[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]


def test_the_leaf_mask_of_the_caller_is_used(checkpoint, photos):
    asked = []

    def everything(pixels):
        asked.append(pixels.shape)
        return np.ones(pixels.shape[:2], bool)

    found = predict_corrupted(checkpoint, photos[:1], [4], "background", leaf_mask=everything)
    clean = predict_clean(checkpoint, photos[:1])[0]
    assert asked == [(64, 64, 3)]  # once for five strengths
    assert [a.probability for a in found[0]] == pytest.approx(5 * [clean.probability], abs=1e-5)


def test_large_photos_are_shrunk_and_small_ones_stay():
    small, large = np.zeros((300, 200, 3), np.uint8), np.zeros((1000, 2000, 3), np.uint8)
    assert working_copy(small) is small
    height, width = working_copy(large).shape[:2]
    assert height * width == pytest.approx(MAX_SIDE_PX**2, rel=0.01) and width == pytest.approx(2 * height, abs=2)
