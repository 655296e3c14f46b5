"""Sheets of trials as people write them."""

from datetime import date, datetime

import openpyxl
import pytest

from hvit.trials import sheet as sheet_module
from hvit.trials.sheet import SheetError, read_sheet


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_csv_is_read_with_any_separator(tmp_path, sign):
    text = "File,Plot,Treatment,Replicate,Date\nIMG_1*,7,A,1,2026-07-01\nIMG_2.jpg,8,B,1,\n".replace(",", sign)
    first, second = read_sheet(write(tmp_path / "sheet.csv", text)).rows
    assert (first.line, first.pattern, first.plot, first.treatment, first.replicate) == (2, "IMG_1*", "7", "A", "1")
    assert first.date == date(2026, 7, 1) and second.date is None


def test_columns_have_other_names_too_and_may_be_absent(tmp_path):
    text = "Pattern;Parzelle;Block\nx;1;2\n"
    (row,) = read_sheet(write(tmp_path / "sheet.csv", text)).rows
    assert (row.pattern, row.plot, row.replicate, row.treatment, row.date) == ("x", "1", "2", "", None)


def test_a_workbook_is_read_with_its_dates_and_numbers(tmp_path):
    book = openpyxl.Workbook()
    for row in (["file", "plot", "treatment", "date"], ["a.jpg", 7.0, "A", datetime(2026, 7, 1)], [None] * 4,
                ["b.jpg", 8, "B", "2.7.2026"]):  # fmt: skip
        book.active.append(row)
    book.save(tmp_path / "sheet.xlsx")
    first, second = read_sheet(tmp_path / "sheet.xlsx").rows
    assert (first.plot, first.date, first.line) == ("7", date(2026, 7, 1), 2)
    assert (second.plot, second.date, second.line) == ("8", date(2026, 7, 2), 4)


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["31.7.2026"], date(2026, 7, 31)),
        (["31/7/2026"], date(2026, 7, 31)),
        (["7/31/2026"], date(2026, 7, 31)),
        (["2026-07-31T08:00"], date(2026, 7, 31)),
        (["1/7/2026", "13/7/2026"], date(2026, 7, 1)),
        (["2026/7/31"], date(2026, 7, 31)),
        (["31-07-2026"], date(2026, 7, 31)),
        (["31.07.26"], date(2026, 7, 31)),
        (["31.07.2026 14:03"], date(2026, 7, 31)),
    ],
)
def test_dates_are_read_as_they_are_written(tmp_path, cells, found):
    text = "file;plot;date\n" + "".join(f"{i}.jpg;1;{cell}\n" for i, cell in enumerate(cells))
    assert read_sheet(write(tmp_path / "sheet.csv", text)).rows[0].date == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("photo;name\na;b\n", "expected columns"),
        ("file;plot\n", "has no lines"),
        ("file;plot\n;1\n", "line 2 has no file or pattern"),
        ("file;plot\na;\n", "line 2 has no plot"),
        ("file;plot;date\na;1;soon\n", "line 2 has the date 'soon'; write dates as 2026-07-31"),
        ("file;plot;date\na;1;2026-02-30\n", "line 2 has the date '2026-02-30'"),
        ("file;plot;date\na;1;1/2/2026\n", "day and month cannot be told apart"),
        ("file;plot;date\na;1;31/7-2026\n", "line 2 has the date '31/7-2026'"),
        ("file;plot;treatment\na;1;#N/A\n", "line 2, column treatment holds the error #N/A of a formula"),
        ("file;plot;treatment\na;1;A\nb;1;B\n", "plot 1 has treatment A in line 2 and B in line 3"),
    ],
)
def test_errors_name_their_line(tmp_path, text, expected):
    with pytest.raises(SheetError, match=expected):
        read_sheet(write(tmp_path / "sheet.csv", text))


def test_plots_may_begin_again_in_each_replicate(tmp_path):
    text = "file;plot;treatment;rep\na;1;A;1\nb;1;B;2\n"
    assert len(read_sheet(write(tmp_path / "sheet.csv", text)).rows) == 2


def test_a_file_that_is_no_workbook_is_refused(tmp_path):
    with pytest.raises(SheetError, match="is not a workbook that can be read"):
        read_sheet(write(tmp_path / "sheet.xlsx", "file;plot\n"))


def test_a_workbook_without_the_columns_is_refused(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["name", "plot"])
    book.save(tmp_path / "sheet.xlsx")
    with pytest.raises(SheetError, match=r"expected columns file \(or pattern\) and plot, got name, plot"):
        read_sheet(tmp_path / "sheet.xlsx")


def workbook(path, *rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["file", "plot", "plot"], ["a", 1, 2]], "has two columns plot; take one away"),
        (
            [["file", "plot"], ["a", datetime(2026, 7, 3)]],
            "line 2, column plot is the date 2026-07-03; format the column",
        ),
        ([["file", "plot"], ["a", "#REF!"]], "line 2, column plot holds the error #REF! of a formula"),
        (
            [["file", "plot"], ["a", '=A2&"1"']],
            "line 2 has no plot; a merged cell, or a formula that was never computed",
        ),
        ([], "the first sheet of sheet.xlsx is empty"),
    ],
)
def test_what_a_spreadsheet_program_made_of_a_cell_is_said(tmp_path, rows, said):
    with pytest.raises(SheetError, match=said):
        read_sheet(workbook(tmp_path / "sheet.xlsx", *rows))


def test_a_workbook_damaged_anywhere_is_read_or_refused(tmp_path):
    whole = workbook(tmp_path / "sheet.xlsx", ["file", "plot"], *([f"{i}.jpg", i] for i in range(40))).read_bytes()
    refused = 0
    for start in range(0, len(whole), 97):
        damaged = bytearray(whole)
        damaged[start : start + 3] = b"\xff" * len(damaged[start : start + 3])
        (tmp_path / "sheet.xlsx").write_bytes(damaged)
        try:
            read_sheet(tmp_path / "sheet.xlsx")
        except SheetError:
            refused += 1
    assert refused > 10


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sheet_module, "MAX_UNPACKED_BYTES", 100)
    with pytest.raises(SheetError, match="unpacks to 0 MB; save the sheet of the trial alone"):
        read_sheet(workbook(tmp_path / "sheet.xlsx", ["file", "plot"], ["a", 1]))


def test_lines_beyond_the_limit_are_not_left_out_in_silence(tmp_path, monkeypatch):
    monkeypatch.setattr(sheet_module, "MAX_ROWS", 2)
    with pytest.raises(SheetError, match="has more than 2 lines"):
        read_sheet(workbook(tmp_path / "sheet.xlsx", ["file", "plot"], ["a", 1], ["b", 2]))


def test_notes_name_the_file_without_its_folder(tmp_path):
    sheet = read_sheet(write(tmp_path / "sheet.csv", "file;plot\nBlätter.jpg;1\n", "cp1252"))
    assert sheet.notes == ("sheet.csv is not in UTF-8 and is read as Windows-1252; look at its accents",)
