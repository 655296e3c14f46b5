"""Runs a training as a Modal function that resumes after a preemption. From the root of the project, with modal 1.6:

HVIT_GPU=H100:4 modal run --detach training/launch/modal_app.py training.finetune --config FILE --run-dir runs/NAME

Photos are those of the Volume hvit-data, runs go to the Volume hvit-runs; docs/scaling.md has the rest.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import modal

GPU = os.environ.get("HVIT_GPU", "H100")  # kind, and how many: one process for each
HOME = "/hvit"  # of the project, in the container
LIMIT_S = 24 * 3600  # the longest that Modal lets one attempt take
STOP_S = LIMIT_S - 600  # before that, it is stopped and saved

runs = modal.Volume.from_name("hvit-runs", create_if_missing=True)
image = modal.Image.debian_slim("3.11").pip_install_from_requirements("requirements.txt").workdir(HOME)
for package in ("hvit", "training"):
    image = image.add_local_dir(package, f"{HOME}/{package}", copy=True, ignore=["**/__pycache__"])
app = modal.App("hvit")


@app.function(
    image=image,
    gpu=GPU,
    cpu=8.0,
    memory=32 * 1024,
    volumes={f"{HOME}/data": modal.Volume.from_name("hvit-data", create_if_missing=True), f"{HOME}/runs": runs},
    timeout=LIMIT_S,
    retries=modal.Retries(max_retries=10, initial_delay=0.0),
    single_use_containers=True,
)
def train(*words: str) -> int:
    """Trains until the end, or until this attempt is interrupted.

    Args:
        words: arguments of `torchrun -m`, with `--run-dir`.
    Returns:
        The exit status, see docs/reliability.md, if there is nothing to resume: done or failed.
    Raises:
        BaseException: it was stopped, and saved. Modal starts the next attempt, unless a person cancelled the call.
    """
    # torchrun exits with 1 whatever the status of its processes: they write theirs here.
    status_file = Path(tempfile.mkdtemp()) / "status"
    line = ["torchrun", "--standalone", "--nproc-per-node=gpu", "--max-restarts=3", "-m", *words, "--resume", "auto"]
    environment = os.environ | {"HVIT_STATUS": str(status_file)}
    # In a session of its own: a signal reaches it from here alone.
    process = subprocess.Popen(line, cwd=HOME, env=environment, start_new_session=True)
    try:
        status = process.wait(STOP_S)
    except BaseException:  # a preemption is a KeyboardInterrupt, a time that is up a TimeoutExpired
        process.terminate()
        process.wait()
        raise
    finally:
        runs.commit()
    return int(status_file.read_text()) if status != 0 and status_file.exists() else status


@app.local_entrypoint()
def main(*words: str):
    if "--run-dir" not in words[:-1]:
        sys.exit("modal_app: name the run: --run-dir runs/NAME")
    status = train.spawn(*words).get()
    if status != 0:
        sys.exit(status)
