"""Searching a folder for photos, and what is passed over."""

import os
import sys

import pytest

from hvit.data.datasets.folders import clean_name, find_photos, is_leftover, list_photos

posix = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes need rights there")


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def names(listing):
    return ["/".join(listing.relative(path)) for path in listing.photos]


@pytest.mark.parametrize(
    "leftover",
    [
        "._a.jpg", ".hidden.jpg", "__MACOSX/a.jpg", "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "#recycle/a.jpg",
        ".ipynb_checkpoints/a.jpg", "$RECYCLE.BIN/a.jpg", "System Volume Information/a.jpg", "@Recycle/a.png",
        ".@__thumb/a.jpg", "Thumbs.db", "DESKTOP.INI", "Icon\r", "lost+found/a.jpg",
    ],
)  # fmt: skip
@pytest.mark.parametrize("depth", ["", "Rust", "Rust/plant7"])
def test_leftover_files_are_skipped_at_any_depth_and_reported(tmp_path, leftover, depth):
    touch(tmp_path / "Rust" / "plant7" / "leaf.jpg")
    touch(tmp_path / depth / leftover)
    listing = list_photos(tmp_path)
    assert names(listing) == ["Rust/plant7/leaf.jpg"]
    assert "passed over 1 (hidden or left by another program: " in listing.note


def test_names_that_only_resemble_leftovers_are_kept():
    assert not any(map(is_leftover, ["Icon", "recycle", "macosx", "thumbs.jpg", "_leaf.jpg", "Tomato___healthy"]))


def test_files_that_are_no_photos_are_reported_with_examples(tmp_path):
    touch(tmp_path / "a.jpg")
    for i in range(5):
        touch(tmp_path / f"note{i}.txt")
    expected = "passed over 5 (no photo by its ending: note0.txt, note1.txt, note2.txt and 2 more)"
    assert list_photos(tmp_path).note == f"{tmp_path}: {expected}"


def test_what_describes_a_data_set_belongs_to_its_root(tmp_path):
    for name in ("a.jpg", "README.md", "readme", "ReadMe.txt", "Manifest.csv", "Rust/README.md", "readmes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        touch(tmp_path / name)
    expected = "passed over 2 (no photo by its ending: Rust/README.md, readmes.txt)"
    assert list_photos(tmp_path).note == f"{tmp_path}: {expected}"


def test_bands_belong_to_their_photo_and_are_not_skipped(tmp_path):
    for name in ("a.jpg", "a.npy", "b.jpg", "b.bands.tif"):
        touch(tmp_path / name)
    listing = list_photos(tmp_path)
    assert names(listing) == ["a.jpg", "b.jpg"] and listing.note is None


@posix
def test_a_linked_folder_is_followed(tmp_path):
    touch(tmp_path / "disk" / "day1" / "a.jpg")
    (tmp_path / "photos" / "Rust").mkdir(parents=True)
    (tmp_path / "photos" / "Rust" / "2024").symlink_to(tmp_path / "disk")
    listing = list_photos(tmp_path / "photos")
    assert names(listing) == ["Rust/2024/day1/a.jpg"] and listing.note is None


@posix
def test_a_folder_that_two_links_lead_to_is_read_once(tmp_path):
    touch(tmp_path / "disk" / "a.jpg")
    (tmp_path / "photos").mkdir()
    for name in ("Rust", "Scab"):
        (tmp_path / "photos" / name).symlink_to(tmp_path / "disk")
    listing = list_photos(tmp_path / "photos")
    assert names(listing) == ["Rust/a.jpg"]
    assert "a link to a folder that is read already: Scab" in listing.note


@posix
def test_a_real_folder_comes_before_a_link_to_it(tmp_path):
    touch(tmp_path / "Scab" / "a.jpg")
    (tmp_path / "All").symlink_to(tmp_path / "Scab")
    listing = list_photos(tmp_path)
    assert names(listing) == ["Scab/a.jpg"] and "read already: All" in listing.note


@posix
@pytest.mark.parametrize("target", [".", "..", "../..", "/"])
def test_a_link_back_up_is_named_and_not_followed(tmp_path, target):
    touch(tmp_path / "photos" / "Rust" / "a.jpg")
    (tmp_path / "photos" / "Rust" / "back").symlink_to(target)
    listing = list_photos(tmp_path / "photos")
    assert names(listing) == ["Rust/a.jpg"] and "a link back to a folder above: Rust/back" in listing.note


@posix
def test_a_link_back_up_within_what_was_linked_is_not_followed(tmp_path):
    """Else the photos of the whole disk would become those of the class that holds the link."""
    touch(tmp_path / "disk" / "Rust" / "a.jpg")
    touch(tmp_path / "disk" / "Scab" / "b.jpg")
    (tmp_path / "disk" / "Rust" / "back").symlink_to(tmp_path / "disk")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "Rust").symlink_to(tmp_path / "disk" / "Rust")
    assert names(list_photos(tmp_path / "photos")) == ["Rust/a.jpg"]


@posix
def test_dead_links_are_all_named(tmp_path):
    touch(tmp_path / "a.jpg")
    for name in ("b.jpg", "2024", "2025", "2026"):
        (tmp_path / name).symlink_to(tmp_path / "gone")
    (tmp_path / "self").symlink_to("self")
    listing = list_photos(tmp_path)
    assert names(listing) == ["a.jpg"]
    assert "passed over 5 (a link to nothing, or to itself: 2024, 2025, 2026, b.jpg, self)" in listing.note


@posix
def test_only_regular_files_are_photos(tmp_path):
    touch(tmp_path / "a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "null.jpg").symlink_to("/dev/null")
    listing = list_photos(tmp_path)
    assert names(listing) == ["a.jpg"] and "neither file nor folder: null.jpg, pipe.jpg" in listing.note


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_not_utf8_is_reported_in_one_printable_line(tmp_path):
    touch(tmp_path / "a.jpg")
    with open(os.fsencode(tmp_path) + b"/caf\xe9.jpg", "wb"):
        pass
    note = list_photos(tmp_path).note
    assert "its name is not UTF-8: rename it: caf\\udce9.jpg" in note and note.encode()


def test_a_note_stays_one_line_whatever_a_file_is_called(tmp_path):
    if sys.platform == "win32":
        pytest.skip("no such names there")
    touch(tmp_path / "two\nlines.txt")
    assert len(list_photos(tmp_path).note.splitlines()) == 1


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root opens everything")
def test_a_folder_that_cannot_be_opened_is_named(tmp_path):
    touch(tmp_path / "a.jpg")
    touch(tmp_path / "closed" / "b.jpg")
    (tmp_path / "closed").chmod(0)
    try:
        assert "cannot be opened: closed" in list_photos(tmp_path).note
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_names_are_compared_in_nfc_without_outer_spaces():
    assert clean_name(" Kra\u0308usel\u00a0") == "Kräusel" == clean_name("\u3000Kräusel\n")


def test_photos_come_sorted_by_their_parts(tmp_path):
    for name in ("a-b/1.jpg", "a/2.jpg", "a/10.jpg"):
        touch(tmp_path / name)
    found = [path.relative_to(tmp_path).as_posix() for path in find_photos(tmp_path)]
    assert found == ["a/10.jpg", "a/2.jpg", "a-b/1.jpg"]


def test_masks_lie_in_a_folder_of_that_name_beside_photos(tmp_path):
    from hvit.data.datasets.folders import without_derived

    for name in ("train/images/a.jpg", "train/masks/a.png", "masks/b.png", "Tomato___Masks/c.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = without_derived(list_photos(tmp_path))
    assert [path.relative_to(tmp_path).as_posix() for path in found.photos] == [
        "Tomato___Masks/c.jpg",
        "train/images/a.jpg",
    ]
    assert "2 (masks of the photos beside them: masks/b.png, train/masks/a.png)" in found.note
    alone = list_photos(tmp_path / "train" / "masks")
    assert without_derived(alone).photos == alone.photos
