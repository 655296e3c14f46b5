"""A dashboard on a free port with a small run, and a real browser to use it with."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.dashboard import CHROMIUM, chromium, dashboard_of

CLASSES = ["Potato___Early_blight", "Tomato___Late_blight", "Tomato___healthy"]


@pytest.fixture(scope="session")
def runs_folder(tmp_path_factory) -> Path:
    """Two complete runs with seeded weights that accept every photo: one of photos, one of drawn leaves."""
    from hvit.data.leafsim import CONDITIONS

    folder = tmp_path_factory.mktemp("runs")
    _write_run(folder / "leaf45-tiny", CLASSES, "photos")
    _write_run(folder / "leafsim-tiny", sorted(CONDITIONS), "leafsim:v1/7/0-99")
    return folder


def _write_run(run: Path, classes: list[str], data: str) -> None:
    import torch

    from hvit.data.preprocess import Preprocessing
    from hvit.models import create_model
    from hvit.rejection import METHODS, OodDetector
    from hvit.runs.model_card import ConformalRecord
    from hvit.runs.saving import save_checkpoint

    torch.manual_seed(0)
    arguments = {"num_classes": len(classes), "img_size": 64}
    model = create_model("hvit_tiny", **arguments)
    draw = np.random.default_rng(0)
    features = [draw.normal(size=(20, channels)).astype(np.float32) for channels in model.config.embed_dims]
    save_checkpoint(
        run, model, "hvit_tiny", arguments, classes, Preprocessing(64), "drawn", {}, temperature=1.0,
        conformal=ConformalRecord(0.1, "lac", 0.6),
        ood=OodDetector(METHODS["knn"].fit(features, None, None), 2.0),
    )  # fmt: skip
    info = {"schema_version": 1, "status": "done", "kind": "finetune", "summary": {}}
    (run / "run.json").write_text(json.dumps(info))
    (run / "config.yaml").write_text(json.dumps({"data": {"dirs": [data]}}))  # JSON is YAML


@pytest.fixture(scope="session")
def dashboard(runs_folder, tmp_path_factory) -> Iterator[str]:
    """Address of a dashboard started as a user starts it."""
    with dashboard_of(runs_folder, tmp_path_factory.mktemp("log") / "streamlit.log") as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window; without one the test is skipped, or fails where REQUIRE_BROWSER=1."""
    if not CHROMIUM.exists():
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(f"REQUIRE_BROWSER=1, but there is no {CHROMIUM}; install the package chromium")
        pytest.skip(f"no {CHROMIUM}")
    with chromium() as found:
        yield found
