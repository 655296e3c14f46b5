"""The format of a run: training writes it, everything else reads it."""

from hvit.runs.layout import CONFIG, DEFAULT_RUN, INFO, LOCK, MANIFEST, METRICS, SCHEMA_VERSION, TEST_EVALUATIONS
from hvit.runs.provenance import public
from hvit.runs.reader import (
    STALE_S,
    Live,
    Run,
    RunError,
    Trouble,
    find_run,
    list_runs,
    live_of,
    material_of,
    shortened,
    status_of,
    survey,
)
from hvit.runs.writer import (
    HEARTBEAT_S,
    RunLock,
    RunWriter,
    add_to_manifest,
    check_not_taken,
    truncate_lines,
    write_manifest,
)

__all__ = [
    "CONFIG",
    "DEFAULT_RUN",
    "HEARTBEAT_S",
    "INFO",
    "LOCK",
    "MANIFEST",
    "METRICS",
    "SCHEMA_VERSION",
    "STALE_S",
    "TEST_EVALUATIONS",
    "Live",
    "Run",
    "RunError",
    "RunLock",
    "RunWriter",
    "Trouble",
    "add_to_manifest",
    "find_run",
    "list_runs",
    "live_of",
    "material_of",
    "public",
    "check_not_taken",
    "shortened",
    "status_of",
    "survey",
    "truncate_lines",
    "write_manifest",
]
