"""Process group of a training: the same program runs on one process or many."""

import os
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from training.parallel.watchdog import Watchdog

START_S = 300  # for all processes to come together
NEVER = timedelta(days=30)  # `Watchdog` decides who waits for too long, and knows why


@dataclass(frozen=True)
class World:
    """Process group: rank, size and collectives of this process.

    Attributes:
        rank: number of this process.
        size: number of processes.
        device: where this process computes.
        restarted: whether torchrun started the processes again after one of them failed.
        watch: notices processes that hang; None on a single one.
    """

    rank: int
    size: int
    device: torch.device
    restarted: bool = False
    watch: Watchdog | None = None

    @property
    def is_main(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    @property
    def name(self) -> str:
        """Name of the accelerator, or "cpu"."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"

    @property
    def alone(self) -> "World":
        """A world of one process."""
        return replace(self, rank=0, size=1)

    def any(self, flag: bool) -> bool:
        """Logical or of `flag` over all processes; every process must call it at the same point."""
        return bool(self.max(int(flag)))

    def max(self, number: int) -> int:
        """Maximum of `number` over all processes; every process must call it at the same point."""
        if self.size == 1:
            return number
        tensor = torch.tensor([number], device=self.device)
        dist.all_reduce(tensor, op=dist.ReduceOp.MAX)
        return int(tensor.item())

    def sum(self, value: torch.Tensor) -> torch.Tensor:
        """Sum of a tensor over all processes; every process must call it at the same point."""
        if self.size > 1:
            value = value.clone()
            dist.all_reduce(value)
        return value

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """Mean of a tensor over all processes; every process must call it at the same point."""
        return self.sum(value) / self.size

    def broadcast(self, number: int) -> int:
        """Broadcasts a number from the first process; every process must call it at the same point."""
        tensor = torch.tensor([number], dtype=torch.int64, device=self.device)
        if self.size > 1:
            dist.broadcast(tensor, 0)
        return int(tensor.item())

    def all_equal(self, digest: str) -> bool:
        """Whether a hex digest equals that of the first process; every process must call it at the same point."""
        own = torch.from_numpy(np.frombuffer(bytes.fromhex(digest), np.uint8).copy()).to(self.device)
        if self.size == 1:
            return True
        theirs = own.clone()
        dist.broadcast(theirs, 0)
        return torch.equal(own, theirs)

    def barrier(self) -> None:
        """Waits for all processes."""
        if self.size > 1:
            dist.barrier()

    def main_does(self, action: Callable[[], None]) -> None:
        """Runs an action on the first process only; every process must call it at the same point.

        Raises:
            OSError: on all processes, where the first could not.
        """
        error = None
        if self.is_main:
            try:
                action()
            except OSError as failure:
                error = failure
        if self.any(error is not None):
            raise error or OSError("process 0 could not write")

    def heartbeat(self, step: int = 0) -> None:
        """Reports progress to the watchdog; call it at least every few seconds while watched."""
        if self.watch is not None:
            self.watch.heartbeat(step)

    def set_watched(self, watched: bool) -> None:
        """Sets whether this process must make progress from now on."""
        if self.watch is not None:
            self.watch.set_watched(watched)


ALONE = World(0, 1, torch.device("cpu"))


@contextmanager
def join_world(device: str = "auto", hang_s: float = 600.0):
    """Initializes the process group of torchrun; a world of one process without it.

    Args:
        device: "auto", "cpu" or "cuda".
        hang_s: seconds without progress after which all processes are ended.
    Raises:
        ValueError: CUDA is requested but unavailable, or restarts cannot work with these options of torchrun.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: no CUDA device here; use --device cpu")
    cuda = device != "cpu" and torch.cuda.is_available()
    rank, size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    local_device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(local_device)
        torch.backends.cudnn.allow_tf32 = False  # no TF32: float32 results must agree with the CPU
    attempt = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))
    if size == 1:
        yield World(rank, size, local_device, attempt > 0)
        return
    store = _store(attempt)
    dist.init_process_group("nccl" if cuda else "gloo", store=store, rank=rank, world_size=size, timeout=NEVER)
    watch = Watchdog(store.clone(), rank, size, hang_s, dist.group.WORLD._get_sequence_number_for_group)
    watch.start()
    # Of several nodes, only the one with the failed process counts it as a restart.
    restarted = World(rank, size, local_device).any(attempt > 0)
    try:
        yield World(rank, size, local_device, restarted, watch)
    finally:
        watch.stop()
    dist.destroy_process_group()  # not after an error: others may be gone, and it would wait for them


def _store(attempt: int) -> dist.Store:
    """Key-value store of the processes, with a prefix for each attempt.

    torchrun keeps the entries of earlier attempts in its store, so that restarted processes would find the addresses of
    dead ones (pytorch issue 135712). Hence every attempt has its own prefix.

    Raises:
        ValueError: there are restarts on several nodes, which count them differently.
    """
    lent = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    nodes, restarts = (int(os.environ.get(name, 0)) for name in ("GROUP_WORLD_SIZE", "TORCHELASTIC_MAX_RESTARTS"))
    if lent and nodes > 1 and restarts > 0:
        raise ValueError("--max-restarts on several nodes: set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 on each of them")
    store, _, _ = next(dist.rendezvous("env://", timeout=timedelta(seconds=START_S)))
    return dist.PrefixStore(f"attempt-{attempt}", store) if lent else store


def average_gradients(module: nn.Module, whether: bool) -> None:
    """Sets whether the next backward pass averages gradients over processes, as needed once a step."""
    if hasattr(module, "set_requires_gradient_sync"):  # sharded
        module.set_requires_gradient_sync(whether)
    elif hasattr(module, "require_backward_grad_sync"):  # in DDP: its no_sync, without nesting a context in the loop
        module.require_backward_grad_sync = whether
