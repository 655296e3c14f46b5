"""Choice of the compute device, and of the number of threads."""

import os

from hvit.processes import cores, free_cores


def chosen_device(name: str) -> str:
    """Resolves `--device` to "cpu" or "cuda".

    Raises:
        ValueError: CUDA is asked for and not there.
    """
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: there is no CUDA device here; use --device cpu")
    if name == "cpu" or not torch.cuda.is_available():
        return "cpu"
    torch.backends.cudnn.allow_tf32 = False  # answers agree with those of the CPU to float32
    return "cuda"


def use_free_cores() -> None:
    """Sets torch's number of threads, for the calling thread, to the cores that other programs leave free.

    Threads of OpenMP wait for each other after every operation. On a machine that is busy, two threads on one free core
    took 40 times as long as one thread. `OMP_NUM_THREADS` stays the upper limit.
    """
    import torch

    limit = os.environ.get("OMP_NUM_THREADS", "")
    torch.set_num_threads(min(int(limit) if limit.isdecimal() and int(limit) else cores(), free_cores()))
