"""Figures and words for a paper, from what runs recorded: start reading at `drawing.py`."""
