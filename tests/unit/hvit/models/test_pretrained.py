"""Pretrained weights as files: what is read, what is refused, and how foreign names are mapped."""

import json
import pickle

import pytest
import torch
from safetensors.torch import save_file

from hvit.models.pretrained import (
    METADATA,
    PretrainedWeights,
    PretrainedWeightsError,
    load_pretrained,
    match_state_dict,
    read_state_dict,
    save_pretrained,
)
from hvit.weights_origin import Origin

ORIGIN = Origin(
    "timm:test_resnet", (0.5, 0.4, 0.3), (0.5, 0.25, 0.2), "a web page", "Apache 2.0", "ImageNet-1k", "0" * 64
)
STATE = {"conv.weight": torch.arange(6.0).reshape(2, 3), "bn.num_batches_tracked": torch.tensor(7)}


class Code:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_what_was_saved_is_loaded_with_its_origin_and_float16_as_float32(tmp_path):
    halves = {name: value.half() if value.is_floating_point() else value for name, value in STATE.items()}
    save_pretrained(tmp_path / "w.safetensors", PretrainedWeights(halves, ORIGIN))
    loaded = load_pretrained(tmp_path / "w.safetensors")
    assert loaded.origin == ORIGIN and [v.dtype for v in loaded.tensors.values()].count(torch.float32) == 1
    for name, value in STATE.items():
        assert torch.equal(loaded.tensors[name], value)


def test_tensors_that_share_memory_are_saved(tmp_path):
    flat = torch.arange(6.0)
    save_pretrained(tmp_path / "w.safetensors", PretrainedWeights({"a": flat[:3], "b": flat[3:], "c": flat}, ORIGIN))
    assert load_pretrained(tmp_path / "w.safetensors").tensors["b"].tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"mean": (127.5, 127.5, 127.5)}, "mean is .* expected three numbers from 0 to 1"),
        ({"std": (0.5, 0.5, 0.0)}, "std is .* expected three numbers from 0.001 to 1"),
        ({"mean": (0.5, float("nan"), 0.5)}, "mean is"),
        ({"std": (0.5,)}, "std is"),
        ({"mean": "aaa"}, "mean is"),
        ({"licence": None}, "licence is None"),
        ({"source": "x" * 1001}, "source is"),
        ({"sha256": "zz"}, "expected 64 hexadecimal digits"),
        ({"more": 1}, "expected .*architecture"),
    ],
)
def test_an_origin_of_wrong_values_is_refused(change, expected):
    with pytest.raises(ValueError, match=expected):
        Origin.from_dict(ORIGIN.to_dict() | change)


def test_an_origin_that_is_no_object_is_refused():
    with pytest.raises(ValueError, match="origin of weights is 'timm'"):
        Origin.from_dict("timm")


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_with_code_in_it_is_refused_and_the_code_does_not_run(tmp_path, legacy):
    path, written = tmp_path / "w.pth", tmp_path / "written"
    torch.save({"a": torch.ones(2), "b": Code(written)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(PretrainedWeightsError, match=r"w.pth holds code or objects beside weights \(\S*open\)"):
        read_state_dict(path)
    assert not written.exists()


def test_a_whole_model_instead_of_a_state_dict_is_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "w.pth")
    with pytest.raises(PretrainedWeightsError, match=r"torch.nn.modules.linear.Linear.*save a state dict alone"):
        read_state_dict(tmp_path / "w.pth")


@pytest.mark.parametrize("suffix", [".pth", ".legacy.pth", ".safetensors"])
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    if suffix == ".safetensors":
        save_file(STATE, path)
    else:
        torch.save(STATE, path, _use_new_zipfile_serialization=suffix == ".pth")
    whole = path.read_bytes()
    for end in [*range(0, len(whole), max(1, len(whole) // 300)), len(whole) - 1]:
        path.write_bytes(whole[:end])
        with pytest.raises(PretrainedWeightsError, match="is truncated, damaged or no"):
            read_state_dict(path)


def test_bytes_that_were_changed_are_refused_or_read_but_never_crash(tmp_path):
    path, random = tmp_path / "w.pth", torch.Generator().manual_seed(0)
    torch.save(STATE, path, _use_new_zipfile_serialization=False)
    whole, refused = path.read_bytes(), 0
    for _ in range(300):
        data = bytearray(whole)
        for place in torch.randint(len(data), (3,), generator=random).tolist():
            data[place] = int(torch.randint(256, (1,), generator=random))
        path.write_bytes(data)
        try:
            read_state_dict(path)
        except PretrainedWeightsError:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize(
    "value",
    [[torch.ones(2)], {}, {"a": 1}, {1: torch.ones(2)}, torch.ones(2), {"a": torch.ones(2).to_sparse()}],
    ids=str,
)
def test_what_is_no_state_dict_is_refused(tmp_path, value):
    torch.save(value, tmp_path / "w.pth")
    with pytest.raises(PretrainedWeightsError, match="holds no state dict"):
        read_state_dict(tmp_path / "w.pth")


def test_a_missing_file_and_one_of_another_kind_are_refused(tmp_path):
    with pytest.raises(PretrainedWeightsError, match="no file of weights"):
        read_state_dict(tmp_path / "w.pth")
    (tmp_path / "w.pth").write_bytes(pickle.dumps("words"))
    with pytest.raises(PretrainedWeightsError, match="w.pth"):
        read_state_dict(tmp_path / "w.pth")


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_a_state_dict_inside_a_training_checkpoint_is_found(tmp_path, key):
    torch.save({"epoch": 3, key: STATE}, tmp_path / "w.pth")
    assert list(read_state_dict(tmp_path / "w.pth")) == list(STATE)


def test_a_file_without_an_origin_or_with_a_damaged_one_is_no_imported_file(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file(STATE, path)
    with pytest.raises(PretrainedWeightsError, match="has no record of where its weights came from"):
        load_pretrained(path)
    save_file(STATE, path, {METADATA: json.dumps(ORIGIN.to_dict() | {"mean": [300, 0, 0]})})
    with pytest.raises(PretrainedWeightsError, match=r"damaged header \(mean is \(300, 0, 0\)"):
        load_pretrained(path)


def _state(*shapes, names=("conv.weight", "bn.weight", "bn.bias")) -> dict[str, torch.Tensor]:
    return {name: torch.full(shape, float(i)) for i, (name, shape) in enumerate(zip(names, shapes, strict=True))}


OWN = _state((2, 3), (2,), (2,))


def test_other_names_are_mapped_by_order():
    foreign = _state((2, 3), (2,), (2,), names=("_c.weight", "_b.weight", "_b.bias"))
    found = match_state_dict(foreign, OWN)
    assert list(found) == list(OWN) and [value.flatten()[0] for value in found.values()] == [0, 1, 2]


def test_names_that_agree_win_over_order():
    foreign = {name: OWN[name] for name in reversed(OWN)}
    assert all(torch.equal(value, OWN[name]) for name, value in match_state_dict(foreign, OWN).items())
    foreign = {"bn.bias": torch.full((2,), 9.0), "first.weight": OWN["conv.weight"], "bn.weight": OWN["bn.weight"]}
    found = match_state_dict(foreign, OWN)
    assert found["bn.bias"].tolist() == [9, 9] and torch.equal(found["conv.weight"], OWN["conv.weight"])


@pytest.mark.parametrize(
    ("foreign", "expected"),
    [
        (_state((2, 4), (2,), (2,)), r"conv.weight is \(2, 4\), and conv.weight of the model \(2, 3\)"),
        (_state((2, 3), (3,), (2,), names=("a.weight", "b.weight", "b.bias")), r"b.weight is \(3,\), and bn.weight of"),
        ({"conv.weight": OWN["conv.weight"]}, "no tensor for bn.weight of the model"),
        (OWN | {"fc.weight": torch.ones(2)}, "holds 4 tensors and the model 3: fc.weight has no place"),
        (_state((2, 3), (2,), (2,), names=("a.weight", "b.bias", "b.weight")), "b.bias comes where the model has bn"),
        (OWN | {"bn.bias": torch.tensor([1.0, float("nan")])}, "bn.bias holds values that are not finite"),
        (OWN | {"bn.bias": torch.ones(2, dtype=torch.int64)}, "bn.bias is torch.int64, and bn.bias of the model torch"),
    ],
)
def test_the_first_tensor_that_does_not_fit_is_named(foreign, expected):
    with pytest.raises(PretrainedWeightsError, match=expected):
        match_state_dict(foreign, OWN)


def test_counters_of_batch_norm_may_lack():
    own = OWN | {"bn.num_batches_tracked": torch.tensor(0)}
    for foreign in (OWN, _state((2, 3), (2,), (2,), names=("a.weight", "b.weight", "b.bias"))):
        assert match_state_dict(foreign, own)["bn.num_batches_tracked"] == 0


def test_types_become_those_of_the_model():
    found = match_state_dict({name: value.double() for name, value in OWN.items()}, OWN)
    assert {value.dtype for value in found.values()} == {torch.float32}
