"""Tables of photos as Excel and other programs write them."""

import pytest

from hvit.data.datasets.manifests import read_manifest, read_table
from hvit.data.datasets.reading import DataError, class_names, groups_from_csv, read_samples


@pytest.fixture
def folder(tmp_path):
    for name in ("Rust/p0.jpg", "Rust/p 1.jpg", "healthy/p0.jpg", "Mehltaü/p0.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def read(folder, text, encoding="utf-8"):
    (folder / "photos.csv").write_bytes(text.encode(encoding))
    notes = []
    return read_samples([folder / "photos.csv"], log=notes.append), notes


@pytest.mark.parametrize(
    "text",
    [
        "path,label\nRust/p0.jpg,Rust\nhealthy/p0.jpg,healthy\n",
        "path;label\r\nRust/p0.jpg;Rust\r\nhealthy/p0.jpg;healthy\r\n",
        "path\tlabel\nRust/p0.jpg\tRust\nhealthy/p0.jpg\thealthy\n",
        "sep=;\r\npath;label\r\nRust\\p0.jpg;Rust\r\nhealthy\\p0.jpg;healthy\r\n",
        "\ufeffPATH, Label \nRust\\p0.jpg, Rust\nhealthy\\p0.jpg,healthy \n",
        ' "Path" ;"CLASS"\n"Rust/p0.jpg";"Rust"\n"healthy/p0.jpg";"healthy"\n'.replace(' "Path" ', '"Path"'),
        "label;path;;\nRust;.\\Rust\\p0.jpg;;\nhealthy;healthy/p0.jpg;;\n;;;\n;;;\n",
    ],
)
def test_tables_of_excel_are_read(folder, text):
    samples, notes = read(folder, text)
    assert [(s.relative.partition("/")[2], s.label) for s in samples] == [
        ("Rust/p0.jpg", "Rust"),
        ("healthy/p0.jpg", "healthy"),
    ]
    assert notes == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_read_with_and_without_a_mark(folder, encoding):
    assert class_names(read(folder, "path,label\nRust/p0.jpg,番茄___锈病\n", encoding)[0]) == ["番茄___锈病"]


def test_a_table_in_a_western_encoding_is_read_and_reported(folder):
    samples, (note,) = read(folder, "path;label\nRust\\p0.jpg;Café___Maladie d’été\n".replace("’", "'"), "cp1252")
    assert class_names(samples) == ["Café___Maladie d'été"] and "is read as Windows-1252" in note


@pytest.mark.parametrize(
    ("label", "encoding"), [("番茄", "gbk"), ("Ржавчина", "cp1251"), ("さび病", "shift_jis"), ("토마토", "euc-kr")]
)
def test_other_encodings_are_refused_with_what_to_do(folder, label, encoding):
    with pytest.raises(DataError, match="is not a CSV file in UTF-8: .*Save as, CSV UTF-8"):
        read(folder, f"path,label\nRust/p0.jpg,{label}\n", encoding)


def test_labels_that_differ_by_spaces_or_form_are_one_class(folder):
    text = "path,label\nRust/p0.jpg,Kra\u0308usel\nhealthy/p0.jpg,Kräusel \nRust/p 1.jpg,\u00a0Kräusel\n"
    assert class_names(read(folder, text)[0]) == ["Kräusel"]


@pytest.mark.parametrize("form", ["Mehltaü/p0.jpg", "Mehltau\u0308/p0.jpg", "Mehltaü\\p0.jpg"])
def test_a_path_is_found_in_either_unicode_form(folder, form):
    assert len(read(folder, f"path,label\n{form},x\n")[0]) == 1


def test_other_names_of_splits_are_splits_in_a_table_too(folder):
    text = "path,label,Split\nRust/p0.jpg,Rust,Validation\nhealthy/p0.jpg,healthy,TRAINING\nRust/p 1.jpg,Rust,\n"
    assert [sample.split for sample in read(folder, text)[0]] == [None, "val", "train"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,label\nRust/P0.jpg,Rust\n", "line 2 names a file that is not there: Rust/P0.jpg; did you mean p0.jpg?"),
        ("path;label\n\n\nnone.jpg;Rust\n", "line 4 names a file that is not there: none.jpg"),
        ("path,label\n..\\x.jpg,Rust\n", "line 2 leads out of the folder"),
        ("path,label\nRust/../../x.jpg,Rust\n", "line 2 leads out of the folder"),
        ("path,label\n,Rust\n", "line 2 has no path"),
        ("path,Label,label\nRust/p0.jpg,a,b\n", "two columns label"),
        ("file;art\nRust/p0.jpg;Rust\n", r"expected columns path and label \(or class\), got art, file"),
        ("path,label\0\nx,y\n", "zero bytes"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_its_line(folder, text, words):
    with pytest.raises(DataError, match=words):
        read(folder, text)


def test_an_error_about_a_workbook_says_how_to_export_it(folder):
    (folder / "photos.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match="workbook of a spreadsheet program; save it as a table: .*CSV UTF-8"):
        read_samples([folder / "photos.xlsx"])


def test_a_table_may_name_photos_behind_a_link(folder, tmp_path_factory):
    disk = tmp_path_factory.mktemp("disk")
    (disk / "a.jpg").write_bytes(b"x")
    (folder / "linked").symlink_to(disk)
    assert [s.relative.partition("/")[2] for s in read(folder, "path,label\nlinked/a.jpg,x\n")[0]] == ["linked/a.jpg"]


def test_groups_are_read_from_a_table_of_excel(folder):
    samples = read_samples([folder], log=lambda line: None)
    table = folder / "plants.csv"
    lines = ["Path;Group", "Rust\\p0.jpg;7", ".\\Rust\\p 1.jpg; 7", "healthy\\p0.jpg;8", "Mehltau\u0308\\p0.jpg;9", ";"]
    table.write_text("\r\n".join(lines), encoding="utf-8-sig")
    assert groups_from_csv(samples, table) == ["9", "7", "7", "8"]


def test_short_rows_are_filled_and_columns_are_in_small_letters(tmp_path):
    (tmp_path / "t.csv").write_text("Path,Group ,Note\na.jpg,1\n")
    table = read_table(tmp_path / "t.csv", (("path",), ("group",)))
    assert table.columns == ("path", "group", "note")
    assert table.rows == [(2, {"path": "a.jpg", "group": "1", "note": ""})]


def test_a_second_byte_order_mark_is_no_part_of_a_column(tmp_path):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "t.csv").write_bytes("\ufeffPath;Label\na.jpg;Rust\n".encode("utf-16"))
    assert [row.label for row in read_manifest(tmp_path / "t.csv")[0]] == ["Rust"]
