"""The Severity page: measured areas against masks."""
