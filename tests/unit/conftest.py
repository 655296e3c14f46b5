"""A complete run that can predict, made in a second: its weights are drawn, so it knows nothing."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.weighted_runs import CLASSES, write_run

# The same examples every time, however slow the machine, and no folder of examples beside the tests.
settings.register_profile("steady", deadline=None, derandomize=True, database=None, max_examples=50)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory) -> Path:
    """A run directory of hvit_tiny with three classes, calibrated and with rejection, as if trained on photos."""
    return write_run(tmp_path_factory.mktemp("runs") / "tiny", CLASSES, "photos")


@pytest.fixture(scope="session")
def rendered_run(tmp_path_factory) -> Path:
    """The like with the classes of rendered leaves, as if trained on those."""
    from hvit.data.leafsim import CONDITIONS

    return write_run(tmp_path_factory.mktemp("runs") / "leafsim-tiny", sorted(CONDITIONS), "leafsim:v1/7/0-99")


@pytest.fixture(scope="session")
def bands_run(tmp_path_factory) -> Path:
    """The like with a spectral stream for two bands."""
    return write_run(
        tmp_path_factory.mktemp("runs") / "bands", CLASSES, "photos", "bands", ("red edge", "near infrared")
    )


@pytest.fixture(scope="session")
def indices_run(tmp_path_factory) -> Path:
    """The like with a spectral stream for indices of the photo's colors."""
    from hvit.data.spectral import INDICES

    return write_run(tmp_path_factory.mktemp("runs") / "indices", CLASSES, "photos", "indices", INDICES)


@pytest.fixture(scope="session")
def conv_run(tmp_path_factory) -> Path:
    """The like of a model whose first two stages are convolutions."""
    return write_run(tmp_path_factory.mktemp("runs") / "conv", CLASSES, "photos", architecture="hvit_tiny_conv")
