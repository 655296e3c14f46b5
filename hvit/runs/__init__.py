"""Run directories: their format, reader and writer."""

from hvit.runs.layout import CONFIG, DEFAULT_RUN, INFO, LOCK, MANIFEST, METRICS, SCHEMA_VERSION, TEST_EVALUATIONS
from hvit.runs.listing import Trouble, find_run, list_runs, shortened, survey
from hvit.runs.model_card import ModelCard
from hvit.runs.provenance import public
from hvit.runs.reader import Run, RunError, training_data_kinds
from hvit.runs.run_info import STALE_S, LiveProgress, RunInfo, live_progress, status_of
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
    "LiveProgress",
    "ModelCard",
    "Run",
    "RunError",
    "RunInfo",
    "RunLock",
    "RunWriter",
    "Trouble",
    "add_to_manifest",
    "find_run",
    "list_runs",
    "live_progress",
    "training_data_kinds",
    "public",
    "check_not_taken",
    "shortened",
    "status_of",
    "survey",
    "truncate_lines",
    "write_manifest",
]
