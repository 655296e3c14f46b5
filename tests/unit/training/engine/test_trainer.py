"""Resuming with another configuration, or from nothing."""

import shutil

import pytest

from training import finetune


@pytest.mark.case("T8")
def test_another_global_batch_is_refused_with_what_to_set(words, stop_after, capsys):
    stop_after(2)
    assert finetune.main(words) == 75
    assert finetune.main([*words, "--resume", "--set", "batch_size=32"]) == 2
    assert "a step of this run is 16 photos, and would be 32 here" in capsys.readouterr().err


@pytest.mark.case("C5")
def test_resuming_with_another_model_names_what_differs(words, stop_after, capsys):
    stop_after(2)
    assert finetune.main(words) == 75
    assert finetune.main([*words, "--resume", "--set", "model.depths=[2, 1, 1, 1]"]) == 2
    text = capsys.readouterr().err.splitlines()[-1]
    assert "model.depths was [1, 1, 1, 1] and is now [2, 1, 1, 1]; go on with that one" in text


def test_resuming_on_other_photos_is_refused(words, stop_after, capsys, color_photos, tmp_path):
    stop_after(2)
    assert finetune.main(words) == 75
    moved = shutil.copytree(color_photos, tmp_path / "elsewhere" / color_photos.name)
    (moved / "train" / "Tomato___healthy" / "00.png").unlink()
    assert finetune.main([*words, "--resume", "--set", f"data.dirs=['{moved}']"]) == 2
    assert "the training photos are not those this run began with" in capsys.readouterr().err


def test_resuming_from_nothing_says_what_to_do(words, capsys):
    assert finetune.main([*words, "--resume"]) == 2
    assert "--resume auto starts this run over" in capsys.readouterr().err
