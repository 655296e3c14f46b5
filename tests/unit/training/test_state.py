import pytest
import torch

from hvit.models import create_model
from training.config import ConfigError
from training.ema import Ema
from training.optim import adamw
from training.state import load_state, save_state


def _trained(steps: int, seed: int):
    torch.manual_seed(seed)
    model = create_model("hvit_tiny", num_classes=3, depths=(1, 1, 1, 1))
    ema, optimizer = Ema(model, 0.9), adamw(model, 1e-3, 0.05, 0.999)
    for _ in range(steps):
        _step(model, ema, optimizer)
    return model, ema, optimizer


def _step(model, ema, optimizer):
    images = torch.linspace(-1, 1, 2 * 3 * 64 * 64).reshape(2, 3, 64, 64)
    torch.nn.functional.cross_entropy(model(images), torch.tensor([0, 1])).backward()
    optimizer.step()
    optimizer.zero_grad()
    ema.update(model)


def test_a_step_after_loading_is_the_step_that_would_have_been(tmp_path):
    model, ema, optimizer = _trained(3, seed=0)
    save_state(tmp_path, 3, model, ema, optimizer, {"best": None})
    other = _trained(0, seed=1)
    assert load_state(tmp_path, *other) == (3, {"best": None})
    _step(model, ema, optimizer)
    _step(*other)
    for ours, theirs in ((model, other[0]), (ema.model, other[1].model)):
        for a, b in zip(ours.state_dict().values(), theirs.state_dict().values()):
            assert torch.equal(a, b)


def test_a_damaged_state_is_passed_over_for_the_one_before(tmp_path):
    model, ema, optimizer = _trained(1, seed=0)
    for step in (1, 2):
        save_state(tmp_path, step, model, ema, optimizer, {})
    newest = tmp_path / "step-00000002" / "tensors.safetensors"
    data = bytearray(newest.read_bytes())
    data[-10] ^= 1
    newest.write_bytes(data)
    assert load_state(tmp_path, model, ema, optimizer)[0] == 1


def test_only_the_newest_two_states_are_kept(tmp_path):
    model, ema, optimizer = _trained(1, seed=0)
    for step in (1, 2, 3):
        save_state(tmp_path, step, model, ema, optimizer, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000002", "step-00000003"]


def test_resuming_from_nothing_says_what_to_do(tmp_path):
    model, ema, optimizer = _trained(0, seed=0)
    with pytest.raises(ConfigError, match="no intact training state"):
        load_state(tmp_path, model, ema, optimizer)
