"""Collective operations on this device, tested with a single process set up as `torchrun` does."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from hvit.models import create_model
from training.device_checks.micro import SHAPE
from training.device_checks.part import Row, Settings
from training.parallel.fsdp import shard
from training.parallel.world import World

TOLERANCE = 1e-5


def check_collectives(settings: Settings) -> Iterator[Row]:
    """Tests NCCL (gloo on a CPU) with one rank: all-reduce, DDP and FSDP2."""
    with _one_rank(settings) as backend:
        numbers = torch.arange(1024.0, device=settings.device)
        dist.all_reduce(numbers)
        same = torch.equal(numbers.cpu(), torch.arange(1024.0))
        yield {"check": f"{backend}: a sum over one rank", "passed": same}
        plain, images = _model(settings.device), torch.randn(8, 3, 64, 64, device=settings.device)
        expected = _step(plain, images)
        yield _compared(
            f"{backend}: a step in DDP", _step(DistributedDataParallel(_model(settings.device)), images), expected
        )
        sharded = _model(settings.device)
        shard(sharded, World(0, 1, torch.device(settings.device)))
        yield _compared(f"{backend}: a step under FSDP2", _step(sharded, images), expected)


@contextmanager
def _one_rank(settings: Settings) -> Iterator[str]:
    backend = "nccl" if settings.on_gpu else "gloo"
    dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    try:
        yield backend
    finally:
        dist.destroy_process_group()


def _model(device: str) -> nn.Module:
    torch.manual_seed(0)
    return create_model("hvit_tiny", num_classes=3, img_size=64, **SHAPE).to(device)


def _step(model: nn.Module, images: Tensor) -> Tensor:
    """Takes a step of AdamW; returns the logits after it."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    model(images).square().mean().backward()
    optimizer.step()
    with torch.no_grad():
        return model(images).float().cpu()


def _compared(check: str, found: Tensor, expected: Tensor) -> Row:
    difference = float((found - expected).abs().max() / expected.abs().max())
    return {"check": check, "passed": difference <= TOLERANCE, "largest_relative_difference": difference}
