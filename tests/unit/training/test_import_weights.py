"""The program that imports weights: what it writes, and that a mistake writes nothing."""

import pytest
import torch

from hvit.models.baselines import import_timm
from hvit.models.pretrained import load_pretrained
from training import import_weights

AS = ["--as", "timm:test_resnet"]


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    path = tmp_path_factory.mktemp("foreign") / "net.pth"
    torch.manual_seed(0)
    state = import_timm().create_model("test_resnet").state_dict()
    torch.save({f"net_{name}": value for name, value in state.items()}, path)
    return path


def test_options_end_in_the_file(foreign, tmp_path, capsys):
    out = tmp_path / "weights" / "w.safetensors"
    words = ["--source", "a page", "--licence", "MIT", "--trained-on", "ImageNet-1k", "--half"]
    numbers = ["--mean", "0.1", "0.2", "0.3", "--std", "0.4", "0.5", "0.6"]
    assert import_weights.main([str(foreign), *AS, "--out", str(out), *words, *numbers]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    weights, state = load_pretrained(out), torch.load(foreign, weights_only=True)
    origin = weights.origin
    assert (origin.source, origin.licence, origin.trained_on) == ("a page", "MIT", "ImageNet-1k")
    assert origin.mean == (0.1, 0.2, 0.3) and origin.std == (0.4, 0.5, 0.6)
    for name, value in weights.tensors.items():
        expected = state[f"net_{name}"]
        is_rounded = expected.is_floating_point() and "running_" not in name
        assert torch.equal(value, expected.half().float() if is_rounded else expected), name


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--as", "timm:test_resnett", "--out", "w.safetensors"], "did you mean timm:test_resnet?"),
        (["--as", "hvit_tiny", "--out", "w.safetensors"], "hvit_tiny is no timm model"),
        (["--as", "timm:test_convnext", "--out", "w.safetensors"], "they belong to different architectures"),
        ([*AS, "--out", "w.pth"], "expected a name that ends in .safetensors"),
        ([*AS, "--out", "w.safetensors", "--mean", "127", "127", "127"], "expected three numbers from 0 to 1"),
        ([*AS, "--out", "w.safetensors", "--std", "0", "0", "0"], "expected three numbers from 0.001 to 1"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(foreign, tmp_path, capsys, monkeypatch, options, expected):
    monkeypatch.chdir(tmp_path)
    assert import_weights.main([str(foreign), *options]) == 2
    text = capsys.readouterr()
    assert expected in text.err and text.err.count("\n") == 1 and text.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_leaves_the_one_that_was_there(foreign, tmp_path, capsys):
    broken, out = tmp_path / "broken.pth", tmp_path / "w.safetensors"
    broken.write_bytes(foreign.read_bytes()[:5000])
    out.write_bytes(b"before")
    assert import_weights.main([str(broken), *AS, "--out", str(out)]) == 2
    assert import_weights.main([str(tmp_path / "none.pth"), *AS, "--out", str(out)]) == 2
    assert import_weights.main([str(out), *AS, "--out", str(out)]) == 2
    text = capsys.readouterr().err.splitlines()
    assert "truncated" in text[0] and "no file of weights" in text[1] and "is the file to import" in text[2]
    assert out.read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 2


def test_help_shows_examples(capsys):
    with pytest.raises(SystemExit) as left:
        import_weights.main(["--help"])
    assert left.value.code == 0 and "examples:" in capsys.readouterr().out
