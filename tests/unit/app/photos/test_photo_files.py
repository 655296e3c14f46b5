"""Photos from the browser and from a folder."""

import pytest
from PIL import Image

from app.photos import photo_files
from hvit.data.leafsim import Address
from hvit.data.photos import InvalidPhotoError


def test_the_same_bytes_have_the_same_key_whatever_their_name():
    assert photo_files.uploaded("a.jpg", b"x").key == photo_files.uploaded("b.jpg", b"x").key
    assert photo_files.uploaded("a.jpg", b"x").key != photo_files.uploaded("a.jpg", b"y").key


def test_a_folder_gives_its_photos_by_name_and_skips_the_rest(tmp_path):
    (tmp_path / "b").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "b" / "2.jpg")
    Image.new("RGB", (64, 64)).save(tmp_path / "1.PNG")
    (tmp_path / "notes.txt").write_text("no photo")
    found, _ = photo_files.in_folder(f' "{tmp_path}" ')
    assert [photo.name for photo in found] == ["1.PNG", "b/2.jpg"]
    assert found[1].read() == (tmp_path / "b" / "2.jpg").read_bytes()


def test_a_leaf_to_be_rendered_is_identified_by_its_address():
    leaf = photo_files.rendered("Drawn leaf 1", Address(5, 9))
    assert leaf.key == "leafsim:v1/5/9" and leaf.data is None


def test_a_changed_file_gets_a_new_key(tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "1.png")
    before = photo_files.in_folder(str(tmp_path))[0][0].key
    Image.new("RGB", (80, 64)).save(tmp_path / "1.png")
    assert photo_files.in_folder(str(tmp_path))[0][0].key != before


def test_a_folder_that_is_not_there_is_reported_as_missing(tmp_path):
    with pytest.raises(photo_files.FolderError, match="There is no folder"):
        photo_files.in_folder(str(tmp_path / "none"))


def test_a_folder_without_photos_says_what_is_looked_for(tmp_path):
    with pytest.raises(photo_files.FolderError, match="No photo lies in"):
        photo_files.in_folder(str(tmp_path))


def test_a_folder_lists_heic_heif_and_avif_too(tmp_path):
    for name in ("IMG_1.HEIC", "b.heif", "c.Avif", "d.NEF", "e.mov"):
        (tmp_path / name).write_bytes(b"x")
    assert [photo.name for photo in photo_files.in_folder(str(tmp_path))[0]] == ["IMG_1.HEIC", "b.heif", "c.Avif"]


@pytest.mark.parametrize("text", ["~nosuchuser/x", "a" * 5000, "nul\0inside", "file://[", '"', "\ud800"], ids=ascii)
def test_any_text_that_names_no_folder_is_reported(text):
    with pytest.raises(photo_files.FolderError, match="There is no folder"):
        photo_files.in_folder(text)


def test_of_a_file_that_is_too_large_only_the_reason_is_kept():
    photo = photo_files.too_large("film.mov", 144_000_000)
    assert photo.data is None and photo.name == "film.mov"
    with pytest.raises(InvalidPhotoError, match="it has 144 MB; the limit is 50"):
        photo.read()


def test_a_file_that_has_gone_says_so_when_it_is_read(tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "1.png")
    (photo,), _ = photo_files.in_folder(str(tmp_path))
    (tmp_path / "1.png").unlink()
    with pytest.raises(InvalidPhotoError, match="the file cannot be opened: No such file"):
        photo.read()
