"""Runs that somebody made to harm: each is one row with one sentence, and takes nothing else with it."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from hvit.runs import Run, RunError, find_run, survey
from hvit.runs.checkpoint import CheckpointError, load_checkpoint
from tests.support.pages import open_page
from tests.support.weighted_runs import CLASSES


def change(file: str, **values):
    """Changes top-level values of a JSON file of a run."""

    def spoil(run: Path) -> None:
        (run / file).write_text(json.dumps(json.loads((run / file).read_text()) | values))

    return spoil


def write(file: str, content: str | bytes):
    def spoil(run: Path) -> None:
        (run / file).parent.mkdir(parents=True, exist_ok=True)
        (run / file).unlink(missing_ok=True)
        (run / file).write_bytes(content if isinstance(content, bytes) else content.encode())

    return spoil


def replace(file: str, make):
    """Puts a folder, a pipe or a link in the place of a file."""

    def spoil(run: Path) -> None:
        (run / file).unlink()
        make(run / file)

    return spoil


def sparse(file: str, size: int):
    def spoil(run: Path) -> None:
        with open(run / file, "wb") as out:
            out.truncate(size)

    return spoil


ALIVE = {"status": "running", "heartbeat": "2099-01-01T00:00:00+00:00"}
PROGRESS = {"step": 1, "total_steps": 2, "images_per_s": 1, "left_s": 5, "at": "2099-01-01T00:00:00+00:00"}
UNLISTED = {
    "json-deep": (write("run.json", '{"schema_version":1,"a":' + "[" * 100_000 + "]" * 100_000 + "}"), "nested"),
    "json-bigint": (write("run.json", '{"schema_version":1,"seed":' + "9" * 5000 + "}"), "4,000 digits"),
    "json-surrogate": (change("run.json", device="\ud800"), "not Unicode"),
    "live-types": (change("run.json", **ALIVE, progress=PROGRESS | {"left_s": "x"}), "progress.left_s 'x'"),
    "live-step": (change("run.json", **ALIVE, progress=PROGRESS | {"step": None}), "progress.step None"),
    "no-object": (write("run.json", "[1]"), "run.json of run bad is damaged: it holds no object"),
    "null": (write("run.json", "null"), "it holds no object"),
    "seed": (change("run.json", seed="x"), "seed 'x'; expected a whole number"),
    "tags": (change("run.json", tags=5), "tags 5; expected a list of texts"),
    "argv": (change("run.json", argv=[1]), "argv"),
    "git": (change("run.json", git={"commit": 7}), "git.commit 7"),
    "device": (change("run.json", device=["cpu"]), "device"),
    "elapsed": (change("run.json", elapsed_s="long"), "elapsed_s 'long'"),
    "summary": (change("run.json", summary=[1]), "summary"),
    "best-step": (change("run.json", summary={"best_step": "ten"}), "summary.best_step 'ten'"),
    "pipe": (replace("run.json", os.mkfifo), "a pipe, not a file"),
    "zero": (replace("run.json", lambda path: path.symlink_to("/dev/zero")), "leads out of the run"),
    "folder": (replace("run.json", lambda path: path.mkdir()), "a folder, not a file"),
    "loop": (replace("model.json", lambda path: path.symlink_to("model.json")), "model.json"),
    "large": (sparse("run.json", 2**40), "at most 16 MB are read"),
    "classes-int": (change("model.json", classes=5), "classes 5; expected a list"),
    "classes-mixed": (change("model.json", classes=["a", 1, "b"]), "classes"),
    "classes-twice": (change("model.json", classes=["a", "a", "b"]), "classes"),
    "architecture": (change("model.json", architecture=["x"]), "architecture"),
    "temperature": (change("model.json", temperature="hot"), "temperature 'hot'"),
    "cold": (change("model.json", temperature=0), "temperature 0; expected a number from 0.001"),
    "nan": (write("model.json", '{"temperature": NaN}'), "not finite"),
    "conformal": (change("model.json", conformal=5), "conformal 5; expected an object"),
    "licences": (change("model.json", licences={"a": 5}), "licences"),
    "card-deep": (write("model.json", '{"a":' * 100_000 + "1" + "}" * 100_000), "nested"),
}  # fmt: skip


@pytest.fixture
def runs(tiny_run, tmp_path) -> Path:
    shutil.copytree(tiny_run, tmp_path / "runs" / "good")
    return tmp_path / "runs"


@pytest.fixture
def bad(tiny_run, runs) -> Path:
    return shutil.copytree(tiny_run, runs / "bad")


@pytest.mark.parametrize("name", UNLISTED)
def test_a_bad_run_is_one_sentence_and_the_others_are_listed(runs, bad, name):
    spoil, text = UNLISTED[name]
    spoil(bad)
    found, troubles = survey(runs)
    assert [run.name for run in found] == ["good"]
    [trouble] = troubles
    assert trouble.name == "bad" and text in trouble.reason and len(trouble.reason) < 250
    assert ".json of run bad" in trouble.reason and "\n" not in trouble.reason


def test_a_number_that_is_not_finite_becomes_null_in_what_is_listed(runs, bad):
    write("run.json", '{"schema_version":1,"status":"done","summary":{"top1":NaN,"nll":Infinity}}')(bad)
    found, troubles = survey(runs)
    assert not troubles
    assert json.dumps(found[0].row()["summary"], allow_nan=False) == '{"top1": null, "nll": null}'


def test_a_folder_whose_name_is_no_text_is_one_sentence(runs):
    (runs / os.fsdecode(b"\xff")).mkdir()
    found, [trouble] = survey(runs)
    assert [run.name for run in found] == ["good"] and "no text in UTF-8" in trouble.reason
    trouble.name.encode(), trouble.reason.encode()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: 2026-99-99", "month must be in"),
        ("a: " + "[" * 100_000, "nested more than 50"),
        ("data: {dirs: 5}", "data.dirs 5; expected a list of texts"),
        ("data: {field: [1]}", "data.field"),
        ("optim: {lr: fast}", "optim.lr 'fast'; expected a number"),
        ("phases: [1]", "phases"),
        ("model: x", "model 'x'; expected an object"),
    ],
)
def test_a_bad_configuration_is_one_sentence(bad, content, expected):
    write("config.yaml", content)(bad)
    with pytest.raises(RunError, match="^config.yaml of run bad .*; copy the run again$") as refused:
        Run(bad).config  # noqa: B018
    assert expected in str(refused.value)


@pytest.mark.parametrize("name", ["x" * 3000, "a/" * 3000, "..", "a\0b", "\udcff"])
def test_any_text_may_be_asked_for_as_a_run(runs, name):
    (runs / "good" / "inner").mkdir()
    with pytest.raises(RunError, match="^no run ") as refused:
        find_run(name, runs / "good" / "inner" / "none")
    assert len(str(refused.value)) < 400


def _row(step: int) -> str:
    return json.dumps({"step": step, "epoch": 1.0, "split": "train", "time_s": 1.0, "loss": 0.5}) + "\n"


def test_metrics_of_a_gigabyte_are_refused_before_they_are_read(bad):
    sparse("metrics.jsonl", 2**30)(bad)
    with pytest.raises(RunError, match="metrics.jsonl of run bad cannot be read: it has 1,024 MB, and at most 64"):
        Run(bad).metrics()


def test_more_lines_of_metrics_than_are_kept_are_refused(bad, monkeypatch):
    monkeypatch.setattr("hvit.runs.reader.MAX_ROWS", 3)
    write("metrics.jsonl", "".join(map(_row, range(3))))(bad)
    assert [row["step"] for row in Run(bad).metrics()] == [0, 1, 2]
    write("metrics.jsonl", "".join(map(_row, range(4))))(bad)
    with pytest.raises(RunError, match="more than 3 lines"):
        Run(bad).metrics()


@pytest.mark.parametrize("line", ['{"step": "x"}', '{"step": 1, "loss": [1]}', '{"step": 1, "split": 5}', "[" * 70_000])
def test_a_wrong_line_of_metrics_is_named(bad, line):
    write("metrics.jsonl", _row(1) + line + "\n" + _row(2))(bad)
    with pytest.raises(RunError, match="^line 2 of metrics.jsonl of run bad is damaged"):
        Run(bad).metrics()


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"n": "x"}, "n 'x'"),
        ({"top1": 7}, "top1 7; expected a number from 0 to 1"),
        ({"top1_ci": [0.1]}, "top1_ci"),
        ({"per_class": {"a": 5}}, "per_class"),
        ({"by_data": {"field": {"ece": "low"}}}, "ece 'low'.*by_data of field"),
        ([1], "is damaged"),
    ],
)
def test_scores_of_other_types_are_refused(bad, document, expected):
    write("eval/test/metrics.json", json.dumps(document))(bad)
    with pytest.raises(RunError, match=f"^eval/test/metrics.json of run bad .*{expected}"):
        Run(bad).evaluation("test")


def test_a_manifest_may_not_name_what_is_not_in_the_run(bad):
    for files in ({"../good/run.json": "0" * 64}, {"/etc/passwd": "0" * 64}, {"run.json": 5}, [1]):
        write("manifest.json", json.dumps({"files": files}))(bad)
        with pytest.raises(RunError, match="manifest.json of run bad"):
            Run(bad).damaged_files()


def test_a_pipe_or_a_link_in_place_of_a_listed_file_counts_as_damaged(bad, runs):
    replace("model.safetensors", os.mkfifo)(bad)
    replace("rejection.npz", lambda path: path.symlink_to(runs / "good" / "rejection.npz"))(bad)
    assert Run(bad).damaged_files() == ["model.safetensors", "rejection.npz"]


def set_in(*keys, value):
    """Changes one value deep in model.json."""

    def spoil(run: Path) -> None:
        card = json.loads((run / "model.json").read_text())
        section = card
        for key in keys[:-1]:
            section = section[key]
        section[keys[-1]] = value
        (run / "model.json").write_text(json.dumps(card))

    return spoil


CARDS = {
    "wide": (set_in("arguments", "embed_dims", value=[64, 128, 16384, 16384]), "do not fit hvit_tiny"),
    "wider": (set_in("arguments", "embed_dims", value=[64, 128, 10**9, 10**9]), "arguments.embed_dims"),
    "deep": (set_in("arguments", "depths", value=[1, 1, 10**9, 1]), "arguments.depths"),
    "none": (set_in("arguments", "embed_dims", value=None), "arguments.embed_dims None"),
    "heads": (set_in("arguments", "head_dim", value=0), "arguments.head_dim 0"),
    "outputs": (set_in("arguments", "num_classes", value=10**12), "arguments.num_classes"),
    "unknown": (set_in("arguments", "colour", value=1), "no argument colour"),
    "size-0": (set_in("preprocessing", "img_size", value=0), "preprocessing.img_size 0"),
    "size-huge": (set_in("preprocessing", "img_size", value=10**9), "preprocessing.img_size"),
    "std-0": (set_in("preprocessing", "std", value=[0, 1, 1]), "preprocessing.std"),
    "ood-file": (set_in("ood", "file", value=7), "ood.file 7"),
    "ood-up": (set_in("ood", "file", value=".."), "ood.file '..'"),
    "ood-text": (set_in("ood", "threshold", value="x"), "ood.threshold 'x'"),
    "classes": (set_in("classes", value=[0, 1, 2]), "classes [0, 1, 2]"),
    "weights-pipe": (replace("model.safetensors", os.mkfifo), "a pipe, not a file"),
    "weights-zero": (replace("model.safetensors", lambda path: path.symlink_to("/dev/zero")), "leads out of the run"),
    "weights-sparse": (sparse("model.safetensors", 2**42), "at most 8,192 MB"),
    "weights-lie": (write("model.safetensors", (2**40).to_bytes(8, "little") + bytes(100)), "no header"),
    "detector-pipe": (replace("rejection.npz", os.mkfifo), "rejection.npz of run bad cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("name", CARDS)
def test_a_card_or_weights_made_to_harm_are_one_sentence(bad, name):
    spoil, text = CARDS[name]
    spoil(bad)
    with pytest.raises(CheckpointError) as refused:
        load_checkpoint(bad)
    assert text in str(refused.value) and len(str(refused.value)) < 400 and "\n" not in str(refused.value)


def test_no_memory_is_given_to_a_model_before_its_shapes_are_compared(bad, monkeypatch):
    import torch

    CARDS["wide"][0](bad)
    devices, build = [], torch.nn.Linear.__init__

    def watched(layer, *args, **kwargs):
        build(layer, *args, **kwargs)
        devices.append(layer.weight.device.type)

    monkeypatch.setattr(torch.nn.Linear, "__init__", watched)
    with pytest.raises(CheckpointError, match="do not fit"):
        load_checkpoint(bad)
    assert set(devices) == {"meta"}


def _with_detector(run: Path, **arrays) -> None:
    import hashlib

    np.savez_compressed(run / "rejection.npz", **arrays)
    sha256 = hashlib.sha256((run / "rejection.npz").read_bytes()).hexdigest()
    set_in("ood", "sha256", value=sha256)(run)


def test_a_detector_that_unpacks_to_gigabytes_or_does_not_fit_the_model_is_refused(bad):
    _with_detector(bad, reference=np.zeros((40_000, 480), np.float32))  # 77 MB in 75 KB
    with pytest.raises(CheckpointError, match="rejection.npz of run bad unpacks to 73 MB, and at most 64"):
        load_checkpoint(bad)
    _with_detector(bad, reference=np.zeros((20, 7), np.float16))
    with pytest.raises(CheckpointError, match="detector of run bad does not fit its model"):
        load_checkpoint(bad)


def test_weights_that_are_not_finite_are_refused(bad):
    import hashlib

    from safetensors.torch import load_file, save_file

    tensors = load_file(bad / "model.safetensors")
    next(iter(tensors.values())).view(-1)[0] = float("nan")
    save_file(tensors, bad / "model.safetensors")
    set_in("sha256", value=hashlib.sha256((bad / "model.safetensors").read_bytes()).hexdigest())(bad)
    with pytest.raises(CheckpointError, match="not finite"):
        load_checkpoint(bad)


def test_every_shipped_run_still_opens():
    found, troubles = survey(Path(__file__).resolve().parents[4] / "runs")
    assert not troubles and len(found) > 60
    for run in found:
        assert run.config and run.metrics() is not None and run.manifest()
        assert run.model_card() or run.info.kind == "segment"  # whose head is part of another run
        run.test_evaluations()
        for split in ("val", "test", "cv"):
            run.evaluation(split), run.evaluation(split, "tta")
            run.predictions(split), run.explanations(split)


PAGES = ("diagnose", "attention", "feature_space", "compare_runs", "evaluation", "models", "data", "ablations")
DAMAGED = {
    "config-laughs": write("config.yaml", "data: {dirs: *a}"),
    "scores": write("eval/test/metrics.json", '{"top1": "high"}'),
    "predictions": write("eval/test/predictions.parquet", b"PAR1" + bytes(100) + b"PAR1"),
    "metrics": sparse("metrics.jsonl", 2**30),
    "notes": write("notes.md", b"\xff" * 100),
    "split": replace("manifest.json", lambda path: (path.with_name("split.csv")).mkdir()),
    "map": write("eval/test/tsne.npz", b"PK"),
}  # fmt: skip


@pytest.fixture(scope="module")
def bad_runs(tiny_run, tmp_path_factory) -> Path:
    """A runs folder with one good run, `good`, and each of the bad ones; tests must not change it."""
    folder = tmp_path_factory.mktemp("bad") / "runs"
    shutil.copytree(tiny_run, folder / "good")
    for name, (spoil, _) in UNLISTED.items():
        spoil(shutil.copytree(tiny_run, folder / name))
    for name, spoil in DAMAGED.items():
        spoil(shutil.copytree(tiny_run, folder / name))
    return folder


@pytest.fixture
def all_bad(bad_runs, monkeypatch) -> Path:
    monkeypatch.setenv("HVIT_RUNS", str(bad_runs))
    return bad_runs


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_in_a_folder_of_bad_runs(all_bad, page):
    app = open_page(page)
    assert not app.exception


@pytest.mark.parametrize("page", ["data", "models"])
@pytest.mark.parametrize("name", DAMAGED)
def test_a_page_of_a_run_with_a_damaged_part_opens(all_bad, page, name):
    assert not open_page(page, run=name).exception


def test_a_run_of_3000_letters_in_the_address_is_one_sentence(all_bad):
    for page in ("diagnose", "models"):
        app = open_page(page, run="x" * 3000)
        assert not app.exception
        assert not any("x" * 300 in element.proto.body for element in app.get("html"))


def test_the_command_lists_the_good_and_says_what_is_wrong_with_the_others(all_bad, monkeypatch, capsys):
    from hvit.__main__ import main

    monkeypatch.chdir(all_bad.parent)
    assert main(["runs", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "good" in [row["name"] for row in json.loads(out)] and CLASSES == json.loads(out)[0]["classes"]
    assert all(f"run {name}" in err for name in UNLISTED) and "config.yaml of run config-laughs is damaged" in err
