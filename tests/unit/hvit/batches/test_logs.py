"""Append-only files: nothing that was acknowledged is lost, and a torn row is recognized."""

import os
import threading

import pytest

from hvit.batches.logs import BatchError, append_rows, read_rows

COLUMNS = ("path", "note")


def row(path, note=""):
    return {"path": path, "note": note}


def test_rows_come_back_in_order(tmp_path):
    file = tmp_path / "notes.csv"
    append_rows(file, COLUMNS, [row("a", 'with "quotes", commas'), row("b")])
    append_rows(file, COLUMNS, [row("c", "two\nlines")])
    assert read_rows(file, COLUMNS) == [row("a", 'with "quotes", commas'), row("b"), row("c", "two lines")]


def test_no_file_has_no_rows(tmp_path):
    assert read_rows(tmp_path / "notes.csv", COLUMNS) == []


def test_a_torn_last_row_is_left_out_and_cut_off_by_the_next(tmp_path):
    file = tmp_path / "notes.csv"
    append_rows(file, COLUMNS, [row("a"), row("b")])
    with open(file, "ab") as out:
        out.write(b'c,"torn')
    assert read_rows(file, COLUMNS) == [row("a"), row("b")]
    append_rows(file, COLUMNS, [row("d")])
    assert read_rows(file, COLUMNS) == [row("a"), row("b"), row("d")]


def test_a_torn_header_is_written_again(tmp_path):
    file = tmp_path / "notes.csv"
    file.write_bytes(b"pat")
    append_rows(file, COLUMNS, [row("a")])
    assert read_rows(file, COLUMNS) == [row("a")]


def test_a_file_of_other_columns_is_refused(tmp_path):
    file = tmp_path / "notes.csv"
    file.write_text("path,other\na,b\n")
    with pytest.raises(BatchError, match="notes.csv of batch .* has no column note"):
        read_rows(file, COLUMNS)


def test_several_writers_lose_no_row(tmp_path):
    file = tmp_path / "notes.csv"
    writers = [
        threading.Thread(target=lambda k=k: [append_rows(file, COLUMNS, [row(f"{k}-{i}")]) for i in range(20)])
        for k in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {r["path"] for r in read_rows(file, COLUMNS)} == {f"{k}-{i}" for k in range(4) for i in range(20)}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_reported(tmp_path):
    folder = tmp_path / "batch"
    folder.mkdir()
    folder.chmod(0o500)
    with pytest.raises(BatchError, match="batch batch cannot be written: Permission denied"):
        append_rows(folder / "notes.csv", COLUMNS, [row("a")])


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    file = tmp_path / "notes.csv"
    append_rows(file, COLUMNS, [row("a")])
    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(BatchError, match="No space left on device; nothing was changed"):
        append_rows(file, COLUMNS, [row("b")])
    assert file.read_bytes() == before


def test_spaces_of_every_kind_and_number_stay(tmp_path):
    names = ["a  b.jpg", " begins.jpg", "Screenshot 9.41\u202fPM.jpg", "no\u00a0break.jpg", "tab\there.jpg"]
    append_rows(tmp_path / "notes.csv", COLUMNS, map(row, names))
    assert read_rows(tmp_path / "notes.csv", COLUMNS) == list(map(row, names))


@pytest.mark.parametrize("found", [b"\xff\xfe\x00garbage", b"path;note\na;b\n", b"other,columns\na,b\n"])
def test_what_another_program_left_is_refused_and_stays(tmp_path, found):
    file = tmp_path / "notes.csv"
    file.write_bytes(found)
    with pytest.raises(BatchError, match="notes.csv of batch .*; restore it or delete the batch"):
        read_rows(file, COLUMNS)
    with pytest.raises(BatchError, match="notes.csv of batch .* is damaged; restore it or delete the batch"):
        append_rows(file, COLUMNS, [row("a")])
    assert file.read_bytes() == found


def test_a_file_saved_with_line_ends_of_windows_goes_on(tmp_path):
    file = tmp_path / "notes.csv"
    file.write_bytes(b"path,note\r\na,b\r\n")
    append_rows(file, COLUMNS, [row("c", "d")])
    assert read_rows(file, COLUMNS) == [row("a", "b"), row("c", "d")]
