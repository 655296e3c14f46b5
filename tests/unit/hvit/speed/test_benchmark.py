"""Models timed in turns, and what bounds their stages."""

import json
from dataclasses import replace

import pytest
import torch

from hvit.__main__ import main
from hvit.speed import benchmark
from hvit.speed.benchmark import Setting, Timing, build, measure, measure_all
from hvit.speed.roofline import bottlenecks

SMALL = Setting("infer", "cpu", "fp32", False, 1, 1, 64)


def timing(*times_ms: float) -> Timing:
    return Timing("x", SMALL, times_ms, 1.0, 0.1)


def test_the_median_is_not_moved_by_one_slow_turn():
    assert timing(1.0, 2.0, 300.0).median_ms == 2.0
    assert timing(1.0, 2.0, 300.0).images_per_s == 500.0


def test_ratios_are_taken_within_a_turn():
    first, other = timing(1.0, 10.0, 2.0), timing(2.0, 20.0, 6.0)  # the second turn was slow for both
    assert first.times_as_fast(other) == (2.0, 2.0, 3.0)
    assert first.times_as_fast(first) == (1.0, 1.0, 1.0)


def test_models_take_turns(monkeypatch):
    order = []
    monkeypatch.setattr(benchmark._Case, "take_turn", lambda case: order.append(case.name) or case.times_ms.append(1.0))
    before, shown = torch.get_num_threads(), []
    found = measure(["hvit_tiny", "hvit_tiny_dfca"], SMALL, 2, 0.0, lambda done, total: shown.append((done, total)))
    assert order == ["hvit_tiny", "hvit_tiny_dfca"] * 2
    assert [len(one.times_ms) for one in found] == [2, 2] and shown[-1] == (6, 6)
    assert torch.get_num_threads() == before


def test_models_made_by_others_are_timed_under_their_own_names_each_at_its_size():
    made = []

    def builder(name: str, img_size: int) -> torch.nn.Module:
        made.append((name, img_size))
        return build("hvit_tiny_dfca" if name == "with bands" else "hvit_tiny", img_size)

    cases = [("plain", SMALL), ("with bands", replace(SMALL, img_size=96))]
    found = measure_all(cases, 1, 0.0, builder=builder)
    assert made == [("plain", 64), ("with bands", 96)] and [one.model for one in found] == ["plain", "with bands"]


def test_eager_and_compiled_take_turns_in_one_process(monkeypatch, capsys):
    order = []

    def take_turn(case):
        order.append(case.setting.compiled)
        case.times_ms.append(1.0 if case.setting.compiled else 2.0)

    monkeypatch.setattr(benchmark._Case, "take_turn", take_turn)
    monkeypatch.setattr(torch, "compile", lambda model: model)
    words = "--models hvit_tiny --threads 1 --batch-size 1 --precision fp32 --img-size 64 --turns 3 --compile no yes"
    assert main(["benchmark", *words.split(), "--json"]) == 0
    eager, compiled = json.loads(capsys.readouterr().out)["rows"]
    assert order == [False, True] * 3
    assert eager["times_as_fast_as_eager"] is None and compiled["times_as_fast_as_eager"] == 2
    assert eager["times_as_fast"] == compiled["times_as_fast"] == 1  # hvit_tiny is the first in both
    assert main(["benchmark", *words.split()]) == 0
    assert "times as fast as hvit_tiny and as itself, eager: median over 3 turns" in capsys.readouterr().out


def test_training_needs_more_memory_than_inference_and_counts_the_moments_of_the_optimizer():
    infer = measure(["hvit_tiny"], SMALL, 1, 0.0)[0]
    train = measure(["hvit_tiny"], Setting("train", "cpu", "bf16", False, 1, 2, 64), 1, 0.0)[0]
    weights_mb = sum(parameter.nbytes for parameter in build("hvit_tiny", 64).parameters()) / 1e6
    assert weights_mb < infer.peak_mb < 1.5 * weights_mb
    assert train.peak_mb > 4 * weights_mb  # weights, gradients and two moments, and activations beside


def test_a_model_of_timm_goes_by_the_names_people_use():
    assert build("resnet18", 64)(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)
    assert type(build("timm:deit_small", 64)) is type(build("deit_small_patch16_224", 64))
    with pytest.raises(ValueError, match="no model 'hvit_smal'; did you mean hvit_small"):
        build("hvit_smal", 64)


@pytest.mark.parametrize("name", ["hvit_tiny", "hvit_tiny_conv"])
def test_the_parts_of_a_model_add_up(name):
    from hvit.models.counting import cost_of

    parts = bottlenecks(name, SMALL)
    assert [part.name for part in parts][:2] == ["patch embedding", "stage 1"] and len(parts) == 6
    assert sum(part.share for part in parts) == pytest.approx(1)
    assert sum(part.gmacs for part in parts) == pytest.approx(cost_of(name, {}, 64).gmacs, rel=0.01)
    assert all(part.time_ms > 0 and 0 <= part.in_products <= 1 for part in parts)


def test_a_model_of_another_family_is_not_taken_apart():
    with pytest.raises(ValueError, match="only models of this family"):
        bottlenecks("resnet18", SMALL)


def test_the_command_prints_and_writes_one_document(tmp_path, capsys):
    words = ["--models", "hvit_tiny", "--threads", "1", "--batch-size", "1", "--precision", "fp32", "--img-size", "64"]
    out = tmp_path / "speed.json"
    assert main(["benchmark", *words, "--turns", "2", "--json", "--out", str(out)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads(out.read_text())
    [row] = document["rows"]
    assert row["model"] == row["against"] == "hvit_tiny" and len(row["times_ms"]) == 2 and row["times_as_fast"] == 1
    assert main(["benchmark", *words, "--profile"]) == 0
    assert "stage 4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--models", "resnet_18"], "timm has no model 'resnet_18'; did you mean timm:resnet18?"),
        (["--profile", "--mode", "train"], "--profile takes a forward pass on the CPU apart"),
        (["--device", "cuda"], "there is no CUDA device here"),
    ],
)
def test_mistakes_are_reported_in_a_line(words, expected, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["benchmark", *words]) == 2
    assert expected in capsys.readouterr().err
