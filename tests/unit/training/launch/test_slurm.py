"""The Slurm script, with a Slurm of three small programs, and tasks that only write what a training would."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
SCRIPT = ROOT / "training" / "launch" / "slurm.sh"
PROGRAMS = {
    "srun": 'printf "%s\\n" "$@" > "$FAKE/line"; tell() { echo "$1" > "$HVIT_STATUS"; }; eval "$TASKS"',
    "scancel": 'echo "scancel $*" >> "$FAKE/asked"; kill -TERM "$(cat "$FAKE/tasks")"',
    "scontrol": 'case "$1" in show) printf "node07\\nnode08\\n" ;; *) echo "scontrol $*" >> "$FAKE/asked" ;; esac',
}
TELL_DONE, TELL_FAILED, TELL_PREEMPTED = "tell 0", "tell 3", "tell 75"


class Job:
    """One job of the queue.

    Args:
        folder: empty, for its run and what was said to Slurm.
        tasks: what srun does, in bash; `tell STATUS` is what a program says of itself.
        before: what a program of an earlier attempt said.
        words: of the job, where they are not those of a fine-tuning.
    """

    def __init__(self, folder: Path, tasks: str, before: str | None = None, words: tuple[str, ...] | None = None):
        self.folder = folder
        (folder / "bin").mkdir()
        for name, text in PROGRAMS.items():
            (program := folder / "bin" / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
            program.chmod(0o755)
        if before is not None:
            (folder / "hvit-4242.status").write_text(before)
        environment = os.environ | {"FAKE": str(folder), "TASKS": tasks}
        environment |= {
            "PATH": os.pathsep.join([f"{folder}/bin", os.environ["PATH"], str(Path(sys.executable).parent)])
        }
        environment |= {"SLURM_JOB_ID": "4242", "SLURM_JOB_NODELIST": "node[07-08]", "SLURM_JOB_NUM_NODES": "2"}
        words = ("training.finetune", "--config", "x.yaml", "--run-dir", f"{folder}/run") if words is None else words
        self._started = subprocess.Popen(
            ["bash", SCRIPT, *words], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
        )

    def signal(self, number: int, tasks: bool = False) -> None:
        """Signals the script, and its tasks as well, once they have begun."""
        deadline = time.monotonic() + 60
        while not (self.folder / "tasks").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        self._started.send_signal(number)
        if tasks:
            os.kill(int((self.folder / "tasks").read_text()), number)

    def end(self) -> int:
        self.said = self._started.communicate(timeout=60)[1]
        return self._started.returncode

    @property
    def asked(self) -> list[str]:
        """What was asked of Slurm, but for the names of hosts."""
        path = self.folder / "asked"
        return path.read_text().splitlines() if path.exists() else []


def until_told_to_stop(tell: str) -> str:
    """Tasks that train until SIGTERM comes, and then do something."""
    begun = 'echo $$ > "$FAKE/new"; mv "$FAKE/new" "$FAKE/tasks"'
    return f"stop() {{ {tell}; exit 1; }}; trap stop TERM; {begun}; while :; do sleep 0.02; done"


@pytest.mark.parametrize(
    ("tasks", "before", "status"),
    [
        pytest.param(TELL_DONE, None, 0, id="done"),
        pytest.param(f"{TELL_FAILED}; exit 1", None, 3, id="given up"),
        pytest.param("tell 2; exit 1", "75", 2, id="refused"),
        pytest.param("exit 1", None, 1, id="broken before it could say anything"),
        pytest.param("exit 1", "75", 1, id="and what the attempt before said does not count"),
        pytest.param("tell 6; exit 0", None, 0, id="a process was lost, and done after a restart"),
    ],
)
def test_a_job_that_ends_by_itself_reports_its_status_and_is_not_restarted(tmp_path, tasks, before, status):
    job = Job(tmp_path, tasks, before)
    assert job.end() == status, job.said
    assert job.asked == []


@pytest.mark.parametrize(
    ("tell", "before", "status", "requeued"),
    [
        pytest.param(f"kill -USR1 $PPID; {TELL_PREEMPTED}", None, 75, True, id="told again, and saved"),
        pytest.param(":", None, 75, True, id="killed before it had saved"),
        pytest.param("tell 6", None, 75, True, id="one was killed before it had saved, and the others lost it"),
        pytest.param(TELL_DONE, None, 0, False, id="it was the last step"),
        pytest.param(TELL_FAILED, None, 3, False, id="it gave up in this step"),
        pytest.param("tell 4", None, 4, False, id="the disk is full"),
    ],
)
def test_a_job_whose_time_is_nearly_up_is_stopped_once_and_started_again(tmp_path, tell, before, status, requeued):
    job = Job(tmp_path, until_told_to_stop(tell), before)
    job.signal(signal.SIGUSR1)
    assert job.end() == status, job.said
    assert job.asked == ["scancel --signal=TERM 4242"] + ["scontrol requeue 4242"] * requeued
    assert not (tmp_path / "hvit-4242.status").exists()


def test_a_job_that_a_person_cancels_saves_and_is_not_started_again(tmp_path):
    job = Job(tmp_path, until_told_to_stop(f"sleep 0.2; {TELL_PREEMPTED}"))
    job.signal(signal.SIGTERM, tasks=True)
    assert job.end() == 75, job.said
    assert job.asked == []


def test_every_node_gets_one_torchrun_with_the_words_of_the_job(tmp_path):
    job = Job(tmp_path, "exit 0")
    assert job.end() == 0, job.said
    line = (tmp_path / "line").read_text().splitlines()
    launcher, program = line[line.index("torchrun") + 1 : line.index("-m")], line[line.index("-m") + 1 :]
    assert {"--nnodes=2", "--nproc-per-node=gpu", "--rdzv-endpoint=node07:24242", "--max-restarts=3"} < set(launcher)
    assert program == "training.finetune --config x.yaml --run-dir".split() + [f"{tmp_path}/run", "--resume", "auto"]


def test_a_job_without_a_run_is_refused(tmp_path):
    job = Job(tmp_path, "exit 0", words=("training.finetune", "--config", "x.yaml"))
    assert job.end() == 2
    assert job.said == "slurm.sh: name the run: --run-dir runs/NAME\n"


def test_sbatch_directives_precede_the_first_command():
    lines = SCRIPT.read_text().splitlines()
    options = [number for number, line in enumerate(lines) if line.startswith("#SBATCH ")]
    first = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    assert max(options) < first
    text = dict(lines[number].removeprefix("#SBATCH --").partition("=")[::2] for number in options)
    assert not any(" " in word for option in text.items() for word in option)
    assert text["ntasks-per-node"] == "1" and text["open-mode"] == "append" and text["requeue"] == ""
    # The script alone is told, and earlier than torchrun waits for its processes to save.
    script, name, seconds = re.fullmatch(r"(B:)?(\w+)@(\d+)", text["signal"]).groups()
    patience = re.search(r"--shutdown-timeout=(\d+)", SCRIPT.read_text())
    assert script and name == "USR1" and int(seconds) > int(patience.group(1))
