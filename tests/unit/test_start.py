"""start.py, without downloading anything."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
import start  # noqa: E402

sys.path.pop(0)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An environment that answers, with both requirement files and nothing installed yet."""
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    for name in (start.RUNNING, start.TESTING):
        (tmp_path / name).write_text("torch==2.13.0\nstreamlit==1.67.0\n")
    monkeypatch.setattr(start, "ROOT", str(tmp_path))
    monkeypatch.setattr(start, "VENV", str(tmp_path / ".venv"))
    monkeypatch.setattr(start, "PYTHON", str(python))
    monkeypatch.setattr(start, "make_environment", lambda: None)
    return tmp_path


@pytest.fixture
def installed(monkeypatch):
    """What would have been installed."""
    calls = []
    monkeypatch.setattr(start, "install", lambda arguments, what: calls.append(arguments))
    return calls


def test_the_first_start_says_how_large_and_the_second_does_nothing(place, installed, capsys):
    start.set_up([start.RUNNING], cpu=False)
    text = capsys.readouterr().out
    assert "GB to download" in text and "minutes" in text
    assert installed == [["-r", str(place / start.RUNNING)]]
    start.set_up([start.RUNNING], cpu=False)
    assert len(installed) == 1 and capsys.readouterr().out == ""


def test_a_changed_pin_is_installed_again(place, installed):
    start.set_up([start.RUNNING], cpu=False)
    (place / start.RUNNING).write_text("torch==2.14.0\n")
    start.set_up([start.RUNNING], cpu=False)
    assert len(installed) == 2


def test_a_set_up_that_failed_is_not_stamped(place, monkeypatch):
    def fail(arguments, what):
        raise start.SetUpError("no connection")

    monkeypatch.setattr(start, "install", fail)
    with pytest.raises(start.SetUpError):
        start.set_up([start.RUNNING], cpu=False)
    assert not start.is_installed(start.RUNNING)


def test_cpu_wheels_come_from_their_index_and_first(place, installed):
    start.set_up([start.RUNNING], cpu=True)
    assert installed[0] == ["torch==2.13.0", "--index-url", start.CPU_WHEELS]
    assert installed[1] == ["-r", str(place / start.RUNNING)]


def test_a_used_port_asked_for_is_one_sentence(capsys, monkeypatch):
    monkeypatch.setattr(start, "set_up", lambda wanted, cpu: None)
    with socket.socket() as taken:
        taken.bind((start.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert start.main(["--port", str(port)]) == 2
    error = capsys.readouterr().err
    assert f"port {port} is in use" in error and error.count("\n") == 1


def test_a_used_default_port_gives_the_next_free_one(capsys, monkeypatch):
    monkeypatch.setattr(start, "is_free", lambda port: port > start.FIRST_PORT + 1)
    assert start.choose_port(None) == start.FIRST_PORT + 2
    assert "Port 8501 is in use" in capsys.readouterr().out


def test_an_old_python_gets_one_sentence_about_the_required_version():
    """The file runs with a version number from the past; nothing after the check is reached."""
    code = f"import sys; sys.version_info = (3, 9, 2, 'final', 0); exec(open({str(ROOT / 'start.py')!r}).read())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.strip() == (
        "HViT needs Python 3.11 or newer and this is 3.9; install one from python.org and run it with start.py."
    )


@pytest.mark.parametrize("arguments", [["--port", "zero"], ["--port", "70000"], ["--tests"], ["--prot", "1"]])
def test_options_that_mean_nothing_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        start.main(arguments)
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_every_requirement_is_pinned():
    for name in (start.RUNNING, start.TESTING):
        lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
        assert lines and all(line.count("==") == 1 for line in lines)


def test_a_photos_folder_that_is_not_there_is_refused_before_anything_is_set_up(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        start.main(["--photos", str(tmp_path / "nowhere")])
    assert stopped.value.code == 2 and "--photos: there is no folder" in capsys.readouterr().err


def test_lan_prints_the_address_and_a_code_that_only_the_dashboard_gets(monkeypatch, capsys):
    class Dashboard:
        def __init__(self, command, cwd, env):
            started.append((command, env))

        def poll(self):
            return None

        def wait(self):
            return 0

        def terminate(self):
            pass

    started = []
    monkeypatch.setattr(start.subprocess, "Popen", Dashboard)
    monkeypatch.setattr(start.signal, "signal", lambda *_: None)
    monkeypatch.setattr(start, "answers", lambda port: True)
    start.serve(8501, False, lan="192.0.2.7")
    text = capsys.readouterr().out
    command, env = started.pop()
    code = env["HVIT_PHONE_CODE"]
    assert "open http://192.0.2.7:8501 and type the code " + code in text and "come to this computer" in text
    assert "0.0.0.0" in command and code not in " ".join(command)
    start.serve(8501, False)
    command, env = started.pop()
    assert "HVIT_PHONE_CODE" not in env and "127.0.0.1" in command and "code" not in capsys.readouterr().out


def test_the_dashboard_gets_the_folder_of_photos(tmp_path, monkeypatch):
    class Dashboard:
        def __init__(self, command, cwd, env):
            self.photos = env["HVIT_PHOTOS"]
            started.append(self)

        def poll(self):
            return 0

        def wait(self):
            return 0

        def terminate(self):
            pass

    started = []
    monkeypatch.setattr(start.subprocess, "Popen", Dashboard)
    monkeypatch.setattr(start.signal, "signal", lambda *_: None)
    assert start.serve(8501, False, str(tmp_path)) == 0
    assert started[0].photos == str(tmp_path)
