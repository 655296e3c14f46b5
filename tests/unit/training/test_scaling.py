"""How much faster more processes train."""

import json
from types import SimpleNamespace

import pytest

from tests.support.process_groups import run_group
from training import scaling


@pytest.fixture
def forked(monkeypatch):
    """Groups are forked in the place of torchrun; a slow test starts it."""

    def run(command, **_):
        (count,) = (int(word.split("=")[1]) for word in command if word.startswith("--nproc-per-node="))
        run_group(scaling.main, count, command[command.index("training.scaling") + 1 :])
        return SimpleNamespace(stderr="")

    monkeypatch.setattr(scaling, "subprocess", SimpleNamespace(run=run))


def test_two_processes_have_the_losses_of_one(tiny_config, tmp_path, capsys, forked):
    words = ["--config", str(tiny_config), "--set", "batch_size=16", "--steps", "2", "--turns", "1", "--device", "cpu"]
    words += ["--processes", "1", "2", "--out", str(tmp_path / "scaling.json")]
    assert scaling.main(words) == 0
    rows = json.loads((tmp_path / "scaling.json").read_text())["rows"]
    assert [(row["processes"], row["threads"], row["images_per_step"]) for row in rows] == [(1, 1, 16), (2, 1, 16)]
    assert all(row["images_per_s"] > 0 and row["largest_difference_of_a_loss"] < 1e-5 for row in rows)
    assert rows[0]["times_as_fast"] == 1 and rows[0]["largest_difference_of_a_loss"] == 0
    assert rows[1]["times_as_fast"] == pytest.approx(rows[1]["images_per_s"] / rows[0]["images_per_s"])
    assert len(capsys.readouterr().out.splitlines()) == 4


@pytest.mark.parametrize(
    "words, expected",
    [
        (["--set", "batch_size=16", "--processes", "1", "4"], "batch_size 16 cannot be divided"),
        (["--set", "batch_size=16", "--processes", "3"], "batch_size 16 cannot be divided"),
        (["--set", "data.dirs=[/nowhere]", "--turns", "1"], "/nowhere"),
    ],
)
def test_mistakes_are_reported(tiny_config, capsys, forked, words, expected):
    assert scaling.main(["--config", str(tiny_config), *words, "--device", "cpu"]) == 2
    assert expected in capsys.readouterr().err


def test_words_for_groups():
    assert scaling.Group.parse("4") == scaling.Group(4, 1) and scaling.Group.parse("2x4") == scaling.Group(2, 4)


@pytest.mark.parametrize("word", ["0", "two", "2x", "2x0", "-1"])
def test_no_number_of_processes(tiny_config, capsys, word):
    with pytest.raises(SystemExit):
        scaling.main(["--config", str(tiny_config), f"--processes={word}"])
    assert "is no number of processes" in capsys.readouterr().err


@pytest.mark.slow
def test_steps_that_grow_are_asked_for_by_a_word(tiny_config, capsys):
    words = ["--config", str(tiny_config), "--set", "batch_size=8", "--steps", "1", "--turns", "1", "--device", "cpu"]
    assert scaling.main([*words, "--processes", "1", "2", "--weak", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["images_per_step"] for row in document["rows"]] == [8, 16] and document["weak"]
    assert document["rows"][1]["largest_difference_of_a_loss"] is None
