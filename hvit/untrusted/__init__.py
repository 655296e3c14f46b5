"""Readers of untrusted files: regular files only, with limits on size, depth and expansion before parsing.

Every file of a run is read through this package. A file that is absent raises `FileNotFoundError` or
`NotADirectoryError`; whatever else is wrong with it raises `UntrustedFileError`.
"""

from hvit.untrusted.arrays import read_npz, tensor_shapes
from hvit.untrusted.documents import Nan, parse_json, parse_yaml, read_json, read_yaml
from hvit.untrusted.fields import Field, check_fields
from hvit.untrusted.files import UntrustedFileError, inside, is_in_utf8, open_untrusted, read_bytes, read_lines
from hvit.untrusted.tables import read_csv, read_parquet

__all__ = [
    "Field",
    "Nan",
    "UntrustedFileError",
    "check_fields",
    "inside",
    "is_in_utf8",
    "open_untrusted",
    "parse_json",
    "parse_yaml",
    "read_bytes",
    "read_csv",
    "read_json",
    "read_lines",
    "read_npz",
    "read_parquet",
    "read_yaml",
    "tensor_shapes",
]
