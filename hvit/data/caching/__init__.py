"""Decoded photos and their bands on disk and on the accelerator, for training."""
