"""Explanations of a run, measured on a few drawn leaves and photos and recorded in the run."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from hvit.data.datasets.reading import read_samples
from hvit.data.leafsim import Address, render
from hvit.explain import METHODS
from hvit.explain.faithfulness import area_under_curve, deletion_curve, insertion_curve, peak_attribution
from hvit.explain.localization import attribution_by_region, region_masks
from hvit.explain.randomization import LEVELS, randomized_model
from hvit.explain.ranking import ranking
from hvit.runs import Run
from hvit.runs.checkpoint import load_checkpoint
from training import explain as program
from training import explain_report
from training.explanation_tests import evaluation

QUICK = ["rollout", "gradcam"]
LEAVES = "leafsim:v1/7/0-99"


def options(run, data, *more):
    return ["--run", str(run), "--data", str(data), "--img-size", "64", "--methods", *QUICK, *more]


@pytest.fixture(scope="module")
def recorded(rendered_run, tmp_path_factory):
    """A run with the table of four drawn leaves."""
    run = tmp_path_factory.mktemp("explained") / "run"
    shutil.copytree(rendered_run, run)
    assert program.main(options(run, LEAVES, "--photos", "4", "--cascade", "1")) == 0
    return run


def test_the_table_has_a_row_a_photo_map_and_cover(recorded):
    table = Run(recorded).explanations("test")
    maps = [*QUICK, "random", "center", "edges"]
    keys = list(zip(table["path"], table["map"], table["baseline"]))
    assert (
        len(set(keys)) == len(keys) == 2 * 4 * len(maps)
    )  # with the mean color: up to three methods, and the controls
    assert {name for _, name, baseline in keys if baseline == "blur"} == set(maps)
    assert all(0 <= value <= 1 for value in table["deletion_low_is_good"] + table["insertion_high_is_good"])
    assert Run(recorded).damaged_files() == []
    assert "eval/test/explain.parquet" in json.loads((recorded / "manifest.json").read_text())["files"]
    about = json.loads(pq.read_schema(recorded / "eval" / "test" / "explain.parquet").metadata[b"hvit"])
    assert about["data"] == [LEAVES] and about["img_size"] == 64 and about["photos"] == 4
    assert about["weights_sha256"] == load_checkpoint(recorded).sha256


def test_a_row_is_what_the_parts_say_of_its_photo(recorded):
    """By hand for one leaf: the class named, the areas of its curves, the twin, and where the map lies."""
    table, checkpoint = Run(recorded).explanations("test"), load_checkpoint(recorded)
    i = next(
        i
        for i in range(len(table["path"]))
        if table["map"][i] == "gradcam" and table["baseline"][i] == "blur" and table["lesion_area"][i] > 0
    )
    leaf = render(Address.parse(table["path"][i]), 160)
    image = checkpoint.preprocessing(leaf.picture)[None]
    assert image.shape == (1, 3, 64, 64)
    named = int(checkpoint.model(image).argmax())
    assert table["class"][i] == checkpoint.classes[named] and table["label"][i] == leaf.plan.label()
    found = METHODS["gradcam"](checkpoint.model, image, named)
    curves = [
        area_under_curve(curve(checkpoint.model, image, found.values, named, checkpoint.temperature))
        for curve in (deletion_curve, insertion_curve)
    ]
    assert [table["deletion_low_is_good"][i], table["insertion_high_is_good"][i]] == pytest.approx(curves, abs=1e-5)
    assert table["strength"][i] == pytest.approx(peak_attribution(found), rel=1e-4)
    twins = METHODS["gradcam"](randomized_model(checkpoint.model), image, named)
    assert table["twin_strength"][i] == pytest.approx(peak_attribution(twins), rel=1e-4)
    shares = attribution_by_region(found, region_masks(leaf))
    assert [table[f"{name}_share"][i] for name in shares] == pytest.approx(list(shares.values()), abs=1e-5)
    assert table["lesion_area"][i] == pytest.approx(leaf.symptom_mask.mean())


def test_weights_are_randomized_for_the_requested_number_of_photos(recorded):
    table = Run(recorded).explanations("test")
    known = {path for path, value in zip(table["path"], table["similarity_stem"]) if value is not None}
    assert len(known) == 1
    assert all(
        value is None
        for level in LEVELS
        for value, is_control in zip(table[f"similarity_{level}"], table["is_control"])
        if is_control
    )


def test_the_ranking_is_printed_and_is_that_of_the_table(recorded, rendered_run, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(rendered_run, run)
    assert program.main(options(run, LEAVES, "--photos", "4", "--cascade", "1", "--json")) == 0
    document = json.loads(capsys.readouterr().out)
    scores = ranking(Run(recorded).explanations("test"))
    assert [row["name"] for row in document["ranking"]] == [score.name for score in scores]
    assert document["ranking"][0]["margin"]["value"] == scores[0].margin.value  # the same again
    assert Run(run).explanations("test") == Run(recorded).explanations("test")


def test_photos_without_known_symptoms_leave_those_columns_empty(tiny_run, photo_folder, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    assert program.main(options(run, photo_folder, "--photos", "3", "--cascade", "0")) == 0
    printed = capsys.readouterr().out
    assert "insertion - deletion" in printed and "random (control)" in printed
    table = Run(run).explanations("test")
    for name in ("lesion_share", "lesion_area", "points_at_lesion", "lesion_overlap", "similarity_head"):
        assert set(table[name]) == {None}
    assert len(set(table["label"])) == 3  # classes take turns
    assert ranking(table)[0].shares == {}


def test_a_run_that_takes_bands_can_be_explained(bands_run, photo_folder, tmp_path):
    checkpoint = load_checkpoint(bands_run)
    rows = evaluation.explain_samples(checkpoint, read_samples([photo_folder], "test")[:1], [METHODS["rollout"]], 64)
    assert [row["baseline"] for row in rows] == ["blur"] * 4 + ["mean"] * 4
    assert {row["map"] for row in rows} == {"rollout", "random", "center", "edges"}
    assert all(np.isfinite(row["deletion_low_is_good"]) for row in rows)


def test_the_most_promising_methods_and_all_controls_meet_the_second_cover():
    def row(name, margin, is_control=False):
        return {"map": name, "is_control": is_control, "insertion_high_is_good": margin, "deletion_low_is_good": 0.0}

    rows = [row(name, margin) for name, margin in zip("abcd", (0.1, 0.4, 0.3, 0.2))]
    rows += [row("edges", 0.5, True), row("random", 0.0, True)]
    assert evaluation._most_promising(rows) == ["b", "c", "d", "edges", "random"]


def test_classes_take_turns_and_the_choice_belongs_to_a_seed(photo_folder):
    samples = read_samples([photo_folder], "train")
    uneven = [s for i, s in enumerate(samples) if s.label != samples[0].label or i < 2]
    chosen = evaluation.stratified(uneven, 9, seed=1)
    counts = sorted([s.label for s in chosen].count(label) for label in {s.label for s in samples})
    assert counts == [2, 3, 4] and len({s.label for s in chosen[:3]}) == 3
    assert chosen == evaluation.stratified(uneven, 9, seed=1) != program.stratified(uneven, 9, seed=2)
    assert len(evaluation.stratified(uneven, 100, seed=1)) == len(uneven)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--methods", "rolout"], "no method 'rolout'; did you mean rollout?"),
        (["--split", "tset"], "no photos in split 'tset'; splits here: test, train, val"),
        (["--run", "no-such-run"], "no run no-such-run"),
    ],
)
def test_mistakes_are_named_in_one_line(rendered_run, capsys, words, expected):
    assert program.main(["--run", str(rendered_run), "--data", LEAVES, *words]) == 2
    error = capsys.readouterr().err
    assert expected in error and error.count("\n") == 1
    assert not (rendered_run / "eval").exists()


def test_the_tables_of_the_document_are_written_between_their_marks(recorded, tmp_path, capsys):
    document = tmp_path / "explanations.md"
    document.write_text(f"before\n{explain_report.BEGIN}\nold\n{explain_report.END}\nafter\n")
    words = ["--run", str(recorded), "--out", str(document)]
    assert explain_report.main(words) == 0
    text = document.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    best = ranking(Run(recorded).explanations("test"))[0]
    assert f"{best.margin.value:.3f} ({best.margin.low:.3f} to {best.margin.high:.3f})" in text
    assert f"4 photos of the test split of {LEAVES}" in text and "an even map" in text and "(control)" in text
    assert explain_report.main(words) == 0 and document.read_text() == text
    document.write_text("no marks")
    assert explain_report.main(words) == 2 and "lacks the lines" in capsys.readouterr().err


def test_a_run_without_recorded_explanations_says_how_to_record_them(tiny_run, tmp_path, capsys):
    assert explain_report.main(["--run", str(tiny_run), "--out", str(tmp_path / "x.md")]) == 2
    assert "record them: python -m training.explain --run tiny" in capsys.readouterr().err
