"""Panels of the Robustness page."""
