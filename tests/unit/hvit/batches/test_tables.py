"""The table of a batch, as CSV rows and as a workbook."""

import io
import math

import openpyxl
import pytest

from hvit.batches.choices import write_note
from hvit.batches.photos import read_photos
from hvit.batches.results import derive_results
from hvit.batches.reviews import Review, add_review, read_reviews, standing_reviews
from hvit.batches.scores import read_scores
from hvit.batches.tables import table_rows, to_xlsx
from hvit.csv_tables import to_csv
from tests.support.batches import scored_batch, write_leaves


@pytest.fixture(scope="module")
def rows(tmp_path_factory, tiny_run):
    folder = write_leaves(tmp_path_factory.mktemp("photos"), 2)
    (folder / "zz.jpg").write_bytes(b"no photo")
    batch = scored_batch(tmp_path_factory.mktemp("batches"), tiny_run, folder)
    photos = read_photos(batch)
    add_review(batch, Review("Ana", photos[0].path, "", "label", "Tomato___healthy", 0.25))
    add_review(batch, Review("Ben", photos[0].path, "", "unsure"))
    write_note(batch, photos[1].path, "=cmd")
    results = derive_results(photos, read_scores(batch), batch.rules, {photos[1].path: "potato"})
    return table_rows(results, standing_reviews(read_reviews(batch)), {photos[1].path: "=cmd"})


def test_a_row_has_plain_columns(rows):
    first, second, broken = rows
    assert list(first)[:10] == [
        "file", "verdict", "crop", "condition", "probability", "second", "third", "area", "low", "high"
    ]  # fmt: skip
    assert first["reviewed_label"] == "Tomato___healthy; unsure" and first["reviewer"] == "Ana; Ben"
    assert first["reviewed_area"] == 0.25
    assert first["area"] is None and first["area_reason"] == "run tiny has no severity head"
    assert (second["crop"], second["condition"], second["second"]) == ("Potato", "early blight", None)
    assert second["probability"] == 1.0 and second["chosen_crop"] == "potato"
    assert broken["verdict"] == "unreadable" and broken["error"] and broken["label"] is None
    assert all(value is None or not (isinstance(value, float) and math.isnan(value)) for value in first.values())


def test_the_csv_begins_no_formula(rows):
    assert "'=cmd" in to_csv(rows).decode("utf-8-sig")


def test_a_workbook_holds_numbers_as_numbers_and_texts_as_texts(rows):
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx({"Photos": rows, "Nothing": []})))
    sheet = book["Photos"]
    header = [cell.value for cell in sheet[1]]
    assert header == list(rows[0]) and sheet.max_row == 4
    probability = sheet.cell(3, header.index("probability") + 1)
    assert probability.value == 1.0 and probability.number_format == "0.0%"
    reviewed = sheet.cell(2, header.index("reviewed_area") + 1)
    assert reviewed.value == 0.25 and reviewed.number_format == "0.0%"
    note = sheet.cell(3, header.index("note") + 1)
    assert note.value == "=cmd" and note.data_type == "s"
    assert book["Nothing"].max_row == 1


def test_characters_that_no_workbook_can_hold_become_spaces():
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx({"s": [{"file": "a\x01b"}]})))
    assert book["s"]["A2"].value == "a b"
