"""Verdicts derived from stored scores are those of `diagnose`, whatever the crop and the level."""

import dataclasses
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from hvit.batches.choices import choose_crop, chosen_crops
from hvit.batches.diagnoses import diagnosis_of
from hvit.batches.folder import open_batch
from hvit.batches.layout import SCORES
from hvit.batches.photos import BatchPhoto, read_photos
from hvit.batches.results import derive_results
from hvit.batches.rules import Rules
from hvit.batches.scores import SEVERITY, ScoreTable, read_scores
from hvit.batches.tables import table_rows
from hvit.diagnosis import diagnose
from hvit.runs.checkpoint import load_checkpoint
from hvit.runs.model_card import ConformalRecord
from hvit.severity.bounds import AreaBounds
from hvit.severity.intervals import AreaIntervals
from tests.support.batches import new_batch, scored_batch, write_leaves
from tests.support.color_heads import add_color_head, spotted_leaf


@pytest.fixture(scope="module")
def leaves(tmp_path_factory):
    folder = write_leaves(tmp_path_factory.mktemp("leaves"), 8)
    (folder / "leaf_99.jpg").write_bytes((folder / "leaf_00.jpg").read_bytes()[:700])
    return folder


@pytest.fixture(scope="module")
def batch(tmp_path_factory, tiny_run, leaves):
    return scored_batch(tmp_path_factory.mktemp("batches"), tiny_run, leaves)


@pytest.fixture(scope="module")
def checkpoint(tiny_run):
    return load_checkpoint(tiny_run)


def expected(checkpoint, path, crop, conformal=None):
    if conformal is not None:
        checkpoint = dataclasses.replace(checkpoint, conformal=conformal)
    return diagnose(checkpoint, path, crop)


@pytest.mark.parametrize("crop", [None, "tomato", "potato"])
@pytest.mark.parametrize("conformal", [None, ConformalRecord(0.3, "lac", 0.97)])
def test_a_derived_diagnosis_equals_that_of_diagnose(batch, checkpoint, leaves, crop, conformal):
    photos = read_photos(batch)
    crops = {} if crop is None else {photo.path: crop for photo in photos}
    results = derive_results(photos, read_scores(batch), batch.rules, crops, conformal)
    for row, photo in enumerate(photos):
        found = diagnosis_of(results, row, "tiny")
        wanted = expected(checkpoint, leaves / photo.name, crop, conformal)
        for name in ("sha256", "error", "verdict", "message", "label", "prediction_set", "flags", "in_distribution"):
            assert getattr(found, name) == getattr(wanted, name), name
        if wanted.error is None:
            assert found.probabilities == pytest.approx(wanted.probabilities, abs=1e-5)
            assert found.ood_score == pytest.approx(wanted.ood_score, rel=1e-5)


@pytest.mark.parametrize("spots", [0, 2])
def test_the_measured_area_is_kept_with_its_interval(tmp_path, tiny_run, spots):
    run, photos = tmp_path / "runs" / "tiny", tmp_path / "photos"
    shutil.copytree(tiny_run, run)
    add_color_head(run)
    photos.mkdir()
    (photos / "leaf.png").write_bytes(spotted_leaf(spots))
    batch = scored_batch(tmp_path / "batches", run, photos)
    results = derive_results(read_photos(batch), read_scores(batch), batch.rules)
    found, wanted = diagnosis_of(results, 0, "tiny"), expected(load_checkpoint(run), photos / "leaf.png", None)
    assert wanted.severity is not None and found.severity_reason == wanted.severity_reason
    assert found.severity.to_dict() == pytest.approx(wanted.severity.to_dict(), abs=1e-5)
    assert found.severity.least_measurable == wanted.severity.least_measurable
    assert found.message == wanted.message
    (row,) = table_rows(results, {}, {})
    assert row["area"] == pytest.approx(wanted.severity.lesion_fraction, abs=1e-5)
    assert row["low"] <= row["area"] <= row["high"]


def test_crops_may_differ_from_photo_to_photo(batch, checkpoint, leaves):
    photos = read_photos(batch)
    choose_crop(batch, [photos[0].path], "potato")
    choose_crop(batch, [photos[1].path], "tomato")
    choose_crop(batch, [photos[1].path], None)
    assert chosen_crops(batch) == {photos[0].path: "potato"}
    results = derive_results(photos, read_scores(batch), batch.rules, chosen_crops(batch))
    assert results.label(0) == "Potato___Early_blight" and results.probability[0] == 1.0
    assert results.label(0, 1) is None  # the crop has one class
    assert results.label(1) == expected(checkpoint, leaves / photos[1].name, None).label


def test_a_crop_that_the_run_does_not_know_is_refused_and_not_kept(batch):
    before = chosen_crops(batch)
    with pytest.raises(ValueError, match="knows no crop 'banana'"):
        choose_crop(batch, ["uploads/a.jpg"], "banana")
    assert chosen_crops(batch) == before


def test_photos_without_scores_wait(tmp_path, tiny_run, leaves):
    batch = new_batch(tmp_path, tiny_run, leaves)
    results = derive_results(read_photos(batch), read_scores(batch), batch.rules)
    assert set(results.verdicts) == {"waiting"} and not results.has_scores.any()
    assert results.label(0) is None and results.candidates(0) == []
    with pytest.raises(ValueError, match="leaf_00.jpg is not scored yet"):
        diagnosis_of(results, 0, "tiny")


def test_a_run_without_rejection_and_conformal_names_the_most_likely_class():
    rules = Rules(("Tomato___a", "Tomato___b"), 1.0, False, None, None, None)
    table = table_of(np.array([[2.0, 0.0], [0.0, 1.0]]))
    results = derive_results([BatchPhoto(path, None) for path in table.paths], table, rules)
    assert list(results.verdicts) == ["named", "named"]
    assert results.candidates(1) == [("Tomato___b", pytest.approx(1 / (1 + np.exp(-1))))]


def table_of(logits: np.ndarray) -> ScoreTable:
    n = len(logits)
    paths = tuple(f"uploads/{i}.jpg" for i in range(n))
    severity = {name: np.full(n, np.nan) for name in SEVERITY}
    rows = {path: i for i, path in enumerate(paths)}
    return ScoreTable(paths, ("",) * n, ("",) * n, logits, np.zeros(n), ((),) * n, severity, ("",) * n, (), rows)


def test_the_interval_of_an_area_is_that_of_the_chosen_crop():
    rules = Rules(("Bean___a", "Rice___a"), 1.0, False, None, None, None)
    table = table_of(np.zeros((3, 2)))
    measured = {"lesion_fraction": 0.25, "low": 0.2, "high": 0.3, "leaf_fraction": 0.5, "lesions": 2}
    for name, value in (measured | {"least_measurable": 0.01}).items():
        table.severity[name][:2] = value  # the third photo has no area
    narrow, wide = (AreaIntervals((), (width,), (100,)) for width in (0.1, 0.2))
    bounds = AreaBounds({"Bean": narrow, "coffee": wide}, {"Bean": 0.02, "coffee": 0.05})
    photos = [BatchPhoto(path, None) for path in table.paths]
    results = derive_results(photos, table, rules, {table.paths[1]: "bean", table.paths[2]: "bean"}, None, bounds)
    low, high, least = (results.severity[name] for name in ("low", "high", "least_measurable"))
    assert (low[0], high[0], least[0]) == (0.2, 0.3, 0.01)  # no crop was chosen: as measured
    assert low[1] == pytest.approx(np.sin(np.pi / 6 - 0.1) ** 2) and high[1] == pytest.approx(
        np.sin(np.pi / 6 + 0.1) ** 2
    )
    assert least[1] == 0.02 and results.severity_reason[1] == "" and np.isnan(low[2])

    never = derive_results(photos, table, rules, {table.paths[1]: "rice"}, None, bounds)
    assert never.severity["high"][1] == pytest.approx(np.sin(np.pi / 6 + 0.2) ** 2)
    assert never.severity["least_measurable"][1] == 0.05
    assert never.severity_reason[1] == "lesions never validated on rice"


def test_a_thousand_photos_are_derived_all_at_once(monkeypatch):
    """softmax is called once for all photos, not once a photo."""
    from hvit.batches import results as module

    rng = np.random.default_rng(0)
    classes = tuple(f"Crop{k % 9}___c{k}" for k in range(45))
    rules = Rules(classes, 0.8, True, ConformalRecord(0.02, "lac", 0.9), 5.0, 3)
    table = table_of(rng.normal(size=(1000, 45)) * 3)
    calls = []
    monkeypatch.setattr(module, "softmax", lambda *args: calls.append(1) or original(*args))
    from hvit.calibration import softmax as original

    crops = {path: f"crop{i % 9}" for i, path in enumerate(table.paths)}
    results = derive_results([BatchPhoto(path, None) for path in table.paths], table, rules, crops)
    assert len(calls) == 1 and len(results) == 1000
    assert all(results.label(i).startswith(f"Crop{i % 9}") for i in range(1000))


FIRST_COLUMNS = (  # of the first batches that were scored with a severity head
    ["path", "sha256", "error", "flags", "severity_reason", "logits", "ood_score"]
    + ["lesion_fraction", "low", "high", "leaf_fraction", "lesions", "least_measurable"]
)


def test_a_batch_that_was_scored_before_columns_were_added_opens(batch, tmp_path):
    shutil.copytree(batch.path, tmp_path / "old")
    for part in (tmp_path / "old" / SCORES).iterdir():
        pq.write_table(pq.read_table(part).select(FIRST_COLUMNS), part)
    old = read_scores(open_batch(tmp_path / "old"))
    assert old.damaged == ()
    assert old.paths == read_scores(batch).paths
