"""Severity: the share of a leaf's area that shows symptoms, from a segmentation head on the backbone of a run.

Start reading at `estimator.py`. What the numbers mean and how they were validated: docs/severity.md.
"""
