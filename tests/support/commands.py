"""Commands run in this process."""

from hvit.__main__ import main


def answer(capsys, *words) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a command."""
    try:
        status = main([str(word) for word in words])
    except SystemExit as end:
        status = end.code
    out, err = capsys.readouterr()
    return status, out, err


def refusal(capsys, *words) -> str:
    """The one line on stderr of a command that is a mistake."""
    status, out, err = answer(capsys, *words)
    assert status == 2 and out == "" and err.count("\n") == 1 and "Traceback" not in err
    return err
