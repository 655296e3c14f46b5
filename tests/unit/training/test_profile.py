"""Where the time of a training step goes."""

import json

import numpy as np
import pytest

import training.engine.steps
from training import profile


@pytest.fixture
def found(tiny_config, capsys) -> dict:
    assert profile.main(["--config", str(tiny_config), "--steps", "2", "--json", "--device", "cpu"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_parts_of_a_step_add_up_and_nothing_is_kept(found):
    parts = {part["name"]: part for part in found["parts"]}
    assert set(parts) == {"photos", "augmentation", "forward, and all else", "backward", "optimizer and average"}
    assert all(part["host_ms"] > 0 for part in parts.values())
    assert sum(part["share"] for part in parts.values()) == pytest.approx(1)
    assert found["images_per_s"] > 0 and found["of_speed_without_pictures"] > 0


def test_pictures_that_cost_nothing_are_those_of_the_first_batch_of_their_size():
    calls, augment = [], training.engine.steps.augment

    def counted(cache, photos, samples, sides, *rest):
        calls.append(sides)
        return training.engine.steps.torch.full((len(photos), 3, *sides), float(len(calls)))

    training.engine.steps.augment = counted
    try:
        with profile._pictures_again():
            made = [
                training.engine.steps.augment(None, np.arange(2), None, sides)
                for sides in ((64, 64), (64, 96), (64, 64))
            ]
    finally:
        training.engine.steps.augment = augment
    assert calls == [(64, 64), (64, 96)]
    assert [views.unique().tolist() for views in made] == [[1.0], [2.0], [1.0]]


def test_mistakes_are_reported_in_a_line(tmp_path, capsys):
    assert profile.main(["--config", str(tmp_path / "none.yaml")]) == 2
    assert "no configuration file" in capsys.readouterr().err
