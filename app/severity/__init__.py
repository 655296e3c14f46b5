"""The Severity page: measured against true areas."""
