"""The contrastive loss: against a library, by hand, and over several processes."""

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from tests.support.process_groups import run_group
from training.parallel.world import World, join_world
from training.self_supervised.contrastive import chance_loss, contrastive_loss

HERE = World(0, 1, torch.device("cpu"))


def _projections(count: int = 6, dim: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(F.normalize(torch.randn(2, count, dim, generator=generator), dim=-1))


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_nt_xent_is_that_of_pytorch_metric_learning(temperature):
    from pytorch_metric_learning.losses import NTXentLoss

    first, second = _projections()
    labels = torch.arange(6).repeat(2)
    expected = NTXentLoss(temperature)(torch.cat([first, second]), labels)
    torch.testing.assert_close(contrastive_loss(first, second, temperature, False, HERE), expected)


def test_the_decoupled_loss_is_nt_xent_with_the_pair_taken_out_of_the_sum():
    """From the library's loss of each view, -p + log(exp(p) + S), the sum over the others S is had back."""
    from pytorch_metric_learning.losses import NTXentLoss
    from pytorch_metric_learning.reducers import DoNothingReducer

    (first, second), temperature = _projections(), 0.2
    embeddings, labels = torch.cat([first, second]).double(), torch.arange(6).repeat(2)
    found = NTXentLoss(temperature, reducer=DoNothingReducer())(embeddings, labels)["loss"]
    anchors, positives = found["indices"]
    pair = (embeddings[anchors] * embeddings[positives]).sum(1) / temperature
    others = (found["losses"] + pair).exp() - pair.exp()
    expected = (others.log() - pair).mean()
    ours = contrastive_loss(first.double(), second.double(), temperature, True, HERE)
    assert len(anchors) == 12
    torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("decoupled", [False, True])
def test_identical_projections_have_the_loss_of_chance(decoupled):
    same = F.normalize(torch.ones(5, 4), dim=-1)
    loss = contrastive_loss(same, same, 0.2, decoupled, HERE)
    assert loss.item() == pytest.approx(chance_loss(5, decoupled), abs=1e-5)
    assert chance_loss(5, decoupled) == pytest.approx(math.log(8 if decoupled else 9))


def _save_loss_and_gradient(first: torch.Tensor, second: torch.Tensor, out: Path) -> None:
    with join_world("cpu") as world:
        part = slice(3 * world.rank, 3 * world.rank + 3)
        weight = torch.eye(8).requires_grad_()
        loss = contrastive_loss(first[part] @ weight, second[part] @ weight, 0.3, True, world)
        loss.backward()
        found = world.mean(loss.detach()), world.mean(weight.grad)
        if world.is_main:
            torch.save(found, out)
    # Threads of the group that outlive it now and then abort a process whose work is done.
    tasks = Path("/proc/self/task")
    threads = [(thread / "comm").read_text() for thread in tasks.iterdir()] if tasks.is_dir() else []
    assert not any("gloo" in name for name in threads)


def test_two_processes_have_the_loss_and_the_gradient_of_one(tmp_path):
    """Each holds half of six photos; the mean of the losses and of the gradients, as DDP takes it, is that of one."""
    first, second = _projections()
    weight = torch.eye(8).requires_grad_()
    whole = contrastive_loss(first @ weight, second @ weight, 0.3, True, HERE)
    whole.backward()
    args = first, second, tmp_path / "found.pt"
    assert run_group(_save_loss_and_gradient, 2, *args) == [0, 0]
    loss, gradient = torch.load(tmp_path / "found.pt")
    torch.testing.assert_close(loss, whole.detach())
    torch.testing.assert_close(gradient, weight.grad)
