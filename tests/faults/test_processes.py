"""Trainings of a micro model in processes of their own, to be broken."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file

from hvit.files import file_sha256
from hvit.runs.checkpoint import load_checkpoint
from training.engine.checkpoints import Checkpoints

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]
BROKEN = Path(__file__).parent / "broken_finetune.py"
COLORS = {
    "Potato___Early_blight": (90, 60, 30),
    "Tomato___Late_blight": (40, 110, 60),
    "Tomato___healthy": (60, 190, 40),
}
PATIENCE_S = 300  # for anything a training should do: machines that run tests may be busy


@pytest.fixture(scope="module")
def micro(tmp_path_factory) -> Path:
    """A configuration that trains a micro model for 24 steps, and saves after each."""
    folder = tmp_path_factory.mktemp("faults")
    rng = np.random.default_rng(0)
    for split, count in (("train", 16), ("val", 8)):
        for name, color in COLORS.items():
            (place := folder / "colors" / split / name).mkdir(parents=True)
            for number in range(count):
                photo = cv2.resize(rng.integers(0, 255, (4, 4, 3), dtype=np.uint8), (80, 80), interpolation=0)
                cv2.circle(photo, (40, 40), 28, color[::-1], -1)
                cv2.imwrite(str(place / f"{number:02d}.png"), photo)
    path = folder / "micro.yaml"
    path.write_text(
        f"data: {{dirs: ['{folder / 'colors'}'], cache_dir: '{folder / 'cache'}'}}\n"
        "model: {name: hvit_tiny, embed_dims: [16, 16, 32, 32], depths: [1, 1, 1, 1], head_dim: 16}\n"
        "optim: {warmup_epochs: 0.5, ema_decay: 0.9}\nphases: [{until: 1.0, img_size: 64}]\n"
        "epochs: 8\nbatch_size: 8\neval_img_size: 64\neval_every: 2\nlog_every: 1\nseed: 3\nrejection_photos: 100\n"
        "checkpoint_minutes: 1.0e-6\n"
    )
    return path


class Program:
    """training.finetune under torchrun, or alone.

    Args:
        words: of its command line.
        processes: of torchrun; 0 is without it.
        restarts: how often torchrun starts them again.
        node, port: which of two nodes these are, and where both meet; None is one node.
        module: the program.
        fault: name, process and step of a fault of `broken_finetune.py`.
    """

    def __init__(
        self,
        run_dir: Path,
        *words,
        processes: int = 2,
        restarts: int = 0,
        node: int | None = None,
        port: int | None = None,
        fault: tuple = (),
        module="training.finetune",
    ):
        self.run_dir = run_dir
        launcher = ["-m", "torch.distributed.run", f"--nproc-per-node={processes}", f"--max-restarts={restarts}"]
        if node is None:
            launcher += ["--standalone"]
        else:
            launcher += ["--nnodes=2", "--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", "--rdzv-id=faults"]
            launcher += ["--local-addr=127.0.0.1", f"--node-rank={node}"]
        what = [str(BROKEN), *fault] if fault else ["-m", module]
        command = [sys.executable, *(launcher if processes else []), *what, *words, "--run-dir", run_dir]
        self.log = run_dir.with_suffix(".log" if node is None else f".{node}.log")
        self.status = run_dir.with_suffix(".status")
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "HVIT_STATUS": str(self.status)}
        with open(self.log, "ab") as out:
            self._started = subprocess.Popen([*map(str, command)], cwd=ROOT, env=environment, stdout=out, stderr=out)
        self.pid = self._started.pid

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_) -> None:
        for process in [*self.workers(), psutil.Process(self.pid)] if psutil.pid_exists(self.pid) else []:
            process.kill()
        self._started.wait()

    def workers(self) -> list[psutil.Process]:
        """The processes that train, by rank."""
        try:
            children = psutil.Process(self.pid).children()
            ranks = {int(child.environ()["RANK"]): child for child in children if "RANK" in child.environ()}
        except psutil.Error:
            return []
        return [ranks[rank] for rank in sorted(ranks)]

    def worker(self, rank: int) -> psutil.Process:
        until(lambda: len(self.workers()) > rank)
        return self.workers()[rank]

    def reach(self, step: int) -> None:
        """Waits until a step is logged."""
        until(lambda: self.losses().keys() >= {step} or self._started.poll() is not None)
        assert self._started.poll() is None, self.said()

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    @property
    def ended(self) -> bool:
        return self._started.poll() is not None

    def end(self) -> int:
        """Its exit status, once it has ended."""
        return self._started.wait(PATIENCE_S)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def losses(self) -> dict[int, float]:
        return losses(self.run_dir)

    def info(self) -> dict:
        return json.loads((self.run_dir / "run.json").read_text())


def losses(run_dir: Path) -> dict[int, float]:
    """Loss of each step that was logged."""
    path = run_dir / "metrics.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return {row["step"]: row["loss"] for row in map(json.loads, lines) if row["split"] == "train"}


def last_state(run_dir: Path) -> str:
    """SHA-256 of weights, average and optimizer of the last checkpoint."""
    return file_sha256(max(run_dir.glob("checkpoints/step-*")) / "tensors.safetensors")


def weights(run_dir: Path) -> str:
    """SHA-256 of what the run answers with."""
    return file_sha256(run_dir / "model.safetensors")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def told(record_property):
    """What the table says beside "passed"."""
    return lambda text: record_property("told", text)


@pytest.fixture
def lay_over(record_property):
    """Shows the losses of runs, by name and step, side by side under the table."""
    return lambda runs: record_property("losses", runs)


@pytest.fixture(scope="module")
def straight(micro, tmp_path_factory) -> Path:
    """The run of two processes that nothing happened to."""
    run_dir = tmp_path_factory.mktemp("runs") / "straight"
    with Program(run_dir, "--config", micro) as program:
        assert program.end() == 0, program.said()
    return run_dir


@pytest.mark.parametrize(
    "rank", [pytest.param(1, marks=pytest.mark.case("T1")), pytest.param(0, marks=pytest.mark.case("T2"))]
)
def test_a_killed_process_is_started_again_and_the_run_ends_as_it_would_have(
    micro, straight, tmp_path, rank, told, lay_over
):
    with Program(tmp_path / "killed", "--config", micro, restarts=1) as program:
        step = random.Random(rank).randint(4, 16)
        program.reach(step)
        victim, before = program.worker(rank), program.losses()
        victim.kill()
        killed = time.monotonic()
        until(lambda: program.workers() and victim.pid not in [worker.pid for worker in program.workers()])
        until(lambda: max(program.losses(), default=0) > max(before) or program.ended)
        recovery_s = time.monotonic() - killed
        assert program.end() == 0, program.said()
    laid_over = program.losses()
    lay_over({"nothing happened": losses(straight), f"process {rank} killed after step {max(before)}": laid_over})
    assert laid_over == losses(straight) and len(laid_over) == 24
    assert all(laid_over[step].hex() == loss.hex() for step, loss in before.items())
    assert last_state(program.run_dir) == last_state(straight)
    assert weights(program.run_dir) == weights(straight)
    assert recovery_s < 60
    told(f"killed after step {max(before)}, training again after {recovery_s:.0f} s, 24 of 24 losses equal")


@pytest.mark.case("T1")
def test_a_killed_process_of_a_pretraining_is_started_again_too(micro, tmp_path, told):
    """Whose processes compare their photos with each other's."""
    text = micro.read_text()
    kept = [line for line in text.splitlines() if line.startswith(("data", "model", "batch", "log", "checkpoint"))]
    own = ["method: simclr", "optim: {warmup_epochs: 9}", "img_size: 64", "eval_every: 2", "epochs: 6", "seed: 3"]
    (config := tmp_path / "simclr.yaml").write_text("\n".join([*kept, *own]))
    runs = []
    for name in ("straight", "killed"):
        with Program(tmp_path / name, "--config", config, restarts=1, module="training.pretrain") as program:
            if name == "killed":
                program.reach(5)
                program.worker(1).kill()
            assert program.end() == 0, program.said()
        runs.append((program.losses(), last_state(program.run_dir), weights(program.run_dir)))
    assert runs[0] == runs[1] and len(steps := runs[0][0]) > 10
    told(f"of a pre-training, {len(steps)} of {len(steps)} losses equal")


@pytest.mark.case("T3")
def test_sigterm_saves_the_step_and_resuming_ends_as_it_would_have(micro, straight, tmp_path, told):
    with Program(tmp_path / "stopped", "--config", micro, "--set", "checkpoint_minutes=60") as program:
        program.reach(5)
        asked = time.monotonic()
        program.signal(signal.SIGTERM)
        until(lambda: list(program.run_dir.glob("checkpoints/step-*")))
        saved_s = time.monotonic() - asked
        assert program.end() != 0  # torchrun says so, whatever its processes did
    assert program.info()["status"] == "preempted" and program.info()["exit_status"] == 75
    assert program.status.read_text() == "75\n"
    assert saved_s < 5
    with Program(program.run_dir, "--config", micro, "--resume") as program:
        assert program.end() == 0, program.said()
    assert program.losses() == losses(straight) and last_state(program.run_dir) == last_state(straight)
    told(f"saved {saved_s:.1f} s after the signal")


@pytest.mark.case("T4")
def test_ctrl_c_once_saves_and_twice_ends_at_once(micro, tmp_path, told):
    with Program(tmp_path / "once", "--config", micro, processes=0) as program:
        program.reach(5)
        program.signal(signal.SIGINT)
        assert program.end() == 75, program.said()
        assert program.info()["status"] == "preempted"
    slow = ("slow", 0, 8)  # in whose step the second one comes
    with Program(tmp_path / "twice", "--config", micro, processes=0, fault=slow) as program:
        program.reach(8)
        program.signal(signal.SIGINT)
        time.sleep(0.5)
        asked = time.monotonic()
        program.signal(signal.SIGINT)
        assert program.end() == 130, program.said()
        ended_s = time.monotonic() - asked
    assert program.info()["status"] == "preempted"
    assert Checkpoints(program.run_dir / "checkpoints").newest() == 8
    told(f"ended {ended_s:.1f} s after the second")


@pytest.mark.case("T4")
def test_ctrl_c_at_torchrun_saves(micro, tmp_path):
    with Program(tmp_path / "run", "--config", micro) as program:
        program.reach(5)
        program.signal(signal.SIGINT)
        program.end()
    assert program.info()["status"] == "preempted" and "stopped at step" in program.said()


@pytest.mark.case("T5")
def test_sigusr1_to_any_process_saves_and_training_continues(micro, straight, tmp_path):
    with Program(tmp_path / "run", "--config", micro, "--set", "checkpoint_minutes=60") as program:
        program.reach(5)
        os.kill(program.worker(1).pid, signal.SIGUSR1)
        until(lambda: list(program.run_dir.glob("checkpoints/step-*")) or program.ended)
        assert not program.ended and program.end() == 0, program.said()
    assert program.losses() == losses(straight)


@pytest.mark.case("T6")
@pytest.mark.parametrize(
    ("fault", "expected"), [("sleep", "process 1 of 2 hangs"), ("freeze", "process 1 of 2 is gone")]
)
def test_a_hanging_process_ends_all_and_is_named(micro, tmp_path, told, fault, expected):
    limit_s = 6
    words = ["--config", micro, "--set", f"hang_minutes={limit_s / 60}"]
    with Program(tmp_path / "run", *words, fault=(fault, 1, 8)) as program:
        program.reach(8)
        began, workers = time.monotonic(), program.workers()
        until(lambda: expected in program.said() or program.ended)
        named_s = time.monotonic() - began
        assert program.end() != 0 and expected in program.said(), program.said()
        assert "train_step" in program.said()  # where it stood
        assert not any(worker.is_running() for worker in workers)
    told(f"{fault}: named {named_s:.0f} s after its last step, limit {limit_s} s")


@pytest.mark.case("T8")
def test_a_run_resumes_on_another_number_of_processes(micro, tmp_path, told):
    words = ["--config", micro, "--set", "epochs=16"]  # 24 steps of 32 photos
    with Program(tmp_path / "alone", *words, "--set", "batch_size=32", processes=0) as alone:
        assert alone.end() == 0, alone.said()
    run_dir = tmp_path / "run"
    for processes, batch_size, last in ((2, 16, 6), (0, 32, 14)):
        changes = ["--set", f"batch_size={batch_size}", "--resume", "auto"]
        with Program(run_dir, *words, *changes, processes=processes) as program:
            program.reach(last)
            program.signal(signal.SIGTERM)
            program.end()
            assert program.info()["status"] == "preempted" and program.info()["world_size"] == max(1, processes)
    with Program(run_dir, *words, "--resume", "--set", "batch_size=16", processes=4) as program:
        assert program.end() != 0
        assert "a step of this run is 32 photos, and would be 64 here" in program.said()
        assert "set batch_size to 8" in program.said()
    with Program(run_dir, *words, "--resume", "--set", "batch_size=8", processes=4) as program:
        assert program.end() == 0, program.said()
    one, other = alone.losses(), program.losses()
    difference = max(abs(one[step] - other[step]) for step in one)
    assert one.keys() == other.keys() and len(one) == 24 and difference < 1e-5
    told(f"largest difference of a loss {difference:.1e}")


@pytest.mark.case("T19")
def test_a_sharded_run_resumes_on_another_number_of_processes(micro, tmp_path, told):
    """And where nothing is divided any more, and where it is again."""
    words = ["--config", micro, "--set", "epochs=16", "--set", "sharded=true"]  # 24 steps of 32 photos
    with Program(tmp_path / "alone", *words, "--set", "batch_size=32", processes=0) as alone:
        assert alone.end() == 0, alone.said()
    for processes in (2, 4):
        with Program(
            tmp_path / f"{processes}", *words, "--set", f"batch_size={32 // processes}", processes=processes
        ) as program:
            assert program.end() == 0, program.said()
    run_dir = tmp_path / "changed"
    for processes, batch_size, last in ((2, 16, 6), (0, 32, 12)):
        with Program(
            run_dir, *words, "--set", f"batch_size={batch_size}", "--resume", "auto", processes=processes
        ) as program:
            program.reach(last)
            program.signal(signal.SIGTERM)
            program.end()
            assert program.info()["status"] == "preempted", program.said()
    with Program(run_dir, *words, "--resume", "--set", "batch_size=8", processes=4) as program:
        assert program.end() == 0, program.said()
    one = alone.losses()
    differences = {}
    for name in ("2", "4", "changed"):
        other = losses(tmp_path / name)
        assert one.keys() == other.keys() and len(one) == 24
        differences[name] = max(abs(one[step] - other[step]) for step in one)
    assert max(differences.values()) < 1e-5
    told(f"largest difference of a loss {max(differences.values()):.1e}")


@pytest.mark.case("T19")
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_of_a_sharded_run_is_started_again(micro, tmp_path, told, rank):
    runs = []
    for name in ("straight", "killed"):
        words = ["--config", micro, "--set", "sharded=true"]
        with Program(tmp_path / name, *words, restarts=1) as program:
            if name == "killed":
                program.reach(random.Random(rank).randint(4, 16))
                program.worker(rank).kill()
            assert program.end() == 0, program.said()
        shards = sorted(program.run_dir.glob("checkpoints/step-00000024/shards/*"))
        # What is in the files, and not their bytes: the order in which a process writes its tensors is left to threads.
        parts = [{name: value.numpy().tobytes() for name, value in load_file(path).items()} for path in shards]
        runs.append((program.losses(), parts, weights(program.run_dir)))
    assert runs[0] == runs[1] and len(runs[0][0]) == 24 and len(runs[0][1]) == 2
    told(f"process {rank} killed, 24 of 24 losses equal")


@pytest.mark.case("T19")
def test_a_hanging_process_of_a_sharded_run_is_named(micro, tmp_path):
    words = ["--config", micro, "--set", "sharded=true", "--set", "hang_minutes=0.1"]
    with Program(tmp_path / "run", *words, fault=("sleep", 1, 8)) as program:
        assert program.end() != 0 and "process 1 of 2 hangs" in program.said(), program.said()


@pytest.mark.case("T19")
@pytest.mark.parametrize("method", ["simclr", "mae"])
def test_a_sharded_pretraining_has_the_losses_of_one_process(micro, tmp_path, told, method):
    kept = [line for line in micro.read_text().splitlines() if line.startswith(("data", "model", "log"))]
    own = [f"method: {method}", "optim: {warmup_epochs: 9}", "img_size: 64", "eval_every: 2", "epochs: 6", "seed: 3"]
    (config := tmp_path / "config.yaml").write_text("\n".join([*kept, *own, "sharded: true"]))
    runs = []
    for processes in (0, 2):
        words = ["--config", config, "--set", f"batch_size={16 // max(1, processes)}"]
        with Program(tmp_path / f"{processes}", *words, processes=processes, module="training.pretrain") as program:
            assert program.end() == 0, program.said()
        runs.append(program.losses())
    one, two = runs
    difference = max(abs(one[step] - two[step]) for step in one)
    assert one.keys() == two.keys() and len(one) > 10 and difference < 1e-4
    told(f"{method}: largest difference of a loss {difference:.1e}")


@pytest.mark.case("T19")
def test_the_head_of_a_sharded_net_learns_alone_and_then_all_of_it(micro, tmp_path):
    runs = []
    with Program(tmp_path / "parent", "--config", micro, "--set", "epochs=1", processes=0) as program:
        assert program.end() == 0, program.said()
    for processes in (0, 2):
        words = ["--config", micro, "--set", f"init={program.run_dir.parent / 'parent'}", "--set", "freeze_epochs=3"]
        words += ["--set", "sharded=true", "--set", f"batch_size={16 // max(1, processes)}"]
        with Program(tmp_path / f"{processes}", *words, processes=processes) as program:
            assert program.end() == 0, program.said()
        runs.append(program.losses())
    assert runs[0].keys() == runs[1].keys() and len(runs[0]) == 24
    assert max(abs(runs[0][step] - runs[1][step]) for step in runs[0]) < 1e-5


@pytest.mark.case("T20")
@pytest.mark.parametrize("sharded", ["false", "true"])
def test_two_nodes_by_rendezvous_have_the_losses_of_one_process(micro, tmp_path, told, sharded):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words, run_dir = ["--config", micro, "--set", f"sharded={sharded}", "--set", "epochs=16"], tmp_path / "run"
    with Program(tmp_path / "alone", *words, "--set", "batch_size=32", processes=0) as alone:
        assert alone.end() == 0, alone.said()
    nodes = [Program(run_dir, *words, node=node, port=port) for node in (0, 1)]
    with nodes[0], nodes[1]:
        assert [node.end() for node in nodes] == [0, 0], nodes[0].said() + nodes[1].said()
    one, four = alone.losses(), losses(run_dir)
    difference = max(abs(one[step] - four[step]) for step in one)
    assert one.keys() == four.keys() and len(one) == 24 and difference < 1e-5
    assert nodes[0].info()["world_size"] == 4 and nodes[0].info()["status"] == "done"
    told(f"{'sharded' if sharded == 'true' else 'whole'}: largest difference of a loss {difference:.1e}")


@pytest.mark.case("T10")
@pytest.mark.parametrize("sharded", ["false", "true"])
def test_all_processes_skip_the_step_of_one_that_has_no_number(micro, tmp_path, sharded):
    words = ["--config", micro, "--set", f"sharded={sharded}"]
    with Program(tmp_path / "run", *words, fault=("nan", 1, 8)) as program:
        assert program.end() == 0, program.said()
    assert program.info()["summary"]["skipped_steps"] == 1 and len(program.losses()) == 24
    skipped = json.loads((program.run_dir / "skipped.jsonl").read_text())
    assert skipped["step"] == 9 and skipped["processes"] == [1] and len(skipped["photos"]) == 8
    assert program.losses()[9] is None and all(program.losses()[step] for step in range(10, 25))


@pytest.mark.case("C7")
def test_a_second_run_in_the_folder_is_refused_and_a_killed_one_does_not_block_it(micro, tmp_path):
    words = ["--config", micro, "--resume", "auto"]
    with Program(tmp_path / "run", *words, processes=0) as first:
        first.reach(3)
        with Program(first.run_dir, *words, processes=0) as second:
            assert second.end() == 2
            assert f"is being written by process {first.pid}; wait for it" in second.said()
        first.signal(signal.SIGKILL)
        first.end()
    with Program(first.run_dir, *words, processes=0) as third:
        assert third.end() == 0, third.said()


@pytest.mark.case("C8")
def test_exported_weights_give_the_same_logits_without_the_training_code(straight, tmp_path, told):
    images = torch.linspace(-1, 1, 2 * 3 * 64 * 64).reshape(2, 3, 64, 64)
    np.save(tmp_path / "images.npy", images.numpy())
    code = (
        "import sys, numpy as np, torch; from pathlib import Path; from hvit.runs.checkpoint import load_checkpoint\n"
        f"images = torch.from_numpy(np.load({str(tmp_path / 'images.npy')!r}))\n"
        f"model = load_checkpoint(Path({str(straight)!r})).model\n"
        "assert not any(name.split('.')[0] in ('training', 'app', 'streamlit') for name in sys.modules)\n"
        f"np.save({str(tmp_path / 'logits.npy')!r}, model(images).detach().numpy())\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=PATIENCE_S)
    best = load_file(straight / "checkpoints" / "best.safetensors")  # what was trained, before it was rounded
    model = load_checkpoint(straight).model
    model.load_state_dict({name: value.half().float() for name, value in best.items()})
    difference = np.abs(np.load(tmp_path / "logits.npy") - model(images).detach().numpy()).max()
    assert difference < 1e-6
    told(f"largest difference {difference:.0e}")


SLURM = {  # of two nodes that are this machine
    "srun": """while [ "$1" != torchrun ]; do shift; done
    "$@" & first=$!
    "$@" & second=$!
    echo $first $second > "$FAKE/step"
    status=0
    for task in $first $second; do wait $task || status=$?; done
    exit $status""",
    # Every process of the step gets it: torchrun, and what it started.
    "scancel": 'for task in $(cat "$FAKE/step"); do kill -TERM $(pgrep -P $task) $task; done',
    "scontrol": 'if [ "$1" = show ]; then echo localhost; else echo "$*" >> "$FAKE/asked"; fi',
}


def test_a_slurm_job_of_two_nodes_resumes_after_its_time_limit_and_after_a_killed_process(micro, straight, tmp_path):
    run_dir, asked, log = tmp_path / "run", tmp_path / "asked", tmp_path / "log"
    for name, text in SLURM.items():
        (program := tmp_path / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
        program.chmod(0o755)
    environment = os.environ | {"PATH": os.pathsep.join([str(tmp_path), os.environ["PATH"]]), "FAKE": str(tmp_path)}
    environment |= {"SLURM_JOB_ID": str(os.getpid()), "SLURM_JOB_NODELIST": "", "SLURM_JOB_NUM_NODES": "2"}
    environment |= {"PROCESSES": "1", "OMP_NUM_THREADS": "1"}
    words = ["training.finetune", "--config", micro, "--run-dir", run_dir, "--device", "cpu"]

    def attempt(what: Callable[[subprocess.Popen], None], step: int) -> int:
        with open(log, "ab") as out:
            job = subprocess.Popen(
                ["bash", "training/launch/slurm.sh", *words], cwd=ROOT, env=environment, stdout=out, stderr=out
            )
        try:
            until(lambda: losses(run_dir).keys() >= {step} or job.poll() is not None)
            what(job)
            return job.wait(PATIENCE_S)
        finally:
            for process in [*psutil.Process(job.pid).children(recursive=True), job] if job.poll() is None else []:
                process.kill()

    def kill_a_process_of_the_second_node(job: subprocess.Popen) -> None:
        node = int((tmp_path / "step").read_text().split()[1])
        psutil.Process(node).children()[0].kill()

    assert attempt(lambda job: job.send_signal(signal.SIGUSR1), 5) == 75, log.read_text()
    assert asked.read_text() == f"requeue {os.getpid()}\n"
    assert json.loads((run_dir / "run.json").read_text())["status"] == "preempted"
    assert attempt(kill_a_process_of_the_second_node, 12) == 0, log.read_text()
    assert asked.read_text() == f"requeue {os.getpid()}\n"
    assert losses(run_dir) == losses(straight) and weights(run_dir) == weights(straight)


@pytest.mark.parametrize("processes", [0, 2])
def test_a_compiled_training_has_the_losses_of_an_eager_one(micro, tmp_path, processes):
    words = ["--config", micro, "--set", "accum_steps=2", "--set", "model.drop_path_rate=0.2", "--device", "cpu"]
    words += ["--set", "epochs=2", "--set", "checkpoint_minutes=5"]
    found = []
    for is_compiled in ("false", "true"):
        run_dir = tmp_path / is_compiled
        with Program(run_dir, *words, "--set", f"compile={is_compiled}", processes=processes) as program:
            assert program.end() == 0, program.said()
        found.append(losses(run_dir))
    plain, compiled = found
    assert compiled.keys() == plain.keys() and len(plain) == (6 if processes == 0 else 3)
    assert compiled == pytest.approx(plain, rel=1e-4)
