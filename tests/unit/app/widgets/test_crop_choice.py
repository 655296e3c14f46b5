from app.widgets import ANOTHER, NOT_SURE, known_crop


def test_only_a_crop_of_the_run_restricts_predictions():
    assert [known_crop(choice) for choice in (NOT_SURE, ANOTHER, "Tomato")] == [None, None, "Tomato"]
