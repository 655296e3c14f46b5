"""python -m hvit explain: three files a map, by the contract, and mistakes answered in one line."""

import hashlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from hvit.explain import METHODS
from hvit.runs.checkpoint import load_checkpoint
from tests.support.commands import answer, refusal
from tests.support.weighted_runs import CLASSES


@pytest.fixture
def here(tiny_run, bands_run, indices_run, photo_folder, tmp_path, monkeypatch) -> Path:
    """A working folder with runs/{tiny,bands,indices} and leaf.jpg, of 80 x 112 px."""
    for run in (tiny_run, bands_run, indices_run):
        shutil.copytree(run, tmp_path / "runs" / run.name)
    shutil.copy(sorted((photo_folder / "test").rglob("01.jpg"))[0], tmp_path / "leaf.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("method", METHODS)
def test_three_files_are_written(here, capsys, method):
    status, out, err = answer(capsys, "explain", "leaf.jpg", "--run", "tiny", "--method", method, "--out", "maps/deep")
    assert status == 0 and err == "" and f"maps/deep/leaf.{method}.png" in out
    assert sorted(p.name for p in Path("maps/deep").iterdir()) == [f"leaf.{method}.{e}" for e in ("json", "npy", "png")]
    attribution = np.load(f"maps/deep/leaf.{method}.npy", allow_pickle=False)
    assert attribution.shape == (80, 112) and attribution.dtype == np.float32 and attribution.std() > 0
    if method in ("rollout", "gradient_rollout"):
        assert attribution.min() >= 0 and attribution.sum() == pytest.approx(1, abs=1e-4)
    record = json.loads(Path(f"maps/deep/leaf.{method}.json").read_text())
    assert record["run"] == "tiny" and record["method"] == method and record["arguments"] and record["scale"]["ticks"]
    assert record["sha256"] == hashlib.sha256(Path("leaf.jpg").read_bytes()).hexdigest()
    assert (record["class"] is None) == (method == "rollout")
    with Image.open(f"maps/deep/leaf.{method}.png") as picture:
        assert picture.width == 512 and picture.height > 366


def test_where_nothing_speaks_for_a_class_the_command_says_so_instead_of_a_map(here, capsys, monkeypatch):
    def with_silent_class(*arguments):
        checkpoint = load_checkpoint(*arguments)
        checkpoint.model.head.weight.data[1] = 0  # its score is the bias, whatever the photo
        return checkpoint

    monkeypatch.setattr("hvit.runs.checkpoint.load_checkpoint", with_silent_class)
    words = ["explain", "leaf.jpg", "--run", "tiny", "--method", "gradient_rollout", "--class", CLASSES[1]]
    status, out, _ = answer(capsys, *words, "--out", "maps")
    note = "Gradient rollout found no place that speaks for tomato: late blight."
    assert status == 0 and note.lower() in out.lower()
    assert json.loads(Path("maps/leaf.gradient_rollout.json").read_text())["note"].lower() == note.lower()
    assert not np.load("maps/leaf.gradient_rollout.npy").any()
    with Image.open("maps/leaf.gradient_rollout.png") as picture:
        shown = np.asarray(picture.convert("RGB"))[:366].astype(int)
    assert np.abs(shown[..., 0] - shown[..., 1]).mean() > 5  # the photo in its colors; under a map it is grey


def test_a_class_can_be_chosen_and_the_default_is_the_prediction_of_predict(here, capsys):
    words = ["explain", "leaf.jpg", "--run", "tiny", "--method", "gradcam", "--out", "maps", "--json"]
    status, out, err = answer(capsys, *words)
    label = json.loads(answer(capsys, "predict", "leaf.jpg", "--run", "tiny", "--json")[1])[0]["label"]
    document = json.loads(out)
    assert status == 0 and err == "" and document["error"] is None and document["class"] == label
    assert document["files"] == [f"maps/leaf.gradcam.{ending}" for ending in ("png", "npy", "json")]
    own = np.load("maps/leaf.gradcam.npy")
    other = next(name for name in CLASSES if name != label)
    assert json.loads(answer(capsys, *words, "--class", other)[1])["class"] == other
    assert not np.allclose(np.load("maps/leaf.gradcam.npy"), own)


def test_the_attribution_lies_on_the_upright_photo(here, capsys):
    pixels = cv2.imread("leaf.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels[:, :, ::-1]).save("straight.png")
    Image.fromarray(pixels[:, :, ::-1]).transpose(Image.Transpose.ROTATE_90).save("turned.png", exif=exif)
    for name in ("straight", "turned"):
        assert answer(capsys, "explain", f"{name}.png", "--run", "tiny", "--out", "maps")[0] == 0
    straight, turned = np.load("maps/straight.rollout.npy"), np.load("maps/turned.rollout.npy")
    assert straight.shape == (80, 112) and np.array_equal(straight, turned)


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_an_unreadable_photo_is_one_line_and_exit_1(here, capsys, more):
    Path("broken.jpg").write_bytes(b"")
    status, out, err = answer(capsys, "explain", "broken.jpg", "--run", "tiny", "--out", "maps", *more)
    assert status == 1 and not Path("maps").exists()
    if more:
        assert err == "" and "is empty" in json.loads(out)["error"]
    else:
        assert out == "" and err.count("\n") == 1 and "broken.jpg: cannot be read: it is empty" in err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["leaf.jpg", "--method", "rollout", "--class", CLASSES[0]], "gradient_rollout and integrated_gradients do"),
        (["leaf.jpg", "--method", "gradcm"], "did you mean gradcam?"),
        (["leaf.jpg", "--method", "zzz"], "There are rollout, gradient_rollout"),
        (["leaf.jpg", "--method", "gradcam", "--class", "Tomato___Late_blihgt"], "did you mean Tomato___Late_blight?"),
        (["leaf.jpg", "--method", "gradcam", "--class", "zzz"], "it knows Potato___Early_blight, "),
        (["leaf.jpg", "--clas", "x"], "did you mean --class?"),
        (["leaf.jpg", "--run", "tinny"], "did you mean tiny?"),
        (["nowhere.jpg"], "nowhere.jpg: no such photo"),
        (["runs"], "is a folder; name one photo"),
        (["leaf.jpg", "--out", "leaf.jpg"], "is a file; name a folder"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(here, capsys, words, expected):
    given = [*words, *([] if "--run" in words else ["--run", "tiny"]), *([] if "--out" in words else ["--out", "maps"])]
    assert expected in refusal(capsys, "explain", *given)
    assert not Path("maps").exists()


def test_a_folder_to_write_into_must_be_named(here, capsys):
    assert "--out" in refusal(capsys, "explain", "leaf.jpg", "--run", "tiny")


def test_the_input_of_a_spectral_stream_is_described(here, capsys):
    def explained(run):
        status, out, err = answer(capsys, "explain", "leaf.jpg", "--run", run, "--out", "maps", "--json")
        assert status == 0 and err.count("\n") == 1 and json.loads(out)["error"] is None
        return err, np.load("maps/leaf.rollout.npy")

    text, alone = explained("bands")
    assert "there are none next to the photo" in text
    assert "indices of the photo's colors" in explained("indices")[0]
    np.save("leaf.npy", np.random.default_rng(0).uniform(0, 0.9, (2, 40, 56)).astype(np.float32))
    text, beside = explained("bands")
    assert "also sees leaf.npy" in text and not np.allclose(alone, beside)
    np.save("leaf.npy", np.zeros((2, 56, 40), np.float32))
    status, out, _ = answer(capsys, "explain", "leaf.jpg", "--run", "bands", "--out", "maps", "--json")
    assert status == 1 and "leaf.npy is 56 x 40 px" in json.loads(out)["error"]


def test_a_baseline_is_explained_by_the_methods_that_need_no_attention(here, capsys):
    import torch

    from hvit.data.preprocess import Preprocessing
    from hvit.models import create_model
    from hvit.runs import RunWriter
    from hvit.runs.saving import save_checkpoint

    torch.manual_seed(0)
    path, arguments = here / "runs" / "resnet", {"num_classes": 3}
    writer = RunWriter(path, "baseline", {"epochs": 1}, 0, ["training/finetune.py"], "0" * 64)
    model = create_model("timm:test_resnet", **arguments)
    save_checkpoint(path, model, "timm:test_resnet", arguments, CLASSES, Preprocessing(64), "0" * 64, {"drawn": "none"})
    writer.finish("done", {"top1": None})
    words = ["explain", "leaf.jpg", "--run", "resnet", "--out", "maps"]
    for method, works in METHODS.items():
        if works.any_model:
            assert answer(capsys, *words, "--method", method)[0] == 0 and Path(f"maps/leaf.{method}.npy").exists()
        else:
            assert "use integrated_gradients or occlusion" in refusal(capsys, *words, "--method", method)
