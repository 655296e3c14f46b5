"""Archives and weights whose headers promise more than there is."""

import io
import json
import struct
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hvit.untrusted import UntrustedFileError, read_npz, tensor_shapes

LIMIT = 2**20


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def _zip(path, members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_what_numpy_wrote_comes_back(tmp_path):
    arrays = {
        "a": np.arange(6, dtype=np.float16).reshape(2, 3), "b": np.array(["x", "yz"]), "c": np.array(1.5),
        "d": np.asfortranarray(np.arange(6).reshape(2, 3)), "e": np.zeros((0, 4), np.float32), "f": np.array([b"q"]),
    }  # fmt: skip
    np.savez_compressed(tmp_path / "x.npz", **arrays)
    found = read_npz(tmp_path / "x.npz", None, LIMIT)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and np.array_equal(found[name], array)


def test_an_archive_that_unpacks_to_more_than_the_limit_is_not_unpacked(tmp_path):
    path = _zip(tmp_path / "x.npz", {"a.npy": _npy(np.zeros(2**22, np.float64))})
    assert path.stat().st_size < LIMIT
    with pytest.raises(UntrustedFileError, match="unpacks to 32 MB, and at most 1 MB"):
        read_npz(path, ["a"], LIMIT)


def test_a_size_that_is_a_lie_is_not_believed(tmp_path):
    data = bytearray(_zip(tmp_path / "x.npz", {"a.npy": _npy(np.zeros(2**22, np.float64))}).read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = struct.pack("<I", 1000)  # the size, unpacked
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(UntrustedFileError, match="cannot be read"):
        read_npz(tmp_path / "x.npz", ["a"], LIMIT)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }", "does not fit|not as many"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", "is no array"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }", "does not fit its length"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "is no array"),
        ("{'descr': '<M8', 'fortran_order': False, 'shape': (1,), }", "neither numbers nor text"),
        ("(" * 1500, "is no array"),
        ("[1]", "is no array"),
    ],
)
def test_a_header_that_does_not_fit_its_array_is_refused(tmp_path, header, expected):
    text = header.encode() + b"\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(8)
    with pytest.raises(UntrustedFileError, match=expected):
        read_npz(_zip(tmp_path / "x.npz", {"a.npy": data}), None, LIMIT)


def test_compression_that_numpy_does_not_write_is_refused(tmp_path):
    small = {"a.npy": _npy(np.zeros(3))}
    with pytest.raises(UntrustedFileError, match="compressed in another way"):
        read_npz(_zip(tmp_path / "lzma.npz", small, zipfile.ZIP_LZMA), None, LIMIT)
    with pytest.raises(UntrustedFileError, match="100 members, and at most 64"):
        read_npz(_zip(tmp_path / "many.npz", {f"{i}.npy": b"" for i in range(100)}), None, LIMIT)
    with pytest.raises(UntrustedFileError, match="lists more members"):
        read_npz(_zip(tmp_path / "more.npz", {f"{i:0200}.npy": b"" for i in range(300)}), None, LIMIT)
    (tmp_path / "no.npz").write_bytes(b"no archive")
    with pytest.raises(UntrustedFileError, match="no NumPy archive"):
        read_npz(tmp_path / "no.npz", None, LIMIT)


def test_an_array_that_is_missing_is_named(tmp_path):
    with pytest.raises(UntrustedFileError, match="has no array b, expected a, b"):
        read_npz(_zip(tmp_path / "x.npz", {"a.npy": _npy(np.zeros(3))}), ["a", "b"], LIMIT)


def test_text_that_is_not_unicode_is_refused(tmp_path):
    data = _npy(np.array(["x"])).replace(b"x\0\0\0", b"\xff\xff\xff\x7f")
    with pytest.raises(UntrustedFileError, match="not Unicode"):
        read_npz(_zip(tmp_path / "x.npz", {"a.npy": data}), None, LIMIT)


def test_shapes_are_read_off_the_header(tmp_path):
    save_file({"a": torch.zeros(2, 3), "b": torch.zeros((), dtype=torch.int64)}, tmp_path / "x.safetensors")
    shapes, size = tensor_shapes(tmp_path / "x.safetensors", LIMIT)
    assert shapes == {"a": (2, 3), "b": ()} and size == (tmp_path / "x.safetensors").stat().st_size


def _header(entry: object) -> bytes:
    text = json.dumps({"a": entry}).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    "data",
    [
        b"", b"short", struct.pack("<Q", 2**60) + b"{}", struct.pack("<Q", 2) + b"[]",
        _header({"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}),  # and no data
        _header({"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}) + bytes(8),
        _header({"dtype": "Q9", "shape": [2], "data_offsets": [0, 8]}) + bytes(8),
        _header({"dtype": "F32", "shape": [2], "data_offsets": 8}) + bytes(8),
        _header(5),
    ],
)  # fmt: skip
def test_weights_that_are_not_what_their_header_says_are_refused(tmp_path, data):
    (tmp_path / "x.safetensors").write_bytes(data)
    with pytest.raises(UntrustedFileError, match="is damaged"):
        tensor_shapes(tmp_path / "x.safetensors", LIMIT)
