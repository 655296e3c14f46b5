"""Regular files only, and no more of them than was asked for."""

import os

import pytest

from hvit.untrusted import UntrustedFileError, inside, read_bytes, read_lines
from hvit.untrusted.files import MAX_LINE_BYTES


def _pipe(path):
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (_pipe, "a pipe, not a file"),
        (lambda path: path.mkdir(), "a folder, not a file"),
        (lambda path: path.symlink_to("/dev/zero"), "a device, not a file"),
        (lambda path: path.symlink_to(path.name), "cannot be read: Too many levels"),
    ],
)
def test_only_regular_files_are_opened(tmp_path, make, expected):
    make(tmp_path / "run.json")
    for read in (lambda path: read_bytes(path, 10), lambda path: list(read_lines(path))):
        with pytest.raises(UntrustedFileError, match=expected):
            read(tmp_path / "run.json")


def test_a_file_larger_than_the_limit_is_not_read(tmp_path):
    with open(tmp_path / "model.json", "wb") as file:
        file.truncate(2**40)  # sparse
    with pytest.raises(UntrustedFileError, match="it has 1,048,576 MB, and at most 1 MB are read"):
        read_bytes(tmp_path / "model.json", 2**20)
    with pytest.raises(UntrustedFileError, match="at most 1 MB are read"):
        list(read_lines(tmp_path / "model.json", 2**20))


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "a\0b", "\udcff"])
def test_a_name_outside_the_folder_is_refused(tmp_path, name):
    with pytest.raises(UntrustedFileError, match="no name of a file inside the run"):
        inside(tmp_path, name)


def test_a_link_may_not_lead_out_of_the_folder(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "secret").write_text("x")
    (tmp_path / "run" / "notes.md").symlink_to(tmp_path / "secret")
    with pytest.raises(UntrustedFileError, match="leads out of the run"):
        inside(tmp_path / "run", "notes.md")


def test_a_link_within_the_folder_and_a_linked_folder_are_followed(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "a").write_text("x")
    (tmp_path / "run" / "b").symlink_to("a")
    (tmp_path / "link").symlink_to("run")
    assert read_bytes(inside(tmp_path / "link", "b"), 10) == b"x"


def test_a_line_longer_than_the_limit_is_none_and_a_torn_one_is_left_out(tmp_path):
    long = b"x" * (MAX_LINE_BYTES + 1)
    (tmp_path / "lines").write_bytes(b"a\n" + long + b"\nb\n" + long)
    assert list(read_lines(tmp_path / "lines")) == [b"a\n", None, b"b\n"]
    (tmp_path / "lines").write_bytes(b"x" * (MAX_LINE_BYTES - 1) + b"\nb")
    assert [len(line) for line in read_lines(tmp_path / "lines")] == [MAX_LINE_BYTES, 1]
