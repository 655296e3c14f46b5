"""Panels of the Ablations page."""
