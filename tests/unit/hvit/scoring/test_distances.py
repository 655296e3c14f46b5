"""Recorded distances from the training photos: kinds of unknown, merging by data set, refusals."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hvit.data.datasets.reading import read_samples
from hvit.data.unknown_kinds import kind_of_unknown
from hvit.runs import Run, RunError
from hvit.runs.checkpoint import load_checkpoint
from hvit.runs.layout import DISTANCES, in_split
from hvit.scoring.distances import Distances, read_distances, record_distances
from hvit.scoring.evaluation import evaluate, record_evaluation
from hvit.scoring.recorded_tables import splits_with


@pytest.fixture
def run(tiny_run, tmp_path) -> Run:
    return Run(shutil.copytree(tiny_run, tmp_path / "tiny"))


def distances(data: str, scores: list[float], kind: str = "known", detector: str = "d") -> Distances:
    n = len(scores)
    texts = np.array([f"{data}{i}" for i in range(n)])
    return Distances(
        np.full(n, data), np.full(n, kind), texts, texts, np.array(scores), np.ones(n, dtype=int), detector
    )


def change(run: Run, **columns) -> None:
    path = run.path / in_split("test", DISTANCES)
    table = {**pq.read_table(path).to_pydict(), **columns}
    pq.write_table(pa.table({name: values for name, values in table.items() if values is not None}), path)


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("Tomato___Canker", "unknown_disease"),
        ("Fig___Rust", "unknown_crop"),
        ("furniture", "not_leaf"),
        ("TOMATO___canker", "unknown_disease"),
    ],
)
def test_the_name_of_a_class_says_what_is_unknown(label, kind):
    assert kind_of_unknown(label, ["Tomato___healthy", "Potato___healthy"]) == kind


def test_an_evaluation_records_the_distance_of_every_photo(run, photo_folder):
    checkpoint = load_checkpoint(run.path)
    found = evaluate(checkpoint, read_samples([photo_folder], "test"))
    record_evaluation(run.path, "test", found)
    recorded = read_distances(run, "test", checkpoint.card.ood.sha256)
    accepted = (recorded.score <= checkpoint.ood.threshold).mean()
    assert len(recorded) == 12 and recorded.is_known.all() and accepted == found.document["accepted"]
    assert recorded.sha256.tolist() == found.predictions.sha256
    assert in_split("test", DISTANCES) in run.manifest()


def test_photos_of_unknown_classes_are_recorded_with_their_kind(run, photo_folder):
    from dataclasses import replace

    samples = read_samples([photo_folder], "test")
    strangers = [replace(sample, label="Fig___Rust") for sample in samples[:4]]
    checkpoint = load_checkpoint(run.path)
    by_name = evaluate(checkpoint, samples[4:] + strangers, unknown_classes="report").distances
    assert by_name.kind.tolist() == ["known"] * 8 + ["unknown_crop"] * 4
    text = evaluate(checkpoint, strangers, unknown_classes="report", unknown_kind="green").distances
    assert set(text.kind) == {"green"} and set(text.label) == {"Fig___Rust"}


def test_a_data_set_is_replaced_and_others_stay(run):
    record_distances(run, "test", distances("a", [1, 2]))
    record_distances(run, "test", distances("b", [3], "green"))
    record_distances(run, "test", distances("a", [4]))
    found = read_distances(run, "test", "d")
    assert sorted(zip(found.data.tolist(), found.kind.tolist(), found.score.tolist())) == [
        ("a", "known", 4.0),
        ("b", "green", 3.0),
    ]


def test_distances_of_another_detector_count_as_none_and_go(run):
    record_distances(run, "test", distances("a", [1]))
    assert read_distances(run, "test", "another") is None
    record_distances(run, "test", distances("b", [2], detector="new"))
    assert read_distances(run, "test", "new").data.tolist() == ["b"]


def test_splits_with_distances_begin_with_test(run):
    assert splits_with(run.path, DISTANCES) == ()
    for split in ("val", "test", "all"):
        record_distances(run, split, distances("a", [1]))
    assert splits_with(run.path, DISTANCES) == ("test", "all", "val")


def test_a_missing_column_is_named(run):
    record_distances(run, "test", distances("a", [1]))
    change(run, set_size=None)
    with pytest.raises(RunError, match="lacks the column set_size; evaluate again with --save-distances"):
        read_distances(run, "test", "d")


@pytest.mark.parametrize("columns", [{"score": [float("nan")]}, {"kind": ["odd"]}])
def test_a_damaged_file_is_refused(run, columns):
    record_distances(run, "test", distances("a", [1]))
    change(run, **columns)
    with pytest.raises(RunError, match="is damaged; remove it"):
        read_distances(run, "test", "d")


def test_a_file_that_is_no_table_is_refused(run):
    record_distances(run, "test", distances("a", [1]))
    (run.path / in_split("test", DISTANCES)).write_bytes(b"nothing")
    with pytest.raises(RunError, match="distances in eval/test/rejection.parquet of run tiny are damaged"):
        read_distances(run, "test", "d")
