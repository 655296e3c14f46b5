"""Copies to a device."""

import numpy as np
import pytest
import torch

from hvit.data.transfer import to_device


@pytest.mark.parametrize("values", [np.arange(6.0).reshape(2, 3).T, torch.arange(6).reshape(2, 3).T, np.zeros(0, int)])
def test_values_dtype_and_strides_are_kept(values):
    expected = torch.from_numpy(values) if isinstance(values, np.ndarray) else values
    found = to_device(values, torch.device("cpu"))
    assert torch.equal(found, expected) and found.dtype == expected.dtype and found.stride() == expected.stride()
