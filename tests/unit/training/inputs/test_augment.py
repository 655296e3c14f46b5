import numpy as np
import pytest
import torch

from hvit.data.caching.photo_cache import open_cache
from hvit.data.datasets.reading import read_samples
from training.config import AugmentConfig
from training.inputs.augment import augment, batch_sides, normal_noise

STILL = AugmentConfig(
    quarter_turns=False,
    stretch=0,
    min_area=1,
    whole=1,
    max_margin=0,
    turn_probability=0,
    color_probability=0,
    blur_probability=0,
    noise_probability=0,
    mix_probability=0,
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def cache(color_photos, tmp_path_factory):
    return open_cache(read_samples([color_photos], "train"), 160, tmp_path_factory.mktemp("cache"))


def test_views_do_not_depend_on_the_batch(cache):
    photos, samples = np.arange(16), np.arange(100, 116)
    together = augment(cache, photos, samples, (64, 96), AugmentConfig(), 3, CPU)
    apart = torch.cat(
        [
            augment(cache, photos[i : i + 4], samples[i : i + 4], (64, 96), AugmentConfig(), 3, CPU)
            for i in range(0, 16, 4)
        ]
    )
    assert (together - apart).abs().max() < 0.05  # of 255; canvases of other sizes round differently


def test_without_strength_a_view_is_the_photo_or_its_mirror_image(cache):
    square = [i for i in range(len(cache)) if tuple(cache.sizes[i]) == (80, 80)][:4]
    views = augment(cache, np.array(square), np.arange(4), (80, 80), STILL, 0, CPU)
    for view, i in zip(views, square):
        photo = torch.from_numpy(cache[i].copy()).permute(2, 0, 1).float()
        assert min((view - photo).abs().max(), (view - photo.flip(2)).abs().max()) < 0.01


def test_quarter_turns_and_flips_reach_all_eight_orientations(cache):
    square = next(i for i in range(len(cache)) if tuple(cache.sizes[i]) == (80, 80))
    config = STILL.model_copy(update={"quarter_turns": True})
    views = augment(cache, np.full(64, square), np.arange(64), (80, 80), config, 0, CPU)
    photo = torch.from_numpy(cache[square].copy()).permute(2, 0, 1).float()
    seen = set()
    for view in views:
        for turns in range(4):
            for flipped in (False, True):
                candidate = photo.rot90(turns, (1, 2))
                candidate = candidate.flip(2) if flipped else candidate
                if (candidate - view).abs().max() < 0.01:
                    seen.add((turns, flipped))
    assert len(seen) == 8


def test_a_whole_view_of_another_aspect_is_padded_and_not_stretched(cache):
    wide = next(i for i in range(len(cache)) if tuple(cache.sizes[i]) == (72, 110))
    view = augment(cache, np.array([wide]), np.array([5]), (110, 110), STILL, 0, CPU)[0]
    filled = view.std(2).max(0).values < 1e-3  # rows of one color
    assert 36 <= filled.sum() <= 38  # 110 rows, 72 of them the photo's (73 where it lies between two rows)
    rows = view[:, ~filled].mean((0, 2))
    photo = torch.from_numpy(cache[wide].copy()).float().mean((1, 2))
    assert abs(rows.mean() - photo.mean()) < 4


def test_each_strength_changes_views(cache):
    base = augment(cache, np.arange(16), np.arange(16), (64, 64), STILL, 0, CPU)
    for change in (
        {"stretch": 0.3},
        {"min_area": 0.2, "whole": 0},
        {"max_margin": 1.0},
        {"turn_probability": 1.0},
        {"color_probability": 1.0},
        {"blur_probability": 1.0},
        {"noise_probability": 1.0},
    ):
        views = augment(cache, np.arange(16), np.arange(16), (64, 64), STILL.model_copy(update=change), 0, CPU)
        assert (views - base).abs().mean() > 0.3, change


def test_shapes_of_batches_are_multiples_of_32_of_about_the_same_area():
    shapes = {batch_sides(0, step, 128, square=0.5) for step in range(400)}
    assert (128, 128) in shapes and (96, 192) in shapes and (192, 96) in shapes
    for height, width in shapes:
        assert height % 32 == width % 32 == 0
        assert 0.6 < height * width / 128**2 < 1.6


def test_the_noise_of_an_accelerator_is_normal_and_depends_on_the_seed_of_its_sample_alone():
    noise = normal_noise(torch.tensor([3, 4, 2**53 - 1]), (3, 128, 128))
    assert noise.shape == (3, 3, 128, 128) and noise.dtype == torch.float32
    assert noise.mean((1, 2, 3)).abs().max() < 0.02 and (noise.std((1, 2, 3)) - 1).abs().max() < 0.02
    assert (noise.pow(4).mean() - 3).abs() < 0.1  # the fourth moment of a normal distribution
    assert torch.corrcoef(noise.flatten(1)).triu(1).abs().max() < 0.02
    assert torch.equal(normal_noise(torch.tensor([4]), (3, 128, 128))[0], noise[1])
