"""Figures and Methods paragraphs for a paper, from the records of runs; start reading at `drawing.py`."""
