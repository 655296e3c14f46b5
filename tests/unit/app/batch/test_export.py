"""The report of a batch."""

import dataclasses
import shutil

import numpy as np
import pytest

from app.batch import export
from app.cache import batches as cached
from tests.support.batches import scored_batch, write_leaves


@pytest.fixture(scope="module")
def batch(tiny_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    shutil.copytree(tiny_run, folder / "runs" / "tiny")
    photos = write_leaves(folder / "photos", 2)
    (photos / "zz.jpg").write_bytes(b"no photo")
    return scored_batch(folder / "batches", folder / "runs" / "tiny", photos)


@pytest.fixture(autouse=True)
def runs(batch, monkeypatch):
    monkeypatch.setenv("HVIT_RUNS", str(batch.path.parents[1] / "runs"))


def report(batch, has_maps):
    return export._report(batch, cached.results_of(batch), np.array([2, 0, 1]), has_maps)


def test_a_report_holds_the_photos_in_their_order_with_hashes(batch):
    text = report(batch, False)
    assert text.index("zz.jpg") < text.index("leaf_00.jpg") < text.index("leaf_01.jpg")
    assert text.count("data:image/jpeg;base64,") == 2 and "beside it outlines and map" not in text
    assert batch.run_sha256 in text and all(sha in text for sha in cached.results_of(batch).sha256)


def test_maps_are_shown_beside_photos_with_a_diagnosis(batch):
    results = cached.results_of(batch)
    with_diagnosis = sum(verdict in ("named", "unsure") for verdict in results.verdicts)
    assert report(batch, True).count("beside it outlines and map") == with_diagnosis


def test_a_run_with_other_weights_draws_no_maps(batch):
    assert "beside it outlines and map" not in report(dataclasses.replace(batch, run_sha256="0" * 64), True)
