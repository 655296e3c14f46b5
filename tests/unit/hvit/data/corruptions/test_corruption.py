"""What holds for every corruption: pure, seeded, of any batch, stronger with strength."""

import numpy as np
import pytest

from hvit.data.corruptions import CORRUPTIONS, STRENGTHS, corrupt, corruption_named, sample_index
from hvit.data.corruptions.calibration import QUALITY, TARGETS, fit_amounts, mean_quality, psnr, ssim
from hvit.data.corruptions.corruption import apply_amount
from hvit.data.leafsim import Address, render

KINDS = list(CORRUPTIONS)
WITH_LADDER = [kind for kind in KINDS if CORRUPTIONS[kind].ladder]
NOTHING = {  # the amount at which a kind leaves a photo as it is
    "defocus": 0, "motion_blur": 0, "noise": 0, "jpeg": 100, "screenshot": 0, "water_drops": 0, "dust": 0,
    "exposure": 0, "contrast": 1, "color_cast": 0, "shade": 0, "partial_leaf": 0, "turn": 0, "tilt": 0, "scale": 1,
    "background": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def leaves():
    """Four drawn leaves, (4, 96, 96, 3) uint8."""
    return np.stack([render(Address(11, index), 96).picture for index in (9, 19, 29, 39)])


def test_there_are_sixteen_kinds_of_five_strengths():
    assert len(KINDS) == 16
    assert STRENGTHS == (1, 2, 3, 4, 5)
    assert all(len(kind.amounts) == 5 for kind in CORRUPTIONS.values())


@pytest.mark.parametrize("kind", KINDS)
def test_a_corruption_changes_pixels_but_neither_shape_nor_its_input(kind, leaves):
    before = leaves.copy()
    changed = corrupt(leaves, kind, 3)
    assert changed.shape == leaves.shape and changed.dtype == np.uint8
    assert (changed != leaves).any(axis=(1, 2, 3)).all()
    assert np.array_equal(leaves, before)


@pytest.mark.parametrize("kind", KINDS)
def test_strength_0_is_a_copy(kind, leaves):
    same = corrupt(leaves, kind, 0)
    assert np.array_equal(same, leaves) and not np.shares_memory(same, leaves)


@pytest.mark.parametrize("kind", KINDS)
def test_an_amount_of_nothing_leaves_the_photo_as_it_is(kind, leaves):
    same = apply_amount(CORRUPTIONS[kind], leaves[0], NOTHING[kind], 0, 0)
    if kind in ("jpeg", "screenshot"):  # which encode the photo in any case
        assert psnr(same, leaves[0]) > 35
    else:
        assert np.array_equal(same, leaves[0])


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_the_same_in_every_batch(kind, leaves):
    numbers = [5, 17, 2**32 - 1, 40]
    together = corrupt(leaves, kind, 4, seed=3, indices=numbers)
    alone = [corrupt(leaves[i : i + 1], kind, 4, seed=3, indices=[numbers[i]])[0] for i in (3, 1, 0, 2)]
    assert np.array_equal(together[[3, 1, 0, 2]], np.stack(alone))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("defocus", "jpeg", "contrast", "scale")])
def test_seed_and_index_change_what_is_random(kind, leaves):
    same = np.repeat(leaves[:1], 8, axis=0)  # eight, for kinds that toss a coin
    first, other_seed = corrupt(same, kind, 4, seed=0), corrupt(same, kind, 4, seed=1)
    assert (first != first[:1]).any()
    assert (first != other_seed).any()


@pytest.mark.parametrize("kind", ["defocus", "jpeg", "contrast", "scale"])
def test_kinds_without_chance_do_not_depend_on_seed_and_index(kind, leaves):
    assert np.array_equal(corrupt(leaves, kind, 4, seed=0), corrupt(leaves, kind, 4, seed=9, indices=[7, 8, 9, 1]))


@pytest.mark.parametrize("kind", WITH_LADDER)
def test_quality_falls_with_strength(kind, leaves):
    corruption = CORRUPTIONS[kind]
    quality = [mean_quality(corruption, list(leaves), amount, corruption.ladder) for amount in corruption.amounts]
    assert quality == sorted(quality, reverse=True)
    assert quality[0] - quality[-1] > (0.1 if corruption.ladder == "ssim" else 5)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not CORRUPTIONS[kind].ladder])
def test_amounts_without_a_ladder_rise(kind):
    assert list(CORRUPTIONS[kind].amounts) == sorted(CORRUPTIONS[kind].amounts)


def test_amounts_are_fitted_to_the_targets(leaves):
    photos = list(leaves[:2])
    corruption = CORRUPTIONS["exposure"]
    amounts = fit_amounts(corruption, photos, 0, 4)
    reached = [mean_quality(corruption, photos, amount, "psnr") for amount in amounts]
    assert reached == pytest.approx(TARGETS["psnr"], abs=0.05)


def test_amounts_are_fitted_where_a_larger_one_is_weaker(leaves):
    photos = list(leaves[:2])
    amounts = fit_amounts(CORRUPTIONS["contrast"], photos, 0, 1)
    assert list(amounts) == sorted(amounts, reverse=True)


def test_a_change_of_geometry_is_not_fitted(leaves):
    with pytest.raises(ValueError, match="turn changes geometry or background"):
        fit_amounts(CORRUPTIONS["turn"], list(leaves), 0, 90)


def test_quality_of_a_photo_with_itself(leaves):
    assert ssim(leaves[0], leaves[0]) == pytest.approx(1)
    assert psnr(leaves[0], leaves[0]) == float("inf")
    assert set(QUALITY) == set(TARGETS)


def test_an_unknown_kind_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="no corruption 'defocuss'; did you mean defocus"):
        corruption_named("defocuss")


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (np.zeros((32, 32, 3), np.uint8), {}, r"images are uint8 \(32, 32, 3\); expected uint8 \(N, H, W, 3\)"),
        (np.zeros((1, 32, 32, 3), np.float32), {}, "images are float32"),
        (np.zeros((1, 8, 32, 3), np.uint8), {}, "sides of 8 and 32 px; expected at least 16"),
        (np.zeros((1, 32, 32, 3), np.uint8), {"strength": 6}, "strength is 6; expected a whole number from 0 to 5"),
        (np.zeros((2, 32, 32, 3), np.uint8), {"indices": [1]}, "1 indices for 2 images"),
        (np.zeros((1, 32, 32, 3), np.uint8), {"masks": np.zeros((1, 32, 32), np.uint8)}, "masks are uint8"),
    ],
)
def test_wrong_input_is_refused(images, options, message):
    with pytest.raises(ValueError, match=message):
        corrupt(images, "noise", **{"strength": 1} | options)


def test_the_index_of_a_photo_is_the_begin_of_its_hash():
    assert sample_index("0000002a" + 56 * "f") == 42


def test_the_background_keeps_the_leaf_of_the_mask(leaves):
    mask = np.zeros((1, 96, 96), bool)
    mask[0, 20:70, 30:80] = True
    changed = corrupt(leaves[:1], "background", 5, masks=mask)
    assert np.array_equal(changed[0, 30:60, 40:70], leaves[0, 30:60, 40:70])
    assert (changed[0, :10] != leaves[0, :10]).any(axis=-1).mean() > 0.9
