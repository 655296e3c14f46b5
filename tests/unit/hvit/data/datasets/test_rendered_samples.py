"""Leaves of LeafSim as a data set without files."""

import hashlib
import json
from dataclasses import replace
from pathlib import PureWindowsPath

import numpy as np
import pytest

from hvit.__main__ import main
from hvit.data.caching import photo_cache as cache_module
from hvit.data.caching.photo_cache import open_cache
from hvit.data.datasets.reading import DataError, RenderedSample, read_samples, readers
from hvit.data.inspection.check import check
from hvit.data.leafsim import Address, AddressError, Span, plan, render

SPAN = "leafsim:v1/7/0-29"


@pytest.fixture
def small():
    """Thirty leaves at 64 px."""
    return [replace(sample, size=64) for sample in read_samples([SPAN])]


def test_a_span_is_read_like_a_folder():
    samples = read_samples([SPAN])
    assert [sample.relative for sample in samples] == [str(address) for address in Span(7, 0, 29)]
    assert [sample.label for sample in samples] == [plan(address).label() for address in Span(7, 0, 29)]
    assert [sample.split for sample in samples[:10]] == ["train"] * 8 + ["val", "test"]
    assert {sample.source for sample in samples} == {"leafsim-v1-7"}
    assert all(sample.group == sample.relative and not sample.augmented for sample in samples)


def test_names_survive_the_backslashes_of_windows():
    assert PureWindowsPath(SPAN).as_posix() == SPAN != str(PureWindowsPath(SPAN))
    assert [sample.relative for sample in read_samples([PureWindowsPath(SPAN)])][:1] == ["leafsim:v1/7/0"]


def test_one_split_of_a_span_can_be_asked_for():
    assert [sample.relative for sample in read_samples([SPAN], "test")] == [f"leafsim:v1/7/{i}" for i in (9, 19, 29)]


def test_spans_stand_beside_folders(photo_folder):
    samples = read_samples([photo_folder, SPAN])
    assert len(samples) == 48 + 30 and {sample.source for sample in samples} == {"drawn", "leafsim-v1-7"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("leafsim:v1/7/42", "expected leafsim:v1/7/0-4999"),
        ("leafsim:v2/7/0-9", "this program renders LeafSim version 1, not 2"),
        ("leafsim:v1/7/9-0", "leaf 0 comes before leaf 9"),
        ("leafsim:v1/7/0-1000000", "a range may hold 1,000,000 leaves.*the largest from here on is 7/0-999999"),
        ("leafsim:v1/7/0-99999999999999999999", "the largest from here on is 7/0-999999"),
        ("leafsim:v1/7/5-99999999999", "the largest from here on is 7/5-1000004"),
        ("leafsim:v1/7/99999999999999-99999999999999", "numbers below 1,000,000,000,000"),
    ],
)
def test_names_that_are_none_are_refused(name, message):
    with pytest.raises(AddressError, match=message):
        read_samples([name])


def test_a_leaf_named_twice_is_refused():
    with pytest.raises(DataError, match="leafsim:v1/7/20 is listed twice"):
        read_samples([SPAN, "leafsim:v1/7/20-40"])


def test_a_rendered_sample_has_the_hash_of_its_address():
    photo = RenderedSample.of(Address(7, 3)).read()
    assert np.array_equal(photo.pixels, render(Address(7, 3), 160).picture)
    assert photo.sha256 == hashlib.sha256(b"leafsim:v1/7/3").hexdigest()


def test_drawing_is_worth_several_processes_and_reading_is_not(photo_folder, monkeypatch):
    monkeypatch.setattr("hvit.processes.cores", lambda: 4)
    assert readers(read_samples(["leafsim:v1/7/0-999"])) == 4
    assert readers(read_samples([photo_folder]) * 100) == 1


def test_an_existing_cache_renders_nothing_again(small, tmp_path, monkeypatch):
    cache = open_cache(small, 160, tmp_path)
    assert np.array_equal(cache[4], render(Address(7, 4), 64).picture)
    monkeypatch.setattr(cache_module, "run_in_order", None)
    again = open_cache(small, 160, tmp_path)
    assert again.fingerprint == cache.fingerprint and np.array_equal(again[4], cache[4])


@pytest.mark.case("T12")
def test_the_cache_is_the_same_for_any_number_of_workers(small, tmp_path):
    for workers in (1, 2):
        open_cache(small, 160, tmp_path / str(workers), workers=workers)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / n).iterdir()} for n in "12")
    assert one == two and len(one) == 2


def test_pictures_of_another_size_are_another_cache(small, tmp_path):
    open_cache(small[:2], 160, tmp_path)
    larger = open_cache([replace(sample, size=96) for sample in small[:2]], 160, tmp_path)
    assert larger[0].shape == (96, 96, 3)


def test_a_cache_that_is_not_finished_leaves_no_file(small, tmp_path, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_cache(small, 160, tmp_path, stop)
    assert list(tmp_path.iterdir()) == []


def test_rendered_leaves_are_checked_like_photos(small):
    report = check(small)
    assert report["photos"] == 30 and report["unreadable"] == [] and report["plants_known"]
    assert report["exact_copies"]["count"] == report["leaks"]["group"]["count"] == 0
    assert report["background_control"]["n"] == 3


def test_the_command_checks_a_span(capsys):
    assert main(["data", "check", "leafsim:v1/7/0-9", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["photos"] == 10
    assert main(["data", "check", "leafsim:v1/7/9"]) == 2
    assert "expected leafsim:v1/7/0-4999" in capsys.readouterr().err


def test_more_leaves_than_a_data_set_may_have_are_refused(tmp_path, capsys):
    assert main(["data", "synthesize", "--out", str(tmp_path / "d"), "--n", "99999999999"]) == 2
    assert "more than a data set may have: 1,000,000" in capsys.readouterr().err and not (tmp_path / "d").exists()
