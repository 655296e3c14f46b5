"""Drawn data sets as files."""

import csv
import hashlib
import json
import shlex

import numpy as np
import pytest
from PIL import Image

from hvit.__main__ import main
from hvit.data.datasets import synthesize as program
from hvit.data.datasets.reading import class_names, read_samples
from hvit.data.datasets.synthesize import find_leaves, mask_of, synthesize
from hvit.data.leafsim import Address, plan, render

SIZE = 64


def rows_of(folder):
    with open(folder / "truth.csv", newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def hashes_of(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def leaves(tmp_path_factory):
    """30 leaves with bands, drawn by the command."""
    out = tmp_path_factory.mktemp("drawn") / "leaves"
    assert (
        main(["data", "synthesize", "--out", str(out), "--n", "30", "--size", str(SIZE), "--seed", "5", "--bands"]) == 0
    )
    return out


def test_what_is_written_is_a_data_set_with_splits_and_classes(leaves):
    samples = read_samples([leaves])
    assert [sum(sample.split == split for sample in samples) for split in ("train", "val", "test")] == [24, 3, 3]
    assert class_names(samples) == sorted({plan(address).label(bands=True) for address in find_leaves(5, 30)})
    assert {path.name for path in leaves.iterdir()} == {
        "train", "val", "test", "masks", "bands", "truth.csv", "README.md",
    }  # fmt: skip


def test_pictures_masks_and_truth_are_those_of_the_renderer(leaves):
    rows = rows_of(leaves)
    assert [row["address"] for row in rows] == [f"leafsim:v1/5/{i}" for i in range(30)]
    for row in rows[::6]:
        leaf = render(Address.parse(row["address"]), SIZE, bands=True)
        mask = np.asarray(Image.open(leaves / row["mask"]))
        inside = mask > 0
        assert np.array_equal(np.asarray(Image.open(leaves / row["path"])), leaf.picture)
        assert np.array_equal(mask, mask_of(leaf)) and np.array_equal(inside, leaf.leaf_mask)
        assert np.allclose(np.load(leaves / row["bands"]), leaf.bands, atol=1e-6)
        assert float(row["severity"]) == pytest.approx(leaf.severity)
        assert float(row["severity"]) == pytest.approx(np.isin(mask, (2, 3)).sum() / inside.sum())
        assert float(row["halo_fraction"]) == pytest.approx((mask == 3).sum() / inside.sum())
        assert float(row["stress_fraction"]) == pytest.approx((mask == 4).sum() / inside.sum())
        assert float(row["leaf_fraction"]) == pytest.approx(inside.mean())
        assert (row["species"], row["condition"], row["companion"]) == (
            leaf.plan.species, leaf.plan.condition, leaf.plan.companion or "",
        )  # fmt: skip
        assert row["class"] == leaf.plan.label(bands=True) and row["path"].split("/")[:2] == [
            row["split"],
            row["class"],
        ]


def test_pixels_in_overlapping_masks_get_the_most_specific_class():
    leaf = render(Address(5, 0), SIZE)
    flat = {"leaf": "11111", "symptom": "00110", "halo": "00010", "stress": "01110"}
    arrays = {f"{name}_mask": np.array([[int(bit) for bit in bits]], bool) for name, bits in flat.items()}
    assert mask_of(type(leaf)(**vars(leaf) | arrays)).tolist() == [[1, 4, 2, 3, 1]]


def test_files_of_all_classes_have_one_format_and_one_pattern_of_names(leaves):
    pictures = [Image.open(leaves / row["path"]) for row in rows_of(leaves)]
    assert {(p.format, p.mode, p.size, tuple(p.info)) for p in pictures} == {("PNG", "RGB", (SIZE, SIZE), ())}
    assert [row["path"].split("/")[-1] for row in rows_of(leaves)] == [f"{i:06d}.png" for i in range(30)]
    masks = [Image.open(leaves / row["mask"]) for row in rows_of(leaves)]
    assert {(m.format, m.mode, m.size, tuple(m.info)) for m in masks} == {("PNG", "L", (SIZE, SIZE), ())}


def test_any_number_of_workers_and_the_command_of_the_readme_write_the_same_files(leaves, tmp_path, monkeypatch):
    (command,) = [line.strip() for line in (leaves / "README.md").read_text().splitlines() if "python -m" in line]
    monkeypatch.chdir(tmp_path)
    assert main([*shlex.split(command)[3:], "--workers", "2"]) == 0
    assert hashes_of(tmp_path / "leaves") == hashes_of(leaves)


def test_the_truth_can_be_named_as_a_data_set_itself(leaves):
    from_table = {(s.label, s.split, s.path.name) for s in read_samples([leaves / "truth.csv"])}
    assert from_table == {(s.label, s.split, s.path.name) for s in read_samples([leaves])}


def test_conditions_choose_the_first_leaves_that_show_them(tmp_path, capsys):
    words = ["--n", "6", "--size", "64", "--conditions", "Rust", "healthy", "--json"]
    assert main(["data", "synthesize", "--out", str(tmp_path / "d"), *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["classes"]) <= {"Rust", "healthy"} and sum(found["splits"].values()) == found["n"] == 6
    addresses = [row["address"] for row in rows_of(tmp_path / "d")]
    wanted = [Address(0, i) for i in range(500) if plan(Address(0, i)).condition in ("Rust", "healthy")]
    assert addresses == [str(address) for address in wanted[:6]]
    assert {row["bands"] for row in rows_of(tmp_path / "d")} == {""} and not (tmp_path / "d" / "bands").exists()


def test_early_stress_is_a_class_where_bands_show_it():
    stressed = find_leaves(0, 3, ["Early_stress"], bands=True)
    assert all(plan(address).stressed and plan(address).condition == "healthy" for address in stressed)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--conditions", "rsut"], "no condition 'rsut'; did you mean Rust?"),
        (["--conditions", "xxxxxxx"], "known: Bacterial_spot, "),
        (["--conditions", "Early_stress"], "add --bands"),
        (["--n", "0"], "'0' is not a whole number of at least 1"),
        (["--seed", "-1"], "'-1' is not a whole number of at least 0"),
        (["--size", "63"], "cannot write pictures of 63 px; expected 64 to 1024"),
        (["--size", "1025"], "expected 64 to 1024"),
        (["--wrokers", "2"], "did you mean --workers?"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(words, message, tmp_path, capsys):
    try:
        status = main(["data", "synthesize", "--out", str(tmp_path / "d"), "--n", "3", *words])
    except SystemExit as end:
        status = end.code
    out = capsys.readouterr()
    assert status == 2 and out.out == "" and message in out.err and out.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(tmp_path, capsys):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "mine.txt").write_text("x")
    for out in (tmp_path / "d", tmp_path / "d" / "mine.txt"):
        assert main(["data", "synthesize", "--out", str(out), "--n", "3"]) == 2
        assert "is there already" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "d").rglob("*")] == ["mine.txt"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "d").mkdir()
    synthesize(tmp_path / "d", [Address(0, 0)], SIZE)
    assert len(read_samples([tmp_path / "d"])) == 1


def test_what_stops_half_way_leaves_nothing(tmp_path, monkeypatch):
    def full(path, rows):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(program, "_write_truth", full)
    with pytest.raises(OSError):
        synthesize(tmp_path / "d", [Address(0, 0), Address(0, 1)], SIZE)
    assert list(tmp_path.iterdir()) == []
