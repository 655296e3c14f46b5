import json

import numpy as np
import pytest
import torch

from hvit.data.views import TTA, VIEWS, view_of
from hvit.scoring.model_outputs import ViewOutputs
from training.steadiness import _composed, main, steadiness


def _found(winners: list[list[int]]) -> ViewOutputs:
    """ModelOutputs of three classes whose likeliest class in each view (rows) is given for each photo."""
    logits = np.zeros((8, len(winners[0]), 3), dtype=np.float32)
    for view, row in enumerate(winners):
        logits[view, np.arange(len(row)), row] = 3.0
    return ViewOutputs(logits, [], [])


@pytest.mark.parametrize("first", VIEWS)
@pytest.mark.parametrize("then", VIEWS)
def test_two_views_one_after_the_other_are_one(first, then):
    picture = (torch.arange(6.0).reshape(1, 1, 2, 3),)
    assert torch.equal(view_of(view_of(picture, first), then)[0], view_of(picture, VIEWS[_composed(first, then)])[0])


def test_shares_by_hand():
    # Photo 0 never changes; photo 1 changes under a quarter turn; photo 2 under the mirror.
    winners = [[0, 1, 2], [0, 0, 2], [0, 1, 2], [0, 1, 2], [0, 1, 0], [0, 1, 2], [0, 1, 2], [0, 1, 2]]
    found = steadiness(_found(winners), np.array([0, 1, 1]), 1.0)
    none = found["none"]
    assert found["n"] == 3 and none["top1"] == pytest.approx(2 / 3)
    assert none["stays_under_turns"] == pytest.approx([2 / 3, 1, 1])
    assert none["stays_under_all_turns"] == pytest.approx(2 / 3) == none["stays_under_mirror"]


def test_averages_over_a_group_of_views_stay_under_it():
    rng = np.random.default_rng(0)
    found = ViewOutputs(rng.normal(size=(8, 50, 3)).astype(np.float32), [], [])
    result = steadiness(found, np.zeros(50, dtype=int), 1.0)
    assert result["mirror"]["stays_under_mirror"] == 1.0 > result["none"]["stays_under_mirror"]
    assert result["turns"]["stays_under_all_turns"] == 1.0 > result["mirror"]["stays_under_all_turns"]
    both = result["mirror+turns"]
    assert both["stays_under_all_turns"] == both["stays_under_mirror"] == 1.0


def test_the_program_prints_one_document(tiny_run, photo_folder, capsys):
    assert main(["--run", str(tiny_run), "--data", str(photo_folder), "--split", "test", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["n"] == 12 and set(document["by_data"]) == {"drawn"}
    assert set(document["time_ratio"]) == {"none", *TTA} and document["time_ratio"]["none"] == 1.0


def test_a_class_of_others_is_refused(tiny_run, tmp_path, capsys):
    from PIL import Image

    (tmp_path / "d" / "val" / "animal").mkdir(parents=True)
    Image.new("RGB", (70, 70)).save(tmp_path / "d" / "val" / "animal" / "a.png")
    assert main(["--run", str(tiny_run), "--data", str(tmp_path / "d")]) == 2
    assert "animal" in capsys.readouterr().err
