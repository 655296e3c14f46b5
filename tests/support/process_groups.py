"""Process groups as torchrun makes them, of processes that do not import torch again."""

import multiprocessing
import os
import socket
import sys
import traceback
from collections.abc import Callable, Sequence

import torch


def run_group(function: Callable[..., int | None], num_processes: int, *args, timeout_s: float = 240) -> list[int]:
    """Calls a function on every process of a new group, as `torchrun --nproc-per-node` would a program.

    The processes are forks of one that has imported the programs: a program of its own takes three seconds to import
    them, and torchrun as long.

    Args:
        function: of a module; what it returns is the exit status, with None for 0.
    Returns:
        Exit status of each process.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["training.finetune", "training.pretrain"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    group = [
        context.Process(target=_run, args=(function, rank, num_processes, port, args)) for rank in range(num_processes)
    ]
    for process in group:
        process.start()
    for process in group:
        process.join(timeout_s)
    left = [process for process in group if process.is_alive()]
    for process in left:
        process.kill()
        process.join()
    assert not left, f"{len(left)} of {num_processes} processes did not end within {timeout_s} s"
    return [process.exitcode for process in group]


def _run(function: Callable[..., int | None], rank: int, size: int, port: int, args: Sequence) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    try:
        status = function(*args) or 0
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # threads of the group that outlive it now and then abort a process whose work is done
