from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from hvit.runs.checkpoint import load_checkpoint
from hvit.verdicts import Verdicts
from training.tables.verdicts import coverage_by_data, prediction_sets, unknown_kinds


@pytest.fixture(scope="module")
def checkpoint(tiny_run):
    return load_checkpoint(tiny_run)


def _said() -> tuple[np.ndarray, np.ndarray, Verdicts]:
    """Four photos: named rightly, named wrongly, unsure with the class in the set, unfamiliar."""
    probs = np.array([[0.9, 0.05, 0.05], [0.8, 0.1, 0.1], [0.5, 0.4, 0.1], [0.7, 0.2, 0.1]])
    sets = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 0, 0]], dtype=bool)
    return probs, np.array([0, 1, 1, 0]), Verdicts(sets, None, np.array([True, True, True, False]))


def test_promises_by_hand(checkpoint):
    probs, labels, text = _said()
    packs = np.array(["lab", "orchard", "orchard", "lab"])
    lines = coverage_by_data(checkpoint, probs, labels, packs, text, ("orchard",))
    rows = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in lines[6:]}
    assert list(rows) == ["lab", "orchard (field)", "together"]
    n, _, coverage, size, named, correct, accepted = rows["lab"]
    assert (n, coverage, size, named, correct, accepted) == ("2", "100.0", "1.00", "50.0", "100.0", "50.0")
    n, _, coverage, size, named, correct, accepted = rows["orchard (field)"]
    assert (n, coverage, size, named, correct, accepted) == ("2", "50.0", "1.50", "50.0", "0.0", "100.0")


def test_errors_that_are_not_named_are_counted(checkpoint):
    text = " ".join(prediction_sets(checkpoint, *_said()[:2], _said()[2]))
    assert "75.0 % of the 4 test photos with 1.25 classes each" in text
    assert "50.0 % of the photos are named, 50.0 % of them rightly" in text
    assert "2 errors 50.0 % are not named" in text


def test_unknown_photos_are_counted_without_the_classes_the_run_knows(checkpoint, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("Rice___Blast", "Tomato___healthy"):
        folder = tmp_path / "strange" / "test" / name
        folder.mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 256, (70, 70, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    lines = unknown_kinds(replace(checkpoint, ood=None), [tmp_path / "strange"])
    cells = [cell.strip() for cell in lines[-1].split("|")[1:-1]]
    assert cells[:2] == ["strange", "3"] and cells[4] == "0.0"
    assert float(cells[2]) + float(cells[3]) == pytest.approx(100, abs=0.1)


def test_a_folder_of_known_classes_alone_is_refused(checkpoint, tmp_path):
    folder = tmp_path / "known" / "test" / "Tomato___healthy"
    folder.mkdir(parents=True)
    Image.new("RGB", (70, 70)).save(folder / "a.png")
    with pytest.raises(ValueError, match="only classes that run tiny knows"):
        unknown_kinds(checkpoint, [tmp_path / "known"])
