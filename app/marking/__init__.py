"""Marking a photo, as right, of another label, or as no photo of a leaf: one way for batches and galleries."""
