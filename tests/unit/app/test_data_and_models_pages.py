"""The Data and Models pages, opened through `app/main.py`: complete runs, runs without records, damaged ones."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from hvit.batches.reviews import read_reviews
from hvit.batches.sample_reviews import sample_reviews
from hvit.data.inspection.check import record_check
from hvit.files import file_sha256
from hvit.runs import Run, write_manifest
from tests.support.pages import ROOT, open_page, page_text
from tests.support.recorded_runs import CLASSES, write_records


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Path:
    """A runs folder with `hand`: records of twelve photos, of which ten more trained in two data sets."""
    folder = tmp_path / "runs"
    run = write_records(
        folder / "hand",
        card={"licences": {"photos": "CC BY 4.0", "field": "unclear"}},
        info={"argv": ["-m", "training.finetune", "--config", "x.yaml"], "plants_known": False},
    )
    rows = [f"{'field' if i == 0 else 'photos'}/train/{i}.jpg,t{i},{CLASSES[i % 2]},train," for i in range(10)]
    (run / "split.csv").write_text("\n".join(["path,sha256,label,role,group", *rows]))
    document = {
        "n": 12, "top1": 0.75, "top1_ci": [0.468, 0.911], "macro_f1": 0.75, "ece": 0.1, "coverage": 0.9,
        "mean_set_size": 1.5, "accepted": 0.95,
    }  # fmt: skip
    (run / "eval" / "test" / "metrics.json").write_text(json.dumps(document))
    (run / "test_evaluations.jsonl").write_text('{"n": 12}\n')
    (run / "notes.md").write_text("- Test was looked at once.\n- Few <b>photos</b>.\n")
    write_manifest(run)
    monkeypatch.setenv("HVIT_RUNS", str(folder))
    return folder


def report(**changes) -> dict:
    nothing = {"count": 0, "first": []}
    return {
        "photos": 22, "classes": {}, "unreadable": [], "exact_copies": nothing, "near_duplicates": nothing,
        "conflicting_labels": nothing, "leaks": {"exact": nothing, "near": nothing, "group": nothing},
        "plants_known": False, "background_control": {"top1": 0.25, "n": 12, "largest_class": 0.33},
    } | changes  # fmt: skip


def test_the_data_page_counts_what_the_run_recorded(runs):
    app = open_page("data")
    text = page_text(app)
    assert "hand learned from 10 photos of 2 data sets, with 4 conditions of 2 crops." in text
    assert "Plants unknown: accuracy may be too high" in text and "CC BY 4.0" in text
    bars = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    assert [bar["name"] for bar in bars[:2]] == ["training, 10", "test, 12"]


def test_a_data_set_can_be_shown_alone(runs):
    app = open_page("data")
    app.selectbox(key="data_set").set_value("field").run()
    bars = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    assert bars[0]["name"] == "training, 1"


def test_without_a_recorded_check_the_command_that_makes_one_is_shown(runs):
    assert "python -m hvit data check photos --save-to hand" in page_text(open_page("data"))


def test_a_recorded_check_is_shown(runs):
    run, leak = Run(runs / "hand"), {"count": 1, "first": [["photos/train/1.jpg", "photos/test/2.jpg"]]}
    found = report(leaks={"exact": leak, "near": {"count": 0, "first": []}, "group": {"count": 0, "first": []}})
    record_check(run, found | {"exact_copies": leak}, [Photo("t0")])
    text = page_text(open_page("data"))
    assert "1 exact copy in two splits" in text and "The pairs in two splits (1)" in text
    assert "Checked: 1 of the 22 photos of this run." in text and "--save-to" not in text


class Photo:
    """What `record_check` asks of a sample."""

    def __init__(self, sha256):
        self._sha256 = sha256

    def sha256(self):
        return self._sha256


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("split.csv", "split.csv of run hand is damaged; copy the run again"),
        ("data_check.json", "data_check.json of run hand is damaged; make it again"),
        ("eval/test/predictions.parquet", "predictions of run hand on test are damaged; copy the run again"),
    ],
)
def test_damaged_records_are_reported_and_the_data_page_stays(runs, file, expected):
    (runs / "hand" / file).write_bytes(b"\xffnothing")
    assert expected in page_text(open_page("data"))


def test_a_damaged_configuration_is_reported_on_both_pages(runs):
    (runs / "hand" / "split.csv").unlink()
    (runs / "hand" / "config.yaml").write_text("a: [")
    for page in ("data", "models"):
        assert "config.yaml of run hand is damaged" in page_text(open_page(page))


def test_a_run_without_list_says_that_this_copy_lacks_it(runs):
    (runs / "hand" / "split.csv").unlink()
    assert "How many of each class is not in this copy of the run." in page_text(open_page("data"))


def test_rendered_leaves_need_no_list_and_come_with_pictures(tmp_path, monkeypatch):
    write_records(tmp_path / "runs" / "drawn", config={"data": {"dirs": ["leafsim:v1/7/0-39"]}}, photos="leafsim:v1/7")
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path / "runs"))
    text = page_text(open_page("data"))
    assert "drawn learned from 32 drawn leaves" in text and "data:image/jpeg;base64" in text
    assert "are not shipped" not in text


def test_an_example_is_marked_in_the_reviews_of_its_run(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("HVIT_REVIEWS", str(tmp_path / "reviews"))
    monkeypatch.setenv("HVIT_PHOTOS", str(tmp_path / "photos"))
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (80, 64), "green").save(tmp_path / "photos" / "one.png")
    split = (runs / "hand" / "split.csv").read_text()
    (runs / "hand" / "split.csv").write_text(split.replace(",t2,", f",{file_sha256(tmp_path / 'photos' / 'one.png')},"))
    app = open_page("data", example=CLASSES[0])
    next(button for button in app.button if button.label == "Look closer").click().run()
    app.text_input(key="tile_reviewer").set_value("Ana").run()
    assert "Explain in Attention" in [button.label for button in app.button]
    next(button for button in app.button if button.label.startswith("As labelled: ")).click().run()
    (review,) = read_reviews(sample_reviews(tmp_path / "reviews", "hand"))
    assert (review.path, review.label, review.predicted) == ("folders/1/one.png", CLASSES[0], "")


def test_without_photos_a_text_replaces_the_pictures(runs):
    app = open_page("data")
    assert "no picture here" in page_text(app)
    assert any("Where is your copy?" in box.label for box in app.text_input)


@pytest.mark.parametrize("page", ["data", "models"])
def test_without_runs_both_pages_say_how_to_get_one(page, tmp_path, monkeypatch):
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path))
    text = page_text(open_page(page))
    assert "There is no run here yet." in text and "training.finetune" in text


@pytest.mark.parametrize("page", ["data", "models"])
def test_a_missing_run_is_named_and_another_shown(runs, page):
    text = page_text(open_page(page, run="gone"))
    assert "There is no run gone here. Until you choose another, this is hand." in text


@pytest.mark.parametrize("page", ["data", "models"])
def test_what_cannot_be_read_is_listed_with_its_reason(runs, page):
    (runs / "broken").mkdir()
    (runs / "broken" / "run.json").write_text("{")
    assert "run.json of run broken is damaged" in page_text(open_page(page))


def test_the_card_shows_scores_with_their_intervals(runs):
    text = page_text(open_page("models"))
    for fact in ("75.0\xa0%", "46.8 to 91.1\xa0%", "mean size 1.5", "Test was evaluated once.", "CC BY 4.0",
                 "python -m training.finetune --config x.yaml", f"{0:064x}", "not in this copy",
                 "It tells 4 conditions of 2 crops apart", "The 4 conditions it knows"):  # fmt: skip
        assert fact in text, fact
    assert "<li>Few &lt;b&gt;photos&lt;/b&gt;.</li>" in text  # notes cannot format the page


def test_the_card_of_a_run_without_records_shows_what_there_is(tmp_path, monkeypatch):
    run = write_records(tmp_path / "runs" / "bare", info={"status": "failed"})
    for name in ("model.json", "config.yaml", "manifest.json", "metrics.jsonl"):
        (run / name).unlink()
    shutil.rmtree(run / "eval")
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path / "runs"))
    app = open_page("models")
    text = page_text(app)
    assert "This run is not finished: failed." in text and "%" not in text.split("The family")[0].split("Model card")[1]
    assert "python -m hvit methods" not in text


def test_an_incomplete_card_is_reported(runs):
    card = json.loads((runs / "hand" / "model.json").read_text())
    (runs / "hand" / "model.json").write_text(json.dumps(card | {"conformal": {"method": "lac"}}))
    assert "model.json of run hand lacks conformal.alpha" in page_text(open_page("models"))


PRETRAINED = {
    "architecture": "timm:tf_efficientnet_lite0", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "source": "a <page>",
    "licence": "Apache 2.0", "trained_on": "ImageNet-1k", "sha256": "5" * 64,
}  # fmt: skip


def test_the_card_shows_the_weights_a_run_started_from(runs):
    assert "Weights it started from" not in page_text(open_page("models"))
    card = json.loads((runs / "hand" / "model.json").read_text())
    (runs / "hand" / "model.json").write_text(json.dumps(card | {"pretrained": PRETRAINED}))
    text = page_text(open_page("models"))
    for fact in ("Weights it started from", "starting from weights trained on ImageNet-1k.", "tf_efficientnet_lite0",
                 "a &lt;page&gt;", "Apache 2.0", "5" * 64):  # fmt: skip
        assert fact in text, fact


def test_a_damaged_origin_of_weights_is_reported(runs):
    card = json.loads((runs / "hand" / "model.json").read_text())
    (runs / "hand" / "model.json").write_text(json.dumps(card | {"pretrained": {"source": 3}}))
    assert "model.json of run hand has a damaged section pretrained" in page_text(open_page("models"))


def test_damaged_scores_are_reported(runs):
    (runs / "hand" / "eval" / "test" / "metrics.json").write_text("[]")
    assert "eval/test/metrics.json of run hand is damaged" in page_text(open_page("models"))


def test_the_whole_family_is_listed_with_its_sizes(runs):
    text = page_text(open_page("models"))
    assert all(fact in text for fact in ("HViT-T", "5,143,896", "HViT-L", "303,209,608", "33.50"))
    assert all(fact in text for fact in ("HViT-T conv", "5,172,120", "EfficientNet-Lite"))


def test_time_is_measured_on_request_and_comes_with_its_range(runs):
    app = open_page("models")
    assert "one photo, 1 thread" not in page_text(app)
    app.get("button_group")[0].set_value(["hvit_tiny"]).run()
    next(button for button in app.button if button.label == "Measure").click().run()
    text = page_text(app)
    assert "one photo, 1 thread" in text and " ms (" in text
    assert "does other things too" in text


def test_the_first_frame_of_both_pages_imports_no_torch_and_no_matplotlib():
    script = (
        "import sys; import app.cache.model_family, app.cache.model_cards, app.cache.training_photos; "
        "import app.data.panels, app.models.panels; "
        "assert not {'torch', 'matplotlib', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=60)
