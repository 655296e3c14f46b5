"""Photos found by what is in them."""

import hashlib

import pytest
from PIL import Image

from hvit.data.photo_index import index_photos


def photo(path, color):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 64), color).save(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_photo_is_found_by_its_bytes_wherever_it_lies(tmp_path):
    red, blue = photo(tmp_path / "a" / "x.png", "red"), photo(tmp_path / "b" / "c" / "y.png", "blue")
    (tmp_path / "notes.txt").write_text("no photo")
    assert index_photos(tmp_path) == {red: tmp_path / "a" / "x.png", blue: tmp_path / "b" / "c" / "y.png"}


def test_of_equal_photos_the_first_by_name_counts(tmp_path):
    red = photo(tmp_path / "b.png", "red")
    photo(tmp_path / "a.png", "red")
    assert index_photos(tmp_path) == {red: tmp_path / "a.png"}


@pytest.mark.parametrize(("name", "expected"), [("nowhere", "There is no folder"), (".", "No photo lies in")])
def test_a_folder_without_photos_is_refused(tmp_path, name, expected):
    with pytest.raises(ValueError, match=expected):
        index_photos(tmp_path / name)
