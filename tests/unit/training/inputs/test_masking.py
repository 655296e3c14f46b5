"""Masks: drawn for each sample by its number, and spread over all units."""

import numpy as np
import torch

from training.inputs.masking import sample_visible_indices


def test_a_mask_depends_on_the_sample_and_not_on_its_batch():
    together = sample_visible_indices(3, np.arange(8), (96, 128), 0.6)
    assert together.shape == (8, 5)
    assert torch.equal(sample_visible_indices(3, np.array([5]), (96, 128), 0.6)[0], together[5])
    assert not torch.equal(sample_visible_indices(4, np.arange(8), (96, 128), 0.6), together)


def test_no_unit_is_kept_twice_and_all_are_kept_equally_often():
    visible_indices = sample_visible_indices(0, np.arange(3000), (96, 96), 0.6)
    assert all(len(set(row)) == 4 for row in visible_indices.tolist())
    shares = np.bincount(visible_indices.flatten(), minlength=9) / 3000
    assert np.abs(shares - 4 / 9).max() < 0.04
