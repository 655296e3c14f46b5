"""Photos in the memory of a device, laid out as the cache does."""

import numpy as np
import pytest
import torch

from hvit.data.caching.device_photos import DevicePhotos
from hvit.data.caching.photo_cache import open_cache
from hvit.data.datasets.reading import read_samples

CPU = torch.device("cpu")


@pytest.fixture
def cache(photo_folder, tmp_path):
    return open_cache(read_samples([photo_folder], "train"), 80, tmp_path)


def test_whole_photos_are_the_same_to_the_bit(cache):
    photos, shrink = np.array([3, 0, 3, 7, 20]), np.ones(5, dtype=int)
    expected, expected_sizes = cache.canvas(photos, shrink)
    canvas, sizes = DevicePhotos(cache.pixels, cache.sizes, cache.offsets, CPU).canvas(photos, shrink)
    assert np.array_equal(canvas.numpy(), expected) and np.array_equal(sizes, expected_sizes)


def test_photos_of_different_sides_and_scales_lie_in_the_corner_with_nothing_beyond():
    whole = np.array([[64, 96], [96, 64], [32, 32]])
    offsets = np.concatenate([[0], np.cumsum(whole.prod(1) * 3)])
    pixels = np.random.default_rng(0).integers(1, 256, int(offsets[-1]), dtype=np.uint8)

    def photo(i: int) -> np.ndarray:
        return pixels[offsets[i] : offsets[i + 1]].reshape(*whole[i], 3)

    resident = DevicePhotos(pixels, whole, offsets, CPU)
    canvas, sizes = resident.canvas(np.array([0, 1, 2, 1]), np.array([2, 1, 1, 3]))
    assert sizes.tolist() == [[32, 48], [96, 64], [32, 32], [32, 21]] and canvas.shape == (4, 3, 96, 64)
    halved = photo(0).reshape(32, 2, 48, 2, 3).mean((1, 3)).round()  # ties to even, as torch rounds
    assert np.array_equal(canvas[0, :, :32, :48].numpy().transpose(1, 2, 0), halved)
    assert np.array_equal(canvas[1].numpy().transpose(1, 2, 0), photo(1))
    third = photo(1)[:96, :63].reshape(32, 3, 21, 3, 3).mean((1, 3)).round()
    assert np.array_equal(canvas[3, :, :32, :21].numpy().transpose(1, 2, 0), third)
    for picture, (height, width) in zip(canvas.numpy(), sizes):
        assert not picture[:, height:].any() and not picture[:, :, width:].any()


def test_photos_stay_in_their_file_on_the_cpu_and_where_they_would_not_fit(cache, monkeypatch):
    assert not cache.make_resident(CPU) and cache.resident is None
    free = 2 * cache.pixels.nbytes - 1
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 10 * free))
    assert not cache.make_resident(torch.device("cuda")) and cache.resident is None


def test_a_resident_cache_is_read_from_memory(cache):
    photos, shrink = np.array([1, 2]), np.ones(2, dtype=int)
    expected = cache.canvas_on(photos, shrink, CPU)[0]
    cache.resident = DevicePhotos(cache.pixels, cache.sizes, cache.offsets, CPU)
    cache.pixels = None  # nothing reads the file any more
    assert torch.equal(cache.canvas_on(photos, shrink, CPU)[0], expected)
