"""The Batch page, opened through `app/main.py`; photos are scored at once, in the place of a process of its own."""

import json
import shutil
import subprocess
import sys

import pytest
from streamlit.testing.v1 import AppTest

from app.cache import batches as cached
from hvit.batches import list_batches
from hvit.batches.photos import read_photos
from hvit.batches.progress import clear_stop
from hvit.batches.reviews import Review, add_review, read_reviews
from hvit.batches.scores import read_scores
from hvit.batches.scoring import score_batch
from hvit.runs.checkpoint import load_checkpoint
from tests.support.batches import new_batch, scored_batch, write_leaves
from tests.support.pages import MAIN, leaf, open_page, page_text, press


@pytest.fixture
def folders(tiny_run, tmp_path, monkeypatch):
    """A runs folder with the run `tiny`, and a folder of batches that it scores."""
    shutil.copytree(tiny_run, tmp_path / "runs" / "tiny")
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("HVIT_BATCHES", str(tmp_path / "batches"))

    def score_now(batch, runs, again=False):
        clear_stop(batch.path)
        score_batch(batch, load_checkpoint(runs / batch.run), 1, again)
        done = subprocess.Popen([sys.executable, "-c", ""])
        done.wait()
        return done

    monkeypatch.setattr(cached, "start_worker", score_now)
    return tmp_path


def only_batch(folders):
    (batch,), troubles = list_batches(folders / "batches")
    assert troubles == []
    return batch


def test_an_empty_page_asks_for_photos_and_says_where_they_are_kept(folders):
    text = page_text(open_page("batch"))
    assert "kept there until you delete the batch" in text and "Score these photos" in text


def test_a_typed_folder_becomes_a_batch(folders):
    write_leaves(folders / "photos", 3)
    app = open_page("batch")
    app.text_input(key="batch_folder").set_value(str(folders / "photos"))
    app.text_input(key="batch_name").set_value("Plot 7")
    app = press(app, "Score these photos")
    text = page_text(app)
    assert "3 photos, all scored" in text and only_batch(folders).name == "Plot 7"
    assert list(app.dataframe[0].value["File"]) and len(app.dataframe[0].value) == 3


def test_uploads_become_a_batch_and_more_can_be_added(folders):
    app = open_page("batch")
    app.file_uploader[0].set_value([("a.jpg", leaf(1), "image/jpeg"), ("broken.jpg", leaf(2)[:700], "image/jpeg")])
    app = press(app.run(), "Score these photos")
    assert "2 photos, all scored" in page_text(app) and "1 unreadable" in page_text(app)
    app.file_uploader[0].set_value([("b.jpg", leaf(3), "image/jpeg")])
    app = press(app.run(), "Add these photos")
    assert "3 photos, all scored" in page_text(app)
    assert [photo.name for photo in read_photos(only_batch(folders))] == ["a.jpg", "broken.jpg", "b.jpg"]


def test_a_folder_that_is_not_there_leaves_no_batch(folders):
    app = open_page("batch")
    app.text_input(key="batch_folder").set_value("/nowhere/at/all")
    app = press(app, "Score these photos")
    assert "There is no folder /nowhere/at/all" in page_text(app)
    assert list_batches(folders / "batches") == ([], [])


def test_scoring_without_photos_asks_for_some(folders):
    assert "Choose photos, or name a folder, first." in page_text(press(open_page("batch"), "Score these photos"))


def test_an_interrupted_batch_resumes_by_itself_and_a_stopped_one_on_request(folders):
    batch = new_batch(folders / "batches", folders / "runs" / "tiny", write_leaves(folders / "photos", 2))
    (batch.path / "stop").touch()
    app = open_page("batch")
    assert "0 of 2 photos are scored. Stopped" in page_text(app)
    assert "2 photos, all scored" in page_text(press(app, "Continue"))
    write_leaves(folders / "photos", 3)
    cached._workers().clear()  # as after a restart
    other = new_batch(folders / "batches", folders / "runs" / "tiny", folders / "photos")
    assert "3 photos, all scored" in page_text(open_page("batch", batch=other.name))


def test_a_crop_is_set_for_all_and_no_photo_is_scored_again(folders, monkeypatch):
    batch = scored_batch(folders / "batches", folders / "runs" / "tiny", write_leaves(folders / "photos", 3))
    before = list((batch.path / "scores").iterdir())
    app = open_page("batch")
    app.selectbox(key="set_crop").set_value("potato")
    app = press(app.run(), "Set for all 3 shown")
    assert set(app.dataframe[0].value["Crop"]) == {"Potato*"}
    assert set(app.dataframe[0].value["Condition"]) == {"early blight"}
    assert list((batch.path / "scores").iterdir()) == before and len(read_scores(batch)) == 3


def test_the_table_is_filtered_by_condition(folders):
    scored_batch(folders / "batches", folders / "runs" / "tiny", write_leaves(folders / "photos", 6))
    app = open_page("batch")
    options = app.selectbox(key="condition").options
    app.selectbox(key="condition").select(options[1])
    app = app.run()
    frame = app.dataframe[0].value
    assert 0 < len(frame) <= 6 and frame["Condition"].nunique() == 1


def test_a_batch_is_deleted_once_the_box_is_ticked(folders):
    batch = scored_batch(folders / "batches", folders / "runs" / "tiny", write_leaves(folders / "photos", 2))
    app = open_page("batch")
    assert next(button for button in app.button if button.label == "Delete this batch").disabled
    app.checkbox(key=f"sure_{batch.name}").check()
    app = press(app.run(), "Delete this batch")
    assert list_batches(folders / "batches") == ([], []) and "Score these photos" in page_text(app)


def test_folders_that_are_no_batches_have_a_sentence_each(folders):
    (folders / "batches" / "half").mkdir(parents=True)
    scored_batch(folders / "batches", folders / "runs" / "tiny", write_leaves(folders / "photos", 1))
    text = page_text(open_page("batch"))
    assert "Folder half is not a batch, or was half written" in text and "1 photo, all scored" in text


def test_a_damaged_file_is_one_sentence(folders):
    batch = scored_batch(folders / "batches", folders / "runs" / "tiny", write_leaves(folders / "photos", 1))
    (batch.path / "photos.csv").write_text("nothing\nhere\n")
    assert "photos.csv of batch field has no column path" in page_text(open_page("batch"))


def reviewing(folders, count=3) -> AppTest:
    scored_batch(folders / "batches", folders / "runs" / "tiny", write_leaves(folders / "photos", count))
    app = open_page("batch", part="Review")
    assert "Type your name" in page_text(app)
    app.text_input(key="reviewer").set_value("Ana")
    return app.run()


def decide(app: AppTest, key: str) -> AppTest:
    return next(button for button in app.button if button.key.startswith(f"review_{key}")).click().run()


def test_photos_are_reviewed_one_by_one_and_undone(folders):
    app = reviewing(folders)
    assert "Ana: 0 of 3 photos reviewed" in page_text(app)
    app = decide(decide(app, "1"), "n")
    assert "Ana: 2 of 3 photos reviewed" in page_text(app)
    batch = only_batch(folders)
    assert [review.verdict for review in read_reviews(batch)] == ["right", "not_a_leaf"]
    app = decide(app, "undo")
    assert "Ana: 1 of 3 photos reviewed" in page_text(app)
    app = decide(decide(app, "u"), "x")
    assert "Every photo has a decision of yours." in page_text(app)


def test_of_two_keys_at_once_one_is_kept_and_the_page_says_which(folders):
    app = reviewing(folders)
    for key in ("n", "x"):
        next(button for button in app.button if (button.key or "").startswith(f"review_{key}")).click()
    app = app.run()
    (review,) = read_reviews(only_batch(folders))
    kept = {"not_a_leaf": "not a leaf", "unreadable": "unreadable"}[review.verdict]
    assert f"Two decisions came at once for one photo, and {kept} was kept." in page_text(app)


def test_decisions_have_one_key_each(folders):
    app = reviewing(folders)
    keys = [button.proto.shortcut for button in app.button if button.proto.shortcut]
    assert {"1", "n", "x", "u", "s", "l", "z"} <= set(keys) and len(keys) == len(set(keys))


def test_commands_to_train_on_the_labels_are_shown_from_two_conditions(folders):
    app = reviewing(folders)
    batch = only_batch(folders)
    paths = [photo.path for photo in read_photos(batch)]
    add_review(batch, Review("Ana", paths[0], "", "label", "Tomato___Late_blight"))
    assert "at least two conditions" in page_text(app.run())
    add_review(batch, Review("Ana", paths[1], "", "label", "Tomato___healthy"))
    app = app.run()
    assert [code.value.split()[2] for code in app.code] == ["training.quick", "training.finetune"]
    assert str(batch.path / "verdicts.csv") in app.code[0].value


def with_sheet(folders, text: str) -> AppTest:
    scored_batch(folders / "batches", folders / "runs" / "tiny", write_leaves(folders / "photos", 6))
    app = open_page("batch", part="Trial")
    assert "Give the sheet of your trial" in page_text(app)
    app.file_uploader[0].set_value([("sheet.csv", text.encode(), "text/csv")])
    return app.run()


def test_a_sheet_gives_treatments_plots_and_disease_progress(folders):
    lines = [f"leaf_0{i};{i % 2};{'AB'[i % 2]};2026-07-0{1 + i // 2}" for i in range(5)]
    app = with_sheet(folders, "\n".join(["file;plot;treatment;date", *lines, "gone;9;C;"]))
    text = page_text(app)
    assert "5 of 6 photos have their place by 6 lines." in text
    assert [code.value for code in app.code][:2] == ["leaf_05.jpg", "line 7: gone (plot 9)"]
    treatments, plots, areas = (frame.value for frame in app.dataframe)
    assert list(treatments["Treatment"].unique()) == ["A", "B"] and len(plots) == 5 and len(areas) == 2
    assert len(app.get("plotly_chart")) == 1


def test_a_sheet_that_cannot_be_read_is_one_sentence_and_not_kept(folders):
    app = with_sheet(folders, "file;plot\n;1\n")
    assert "sheet.csv: line 2 has no file or pattern" in page_text(app)
    assert "Give the sheet of your trial" in page_text(app.run())


def test_the_page_asks_where_a_moved_folder_is(folders):
    photos = write_leaves(folders / "photos", 2)
    scored_batch(folders / "batches", folders / "runs" / "tiny", photos)
    photos.rename(folders / "moved")
    app = open_page("batch")
    assert f"The folder {photos} is not there any more." in page_text(app)
    box = next(box for box in app.text_input if box.label == "Where is it now?")
    app = box.set_value(str(folders / "moved")).run()
    assert "is not there any more" not in page_text(app)


def test_files_are_filtered_by_part_of_their_name(folders):
    scored_batch(folders / "batches", folders / "runs" / "tiny", write_leaves(folders / "photos", 3))
    app = open_page("batch")
    app.text_input(key="file").set_value("_01")
    assert list(app.run().dataframe[0].value["File"]) == ["leaf_01.jpg"]


def test_damaged_reviews_are_one_sentence_under_the_name_of_the_reviewer(folders):
    batch = scored_batch(folders / "batches", folders / "runs" / "tiny", write_leaves(folders / "photos", 1))
    (batch.path / "reviews.csv").write_text("nothing\nhere\n")
    app = open_page("batch", part="Review", reviewer="Ana")
    assert "reviews.csv of batch field has no column time" in page_text(app) and not app.exception


def test_a_photo_that_looks_like_no_leaf_has_no_condition_and_no_answer_that_is_right(folders):
    batch = new_batch(folders / "batches", folders / "runs" / "tiny", write_leaves(folders / "photos", 1))
    document = json.loads((batch.path / "batch.json").read_text())
    (batch.path / "batch.json").write_text(json.dumps(document | {"ood_threshold": -1.0}))
    score_batch(only_batch(folders), load_checkpoint(folders / "runs" / "tiny"), 1)
    (row,) = open_page("batch").dataframe[0].value.to_dict("records")
    assert (row["Verdict"], row["Crop"], row["Condition"]) == ("Unfamiliar", "", "")
    app = open_page("batch", part="Review", reviewer="Ana")
    titles = [button.label for button in app.button if (button.key or "").startswith("review_")]
    assert titles and not any(title.startswith("Right") for title in titles)


def test_a_level_chosen_with_other_weights_is_not_applied_and_said_so(folders):
    batch = scored_batch(folders / "batches", folders / "runs" / "tiny", write_leaves(folders / "photos", 1))
    batch.choose_alpha(0.1)
    document = json.loads((batch.path / "batch.json").read_text())
    (batch.path / "batch.json").write_text(json.dumps(document | {"run_sha256": "0" * 64}))
    assert "not at the level of 10\u00a0% that was chosen: run tiny is gone or has other weights" in page_text(
        open_page("batch")
    )


def test_notes_on_what_was_left_out_are_there_when_all_is_scored(folders):
    photos = write_leaves(folders / "photos", 1)
    (photos / "sheet.txt").write_text("no photo")
    app = open_page("batch")
    app.text_input(key="batch_folder").set_value(str(photos))
    assert "passed over 1 (no photo by its ending: sheet.txt)" in page_text(press(app, "Score these photos"))


def test_a_reviewer_named_on_another_page_is_known_in_the_review_of_a_batch(folders):
    scored_batch(folders / "batches", folders / "runs" / "tiny", write_leaves(folders / "photos", 1))
    app = AppTest.from_file(MAIN, default_timeout=300)
    app.session_state["_reviewer"] = "Ana"  # as a gallery stores it
    app.query_params["part"] = "Review"
    app.switch_page("../pages/batch.py").run()
    assert "Ana: 0 of 1 photo reviewed" in page_text(app) and app.text_input(key="reviewer").value == "Ana"


def test_a_batch_deleted_in_another_window_is_not_replaced_in_silence(folders):
    for _ in range(2):
        scored_batch(folders / "batches", folders / "runs" / "tiny", write_leaves(folders / "photos", 1))
    app = open_page("batch")
    shown = app.selectbox(key="batch").value
    shutil.rmtree(folders / "batches" / shown)
    assert f"There is no batch {shown} here." in page_text(app.run())
