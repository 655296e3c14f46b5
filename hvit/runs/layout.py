"""Names of the files of a run, and the version of its format."""

SCHEMA_VERSION = 1
DEFAULT_RUN = "leaf45-tiny"
INFO, CONFIG, METRICS, MANIFEST = "run.json", "config.yaml", "metrics.jsonl", "manifest.json"
LOCK = ".lock"
TEST_EVALUATIONS = "test_evaluations.jsonl"
