"""python -m hvit: one JSON document on stdout, exit statuses, and mistakes answered in one line."""

import codecs
import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from hvit import diagnosis
from hvit.__main__ import COMMANDS
from hvit.files import file_sha256
from tests.support.commands import answer, refusal
from tests.support.weighted_runs import CLASSES, write_run

ROOT = Path(__file__).parents[4]


@pytest.fixture
def here(tiny_run, photo_folder, tmp_path, monkeypatch) -> Path:
    """A working folder with runs/tiny and photos/{a.jpg,deeper/B.JPEG,notes.txt}."""
    shutil.copytree(tiny_run, tmp_path / "runs" / "tiny")
    photos = sorted((photo_folder / "test").rglob("*.jpg"))
    (tmp_path / "photos" / "deeper").mkdir(parents=True)
    shutil.copy(photos[0], tmp_path / "photos" / "a.jpg")
    shutil.copy(photos[-1], tmp_path / "photos" / "deeper" / "B.JPEG")
    (tmp_path / "photos" / "notes.txt").write_text("not a photo")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_helps_with_examples(command, capsys):
    status, out, err = answer(capsys, command, "--help")
    assert status == 0 and f"python -m hvit {command}" in out and err == ""


def test_importing_the_library_and_asking_for_help_load_nothing_heavy():
    code = (
        "import sys, hvit, hvit.__main__\n"
        "try: hvit.__main__.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print('HEAVY', sorted({'torch', 'cv2', 'sklearn', 'pandas', 'pyarrow', 'timm', 'gradio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout


def test_predict_prints_one_row_a_photo_in_the_order_given(here, capsys):
    status, out, err = answer(capsys, "predict", "photos/deeper/B.JPEG", "photos", "--run", "tiny", "--json")
    rows = json.loads(out)
    assert status == 0 and err == "photos: passed over 1 (no photo by its ending: notes.txt)\n"
    assert [row["file"] for row in rows] == ["photos/deeper/B.JPEG", "photos/a.jpg", "photos/deeper/B.JPEG"]
    assert rows[1]["sha256"] == hashlib.sha256(Path("photos/a.jpg").read_bytes()).hexdigest()
    assert rows[0]["probabilities"] == pytest.approx(rows[2]["probabilities"], abs=1e-4)
    assert rows[0]["run"] == "tiny"


def test_people_read_one_line_a_photo(here, capsys):
    status, out, _ = answer(capsys, "predict", "photos", "--run", "tiny")
    lines = out.splitlines()
    assert status == 0 and len(lines) == 2 and lines[0].startswith("photos/a.jpg: ")


def test_an_unreadable_photo_is_a_row_and_exit_1(here, capsys):
    Path("photos/broken.png").write_bytes(b"")
    status, out, _ = answer(capsys, "predict", "photos", "--run", "tiny", "--json")
    rows = {row["file"]: row for row in json.loads(out)}
    assert status == 1 and len(rows) == 3
    assert rows["photos/broken.png"]["verdict"] == "unreadable" and rows["photos/a.jpg"]["error"] is None


def test_a_file_over_the_limit_keeps_the_hash_of_all_of_it_and_its_true_size(here, capsys):
    with open("photos/large.jpg", "wb") as large:
        large.truncate(60_000_000)
    status, out, _ = answer(capsys, "predict", "photos/large.jpg", "--run", "tiny", "--json")
    (row,) = json.loads(out)
    assert status == 1 and "60 MB" in row["error"] and row["error"] in row["message"]
    assert row["sha256"] == file_sha256(Path("photos/large.jpg"))


def test_a_table_is_never_written_over_a_photo(here, capsys):
    before = file_sha256(Path("photos/a.jpg"))
    text = refusal(capsys, "predict", "photos", "--run", "tiny", "--csv", "photos/a.jpg")
    assert "--csv photos/a.jpg is one of the photos, and would be lost" in text
    assert file_sha256(Path("photos/a.jpg")) == before


def test_an_empty_split_and_a_data_set_named_twice_are_refused(here, photo_folder, capsys):
    text = refusal(capsys, "evaluate", "--run", "tiny", "--data", str(photo_folder), "--split", "")
    assert "--split is empty; name train, val or test" in text
    text = refusal(capsys, "evaluate", "--run", "tiny", "--data", str(photo_folder), f"{photo_folder}/")
    assert "--data names a data set twice" in text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_pipes_and_devices_stop_before_anything_runs(here, capsys):
    os.mkfifo("photos/pipe")
    assert "photos/pipe is a pipe" in refusal(capsys, "predict", "photos/pipe", "--run", "tiny", "--json")
    assert "/dev/zero is a device" in refusal(capsys, "predict", "/dev/zero", "--run", "tiny", "--json")


def test_a_photo_that_no_step_can_take_is_its_own_row(here, capsys, monkeypatch):
    """Whatever one photo raises, wherever it does: the others are answered."""
    Image.new("RGB", (64, 66_000)).save("photos/strip.png")
    true_flags = diagnosis.photo_flags

    def flags(pixels, img_size):
        if pixels.shape[0] == 77:
            raise ZeroDivisionError("nothing\nto see")
        return true_flags(pixels, img_size)

    monkeypatch.setattr(diagnosis, "photo_flags", flags)
    Image.new("RGB", (90, 77)).save("photos/odd.png")
    status, out, _ = answer(capsys, "predict", "photos", "--run", "tiny", "--json")
    rows = {row["file"]: row for row in json.loads(out)}
    assert status == 1 and len(rows) == 4
    assert "64 x 66,000 pixels; the longer side may be 20 times" in rows["photos/strip.png"]["error"]
    assert "ZeroDivisionError: nothing to see" in rows["photos/odd.png"]["error"]
    assert rows["photos/odd.png"]["sha256"] == file_sha256(Path("photos/odd.png"))
    assert rows["photos/a.jpg"]["error"] is None


def test_photos_that_cannot_be_read_are_left_out_of_the_scores_named_and_counted(here, photo_folder, capsys):
    shutil.copytree(photo_folder / "test", "set")
    spoiled, total = sorted(Path("set").rglob("*.jpg"))[:2], 12
    for path in spoiled:
        path.write_bytes(path.read_bytes()[:150])
    status, out, err = answer(capsys, "evaluate", "--run", "tiny", "--data", "set", "--json")
    document = json.loads(out)
    assert status == 0 and document["n"] == total - 2
    assert list(document["unreadable"]) == [path.as_posix() for path in spoiled]
    assert f"2 of {total} photos cannot be read and are left out:" in err and spoiled[0].as_posix() in err


def test_where_no_photo_can_be_read_nothing_is_scored(here, capsys):
    Path("set/Potato___Early_blight").mkdir(parents=True)
    Path("set/Tomato___healthy").mkdir()
    for name in ("Potato___Early_blight/1.jpg", "Tomato___healthy/2.jpg"):
        Path("set", name).write_bytes(b"")
    text = refusal(capsys, "evaluate", "--run", "tiny", "--data", "set")
    assert "none of 2 photos can be read; the first is set/Potato___Early_blight/1.jpg: it is empty" in text


def test_a_photo_that_does_not_exist_stops_before_anything_runs(here, capsys):
    assert "nowhere.jpg" in refusal(capsys, "predict", "photos/a.jpg", "nowhere.jpg", "--run", "tiny", "--json")


def test_a_crop_restricts_the_prediction(here, capsys):
    _, out, _ = answer(capsys, "predict", "photos", "--run", "tiny", "--crop", "potato", "--json")
    assert all(row["probabilities"]["Potato___Early_blight"] == pytest.approx(1) for row in json.loads(out))


def test_flags_are_words_for_people_and_names_for_programs(here, capsys):
    Image.new("RGB", (100, 100), (2, 2, 2)).save("black.png")
    _, out, _ = answer(capsys, "predict", "black.png", "--run", "tiny")
    assert "Dark: take it again with more light." in out and "[" not in out and out.count("\n") == 1
    _, out, _ = answer(capsys, "predict", "black.png", "--run", "tiny", "--json")
    assert "dark" in json.loads(out)[0]["flags"]


def test_maps_of_explain_are_not_diagnosed_as_photos(here, capsys):
    for name in ("a.rollout.png", "a.rollout.npy", "a.rollout.json", "b.rollout.png"):
        shutil.copy("photos/a.jpg", f"photos/{name}")
    _, out, err = answer(capsys, "predict", "photos", "--run", "tiny", "--json")
    assert [row["file"] for row in json.loads(out)] == ["photos/a.jpg", "photos/b.rollout.png", "photos/deeper/B.JPEG"]
    assert "1 (maps written by hvit explain: a.rollout.png)" in err


def test_a_score_of_no_photo_has_no_figures_above_it(here, photo_folder, capsys):
    shutil.copytree(photo_folder / "test" / "Potato___Early_blight", here / "weeds" / "Weed")
    _, out, _ = answer(capsys, "evaluate", "--run", "tiny", "--data", "weeds", "--unknown-classes", "report")
    assert out.startswith("tiny: it knows the class of none of these photos") and "0 photos" not in out


def test_one_photo_is_not_counted_as_photos(here, photo_folder, capsys):
    (here / "one" / CLASSES[0]).mkdir(parents=True)
    shutil.copy("photos/a.jpg", here / "one" / CLASSES[0])
    _, out, _ = answer(capsys, "evaluate", "--run", "tiny", "--data", "one")
    assert out.startswith("tiny on 1 photo\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["predict", "photos", "--rnu", "tiny"], "--run"),
        (["evaluate", "--rnu", "tiny", "--data", "photos"], "did you mean --run?"),
        (["predict", "photos", "--run", "tinny"], "did you mean tiny?"),
        (["predict", "photos"], "no run leaf45-tiny"),
        (["predict", "photos", "--run", "tiny", "--crop", "tomatto"], "did you mean tomato?"),
        (["predict", "photos", "--run", "tiny", "--batch-size", "0"], "at least 1"),
        (["predict", "photos", "--run", "tiny", "--batch-size", "many"], "'many' is not a whole number"),
        (["predict", "photos", "--run", "tiny", "--json", "--csv", "x.csv"], "not allowed with"),
        (["predict", "photos", "--run", "tiny", "--csv", "photos"], "is a folder"),
        (["predict", "runs", "--run", "tiny"], "no photos in this folder"),
        (["predict", "x" * 300 + ".jpg", "--run", "tiny"], "File name too long"),
        (["evaluate", "--run", "tiny", "--data", "nowhere"], "nowhere: no such folder"),
        (["evaluate", "--run", "tiny", "--data", "photos", "--batch-size", "0"], "at least 1"),
        (["evaluate", "--run", "tiny", "--data", "photos", "--tta", "--save"], "leave one of the two out"),
        (["predcit", "photos"], "unknown command 'predcit'; did you mean predict?"),
        (["data", "chek", "photos"], "unknown action 'chek'; did you mean check?"),
        (["evaluate", "--run", "tiny", "--data", "photos", "--unknown-classes", "all"], "known: error, report"),
        (["predict", "photos", "--run", ""], "the name of the run is empty"),
        (["predict", "photos", "--run", "photos"], "no run photos: that folder has no run.json, so it is no run"),
        (["predict", "photos", "--run", "q"], "no run q; `python -m hvit runs` lists the 1 that are here"),
        (["data", "check", "none.csv"], "none.csv: no such table"),
        (["data", "check", "data/field-256"], "photos in data/ do not come with the code"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(here, capsys, words, expected):
    assert expected in refusal(capsys, *words)


def test_cuda_that_is_not_there_is_refused(here, capsys):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    assert "there is no CUDA device" in refusal(capsys, "predict", "photos", "--run", "tiny", "--device", "cuda")


def test_a_damaged_record_stops_before_anything_runs(here, capsys):
    (here / "runs" / "tiny" / "run.json").write_text('{"schema_version": 9}')
    for words in (["predict", "photos", "--run", "tiny"], ["evaluate", "--run", "tiny", "--data", "photos"]):
        assert "tiny was written by a newer version" in refusal(capsys, *words)


def test_evaluate_says_what_was_skipped_where_nothing_can_be_scored(here, photo_folder, capsys):
    for split in ("train", "holdout"):
        shutil.copytree(photo_folder / "test", here / "set" / split)
    text = refusal(capsys, "evaluate", "--run", "tiny", "--data", "set")
    assert "no photos in split 'test'; splits here: train" in text and "rename the folder to train, val or test" in text


def test_evaluate_names_the_class_that_a_folder_in_other_letters_may_mean(here, photo_folder, capsys):
    shutil.copytree(photo_folder / "test" / CLASSES[0], here / "set" / CLASSES[0].lower())
    assert f"did you mean {CLASSES[0]}" in refusal(capsys, "evaluate", "--run", "tiny", "--data", "set")


def test_one_flipped_bit_in_the_weights_is_refused(here, capsys):
    weights = bytearray(Path("runs/tiny/model.safetensors").read_bytes())
    weights[-100] ^= 1
    Path("runs/tiny/model.safetensors").write_bytes(weights)
    assert "was changed or damaged" in refusal(capsys, "predict", "photos", "--run", "tiny", "--json")


def test_a_table_opens_in_a_spreadsheet_and_starts_no_formula(here, capsys):
    shutil.copy("photos/a.jpg", "=1+1.jpg")
    status, out, _ = answer(capsys, "predict", "=1+1.jpg", "photos/a.jpg", "--run", "tiny", "--csv", "out.csv")
    assert status == 0 and out == ""
    data = Path("out.csv").read_bytes()
    assert data.startswith(codecs.BOM_UTF8)
    rows = list(csv.DictReader(data.decode("utf-8-sig").splitlines()))
    assert [row["file"] for row in rows] == ["'=1+1.jpg", "photos/a.jpg"]
    assert rows[1]["label"] in json.loads(rows[1]["probabilities"])


def test_evaluate_takes_test_of_a_divided_data_set_and_changes_nothing(here, photo_folder, capsys):
    before = {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}
    status, out, _ = answer(capsys, "evaluate", "--run", "tiny", "--data", photo_folder, "--json")
    found = json.loads(out)
    assert status == 0 and found["n"] == 12 and sum(map(sum, found["confusion"])) == 12
    assert {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()} == before


def test_evaluate_takes_every_photo_of_classes_alone_and_the_split_that_is_asked_for(here, photo_folder, capsys):
    _, out, _ = answer(capsys, "evaluate", "--run", "tiny", "--data", photo_folder / "val", "--json")
    assert json.loads(out)["n"] == 12
    _, out, _ = answer(capsys, "evaluate", "--run", "tiny", "--data", photo_folder, "--split", "train", "--json")
    assert json.loads(out)["n"] == 24
    assert "'tset'" in refusal(capsys, "evaluate", "--run", "tiny", "--data", photo_folder, "--split", "tset")


def test_evaluate_with_tta_scores_the_same_photos_otherwise(here, photo_folder, capsys):
    words = ["evaluate", "--run", "tiny", "--data", photo_folder, "--json"]
    alone, both = (json.loads(answer(capsys, *words, *more)[1]) for more in ([], ["--tta"]))
    assert alone["n"] == both["n"] and alone["nll"] != both["nll"]


def test_evaluate_saves_where_asked(here, photo_folder, capsys):
    status, out, err = answer(capsys, "evaluate", "--run", "tiny", "--data", photo_folder, "--save")
    assert status == 0 and "top-1" in out and "runs/tiny/eval/test" in err
    assert json.loads(Path("runs/tiny/eval/test/metrics.json").read_text())["n"] == 12


def test_evaluate_names_a_class_the_run_does_not_know(here, capsys):
    shutil.copytree("photos", "set/Rice___Blast")
    assert "Rice___Blast" in refusal(capsys, "evaluate", "--run", "tiny", "--data", "set", "--json")


def test_evaluate_records_distances_alone_and_leaves_predictions_as_they_are(here, photo_folder, capsys):
    answer(capsys, "evaluate", "--run", "tiny", "--data", photo_folder, "--save")
    before = {p: p.read_bytes() for p in Path("runs/tiny").rglob("*") if p.is_file() and p.name != "manifest.json"}
    shutil.copytree("photos", "set/Rice___Blast")
    status, _, _ = answer(
        capsys, "evaluate", "--run", "tiny", "--data", "set", "--unknown-classes", "report", "--save-distances"
    )
    assert status == 0 and Path("runs/tiny/eval/all/rejection.parquet").exists()
    assert {path: path.read_bytes() for path in before} == before
    assert "eval/all/rejection.parquet" in json.loads(Path("runs/tiny/manifest.json").read_text())["files"]


def test_photos_of_unknown_classes_alone_leave_no_predictions_to_save(here, capsys):
    shutil.copytree("photos", "set/Rice___Blast")
    text = refusal(capsys, "evaluate", "--run", "tiny", "--data", "set", "--unknown-classes", "report", "--save")
    assert "there are no predictions to save" in text and not Path("runs/tiny/eval").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--save", "--save-distances"], "leave --save-distances out"),
        (["--tta", "--save-distances"], "leave the other option out"),
        (["--unknown-kind", "green"], "add --unknown-classes report"),
    ],
)
def test_options_of_distances_that_contradict_others_are_refused(here, capsys, words, expected):
    assert expected in refusal(capsys, "evaluate", "--run", "tiny", "--data", "photos", *words)


def test_runs_are_listed_with_their_classes(here, capsys):
    status, out, _ = answer(capsys, "runs", "--json")
    (row,) = json.loads(out)
    assert status == 0 and row["name"] == "tiny" and row["path"] == os.path.join("runs", "tiny")
    assert row["status"] == "done" and len(row["classes"]) == 3 and row["can_predict"] is True


def test_no_runs_are_an_empty_list_and_a_hint(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert json.loads(answer(capsys, "runs", "--json")[1]) == []
    assert "train one" in answer(capsys, "runs")[1]


def test_the_family_is_within_its_sizes(capsys):
    status, out, _ = answer(capsys, "models", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert status == 0 and "hvit_tiny" in rows
    for name, params, gmacs in (("hvit_small", 22e6, 4.6), ("hvit_base", 86e6, 15.4), ("hvit_large", 304e6, 45.8)):
        assert abs(rows[name]["params"] / params - 1) <= 0.03 and 0 < rows[name]["gmacs"] <= gmacs
        assert rows[name]["img_size"] == 224 and len(rows[name]["dims"]) == len(rows[name]["depths"]) == 4


@pytest.fixture
def bands(here, bands_run, indices_run) -> Path:
    """runs/bands and runs/indices beside runs/tiny, and two bands of photos/a.jpg, which is 96 x 96 px."""
    shutil.copytree(bands_run, here / "runs" / "bands")
    shutil.copytree(indices_run, here / "runs" / "indices")
    planes = np.random.default_rng(0).uniform(0, 0.9, (2, 48, 48)).astype(np.float32)
    np.save(here / "a-bands.npy", planes)
    tifffile.imwrite(here / "a-bands.tif", planes, photometric="minisblack")
    np.save(here / "tall.npy", planes[:, :, :24])
    return here


def test_predict_takes_bands_from_a_file_named_or_beside_the_photo(bands, capsys):
    words = ["predict", "photos/a.jpg", "--run", "bands", "--json"]
    rows = []
    for more in ([], ["--spectral", "a-bands.npy"], ["--spectral", "a-bands.tif"]):
        status, out, err = answer(capsys, *words, *more)
        assert status == 0 and err == ""
        rows.append(json.loads(out)[0])
    shutil.copy("a-bands.npy", "photos/a.npy")
    rows.append(json.loads(answer(capsys, *words)[1])[0])
    assert [("no_bands" in row["flags"]) for row in rows] == [True, False, False, False]
    assert rows[1] == rows[2] == rows[3]
    assert abs(rows[0]["probability"] - rows[1]["probability"]) > 1e-4


def test_predict_on_a_folder_takes_the_bands_of_each_photo(bands, capsys):
    shutil.copy("a-bands.npy", "photos/a.npy")
    status, out, _ = answer(capsys, "predict", "photos", "--run", "bands", "--json")
    assert status == 0 and [("no_bands" in row["flags"]) for row in json.loads(out)] == [False, True]
    shutil.copy("tall.npy", "photos/a.npy")
    status, out, _ = answer(capsys, "predict", "photos", "--run", "bands", "--json")
    rows = json.loads(out)
    assert status == 1 and rows[0]["verdict"] == "unreadable" and "photos/a.npy is 48 x 24 px" in rows[0]["error"]
    assert rows[1]["error"] is None


def test_a_run_of_indices_needs_no_file_and_says_nothing_of_bands(bands, capsys):
    status, out, _ = answer(capsys, "predict", "photos", "--run", "indices", "--json")
    assert status == 0 and not any("no_bands" in row["flags"] for row in json.loads(out))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["photos", "--run", "bands", "--spectral", "a-bands.npy"], "holds the bands of one photo, and 2 are given"),
        (["photos/a.jpg", "--run", "tiny", "--spectral", "a-bands.npy"], "run tiny takes no file of bands"),
        (["photos/a.jpg", "--run", "indices", "--spectral", "a-bands.npy"], "run indices takes no file of bands"),
        (["photos/a.jpg", "--run", "bands", "--spectral", "none.npy"], "none.npy cannot be opened: No such file"),
        (["photos/a.jpg", "--run", "bands", "--spectral", "photos/notes.txt"], "is not a NumPy array or a TIFF"),
        (["photos/a.jpg", "--run", "bands", "--spectral", "tall.npy"], "is 48 x 24 px and its photo 96 x 96"),
    ],
)
def test_bands_that_do_not_fit_the_command_are_refused(bands, capsys, words, expected):
    assert expected in refusal(capsys, "predict", *words)


def test_a_run_that_knows_early_stress_is_asked_for_it_with_the_bands_of_rendered_leaves(tmp_path, monkeypatch, capsys):
    from hvit.data.leafsim import BANDS, CONDITIONS, EARLY_STRESS, Address, plan

    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "runs" / "stress", sorted([*CONDITIONS, EARLY_STRESS]), "leafsim:v1/7/0-99", "bands", BANDS)
    labels = [plan(Address(7, index)).label(bands=True) for index in range(9, 150, 10)]
    assert EARLY_STRESS in labels
    documents = []
    for more in ([], ["--without-bands"]):
        words = ["evaluate", "--run", "stress", "--data", "leafsim:v1/7/0-149", "--json", *more]
        documents.append(json.loads(answer(capsys, *words)[1]))
    assert documents[0]["n"] == 15 and documents[0]["per_class"][EARLY_STRESS]["n"] == labels.count(EARLY_STRESS)
    assert documents[0]["nll"] != documents[1]["nll"]


def test_evaluating_without_bands_is_for_runs_that_take_any_and_is_not_recorded(bands, photo_folder, capsys):
    words = ["evaluate", "--run", "bands", "--data", photo_folder, "--without-bands"]
    assert "leave one of the two out" in refusal(capsys, *words, "--save")
    words[2] = "tiny"
    assert "run tiny takes no bands" in refusal(capsys, *words)


@pytest.mark.parametrize("buffering", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"])
def test_a_reader_that_leaves_early_is_no_error(buffering):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"} | buffering
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "hvit", "runs", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.returncode == 0 and done.stderr == ""
