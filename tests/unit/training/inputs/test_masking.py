"""Masks: drawn for each sample by its number, and spread over all units."""

import numpy as np
import torch

from training.inputs.masking import kept_units


def test_a_mask_depends_on_the_sample_and_not_on_its_batch():
    together = kept_units(3, np.arange(8), (96, 128), 0.6)
    assert together.shape == (8, 5)
    assert torch.equal(kept_units(3, np.array([5]), (96, 128), 0.6)[0], together[5])
    assert not torch.equal(kept_units(4, np.arange(8), (96, 128), 0.6), together)


def test_no_unit_is_kept_twice_and_all_are_kept_equally_often():
    kept = kept_units(0, np.arange(3000), (96, 96), 0.6)
    assert all(len(set(row)) == 4 for row in kept.tolist())
    shares = np.bincount(kept.flatten(), minlength=9) / 3000
    assert np.abs(shares - 4 / 9).max() < 0.04
