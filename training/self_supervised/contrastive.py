"""Contrastive loss over all processes, with differentiable all-gather."""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from training.parallel.world import World


class _Gather(torch.autograd.Function):
    """Differentiable all-gather along the first axis; backward sums the gradients of all processes.

    With the loss of a process being the mean over its own samples, and gradients averaged over processes as DDP does,
    the result is the gradient of the mean over all samples.
    """

    @staticmethod
    def forward(ctx, tensor: Tensor, rank: int, size: int) -> Tensor:
        ctx.rank, ctx.count = rank, len(tensor)
        parts = [torch.empty_like(tensor) for _ in range(size)]
        dist.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return gradient[ctx.rank * ctx.count : (ctx.rank + 1) * ctx.count], None, None


def gather(tensor: Tensor, world: World) -> Tensor:
    """Gathers tensors (B, ...) of all processes as (size*B, ...), in process order, with gradients.

    Every process must call it at the same point with the same shape.
    """
    return tensor if world.size == 1 else _Gather.apply(tensor, world.rank, world.size)


def contrastive_loss(first: Tensor, second: Tensor, temperature: float, decoupled: bool, world: World) -> Tensor:
    """NT-Xent loss of SimCLR over the views of all processes.

    NT-Xent (Chen et al. 2020, arXiv:2002.05709, equation 1); decoupled: the pair itself is left out of the sum it is
    compared with, which small batches gain from (Yeh et al. 2021, arXiv:2110.06848, equation 6).

    Args:
        first, second: projections of unit length of the two views, (B, D) each.
        temperature: divides the cosines.
    Returns:
        Mean over the 2B views of this process, a scalar.
    """
    B = len(first)
    keys = torch.cat([gather(first, world), gather(second, world)])  # (2N, D) with N = size*B
    N = len(keys) // 2
    own = torch.arange(B, device=first.device) + world.rank * B
    own, partner = torch.cat([own, own + N]), torch.cat([own + N, own])
    logits = torch.cat([first, second]) @ keys.T / temperature  # (2B, 2N)
    positive = logits.gather(1, partner[:, None])[:, 0]
    left_out = F.one_hot(own, 2 * N).bool()
    if decoupled:
        left_out |= F.one_hot(partner, 2 * N).bool()
    return (logits.masked_fill(left_out, -torch.inf).logsumexp(1) - positive).mean()


def chance_loss(photos: int, decoupled: bool) -> float:
    """Loss when all projections are equal, as of a collapsed backbone; `photos` is N over all processes."""
    others = 2 * photos - (2 if decoupled else 1)
    return torch.tensor(float(others)).log().item()
