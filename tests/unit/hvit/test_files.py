"""Writing JSON, opening regular files only, and finding the folder that somebody typed."""

import json
import os
import threading

import pytest

from hvit.files import NotRegularFileError, file_sha256, open_regular, typed_folder, write_json


def test_the_bytes_of_a_file_are_read(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    with open_regular(tmp_path / "a") as file:
        assert file.read() == b"abc"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotRegularFileError, match="it is a pipe, not a file"):
        open_regular(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a pipe"):
        file_sha256(tmp_path / "pipe")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no devices in folders here")
def test_devices_and_folders_are_refused(tmp_path):
    with pytest.raises(NotRegularFileError, match="it is a device, not a file"):
        open_regular("/dev/zero")
    with pytest.raises(NotRegularFileError, match="it is a folder, not a file"):
        open_regular(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_a_link_to_a_pipe_is_refused_too(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "photo.jpg").symlink_to(tmp_path / "pipe")
    with pytest.raises(NotRegularFileError):
        open_regular(tmp_path / "photo.jpg")


def test_no_descriptor_is_left_open_by_what_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"abc")
    folder, closed = os.stat(tmp_path), []
    monkeypatch.setattr("hvit.files.os.fstat", lambda descriptor: closed.append(descriptor) or folder)
    with pytest.raises(NotRegularFileError):
        open_regular(tmp_path / "a")  # as if a folder took its place between looking and opening
    monkeypatch.undo()
    with pytest.raises(OSError):
        os.fstat(closed[0])


@pytest.mark.parametrize(
    "spelling",
    ["{}", " {} ", '"{}"', "'{}'", ' "{}" ', "\"'{}'\"", "{}\n", "{}/", "file://{}", '"file://{}"', "FILE://{}"]
    + ["file://localhost{}", "\u201c{}\u201d", "\u2018{}\u2019", "\u00ab{}\u00bb", "{}/."],
)
def test_a_typed_folder_is_found_however_it_is_written(spelling, tmp_path):
    assert typed_folder(spelling.format(tmp_path)) == tmp_path


@pytest.mark.parametrize("name", [" leaves ", "it's", '"quoted"', "a\\b", "100% leaves", "file:", "~", "Blätter 葉"])
def test_a_folder_of_any_name_is_found(name, tmp_path):
    (tmp_path / name).mkdir()
    assert typed_folder(f"{tmp_path}/{name}") == tmp_path / name


def test_spaces_as_a_terminal_and_a_browser_write_them_are_understood(tmp_path):
    (tmp_path / "my leaves").mkdir()
    assert typed_folder(f"{tmp_path}/my\\ leaves") == tmp_path / "my leaves"
    assert typed_folder(f"file://{tmp_path}/my%20leaves") == tmp_path / "my leaves"


def test_the_home_of_the_reader_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "leaves").mkdir()
    assert typed_folder("~/leaves") == tmp_path / "leaves"
    assert typed_folder('"~/leaves"') == tmp_path / "leaves"


@pytest.mark.parametrize(
    "text",
    [
        "~nosuchuser/x", "a" * 5000, "/a" * 3000, "nul\0inside", "\0", "file://[", "file://\0", "~", "''", '"', "",
        "  ", "\ud800", "file:///nowhere%00", "\\\\server\\share", "C:\\Users\\nobody", "https://example.org/leaves",
        "file://elsewhere/", "smb://server/share", "\u201d\u201c", "\u202e/", "NUL", "/dev/stdin", "\U0001f642" * 5000,
        "$HOME", "%s%n", "<b>", "\n\n", "..\0..", "con", "~\0", "~" * 300,
    ],
    ids=lambda text: ascii(text[:12]),
)  # fmt: skip
def test_any_other_text_names_no_folder(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="^There is no folder .* on this computer. Give the whole path") as caught:
        typed_folder(text)
    assert len(str(caught.value)) < 1400 and str(caught.value).isprintable()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_links_that_lead_nowhere_and_pipes_are_no_folders(tmp_path):
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "there").symlink_to("back")
    (tmp_path / "back").symlink_to("there")
    (tmp_path / "dead").symlink_to("nothing")
    os.mkfifo(tmp_path / "pipe")
    for name in ("itself", "there", "dead", "pipe", "itself/leaves"):
        with pytest.raises(ValueError, match="There is no folder"):
            typed_folder(str(tmp_path / name))


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "leaf.jpg").write_bytes(b"x")
    with pytest.raises(ValueError, match="There is no folder"):
        typed_folder(str(tmp_path / "leaf.jpg"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_a_pipe_with_a_writer_is_refused_and_nothing_is_taken_out_of_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"abc",))
    writer.start()
    writer.join()
    with pytest.raises(NotRegularFileError):
        open_regular(tmp_path / "pipe")
    assert os.read(reader, 10) == b"abc"
    os.close(reader)


def test_lists_of_numbers_are_written_on_one_line_and_read_back_unchanged(tmp_path):
    value = {
        "confusion": [[3, 0], [1, 2.5e-7]],
        "empty": [],
        "names": ["a [\n 1,\n 2\n ]", 'b"'],
        "null": [None, True, -1],
    }
    write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == value
    assert "    [3, 0],\n    [1, 2.5e-07]\n" in text and '"null": [null, true, -1]' in text and '"empty": []' in text
