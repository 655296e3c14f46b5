"""The average of the weights, by hand."""

import torch
from torch import nn

from training.engine.ema import Ema


def test_statistics_of_batch_norm_are_averaged_as_weights_are_and_their_counter_is_copied():
    norm = nn.BatchNorm1d(1)
    ema = Ema(norm, decay=0.5)
    for mean, count in ((8.0, 5), (16.0, 9)):
        norm.running_mean.fill_(mean)
        norm.weight.data.fill_(mean)
        norm.num_batches_tracked.fill_(count)
        ema.update(norm)
    # Decays of the warm-up: 1/10, 2/11. Mean: 0 -> 0.9 * 8 = 7.2 -> 2/11 * 7.2 + 9/11 * 16; weight from 1 -> 7.3.
    torch.testing.assert_close(ema.model.running_mean, torch.tensor([2 / 11 * 7.2 + 9 / 11 * 16]))
    torch.testing.assert_close(ema.model.weight.data, torch.tensor([2 / 11 * 7.3 + 9 / 11 * 16]))
    assert ema.model.num_batches_tracked == 9 and not ema.model.training
