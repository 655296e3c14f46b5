"""Micro trainings, and faults that are injected into them."""

import pytest
import torch

from tests.support.micro_trainings import last_state_of, losses_of, training_words
from training import finetune
from training.engine.trainer import Training


@pytest.fixture
def words(tiny_config, tmp_path) -> list[str]:
    """Of a training of 6 steps that logs each and saves at the end."""
    return training_words(tiny_config, tmp_path / "run")


@pytest.fixture
def run_dir(tmp_path):
    return tmp_path / "run"


@pytest.fixture(scope="session")
def straight(tiny_config, tmp_path_factory):
    """Losses by step, and the last state, of the same training when nothing goes wrong."""
    path = tmp_path_factory.mktemp("runs") / "straight"
    assert finetune.main(training_words(tiny_config, path)) == 0
    return losses_of(path), last_state_of(path)


@pytest.fixture
def at_step(monkeypatch):
    """Has something done before the optimizer step of this number (from 0), given the training."""

    def arrange(step: int, action) -> None:
        true_step = Training.train_step

        def train_step(self):
            if self.step == step:
                action(self)
            return true_step(self)

        monkeypatch.setattr(Training, "train_step", train_step)

    return arrange


@pytest.fixture
def spoiled(monkeypatch):
    """Makes the loss, or only the gradients, of some steps (from 0) not finite."""

    def spoil(steps, loss_too: bool) -> None:
        true_step = finetune.train_step

        def train_step(step, step_model, model, *rest):
            loss = true_step(step, step_model, model, *rest)
            if step in steps:
                next(model.parameters()).grad[0] = torch.inf
            return loss * torch.nan if loss_too and step in steps else loss

        monkeypatch.setattr(finetune, "train_step", train_step)

    return spoil
