"""Bands from files: every layout gives the same planes, and what is wrong with a file is said in one line."""

import pickle

import cv2
import numpy as np
import pytest
import tifffile

from hvit.data.caching.band_cache import open_bands
from hvit.data.caching.photo_cache import open_cache
from hvit.data.datasets.folders import find_photos
from hvit.data.datasets.reading import DataError, RenderedSample, read_samples
from hvit.data.leafsim import BANDS, EARLY_STRESS, Address, plan, render
from hvit.data.spectral import InvalidBandsError, SpectralStream, find_bands, fit_planes, read_bands

PLANES = np.random.default_rng(0).uniform(0.02, 0.6, (5, 70, 90)).astype(np.float32)


def save(path, values, **how):
    np.save(path, values) if path.suffix == ".npy" else tifffile.imwrite(path, values, **how)
    return path


@pytest.mark.parametrize(
    ("name", "values", "how"),
    [
        ("a.npy", PLANES, {}),
        ("a.npy", PLANES.transpose(1, 2, 0), {}),
        ("a.npy", np.asfortranarray(PLANES), {}),
        ("a.npy", PLANES.astype(np.float64), {}),
        ("a.tif", PLANES, {"photometric": "minisblack", "planarconfig": "separate"}),
        ("a.tif", PLANES.transpose(1, 2, 0), {"photometric": "minisblack", "planarconfig": "contig"}),
        ("a.tif", PLANES, {"photometric": "minisblack"}),  # a page a band
        ("a.TIFF", PLANES, {"photometric": "minisblack", "compression": "zlib"}),
    ],
)
def test_every_layout_gives_the_same_planes(tmp_path, name, values, how):
    read = read_bands(save(tmp_path / name, values, **how), 5, 1.0, (140, 180))
    assert read.dtype == np.float32 and np.array_equal(read, PLANES)


def test_integer_bands_are_divided_by_the_value_of_full_reflectance(tmp_path):
    counts = (PLANES * 32768).astype(np.uint16)
    read = read_bands(save(tmp_path / "a.tif", counts, photometric="minisblack"), 5, 32768.0)
    np.testing.assert_allclose(read, PLANES, atol=1 / 32768)


@pytest.mark.parametrize(
    ("values", "photo", "expected"),
    [
        (PLANES[:4], None, r"holds an array of \(4, 70, 90\); expected \(5, height, width\) or \(height, width, 5\)"),
        (PLANES[0], None, r"holds an array of \(70, 90\)"),
        (PLANES, (90, 70), "is 70 x 90 px and its photo 90 x 70; expected bands of the same picture"),
        (np.where(PLANES > 0.59, np.nan, PLANES), None, "not numbers"),
        (np.where(PLANES > 0.59, np.inf, PLANES), None, "not numbers"),
        (PLANES * 10000, None, "values around 30.*, and 1 is a reflectance of 1 for this run"),
        (PLANES.astype(complex), None, "values of type complex128"),
        (PLANES[:, :0], None, "0 x 90 px"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_that_names_it(tmp_path, values, photo, expected):
    with pytest.raises(InvalidBandsError, match=expected) as refused:
        read_bands(save(tmp_path / "a.npy", values), 5, 1.0, photo)
    assert "a.npy" in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["a.npy", "a.tif"])
@pytest.mark.parametrize("content", [b"", b"not bands", b"\x93NUMPY", b"II*\x00\x08\x00\x00\x00", pickle.dumps([1])])
def test_what_is_no_file_of_bands_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidBandsError, match=name):
        read_bands(tmp_path / name, 5, 1.0)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.npy", tmp_path):
        with pytest.raises(InvalidBandsError, match="cannot be opened"):
            read_bands(path, 5, 1.0)


def test_nothing_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    np.save(tmp_path / "a.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(InvalidBandsError, match="Python objects"):
        read_bands(tmp_path / "a.npy", 5, 1.0)
    assert not (tmp_path / "sprung").exists()


def test_bands_are_found_beside_their_photo_and_are_no_photos(tmp_path):
    for name in ("a.jpg", "b.jpg", "c.jpg", "b.bands.tif", "A.BANDS.TIF"):
        (tmp_path / name).write_bytes(b"")
    np.save(tmp_path / "a.npy", PLANES)
    assert find_bands(tmp_path / "a.jpg") == tmp_path / "a.npy"
    assert find_bands(tmp_path / "b.jpg") == tmp_path / "b.bands.tif"
    assert find_bands(tmp_path / "c.jpg") is None
    assert [path.name for path in find_photos(tmp_path)] == ["a.jpg", "b.jpg", "c.jpg"]


def test_bands_of_a_written_set_of_rendered_leaves_are_found(tmp_path):
    from hvit.data.datasets.synthesize import synthesize

    addresses = [Address(7, i) for i in range(3)]
    synthesize(tmp_path / "leaves", addresses, size=64, bands=True)
    for sample in read_samples([tmp_path / "leaves"]):
        leaf = render(Address(7, int(sample.path.stem)), 64, bands=True)
        photo, bands = sample.read_with_bands(5, 1.0)
        assert np.array_equal(bands, leaf.bands) and np.array_equal(photo.pixels, leaf.picture)


def test_planes_are_resized_each_for_itself_and_stay_in_their_range():
    halved = fit_planes(PLANES[:, :70, :90], (35, 45))
    np.testing.assert_allclose(halved, PLANES.reshape(5, 35, 2, 45, 2).mean((2, 4)), atol=1e-6)
    steps = np.zeros((2, 8, 8), np.float32)
    steps[:, :, 4:] = 1
    grown = fit_planes(steps, (64, 64))
    assert grown.shape == (2, 64, 64) and grown.min() == 0 and grown.max() == 1


def test_the_stream_of_some_pictures_has_their_mean_and_deviation():
    parts = [PLANES[:, :30], PLANES[:, 30:]]
    stream = SpectralStream.fit("bands", tuple(BANDS), 1.0, parts)
    np.testing.assert_allclose(stream.mean, PLANES.mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(stream.std, PLANES.std((1, 2)), rtol=1e-5)
    assert SpectralStream.from_dict(stream.to_dict()) == stream


@pytest.mark.parametrize("change", [{"kind": "sound"}, {"mean": [0.1]}, {"more": 1}])
def test_a_damaged_description_of_a_stream_is_refused(change):
    described = SpectralStream("bands", ("a", "b"), (0.1, 0.2), (0.1, 0.1)).to_dict()
    with pytest.raises(ValueError, match="spectral"):
        SpectralStream.from_dict(described | change)


def test_rendered_leaves_under_stress_are_a_class_only_where_bands_name_them():
    span = ["leafsim:v1/7/0-199"]
    seen, shown = read_samples(span), read_samples(span, early_stress=True)
    assert [s.label for s in shown] == [plan(Address(7, i)).label(bands=True) for i in range(200)]
    renamed = [(a.label, b.label) for a, b in zip(seen, shown) if a.label != b.label]
    assert len(renamed) > 5 and set(renamed) == {("healthy", EARLY_STRESS)}
    assert [s.relative for s in seen] == [s.relative for s in shown]


def test_rendered_bands_are_those_of_the_leaf_and_others_are_refused():
    sample = RenderedSample.of(Address(7, 3))
    photo, bands = sample.read_with_bands(5, 1.0)
    assert np.array_equal(bands, render(Address(7, 3), bands=True).bands)
    assert np.array_equal(photo.pixels, sample.read().pixels)
    with pytest.raises(DataError, match="has 5 bands at scale 1, and 4 at scale 10000 are expected"):
        sample.read_with_bands(4, 10000.0)


@pytest.fixture
def photos_with_bands(tmp_path):
    """Four photos; bands at half their size beside the first three."""
    folder = tmp_path / "d" / "A"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    for i, (height, width) in enumerate([(64, 96), (200, 100), (80, 80), (70, 70)]):
        cv2.imwrite(str(folder / f"{i}.png"), rng.integers(0, 255, (height, width, 3), dtype=np.uint8))
        if i < 3:
            np.save(folder / f"{i}.npy", rng.uniform(0, 1, (2, height // 2, width // 2)).astype(np.float32))
    return tmp_path / "d"


def test_the_cache_holds_bands_at_the_pixels_of_its_photos(photos_with_bands, tmp_path):
    photos = open_cache(read_samples([photos_with_bands]), 96, tmp_path / "cache")
    for _ in range(2):  # written, then read again
        bands = open_bands(photos.samples, photos.sizes, 2, 1.0, tmp_path / "cache")
        assert bands.present.tolist() == [True, True, True, False]
        for i in range(3):
            raw = np.load(photos.samples[i].path.with_suffix(".npy"))
            assert bands[i].shape == (2, *photos.sizes[i])
            np.testing.assert_allclose(bands[i], fit_planes(raw, tuple(photos.sizes[i])), atol=1e-3)  # float16
        assert not bands[3].any()
    canvas = bands.canvas(np.array([3, 1, 0]), np.array([1, 2, 1]))
    assert canvas.shape == (3, 2, *np.maximum(photos.sizes[[3, 0]].max(0), photos.sizes[1] // 2))
    height, width = photos.sizes[1] // 2
    np.testing.assert_allclose(canvas[1, :, :height, :width], fit_planes(bands[1], (height, width)), atol=1e-6)
    assert not canvas[0].any() and not canvas[1, :, height:].any()


def test_changed_bands_are_read_again(photos_with_bands, tmp_path):
    photos = open_cache(read_samples([photos_with_bands]), 96, tmp_path / "cache")
    before = np.array(open_bands(photos.samples, photos.sizes, 2, 1.0, tmp_path / "cache")[0])
    file = photos.samples[0].path.with_suffix(".npy")
    np.save(file, 1 - np.load(file))
    after = open_bands(photos.samples, photos.sizes, 2, 1.0, tmp_path / "cache")[0]
    np.testing.assert_allclose(after, 1 - before.astype(np.float32), atol=2e-3)


def test_bands_that_do_not_fit_stop_the_preparation_and_are_named(photos_with_bands, tmp_path):
    photos = open_cache(read_samples([photos_with_bands]), 96, tmp_path / "cache")
    with pytest.raises(DataError, match=r"0\.npy holds an array of \(2, 32, 48\); expected \(5, height"):
        open_bands(photos.samples, photos.sizes, 5, 1.0, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.partial"))
