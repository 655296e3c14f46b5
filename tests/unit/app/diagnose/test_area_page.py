"""The measured area on the Diagnose page, opened through `app/main.py`."""

import csv
import io
import json
import math
import shutil

import pytest

from hvit.diagnosis import diagnose
from hvit.runs.checkpoint import load_checkpoint
from tests.support.color_heads import add_color_head, spotted_leaf
from tests.support.pages import open_page, page_text

SPOTS = 2 * math.pi * 16**2 / (math.pi * 100 * 60)  # share of the leaf


@pytest.fixture
def runs(tiny_run, tmp_path, monkeypatch):
    shutil.copytree(tiny_run, tmp_path / "runs" / "tiny")
    add_color_head(tmp_path / "runs" / "tiny")
    card = tmp_path / "runs" / "tiny" / "model.json"
    values = json.loads(card.read_text())
    values["ood"] = values["ood"] and values["ood"] | {"threshold": 1e6}
    card.write_text(json.dumps(values))
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def with_leaf(app, spots: int = 2):
    app.file_uploader[0].set_value([("leaf.png", spotted_leaf(spots), "image/png")])
    return app.run()


def test_the_area_of_two_spots_is_measured_with_an_interval(runs):
    found = diagnose(load_checkpoint(runs / "tiny"), spotted_leaf())
    assert found.severity.lesion_fraction == pytest.approx(SPOTS, abs=0.02)
    assert found.severity.low < SPOTS < found.severity.high
    assert found.severity.lesions == 2


def test_the_page_says_the_area_and_takes_a_correction_into_the_csv(runs):
    app = with_leaf(open_page())
    assert "of the leaf (90 % interval" in page_text(app)
    pills = next(group for group in app.get("button_group") if "leave out" in group.proto.label)
    assert len(pills.options) == 2
    slider = next(slider for slider in app.slider if "Strictness" in slider.label)
    slider.set_value(0.95).run()
    assert "Corrected:" in page_text(app)


def test_a_leaf_without_spots_has_no_area(runs):
    found = diagnose(load_checkpoint(runs / "tiny"), spotted_leaf(0))
    assert found.severity.lesion_fraction == 0
    assert "No discolored area found." in page_text(with_leaf(open_page(), spots=0))


def test_predict_gives_areas_in_json_and_csv(runs, tmp_path, capsys):
    from hvit.__main__ import main

    photo = tmp_path / "leaf.png"
    photo.write_bytes(spotted_leaf())
    assert main(["predict", str(photo), "--run", str(runs / "tiny"), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)[0]
    assert set(row["severity"]) == {"lesion_fraction", "low", "high", "leaf_fraction", "lesions"}
    assert row["severity_reason"] is None
    assert main(["predict", str(photo), "--run", str(runs / "tiny"), "--csv", str(tmp_path / "out.csv")]) == 0
    (cells,) = csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text("utf-8-sig")))
    assert float(cells["severity"]) == pytest.approx(row["severity"]["lesion_fraction"])
    assert float(cells["severity_low"]) < float(cells["severity_high"])


def test_a_correction_belongs_to_the_head_whose_regions_it_numbers(runs):
    shutil.copytree(runs / "tiny", runs / "other")
    with_threshold(runs / "other", 0.3)
    app = with_leaf(open_page())
    slider = next(slider for slider in app.slider if "Strictness" in slider.label)
    assert slider.value == 0.3
    app.session_state["run"] = "tiny"
    app.run()
    slider = next(slider for slider in app.slider if "Strictness" in slider.label)
    assert slider.value == 0.5
    assert "Corrected:" not in page_text(app)


def with_threshold(run, threshold: float):
    """Gives the head of a run another threshold, and its file another hash."""
    from hvit.runs.saving import save_severity
    from hvit.severity.storage import write_head

    record = json.loads((run / "model.json").read_text())["severity"]
    head = load_checkpoint(run).severity.head
    head.classify.bias.data[0] += 0.01
    save_severity(run, record | {"symptom_threshold": threshold, "sha256": write_head(run, head)})
