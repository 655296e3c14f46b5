"""Downloads, from a server on this machine."""

import hashlib
import http.server
import io
import stat
import threading
import zipfile

import pytest

from hvit.data.datasets import catalogue
from hvit.data.datasets.catalogue import PublicSet, fetch, unpack
from hvit.data.datasets.reading import DataError, read_samples
from tests.support.photo_folders import place


def archive_of(files, packing=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.fixture
def photos(tmp_path):
    photo = place(tmp_path / "photo.jpg").read_bytes()
    return archive_of({"set-main/leaves/Rice___Blast/1.jpg": photo, "set-main/README.md": "not wanted"})


@pytest.fixture
def served():
    """Bytes served at the address of a public data set; paths that are not served are 404."""
    files, asked = {}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if self.path not in files:
                return self.send_error(404)
            self.send_response(200)
            self.send_header("Content-Length", str(len(files[self.path])))
            self.end_headers()
            self.wfile.write(files[self.path])

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def serve(data, sha256=None):
        if data is not None:
            files["/set.zip"] = data
        url = f"http://127.0.0.1:{server.server_port}/set.zip"
        return {"rice": PublicSet("rice", "rice", 1, 1, 1, "CC0 1.0", "none", url, "set-main/leaves", sha256)}

    serve.asked = asked
    yield serve
    server.shutdown()
    server.server_close()


def test_a_data_set_is_fetched_and_can_be_read(served, photos, tmp_path):
    folder = fetch("rice", tmp_path / "out", catalogue=served(photos, hashlib.sha256(photos).hexdigest()))
    assert folder == tmp_path / "out" / "rice"
    assert [s.relative for s in read_samples([folder])] == ["rice/Rice___Blast/1.jpg"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["rice"]


def test_other_bytes_than_promised_are_refused_and_nothing_stays(served, photos, tmp_path):
    with pytest.raises(DataError, match="could not be downloaded"):
        fetch("rice", tmp_path / "out", catalogue=served(photos, "0" * 64))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_archive_is_refused_and_nothing_stays(served, tmp_path):
    with pytest.raises(DataError, match="could not be downloaded from http.*404"):
        fetch("rice", tmp_path / "out", catalogue=served(None))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_host_that_does_not_answer_is_refused(served, tmp_path):
    entry = PublicSet("rice", "rice", 1, 1, 1, "CC0 1.0", "none", "http://127.0.0.1:9/set.zip", "x")
    with pytest.raises(DataError, match="could not be downloaded"):
        fetch("rice", tmp_path, catalogue={"rice": entry})


def test_what_is_there_is_not_fetched_again(served, photos, tmp_path):
    (tmp_path / "rice").mkdir()
    with pytest.raises(DataError, match="exists already"):
        fetch("rice", tmp_path, catalogue=served(photos))
    assert served.asked == []


@pytest.mark.parametrize(
    ("name", "words"),
    [("plantdok", "did you mean plantdoc"), ("zzz", "known: plantdoc, plantvillage")],
)
def test_unknown_names_are_refused_with_what_is_known(name, words, tmp_path):
    with pytest.raises(DataError, match=words):
        fetch(name, tmp_path)


def written(tmp_path, data):
    path = tmp_path / "set.zip"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["a/../../out.jpg", "a/x\\..\\..\\out.jpg"])
def test_paths_that_lead_out_of_the_folder_are_refused(name, tmp_path):
    path = written(tmp_path, archive_of({"a/1.jpg": "x", name: "x"}))
    with pytest.raises(DataError, match="leads out of the folder"):
        unpack(path, "a", tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_links_are_refused(tmp_path):
    link = zipfile.ZipInfo("a/link.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = written(tmp_path, archive_of({link: "/etc/passwd"}))
    with pytest.raises(DataError, match="leads out of the folder"):
        unpack(path, "a", tmp_path / "to")


def test_archives_that_would_grow_out_of_proportion_are_refused(tmp_path):
    path = written(tmp_path, archive_of({"a/1.jpg": bytes(5_000_000)}))  # to a thousandth
    with pytest.raises(DataError, match="out of proportion"):
        unpack(path, "a", tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_archives_of_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "MAX_FILES", 3)
    path = written(tmp_path, archive_of({f"a/{i}.jpg": "x" for i in range(4)}))
    with pytest.raises(DataError, match="4 files"):
        unpack(path, "a", tmp_path / "to")


def test_an_archive_without_the_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds nothing in b"):
        unpack(written(tmp_path, archive_of({"a/1.jpg": "x"})), "b", tmp_path / "to")


@pytest.mark.parametrize("damage", [lambda data: b"<html>not found</html>", lambda data: data[: len(data) // 2]])
def test_what_is_no_whole_archive_is_refused(damage, tmp_path, photos):
    with pytest.raises(DataError, match="not a zip archive, or was cut short"):
        unpack(written(tmp_path, damage(photos)), "set-main", tmp_path / "to")


def test_an_archive_with_a_wrong_byte_is_refused(tmp_path):
    data = bytearray(archive_of({"a/1.jpg": bytes(range(256)) * 4}, zipfile.ZIP_STORED))
    data[200] ^= 1
    with pytest.raises(DataError, match="fetch it again"):
        unpack(written(tmp_path, bytes(data)), "a", tmp_path / "to")
