"""Reading photos with masks: what is right is read, and each mistake is named."""

import shutil
import struct
import unicodedata
import zlib

import numpy as np
import pytest
from PIL import Image

from hvit.data.datasets.folders import DataError
from hvit.data.datasets.masks import mask_beside, read_mask, read_masked


@pytest.fixture
def pack(tmp_path):
    """DIR with two train photos and their masks, 80 x 64 px."""
    root = tmp_path / "pack"
    for part in ("images", "masks"):
        (root / "train" / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        photo = rng.integers(0, 255, (64, 80, 3), dtype=np.uint8)
        Image.fromarray(photo).save(root / "train/images" / f"{name}.jpg")
        mask = np.zeros((64, 80), np.uint8)
        mask[10:50, 10:60] = 1
        mask[20:30, 20:30] = 2
        Image.fromarray(mask).save(root / "train/masks" / f"{name}.png")
    return root


def test_masks_are_read_as_images_of_their_classes(pack):
    samples = read_masked([pack])
    assert [sample.relative for sample in samples] == ["pack/train/images/a.jpg", "pack/train/images/b.jpg"]
    pixels = samples[0].read().pixels
    assert pixels.shape == (64, 80, 3)
    assert (pixels.reshape(-1, 3).astype(int).sum(0) // 255).tolist() == [64 * 80 - 2000, 1900, 100]


def test_rendered_leaves_have_masks_of_their_own():
    sample = read_masked(["leafsim:v1/4/8-8"])[0]
    leaf = sample.read().pixels
    assert leaf.shape == sample.photo.read().pixels.shape
    assert sample.split == "val"
    assert set(np.unique(leaf)) == {0, 255}


def test_a_missing_mask_is_named(pack):
    (pack / "train/masks/b.png").unlink()
    with pytest.raises(DataError, match=r"missing masks: 1, the first that of b.jpg"):
        read_masked([pack])


def test_a_jpeg_mask_is_named(pack):
    (pack / "train/masks/b.png").rename(pack / "train/masks/b.jpg")
    with pytest.raises(DataError, match="there is a .jpg file; a mask is a PNG"):
        read_masked([pack])
    path = pack / "train/masks/c.png"
    Image.fromarray(np.zeros((64, 80), np.uint8)).save(path, "JPEG")
    with pytest.raises(DataError, match="is a JPEG, whose compression changes"):
        read_mask(path)


def test_a_mask_of_another_size_is_named(pack):
    Image.fromarray(np.zeros((60, 80), np.uint8)).save(pack / "train/masks/a.png")
    with pytest.raises(DataError, match="80x60 px, and its photo 80x64"):
        read_masked([pack])[0].read()


def test_other_values_are_named(pack):
    Image.fromarray(np.full((64, 80), 255, np.uint8)).save(pack / "train/masks/a.png")
    with pytest.raises(DataError, match="has the values 255"):
        read_masked([pack])[0].read()


def test_a_palette_png_is_named(pack):
    image = Image.fromarray(np.ones((64, 80), np.uint8), "P")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    image.save(pack / "train/masks/a.png")
    with pytest.raises(DataError, match="is a palette PNG"):
        read_masked([pack])[0].read()


def test_a_damaged_mask_is_named(pack):
    (pack / "train/masks/a.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(DataError, match="cannot be read as a mask"):
        read_masked([pack])[0].read()


@pytest.mark.parametrize(("gone", "message"), [("masks", "no folder masks"), ("images", "no folder images")])
def test_a_folder_of_another_layout_is_named(pack, gone, message):
    (pack / "train" / gone).rename(pack / "train" / "elsewhere")
    with pytest.raises(DataError, match=message):
        read_masked([pack])


def test_no_folder_and_an_empty_one_are_named(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        read_masked([tmp_path / "absent"])
    with pytest.raises(DataError, match="holds no photos with masks"):
        read_masked([tmp_path])


def test_two_data_sets_of_one_name_are_refused(pack, tmp_path):
    shutil.copytree(pack, tmp_path / "other" / "pack")
    with pytest.raises(DataError, match="have the same name"):
        read_masked([pack, tmp_path / "other" / "pack"])


def test_a_manifest_names_the_condition_of_photos(pack):
    (pack / "manifest.csv").write_text("path;class\ntrain/images/b.jpg;Coffee___Rust\n")
    samples = read_masked([pack])
    assert [(sample.label, sample.photo.label) for sample in samples] == [("", ""), ("Coffee___Rust", "Coffee___Rust")]


def test_a_manifest_of_photos_that_are_not_there_is_refused(pack):
    (pack / "manifest.csv").write_text("path,class\ntrain/images/c.jpg,Coffee___Rust\n")
    with pytest.raises(DataError, match="names a file that is not there"):
        read_masked([pack])


@pytest.mark.parametrize("other", ["Training", "TRAIN"])
def test_two_folders_of_one_split_are_refused(pack, other):
    (pack / other).mkdir()
    with pytest.raises(DataError, match="names of one split"):
        read_masked([pack])


def test_a_mask_without_a_photo_is_reported_and_left_out(pack):
    (pack / "train/images/b.jpg").unlink()
    notes = []
    assert len(read_masked([pack], notes.append)) == 1
    assert "masks without a photo are not used: b.png" in notes[0]


def test_names_in_nfc_and_nfd_are_the_same(pack):
    (pack / "train/images/b.jpg").rename(pack / "train/images" / unicodedata.normalize("NFC", "café.jpg"))
    (pack / "train/masks/b.png").rename(pack / "train/masks" / unicodedata.normalize("NFD", "café.png"))
    assert read_masked([pack])[1].read().pixels.shape == (64, 80, 3)


def test_a_mask_may_end_in_capital_letters(pack):
    (pack / "train/masks/b.png").rename(pack / "train/masks/b.PNG")
    assert [sample.path.name for sample in read_masked([pack])] == ["a.png", "b.PNG"]


def test_a_name_that_differs_in_case_is_named(pack):
    (pack / "train/masks/b.png").rename(pack / "train/masks/B.png")
    with pytest.raises(DataError, match="there is B.png; capital and small letters must be equal"):
        read_masked([pack])


def test_two_photos_that_would_share_a_mask_are_refused(pack):
    Image.new("RGB", (80, 64)).save(pack / "train/images/a.png")
    with pytest.raises(DataError, match="a.jpg and a.png would share a mask"):
        read_masked([pack])


def test_masks_of_photos_in_folders_lie_in_folders_of_the_same_names(pack):
    for part, name in (("images", "b.jpg"), ("masks", "b.png")):
        for plant in ("1", "2"):
            (pack / "train" / part / plant).mkdir()
            shutil.copy(pack / "train" / part / name, pack / "train" / part / plant / name)
    Image.fromarray(np.zeros((64, 80), np.uint8)).save(pack / "train/masks/2/b.png")
    found = {sample.relative: sample.read().pixels[:, :, 0].min() for sample in read_masked([pack])}
    assert found["pack/train/images/1/b.jpg"] == 0 and found["pack/train/images/2/b.jpg"] == 255


def test_a_mask_beside_a_photo_that_its_camera_rotated_has_the_sides_of_the_upright_photo(pack):
    photo = Image.new("RGB", (64, 80))
    exif = photo.getexif()
    exif[274] = 6
    photo.save(pack / "train/images/a.jpg", exif=exif)
    assert read_masked([pack])[0].read().pixels.shape == (64, 80, 3)


@pytest.mark.parametrize(
    ("mode", "expected"), [("RGB", "mode RGB"), ("I;16", "mode I;16"), ("1", "mode 1"), ("LA", "LA")]
)
def test_a_png_of_another_mode_is_named(pack, mode, expected):
    Image.new(mode, (80, 64)).save(pack / "train/masks/a.png")
    with pytest.raises(DataError, match=f"{expected}; save the mask as 8-bit grey"):
        read_masked([pack])[0].read()


def test_a_truncated_mask_is_named(pack):
    path = pack / "train/masks/a.png"
    noise = np.random.default_rng(0).integers(0, 3, (64, 80), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match="cannot be read as a mask"):
        read_masked([pack])[0].read()


@pytest.mark.parametrize("side", [8_000, 40_000], ids=["64 megapixels", "1,600 megapixels"])
def test_a_mask_that_expands_to_more_than_a_photo_may_is_refused(tmp_path, side):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(DataError, match="a.png"):
        read_mask(tmp_path / "a.png")


def test_the_mask_beside_a_photo_is_found_by_its_name(pack):
    mask = mask_beside(pack / "train" / "images" / "a.jpg")
    assert (mask == 2).sum() == 100  # the square of 10 x 10 px


@pytest.mark.parametrize("place", ["train/images/c.jpg", "train/a.jpg"])
def test_a_photo_without_a_mask_beside_it_has_none(pack, place):
    assert mask_beside(pack / place) is None
