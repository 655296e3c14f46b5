"""The contrastive loss: against a library, by hand, and over several processes."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from training.parallel.world import World
from training.self_supervised.contrastive import chance_loss, contrastive_loss

ROOT = Path(__file__).parents[4]
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
def test_the_same_projection_everywhere_costs_what_chance_does(decoupled):
    same = F.normalize(torch.ones(5, 4), dim=-1)
    loss = contrastive_loss(same, same, 0.2, decoupled, HERE)
    assert loss.item() == pytest.approx(chance_loss(5, decoupled), abs=1e-5)
    assert chance_loss(5, decoupled) == pytest.approx(math.log(8 if decoupled else 9))


def test_two_processes_have_the_loss_and_the_gradient_of_one(tmp_path):
    """Each holds half of six photos; the mean of the losses and of the gradients, as DDP takes it, is that of one."""
    first, second = _projections()
    weight = torch.eye(8).requires_grad_()
    whole = contrastive_loss(first @ weight, second @ weight, 0.3, True, HERE)
    whole.backward()
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys, torch\n"
        "from training.self_supervised.contrastive import contrastive_loss\n"
        "from training.parallel.world import join_world\n"
        "first, second, out = torch.load(sys.argv[1]), torch.load(sys.argv[2]), sys.argv[3]\n"
        "with join_world('cpu') as world:\n"
        "    part = slice(3 * world.rank, 3 * world.rank + 3)\n"
        "    weight = torch.eye(8).requires_grad_()\n"
        "    loss = contrastive_loss(first[part] @ weight, second[part] @ weight, 0.3, True, world)\n"
        "    loss.backward()\n"
        "    found = world.mean(loss.detach()), world.mean(weight.grad)\n"
        "    if world.is_main:\n"
        "        torch.save(found, out)\n"
        # Threads of the group that outlive it now and then abort a process whose work is done.
        "tasks = '/proc/self/task'\n"
        "threads = os.listdir(tasks) if os.path.isdir(tasks) else []\n"
        "assert not any('gloo' in open(f'{tasks}/{thread}/comm').read() for thread in threads)\n"
    )
    torch.save(first, tmp_path / "first.pt")
    torch.save(second, tmp_path / "second.pt")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*launcher, program, tmp_path / "first.pt", tmp_path / "second.pt", tmp_path / "found.pt"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    loss, gradient = torch.load(tmp_path / "found.pt")
    torch.testing.assert_close(loss, whole.detach())
    torch.testing.assert_close(gradient, weight.grad)
