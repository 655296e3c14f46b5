"""A model trained on drawn leaves: from a span in the configuration to the page of results."""

import json
from pathlib import Path

import numpy as np
import pytest

from hvit.__main__ import main as hvit
from hvit.data.leafsim import Address, plan
from hvit.runs import Run
from hvit.runs.checkpoint import load_checkpoint
from training import finetune, report

SPAN = "leafsim:v1/3/0-79"  # 8 leaves of val: some class is there twice, so that it can be divided


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A run of a few steps, evaluated on test."""
    folder = tmp_path_factory.mktemp("leafsim")
    config, run_dir = folder / "leaves.yaml", folder / "leaves"
    config.write_text(
        f"data: {{dirs: ['{SPAN}'], cache_dir: '{folder / 'cache'}', licences: {{leafsim-v1-3: MIT}}}}\n"
        "optim: {warmup_epochs: 0.5}\nphases: [{until: 1.0, img_size: 64}]\n"
        "epochs: 1\nbatch_size: 32\neval_img_size: 64\n"
    )
    assert finetune.main(["--config", str(config), "--run-dir", str(run_dir)]) == 0
    assert hvit(["evaluate", "--run", str(run_dir), "--data", SPAN, "--save"]) == 0
    return run_dir


def test_the_run_is_calibrated_and_names_its_data(trained):
    checkpoint = load_checkpoint(trained)
    assert checkpoint.temperature > 0 and checkpoint.conformal is not None and checkpoint.ood.threshold > 0
    assert set(checkpoint.classes) <= {plan(Address(3, i)).condition for i in range(80)}
    assert Run(trained).config["data"]["dirs"] == [SPAN]
    assert json.loads((trained / "model.json").read_text())["licences"] == {"leafsim-v1-3": "MIT"}


def test_each_leaf_is_a_group_of_its_own(trained):
    rows = [line.split(",") for line in (trained / "split.csv").read_text().splitlines()[1:]]
    assert len(rows) == 72 and all(group == "" for *_, group in rows)


def test_recorded_predictions_name_leaves_that_anyone_can_draw(trained):
    table = Run(trained).predictions("test")
    addresses = [Address.parse(path) for path in table["path"]]
    assert [address.index for address in addresses] == list(range(9, 80, 10))
    assert table["label"] == [plan(address).label() for address in addresses]


def test_the_results_have_tables_by_condition_and_severity_of_rendered_leaves(trained, photo_folder, tmp_path):
    out = tmp_path / "results.md"
    assert report.main(["--run", str(trained), "--strange", str(photo_folder), "--out", str(out)]) == 0
    page = out.read_text()
    assert "## leaves\n" in page and "drawn by LeafSim" in page and "| leafsim-v1-3 | 8 |" in page
    tables = {title: page.split(f"### {title}\n")[1].split("###")[0] for title in ("Conditions", "Severity")}
    counts = {
        title: [
            int(line.split("|")[2])
            for line in table.splitlines()
            if line.count("|") > 3 and "-:" not in line and "| n " not in line
        ]
        for title, table in tables.items()
    }
    labels = np.array(Run(trained).predictions("test")["label"])
    assert sum(counts["Conditions"]) == 8 and sum(counts["Severity"]) == (labels != "healthy").sum()
