"""Mistakes in the command lines of training programs: exit 2 and one line."""

import importlib

import pytest


@pytest.mark.parametrize(
    ("program", "words", "expected"),
    [
        ("finetune", ["--config", "x", "--dryrun"], "unknown option --dryrun; did you mean --dry-run?"),
        ("finetune", ["--config", "x", "--minutes", "abc"], "'abc' is no number of minutes"),
        ("finetune", ["--config", "x", "--minutes", "-3"], "-3 minutes; expected more than 0"),
        ("pretrain", ["--confg", "x"], "did you mean --config?"),
        ("compare", ["--with", "a"], "required: --without"),
        ("explain", ["--rum", "a"], "did you mean --run?"),
        ("ablate", ["--foo"], "unknown option --foo"),
        ("report", ["--fotos", "x"], "unknown option --fotos"),
        ("transfer", ["--rum", "x"], "did you mean --run?"),
        ("import_weights", ["f", "--ass", "x"], "did you mean --as?"),
        ("explain_report", ["--ot", "x"], "did you mean --out?"),
    ],
)
def test_a_mistake_in_the_command_is_one_line(program, words, expected, capsys):
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"training.{program}").main(words)
    out, err = capsys.readouterr()
    assert ended.value.code == 2 and out == "" and err.count("\n") == 1
    assert err.startswith(f"training.{program}: ") and expected in err
