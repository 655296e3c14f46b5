"""Panels of the Diagnose page."""
