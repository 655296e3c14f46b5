"""Folders of batches: created, listed, refused and deleted."""

import json

import pytest

from hvit.batches import BatchError, create_batch, delete_batch, list_batches, open_batch
from hvit.batches.folder import folder_name
from hvit.batches.photos import add_folder, add_uploads, missing_folders, read_photos, relink_folder
from hvit.runs import Run
from tests.support.batches import new_batch, scored_batch, write_leaves
from tests.support.pages import leaf


@pytest.fixture
def card(tiny_run):
    return Run(tiny_run).model_card()


def test_a_batch_knows_its_run_and_rules(tmp_path, card):
    batch = create_batch(tmp_path, "Field 7", "tiny", card)
    again = open_batch(tmp_path / "Field 7")
    assert again == batch and again.run == "tiny" and again.run_sha256 == card.sha256
    assert again.rules.temperature == 1.5 and again.rules.ood_threshold == 2.0
    assert again.rules.conformal.alpha == 0.02


def test_a_name_that_is_taken_gets_a_number(tmp_path, card):
    names = [create_batch(tmp_path, "field", "tiny", card).name for _ in range(3)]
    assert names == ["field", "field 2", "field 3"]


@pytest.mark.parametrize(
    ("title", "name"),
    [("a/b\\c:d", "a b c d"), ("..", "batch"), ("", "batch"), ("  Übung.", "Übung"), ("x" * 99, "x" * 60)],
)
def test_a_title_becomes_a_name_that_every_system_takes(title, name):
    assert folder_name(title) == name


def test_batches_are_listed_and_others_named_with_their_reason(tmp_path, card):
    good = create_batch(tmp_path, "good", "tiny", card)
    (tmp_path / "half").mkdir()
    newer = create_batch(tmp_path, "newer", "tiny", card)
    document = json.loads((newer.path / "batch.json").read_text())
    (newer.path / "batch.json").write_text(json.dumps(document | {"schema_version": 2}))
    broken = create_batch(tmp_path, "broken", "tiny", card)
    (broken.path / "batch.json").write_text("{")
    batches, troubles = list_batches(tmp_path)
    assert [batch.name for batch in batches] == [good.name]
    reasons = {trouble.name: trouble.reason for trouble in troubles}
    assert "has no batch.json" in reasons["half"]
    assert "another version (format 2; this one reads 1)" in reasons["newer"]
    assert "batch.json of batch broken is damaged" in reasons["broken"]


def test_no_folder_of_batches_is_an_empty_list(tmp_path):
    assert list_batches(tmp_path / "none") == ([], [])


def test_uploads_are_kept_once_under_their_names(tmp_path, card):
    batch = create_batch(tmp_path, "field", "tiny", card)
    assert add_uploads(batch, [("IMG.jpg", leaf(1)), ("copy.jpg", leaf(1)), ("IMG.jpg", leaf(2))]) == 2
    assert add_uploads(batch, [("again.jpg", leaf(1))]) == 0
    assert [photo.name for photo in read_photos(batch)] == ["IMG.jpg", "IMG (2).jpg"]
    assert (batch.path / "uploads" / "IMG (2).jpg").read_bytes() == leaf(2)


def test_the_name_of_an_upload_leads_nowhere_else(tmp_path, card):
    batch = create_batch(tmp_path, "field", "tiny", card)
    add_uploads(batch, [("../../escaped.jpg", leaf(1)), ("C:\\x\\..\\b.jpg", leaf(2)), ("...", leaf(3))])
    assert [photo.path for photo in read_photos(batch)] == ["uploads/escaped.jpg", "uploads/b.jpg", "uploads/photo"]


def test_a_folder_is_linked_and_its_new_photos_are_added_later(tmp_path, tiny_run):
    photos = write_leaves(tmp_path / "photos" / "plot 1", 2).parent
    batch = new_batch(tmp_path / "batches", tiny_run, photos)
    assert [photo.name for photo in read_photos(batch)] == ["plot 1/leaf_00.jpg", "plot 1/leaf_01.jpg"]
    write_leaves(photos / "plot 2", 1)
    assert add_folder(batch, str(photos))[0] == 1
    assert add_folder(batch, str(photos))[0] == 0
    assert [photo.path for photo in read_photos(batch)][-1] == "folders/1/plot 2/leaf_00.jpg"


def test_a_folder_that_was_moved_is_found_again(tmp_path, tiny_run):
    photos = write_leaves(tmp_path / "photos", 2)
    batch = new_batch(tmp_path / "batches", tiny_run, photos)
    assert missing_folders(batch) == []
    photos.rename(tmp_path / "moved")
    assert missing_folders(batch) == [("1", str(photos))]
    with pytest.raises(BatchError, match="none of the 2 photos lies in"):
        relink_folder(batch, "1", str(tmp_path / "batches"))
    with pytest.raises(BatchError, match="has no photos in folders/2/"):
        relink_folder(batch, "2", str(tmp_path / "moved"))
    relink_folder(batch, "1", str(tmp_path / "moved"))
    assert missing_folders(batch) == []
    assert all((batch.path / photo.path).is_file() for photo in read_photos(batch))


def test_a_run_that_is_a_path_is_refused(tmp_path, card):
    path = create_batch(tmp_path, "field", "tiny", card).path / "batch.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"run": "../elsewhere/tiny"}))
    with pytest.raises(BatchError, match="has a run that is not a name"):
        open_batch(path.parent)


def test_a_folder_that_holds_the_batches_is_refused(tmp_path, card):
    batch = create_batch(tmp_path / "project" / "batches", "field", "tiny", card)
    with pytest.raises(BatchError, match="holds the batches themselves"):
        add_folder(batch, str(tmp_path / "project"))
    assert read_photos(batch) == []


def test_a_folder_without_photos_is_refused(tmp_path, card):
    batch = create_batch(tmp_path / "batches", "field", "tiny", card)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BatchError, match="No photo lies in"):
        add_folder(batch, str(tmp_path / "empty"))
    with pytest.raises(ValueError, match="There is no folder"):
        add_folder(batch, str(tmp_path / "nowhere"))


def test_a_list_that_leads_out_of_the_batch_is_refused(tmp_path, card):
    batch = create_batch(tmp_path, "field", "tiny", card)
    (batch.path / "photos.csv").write_text("path,sha256\nuploads/../../secret.jpg,\n")
    with pytest.raises(BatchError, match="which is not in the batch"):
        read_photos(batch)


def test_a_deleted_batch_leaves_the_photos_of_linked_folders(tmp_path, tiny_run):
    photos = write_leaves(tmp_path / "photos", 2)
    batch = scored_batch(tmp_path / "batches", tiny_run, photos)
    delete_batch(batch)
    assert list((tmp_path / "batches").iterdir()) == []
    assert len(list(photos.iterdir())) == 2


def test_the_level_of_sets_is_kept(tmp_path, card):
    batch = create_batch(tmp_path, "field", "tiny", card)
    assert batch.alpha() is None
    batch.choose_alpha(0.05)
    assert open_batch(batch.path).alpha() == 0.05
    batch.choose_alpha(None)
    assert batch.alpha() is None


def test_photos_with_unusual_names_are_found_under_them(tmp_path, tiny_run):
    names = [
        "a  b.jpg",
        "Screenshot 9.41\u202fPM.jpg",
        "no\u00a0break.jpg",
        " 葉.JPG",
        "=1+1.jpg",
        "a\\b.jpg",
        'a"b.jpg',
    ]
    (tmp_path / "photos").mkdir()
    for number, name in enumerate(names):
        (tmp_path / "photos" / name).write_bytes(leaf(number))
    batch = new_batch(tmp_path / "batches", tiny_run, tmp_path / "photos")
    assert {photo.name for photo in read_photos(batch)} == set(names)
    assert all((batch.path / photo.path).is_file() for photo in read_photos(batch))


def test_a_photo_whose_name_has_a_line_break_is_left_out_and_named(tmp_path, card):
    batch = create_batch(tmp_path / "batches", "field", "tiny", card)
    photos = write_leaves(tmp_path / "photos", 1)
    (photos / "new\nline.jpg").write_bytes(leaf(1))
    added, note = add_folder(batch, str(photos))
    assert added == 1 and note == f"{photos}: passed over 1 (a line break in its name: rename it: new\\nline.jpg)"


@pytest.mark.parametrize("name", ["葉" * 120, "🌿" * 90, "a" * 400])
def test_an_upload_with_a_very_long_name_is_kept(tmp_path, card, name):
    batch = create_batch(tmp_path, "field", "tiny", card)
    assert add_uploads(batch, [(f"{name}.jpg", leaf(1)), (f"{name}.jpg", leaf(2))]) == 2
    assert all(photo.name.endswith(".jpg") and photo.name[0] == name[0] for photo in read_photos(batch))


def test_a_copy_with_real_folders_in_place_of_links_is_deleted_with_them(tmp_path, tiny_run):
    photos = write_leaves(tmp_path / "photos", 1)
    batch = new_batch(tmp_path / "batches", tiny_run, photos)
    (batch.path / "folders" / "1").unlink()
    write_leaves(batch.path / "folders" / "1", 1)
    delete_batch(batch)
    assert list((tmp_path / "batches").iterdir()) == [] and len(list(photos.iterdir())) == 1


def test_a_copy_without_empty_folders_takes_photos_and_is_deleted(tmp_path, card):
    batch = create_batch(tmp_path / "batches", "field", "tiny", card)
    (batch.path / "folders").rmdir()
    assert add_folder(batch, str(write_leaves(tmp_path / "photos", 1))) == (1, None)
    other = create_batch(tmp_path / "batches", "other", "tiny", card)
    (other.path / "folders").rmdir()
    delete_batch(other)
    assert [path.name for path in (tmp_path / "batches").iterdir()] == ["field"]
