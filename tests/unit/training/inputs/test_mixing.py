import numpy as np
import pytest
import torch

from training.config import AugmentConfig
from training.inputs.mixing import mix


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_mixed_targets_state_the_share_of_pixels(share):
    views = torch.arange(16.0)[:, None, None, None].expand(16, 3, 32, 48).clone()
    config = AugmentConfig(mix_probability=1.0, cutmix_share=share)
    mixed, targets = mix(views, torch.arange(16) % 8, np.arange(16), 8, config, 0)
    assert torch.allclose(targets.sum(1), torch.ones(16))
    for i in range(16):
        # The mean pixel is the target's expectation, within the block of eight.
        expected = (targets[i] * torch.arange(8.0)).sum() + 8 * (i // 8)
        assert mixed[i].mean().item() == pytest.approx(expected.item(), abs=1e-4)
    assert (targets.max(1).values < 0.999).any()


def test_partners_come_from_the_same_block_of_eight():
    views = torch.randn(16, 3, 32, 32)
    config = AugmentConfig(mix_probability=1.0)
    together = mix(views, torch.arange(16), np.arange(16), 16, config, 0)
    second = mix(views[8:], torch.arange(8, 16), np.arange(8, 16), 16, config, 0)
    assert torch.equal(together[0][8:], second[0]) and torch.equal(together[1][8:], second[1])
