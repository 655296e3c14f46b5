"""What the Batch page says."""

from app.batch import words
from app.cache.batches import Scoring


def scoring(**changes):
    values = {
        "total": 400, "done": 213, "is_running": True, "was_stopped": False, "left_s": 190.0, "threads": 2,
        "problem": None,
    }  # fmt: skip
    return Scoring(**values | changes)


def test_progress_says_what_is_done_and_how_long_it_takes():
    assert words.progress(scoring()) == "213 of 400 photos are scored, about 3 min 10 s left (2 threads)"
    assert words.progress(scoring(left_s=None)).endswith("The model is getting ready.")
    assert words.progress(scoring(is_running=False)) == "213 of 400 photos are scored. Interrupted."
    assert words.progress(scoring(is_running=False, was_stopped=True)).endswith("Stopped: what is done stays.")
    assert words.progress(scoring(done=400, is_running=False)) == "400 photos, all scored"


def test_a_class_is_divided_into_crop_and_condition():
    assert (words.crop("Tomato___Late_blight"), words.condition("Tomato___Late_blight")) == ("Tomato", "late blight")
    assert words.condition("Tomato___healthy") == "no disease I know"
    assert (words.crop("scab"), words.condition("scab"), words.condition(None)) == ("", "scab", "")


def test_candidates_after_the_first_are_listed_up_to_three():
    candidates = [(f"Tomato___c{i}", 0.2) for i in range(6)]
    assert words.others(candidates[:1]) == ""
    assert words.others(candidates).count("Tomato: c") == 3 and words.others(candidates).endswith(", +2")


def test_what_was_left_out_is_reported():
    assert words.skipped_note(0, 3, None) is None
    assert words.skipped_note(0, 0, None) == "All of these photos are in the batch already."
    assert words.skipped_note(2, 1, "Passed over: x") == "2 files of more than 50 MB were left out. Passed over: x"


def test_the_place_of_photos_is_stated_for_this_computer_and_for_a_phone():
    assert "kept there until you delete the batch" in words.storage_note("/b", False)
    assert "No photo leaves the computer that runs HViT." in words.storage_note("/b", True)
