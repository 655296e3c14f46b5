"""Training a segmentation head from the command line: the run it stands on then measures severity."""

import io
import json
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from hvit.diagnosis import diagnose
from hvit.runs import Run
from hvit.runs.checkpoint import load_checkpoint
from hvit.scoring.severity import iou_difference, read_measured_photos, record_measured_photos
from hvit.severity.storage import FILE
from tests.support.weighted_runs import CLASSES, write_run
from training import segment, severity_report

CONFIG = """
init: {init}
data:
  dirs: ['{pack}']
  cache_dir: '{cache}'
  cache_side: 64
  crops: {{pack: Tomato}}
head: {{dim: 16, detail_dim: 16}}
augment:
  {{turn_probability: 0, blur_probability: 0, noise_probability: 0, color_probability: 0, whole: 1, max_margin: 0.1}}
optim: {{lr: 1.0e-2, warmup_epochs: 2, ema_decay: 0.8}}
epochs: 60
batch_size: 8
eval_every: 20
log_every: 1
"""


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """Green ellipses with brown spots on grey, with masks: 16 train, 12 val, 4 test photos."""
    root = tmp_path_factory.mktemp("data") / "pack"
    rng = np.random.default_rng(0)
    for split, count in (("train", 16), ("val", 12), ("test", 4)):
        for part in ("images", "masks"):
            (root / split / part).mkdir(parents=True)
        for i in range(count):
            mask = np.zeros((64, 80), np.uint8)
            cv2.ellipse(mask, (40, 32), (28, 18), 0, 0, 360, 1, -1)
            spot = cv2.circle(np.zeros_like(mask), tuple(int(v) for v in rng.integers(26, 40, 2)), 6, 1, -1)
            mask[(mask == 1) & (spot == 1) & (i % 3 > 0)] = 2
            colors = np.array([[190, 190, 195], [50, 150, 40], [120, 70, 30]])
            photo = np.clip(colors[mask] + rng.normal(0, 8, (64, 80, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(photo).save(root / split / "images" / f"{i}.png")
            Image.fromarray(mask).save(root / split / "masks" / f"{i}.png")
    return root


def _words(folder, pack) -> list[str]:
    """Writes the configuration into a folder of runs, and returns the words of the command."""
    config = folder / "severity.yaml"
    config.write_text(CONFIG.format(init=folder / "runs/leaves", pack=pack, cache=pack.parent / "cache"))
    return ["--config", str(config), "--run-dir", "runs/head", "--device", "cpu"]


@pytest.fixture
def temporary_folder(pack, tmp_path, monkeypatch):
    """A folder with a run to stand on, and the words of the command."""
    write_run(tmp_path / "runs" / "leaves", CLASSES, "leaves")
    monkeypatch.chdir(tmp_path)
    return tmp_path, _words(tmp_path, pack)


@pytest.fixture(scope="module")
def trained(pack, tmp_path_factory):
    """The like with a trained head, and the weights of its backbone before; tests must not change it."""
    folder = tmp_path_factory.mktemp("trained")
    weights = (write_run(folder / "runs" / "leaves", CLASSES, "leaves") / "model.safetensors").read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert segment.main(_words(folder, pack)) == 0
    return folder, weights


@pytest.fixture
def folder_with_head(trained, pack, tmp_path, monkeypatch):
    """A copy of the trained folder, and the words of the command."""
    shutil.copytree(trained[0] / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path, _words(tmp_path, pack)


def test_a_run_gets_a_head_and_measures_severity(trained):
    folder, weights = trained
    own, parent = Run(folder / "runs/head"), Run(folder / "runs/leaves")
    assert (own.status, own.info.kind, own.info.parent) == ("done", "segment", "leaves")
    assert (folder / "runs/leaves/model.safetensors").read_bytes() == weights
    assert FILE in parent.manifest() and parent.damaged_files() == []
    rows = [row for row in own.metrics() if row["split"] == "val"]
    assert {"leaf_iou", "symptom_iou", "symptom_iou/pack"} <= set(rows[-1])
    checkpoint = load_checkpoint(parent.path)
    assert checkpoint.severity_problem is None
    assert "Tomato" in checkpoint.severity.intervals
    recorded = read_measured_photos(parent, "test")
    assert {(r.data, r.method) for r in recorded} >= {("pack", "head"), ("pack", "classical")}
    diagnosis = diagnose(checkpoint, _photo())
    assert diagnosis.severity is not None or diagnosis.severity_reason


def _photo() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((64, 80, 3), 120, np.uint8)).save(out, "PNG")
    return out.getvalue()


def test_a_run_without_a_head_says_so(temporary_folder):
    folder, _ = temporary_folder
    diagnosis = diagnose(load_checkpoint(folder / "runs/leaves"), _photo())
    assert (diagnosis.severity, diagnosis.severity_reason) == (None, "run leaves has no severity head")


def test_a_stopped_training_resumes_to_the_same_head(temporary_folder, trained, stop_after):
    folder, words = temporary_folder
    stop_after(3)
    assert segment.main(words) != 0
    stop_after(10**9)
    assert segment.main([*words, "--resume"]) == 0
    assert (folder / "runs/leaves" / FILE).read_bytes() == (trained[0] / "runs/leaves" / FILE).read_bytes()


def test_other_weights_disable_the_head_and_diagnosis_still_works(folder_with_head):
    folder, _ = folder_with_head
    card = folder / "runs/leaves/model.json"
    values = json.loads(card.read_text())
    values["severity"]["backbone_sha256"] = "0" * 64
    card.write_text(json.dumps(values))
    checkpoint = load_checkpoint(folder / "runs/leaves")
    assert "trained on other weights" in checkpoint.severity_problem
    assert "trained on other weights" in diagnose(checkpoint, _photo()).severity_reason


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("init=runs/absent", "no run"),
        ("data.crops={packs: Tomato}", "which is none of the data sets"),
        ("data.dirs=[absent]", "no such folder"),
        ("head.dims=3", "did you mean dim"),
    ],
)
def test_mistakes_are_one_sentence(temporary_folder, change, message, capsys):
    _, words = temporary_folder
    assert segment.main([*words, "--set", change]) == 2
    err = capsys.readouterr().err
    assert message in err and "Traceback" not in err


def test_a_dry_run_prints_the_plan_and_writes_nothing(temporary_folder, capsys):
    folder, words = temporary_folder
    assert segment.main([*words, "--dry-run"]) == 0
    assert "frozen backbone of leaves" in capsys.readouterr().out
    assert not (folder / "runs/head").exists()


@pytest.mark.parametrize(
    ("split", "spoil", "message"),
    [
        ("train", lambda mask: mask.convert("P"), "is a palette PNG"),
        ("train", lambda mask: mask.convert("RGB"), "is a PNG of mode RGB"),
        ("val", lambda mask: mask.resize((40, 32), 0), "has 40x32 px, and its photo 80x64"),
        ("test", lambda mask: mask.point(lambda value: 127 * value), "has the values 127"),
    ],
    ids=["palette", "color", "size", "values"],
)
def test_a_dry_run_reads_the_masks_as_training_does(temporary_folder, pack, tmp_path, split, spoil, message, capsys):
    _, words = temporary_folder
    (tmp_path / "spoiled").mkdir()
    spoiled = shutil.copytree(pack, tmp_path / "spoiled" / "pack")
    file = spoiled / split / "masks" / "1.png"
    with Image.open(file) as mask:
        spoil(mask).save(file)
    assert segment.main([*words, "--dry-run", "--set", f"data.dirs=['{spoiled}']"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shown", "message"), [([0, 2, 2], "data.leaf_unknown: [pack]"), ([0, 1, 1], "nothing to learn")]
)
def test_a_dry_run_refuses_masks_that_teach_nothing(temporary_folder, pack, tmp_path, shown, message, capsys):
    _, words = temporary_folder
    (tmp_path / "same").mkdir()
    same = shutil.copytree(pack, tmp_path / "same" / "pack")
    for file in same.glob("*/masks/*.png"):
        with Image.open(file) as mask:
            Image.fromarray(np.array(shown, np.uint8)[np.asarray(mask)]).save(file)
    assert segment.main([*words, "--dry-run", "--set", f"data.dirs=['{same}']"]) == 2
    assert message in capsys.readouterr().err


def test_a_dry_run_counts_masks_with_symptoms(temporary_folder, capsys):
    _, words = temporary_folder
    assert segment.main([*words, "--dry-run"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("pack"))
    assert row.split() == ["pack", "16", "12", "4", "20"]  # of 16, 12 and 4 photos 10, 8 and 2


def test_an_option_for_a_data_set_that_is_not_there_is_named(temporary_folder, capsys):
    _, words = temporary_folder
    assert segment.main([*words, "--dry-run", "--set", "data.crops={leaves/pack: Tomato}"]) == 2
    err = capsys.readouterr().err
    assert "data.crops names leaves/pack" in err and "last part of its folder: pack" in err


def test_a_head_that_finds_no_leaf_is_not_installed(temporary_folder, capsys):
    folder, words = temporary_folder
    assert segment.main([*words, "--set", "epochs=0.1"]) == 2
    assert "train longer" in capsys.readouterr().err
    assert not (folder / "runs/leaves" / FILE).exists()


def test_the_report_reads_what_was_recorded_and_measures_the_rest(folder_with_head, tmp_path, capsys):
    capsys.readouterr()
    grounds = tmp_path / "cut" / "test"
    for name in ("Tomato___healthy", "Tomato___Late_blight"):
        (grounds / name).mkdir(parents=True)
        for i in range(3):
            leaf = cv2.ellipse(np.zeros((64, 80, 3), np.uint8), (40, 32), (28, 18), 0, 0, 360, (50, 150, 40), -1)
            Image.fromarray(leaf).save(grounds / name / f"{i}.png")
    graded = tmp_path / "manifest.csv"
    rows = [f"cut/test/Tomato___healthy/{i % 3}.png,test,Tomato___healthy,severity={i};rust=1" for i in range(6)]
    graded.write_text("\n".join(["path,split,class,extra", *rows]))
    photo = grounds / "Tomato___healthy" / "0.png"
    options = ["--cutouts", str(tmp_path / "cut"), "--healthy", str(tmp_path / "cut"), "--grades", str(graded)]
    assert severity_report.main(["--run", "runs/leaves", *options, "--time", str(photo), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["masks"]["pack"]) == {"head", "classical", "gain"}
    assert found["cutouts"]["n"] == 6 and 0 <= found["cutouts"]["leaf_iou"] <= 1
    assert found["healthy"]["Tomato___healthy"]["n"] == 3
    assert found["time"]["with_ms"] > 0
    assert severity_report.main(["--run", "runs/leaves"]) == 0
    assert "symptom IoU" in capsys.readouterr().out


def test_a_report_on_a_run_without_a_head_is_one_sentence(temporary_folder, capsys):
    assert severity_report.main(["--run", "runs/leaves"]) == 2
    assert "recorded no severity; train a head" in capsys.readouterr().err


def _with_changed_masks(pack, folder, masks, change):
    """Options that train on a copy of a data set whose masks, found by a pattern, are changed."""
    copy = shutil.copytree(pack, folder / "other" / "pack")
    for path in copy.glob(masks):
        Image.fromarray(change(np.asarray(Image.open(path))).astype(np.uint8)).save(path)
    return ["--set", f"data.dirs=[{copy}]", "--set", f"data.cache_dir={folder}/cache"]


def test_masks_without_a_symptom_anywhere_are_refused(temporary_folder, pack, tmp_path, capsys):
    _, words = temporary_folder
    options = _with_changed_masks(pack, tmp_path, "train/masks/*.png", lambda mask: np.minimum(mask, 1))
    assert segment.main([*words, *options]) == 2
    assert "no mask of the training photos has a symptom (value 2)" in capsys.readouterr().err


def test_masks_of_symptoms_alone_must_be_declared(temporary_folder, pack, tmp_path, capsys):
    _, words = temporary_folder
    options = _with_changed_masks(pack, tmp_path, "*/masks/*.png", lambda mask: np.where(mask == 2, mask, 0))
    assert segment.main([*words, *options]) == 2
    assert "add the data set to data.leaf_unknown: [pack]" in capsys.readouterr().err


def test_a_damaged_mask_of_the_test_photos_is_named_before_training(temporary_folder, pack, tmp_path, capsys):
    folder, words = temporary_folder
    (tmp_path / "other").mkdir()
    damaged = shutil.copytree(pack, tmp_path / "other" / "pack")
    Image.fromarray(np.full((64, 80), 255, np.uint8)).save(damaged / "test/masks/0.png")
    assert segment.main([*words, "--set", f"data.dirs=[{damaged}]", "--set", f"data.cache_dir={tmp_path}/cache"]) == 2
    assert "has the values 255" in capsys.readouterr().err
    assert not (folder / "runs/head/metrics.jsonl").exists()


def test_photos_that_train_cannot_calibrate(temporary_folder, pack, capsys):
    _, words = temporary_folder
    assert segment.main([*words, "--set", f"data.calibrate_dirs=['{pack}']"]) == 2
    assert "data.calibrate_dirs name 28 photos that train or select too" in capsys.readouterr().err


@pytest.mark.parametrize(("crop", "hint"), [("tomatto", "did you mean tomato?"), ("Coffee", "it knows potato, tomato")])
def test_a_crop_that_the_run_does_not_know_is_named(temporary_folder, crop, hint, capsys):
    _, words = temporary_folder
    assert segment.main([*words, "--dry-run", "--set", f"data.crops={{pack: {crop}}}"]) == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("words_after", [[], ["--dry-run"]], ids=["training", "dry run"])
def test_a_run_with_bands_cannot_carry_a_head(temporary_folder, words_after, capsys):
    folder, words = temporary_folder
    write_run(folder / "runs/bands", CLASSES, "leaves", "bands", ("red", "nir"))
    assert segment.main([*words, "--set", "init=runs/bands", *words_after]) == 2
    assert "takes bands" in capsys.readouterr().err


def test_what_an_earlier_head_measured_goes_where_the_new_one_has_no_test_photos(temporary_folder, pack, tmp_path):
    folder, words = temporary_folder
    parent = Run(folder / "runs/leaves")
    record_measured_photos(parent.path, "test", [], {})
    assert "eval/test/severity.parquet" in parent.manifest()
    (tmp_path / "other").mkdir()
    untested = shutil.copytree(pack, tmp_path / "other" / "pack")
    shutil.rmtree(untested / "test")
    assert segment.main([*words, "--set", f"data.dirs=['{untested}']"]) == 0
    assert read_measured_photos(parent, "test") is None
    assert "eval/test/severity.parquet" not in parent.manifest() and parent.damaged_files() == []


def test_a_trained_encoder_is_a_baseline_and_changes_no_other_run(folder_with_head, capsys):
    folder, words = folder_with_head
    before = {path: path.read_bytes() for path in (folder / "runs/leaves").rglob("*") if path.is_file()}
    encoder = ["--set", "encoder.name=timm:mobilenetv3_small_050", "--set", "epochs=20"]
    assert segment.main([word if word != "runs/head" else "runs/encoder" for word in words] + encoder) == 0
    assert {path: path.read_bytes() for path in (folder / "runs/leaves").rglob("*") if path.is_file()} == before
    rows = read_measured_photos(Run(folder / "runs/encoder"), "test")
    assert {row.method for row in rows} == {"timm:mobilenetv3_small_050"}
    capsys.readouterr()
    assert severity_report.main(["--run", "runs/leaves", "--against", "runs/encoder", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["against"]["data"]["pack"]
    own = read_measured_photos(Run(folder / "runs/leaves"), "test")
    assert found["gain"]["value"] == iou_difference(rows, [row for row in own if row.method == "head"]).value


@pytest.mark.usefixtures("folder_with_head")
def test_a_run_without_severity_cannot_be_compared(capsys):
    assert severity_report.main(["--run", "runs/leaves", "--against", "runs/head"]) == 2
    assert "run head recorded no severity of test photos" in capsys.readouterr().err


def test_healthy_leaves_of_a_crop_without_masks_calibrate_its_least_measurable_area(temporary_folder, pack):
    folder, words = temporary_folder
    for split in ("train", "val"):
        (folder / "more" / split / "Tomato___healthy").mkdir(parents=True)
        (folder / "more" / split / "Pepper___healthy").mkdir(parents=True)
        for i in range(0, 12, 3):  # without a spot
            for crop in ("Tomato", "Pepper"):
                for copy in range(2):
                    photo = Image.open(pack / "val" / "images" / f"{i}.png").transpose(copy)
                    photo.save(folder / "more" / split / f"{crop}___healthy" / f"{split}{i}{copy}{crop}.png")
    extra = ["--set", f"data.healthy_dirs=['{folder / 'more'}']", "--set", "data.crops={}", "--set", "epochs=20"]
    assert segment.main(words + extra) == 0
    estimator = load_checkpoint(folder / "runs/leaves").severity
    assert {"pack", "Tomato", "Pepper"} == set(estimator.least_measurable)
    assert set(estimator.intervals) == {"pack"}
