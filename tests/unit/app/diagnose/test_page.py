"""The Diagnose page, opened through `app/main.py` as a browser opens it."""

import csv
import io
import json
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from app.cache import diagnoses
from app.cache import photos as cached_photos
from app.cache.runs import inference
from app.diagnose import result_list
from hvit import diagnosis
from tests.support.pages import ROOT, bars, change_card, leaf, open_page, page_text, press, upload


def test_an_empty_page_asks_for_a_photo(runs):
    app = open_page()
    assert "Show me a leaf." in page_text(app)
    assert app.get("plotly_chart") == []


def test_photos_get_a_verdict_and_a_row_each(runs):
    app = upload(open_page(), ("a.jpg", leaf(1)), ("b.jpg", leaf(2)))
    text = page_text(app)
    assert "2 photos: " in text
    assert "a.jpg" in text and "b.jpg" in text and "1 of 2" in text
    assert len(app.get("download_button")) == 2


def test_the_same_photo_twice_is_one_photo(runs):
    app = upload(open_page(), ("a.jpg", leaf(1)), ("copy of a.jpg", leaf(1)))
    text = page_text(app)
    assert "1 photo: " in text and "listed once: copy of a.jpg (as a.jpg)." in text
    assert "listed once" not in page_text(upload(press(app, "Start over"), ("a.jpg", leaf(1)), ("b.jpg", leaf(2))))


def test_photos_stay_when_more_are_added(runs):
    app = upload(upload(open_page(), ("a.jpg", leaf(1))), ("b.jpg", leaf(2)))
    assert "2 photos: " in page_text(app)


def test_a_broken_file_says_why_and_stops_nothing(runs):
    app = upload(open_page(), ("broken.jpg", leaf(1)[:700]), ("b.jpg", leaf(2)))
    text = page_text(app)
    assert "broken.jpg cannot be read:" in text and "The other photo is done." in text
    assert "1 unreadable" in text


def test_a_file_of_any_type_reaches_the_list_with_its_reason(runs):
    files = [
        ("leaf.jpg", leaf(1), "image/jpeg"), ("IMG_1.HEIC", b"\0\0\0\x18ftypheic" + bytes(90), ""),
        ("DSC_1.NEF", b"IIRO" + bytes(90), "image/x-nikon-nef"), ("notes.txt", b"only words", "text/plain"),
        ("film.mov", b"\0\0\0\x14ftypqt  " + bytes(90), "video/quicktime"), ("nothing", b"", ""),
        ("large.bin", bytes(50_000_001), "application/octet-stream"),
    ]  # fmt: skip
    app = open_page()
    app.file_uploader[0].set_value(files)
    text = page_text(app.run())
    assert "7 photos: " in text and "6 unreadable" in text
    for name, reason in (
        ("HEIC", "HEIC format"), ("NEF", "camera raw file"), ("notes", "it contains text"), ("film", "it is a film"),
        ("nothing", "it is empty"), ("large", "it has 50.1 MB"),
    ):  # fmt: skip
        assert any(name in button.label and reason in button.label for button in app.button), name


def test_the_uploader_takes_files_of_any_type(runs):
    assert list(open_page().file_uploader[0].proto.type) == []


def test_a_photo_is_decoded_once_for_all_that_the_page_shows_of_it(runs, monkeypatch):
    decoded = []
    true_decode = diagnosis.decode_photo
    monkeypatch.setattr(diagnosis, "decode_photo", lambda data, least: decoded.append(len(data)) or true_decode(data))
    monkeypatch.setattr(cached_photos, "decode_photo", lambda *_: pytest.fail("decoded a second time"))
    app = upload(open_page(), ("a.jpg", leaf(11)), ("b.jpg", leaf(12)), ("c.jpg", leaf(13)[:500]))
    assert "3 photos: " in page_text(app) and len(decoded) == 3
    next(button for button in app.button if button.label == "Next").click().run()
    next(button for button in app.button if button.label == "Cut out one leaf").click().run()
    assert "Diagnose this leaf" in page_text(app) and len(decoded) == 3


def test_nobody_waits_while_a_photo_is_decoded(runs, monkeypatch):
    held = []
    true_decode = diagnosis.decode_photo

    def decode(data, least_sides):
        held.append(inference.locked())
        return true_decode(data)

    monkeypatch.setattr(diagnosis, "decode_photo", decode)
    upload(open_page(), ("a.jpg", leaf(21)), ("b.jpg", leaf(22)))
    assert held == [False, False]


def test_more_photos_than_are_remembered_are_all_listed(runs, monkeypatch):
    monkeypatch.setattr(diagnoses, "MAX_CACHED", 3)
    app = upload(open_page(), *((f"{i}.jpg", leaf(30 + i)) for i in range(7)))
    assert "7 photos: " in page_text(app)
    next(button for button in app.button if button.label == "Next").click().run()
    assert "7 photos: " in page_text(app)


@pytest.mark.parametrize("text", ["~nosuchuser/x", "a" * 5000, "nul\0inside", "file://[", "'", "<b>*x*</b>"], ids=ascii)
def test_any_text_may_be_typed_as_a_folder(text, runs):
    app = open_page()
    app.text_input(key="folder_path").set_value(text).run()
    assert "There is no folder" in page_text(app)


def test_a_cut_out_whose_photo_has_gone_is_its_row_and_the_others_stay(runs, tmp_path):
    (tmp_path / "photos").mkdir()
    for i in (1, 2):
        (tmp_path / "photos" / f"{i}.jpg").write_bytes(leaf(40 + i))
    app = open_page()
    app.text_input(key="folder_path").set_value(str(tmp_path / "photos")).run()
    next(button for button in app.button if button.label == "Cut out one leaf").click().run()
    (tmp_path / "photos" / "1.jpg").unlink()
    next(button for button in app.button if button.label == "Diagnose this leaf").click().run()
    assert "2 photos: " in page_text(app) and "1 unreadable" in page_text(app)


ODD_NAMES = [
    "no ending", ".jpg", "..", "../../etc/passwd", "C:\\a\\b.jpg", "a\nb.jpg", "\u202egpj.fdp", "x" * 5000 + ".jpg",
    "葉.jpg", "=cmd|' /C calc'!A0.jpg", "$x$.jpg", ":leaf: a.jpg", "![i](http://evil.example).jpg",
    "nul\0.jpg", "{0}%s.jpg", "\U0001f342",
]  # fmt: skip


def test_a_file_of_any_name_is_a_row_of_the_list_and_of_what_is_downloaded(runs, monkeypatch):
    made = []
    true_list = result_list._downloads

    def keep(photos, results, run, checkpoint, crop):
        made.append(result_list._table(photos, results, checkpoint.sha256, {}).decode("utf-8-sig"))
        made.append(result_list._report(photos, results, run, checkpoint, crop, {}))
        true_list(photos, results, run, checkpoint, crop)

    monkeypatch.setattr(result_list, "_downloads", keep)
    app = upload(open_page(), *((name, b"\xff\xd8" + bytes([i])) for i, name in enumerate(ODD_NAMES)))
    assert f"{len(ODD_NAMES)} photos: " in page_text(app)
    rows = list(csv.DictReader(io.StringIO(made[0], newline="")))
    assert len(rows) == len(ODD_NAMES) and made[1].count("cannot be read") >= len(ODD_NAMES)
    assert rows[9]["file"].startswith("'=cmd") and "<img src=http" not in made[1]


def test_a_file_name_cannot_format_the_page(runs):
    text = page_text(upload(open_page(), ("<b>*x*</b>.jpg", b"no picture")))
    assert "<b>*x*</b>" not in text
    assert "&lt;b&gt;*x*&lt;/b&gt;.jpg cannot be read:" in text


def test_a_chosen_crop_restricts_the_prediction(runs):
    app = upload(open_page(crop="Potato"), ("a.jpg", leaf(1)))
    assert list(bars(app)["customdata"]) == ["Potato: early blight"]
    assert "Not one of my" not in page_text(app)


def test_a_run_that_takes_bands_answers_from_color_and_says_so(runs, bands_run, indices_run):
    text = {}
    for run in (bands_run, indices_run):
        shutil.copytree(run, runs / run.name)
        app = upload(open_page(run=run.name), ("a.jpg", leaf(1)))
        assert not app.exception and len(bars(app)["customdata"]) == 3
        text[run.name] = "answers from color alone" in page_text(app)
    assert text == {"bands": True, "indices": False}


def test_crop_and_run_are_in_the_address(runs):
    shutil.copytree(runs / "tiny", runs / "other")
    app = open_page(run="tiny")
    app.selectbox(key="crop_menu").set_value("tomato").run()
    assert app.query_params == {"crop": "Tomato", "run": "tiny"}


def test_back_to_an_address_with_another_run_and_crop_chooses_both(runs):
    shutil.copytree(runs / "tiny", runs / "other")
    app = open_page(run="tiny", crop="Tomato")
    app.selectbox(key="run").set_value("other").run()
    app.selectbox(key="crop_menu").set_value("potato").run()
    assert app.query_params == {"crop": "Potato"}  # the first run is the default
    app.query_params["run"], app.query_params["crop"] = "tiny", "Tomato"
    app.run()
    assert app.selectbox(key="run").value == "tiny" and app.session_state["crop"] == "tomato"


def test_run_and_crop_stay_when_another_page_is_opened(runs):
    shutil.copytree(runs / "tiny", runs / "other")
    app = open_page(run="tiny", crop="Tomato")
    app.query_params.clear()
    app.switch_page("../pages/attention.py").run()
    assert app.selectbox(key="run").value == "tiny" and app.query_params["run"] == "tiny"


def test_probabilities_are_called_calibrated_only_where_a_temperature_was_fitted(runs):
    axis = {}
    for temperature in (1.5, None):
        change_card(runs, partial(dict.update, temperature=temperature))
        figure = json.loads(upload(open_page(), ("a.jpg", leaf(1))).get("plotly_chart")[0].proto.spec)
        axis[temperature] = figure["layout"]["xaxis"]["title"]["text"]
    assert axis[1.5].startswith("calibrated probability") and axis[None].startswith("uncalibrated probability")


def test_a_phone_sees_where_photos_go_and_no_folders(runs, monkeypatch):
    from app import photo_inputs

    monkeypatch.setattr(photo_inputs, "is_remote_client", lambda: True)
    app = open_page()
    assert "go to the computer that runs HViT" in page_text(app) and not app.text_input
    assert "stay on this computer" not in page_text(app)


def test_another_run_without_the_chosen_crop_is_asked_without_a_crop(runs):
    shutil.copytree(runs / "tiny", runs / "other")
    change_card(runs, lambda card: card.update(classes=["Rice___Blast", "Rice___Tungro", "Rice___healthy"]))
    app = open_page(crop="Tomato")
    assert app.session_state["crop"] == "tomato"
    app.selectbox(key="run").set_value("tiny").run()
    assert not app.exception
    assert app.session_state["crop"] == "not_sure"


def test_a_photo_that_was_removed_is_reported_as_gone(runs, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(leaf(1))
    app = open_page()
    app.text_input(key="folder_path").set_value(str(tmp_path / "photos")).run()
    next(button for button in app.button if button.label == "Cut out one leaf").click().run()
    (tmp_path / "photos" / "1.jpg").unlink()
    next(button for button in app.button if button.label == "Diagnose this leaf").click().run()
    assert "the file cannot be opened: No such file or directory." in page_text(app)


def test_without_a_crop_every_name_carries_a_doubt(runs):
    assert "Not one of my 2 crops? Then this answer is wrong:" in page_text(upload(open_page(), ("a.jpg", leaf(1))))


def test_another_crop_gets_no_answer_but_the_crops_that_are_known(runs):
    app = upload(open_page(crop="Another crop"), ("a.jpg", leaf(1)))
    text = page_text(app)
    assert "I cannot name diseases of this crop." in text and "I know potato and tomato." in text
    assert app.get("plotly_chart") == []


def test_an_unfamiliar_photo_gets_no_name_until_the_reader_insists(runs):
    change_card(runs, lambda card: card["ood"].update(threshold=0.0))
    app = upload(open_page(), ("a.jpg", leaf(1)))
    text = page_text(app)
    assert "This does not look like any leaf I know. No diagnosis." in text
    assert "Usual: up to 0.00." in text and app.get("plotly_chart") == []
    next(button for button in app.button if button.label.startswith("It is a leaf")).click().run()
    assert "Unreliable: my best guess is" in page_text(app)
    assert len(app.get("plotly_chart")) == 1


def test_a_leaf_can_be_cut_out_and_taken_back(runs):
    app = upload(open_page(), ("a.jpg", leaf(1)))
    next(button for button in app.button if button.label == "Cut out one leaf").click().run()
    assert len(app.slider) == 2
    app.slider(key="cut_x").set_value((10, 70)).run()
    next(button for button in app.button if button.label == "Diagnose this leaf").click().run()
    assert "a (cut).png" in page_text(app) and len(app.slider) == 0
    next(button for button in app.button if button.label == "Back to the whole photo").click().run()
    assert "a (cut).png" not in page_text(app)


def test_the_map_comes_with_its_fixed_scale(runs):
    app = upload(open_page(), ("a.jpg", leaf(1)))
    assert "2x the average" not in page_text(app)
    app.toggle(key="show_map").set_value(True).run()
    assert "0.5x" in page_text(app) and "2x the average" in page_text(app)


def test_a_folder_on_this_computer_is_read(runs, tmp_path):
    (tmp_path / "photos").mkdir()
    for seed in range(10):
        (tmp_path / "photos" / f"{seed}.jpg").write_bytes(leaf(seed))
    app = open_page()
    app.text_input(key="folder_path").set_value(str(tmp_path / "photos")).run()
    assert "10 photos: " in page_text(app) and "1 of 10" in page_text(app)


def test_files_skipped_in_a_folder_are_reported_in_one_line(runs, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(leaf(1))
    (folder / "notes.txt").write_text("wet")
    (folder / "._a.jpg").write_bytes(b"Mac")
    app = open_page()
    app.text_input(key="folder_path").set_value(str(folder)).run()
    assert all(word in page_text(app) for word in ("passed over 1 (hidden", "._a.jpg", "notes.txt"))
    app.text_input(key="folder_path").set_value(str(tmp_path / "none")).run()
    assert "passed over" not in page_text(app)


def test_a_missing_folder_is_reported(runs, tmp_path):
    app = open_page()
    app.text_input(key="folder_path").set_value(str(tmp_path / "none")).run()
    assert "There is no folder" in page_text(app)


def test_without_a_run_the_page_says_how_to_get_one(tmp_path, monkeypatch):
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path / "none"))
    app = open_page()
    assert not app.exception
    assert app.subheader[0].value == "There is no trained model here yet."
    assert "training.finetune" in app.code[0].value


def test_changed_weights_are_refused_in_one_sentence(runs):
    weights = runs / "tiny" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert "was changed or damaged after it was written; copy the run again" in page_text(open_page())


def test_a_run_that_does_not_exist_is_named(runs):
    assert "no run tinny; did you mean tiny?" in page_text(open_page(run="tinny"))


def test_a_half_written_run_says_what_is_missing(runs):
    shutil.copytree(runs / "tiny", runs / "half")
    (runs / "half" / "model.safetensors").unlink()
    assert "run half has no model.safetensors" in page_text(open_page(run="half"))


def test_damaged_records_leave_the_diagnosis_alone(runs):
    (runs / "tiny" / "eval" / "test").mkdir(parents=True, exist_ok=True)
    (runs / "tiny" / "eval" / "test" / "predictions.parquet").write_bytes(b"not parquet")
    text = page_text(upload(open_page(), ("a.jpg", leaf(1))))
    assert "1 photo: " in text and "are damaged; copy the run again" in text


def test_serving_the_dashboard_imports_neither_timm_nor_gradio_and_the_first_frame_no_torch():
    script = (
        "import sys; import app.cache.diagnoses, app.diagnose.panels, app.widgets; "
        "assert 'torch' not in sys.modules, 'torch'; "
        "import hvit.runs.checkpoint, hvit.diagnosis, hvit.explain.methods.rollout; "
        "assert not {'timm', 'gradio', 'training'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=60)


def set_plants(runs: Path, known: bool | None) -> None:
    path = runs / "tiny" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"plants_known": known}))


@pytest.mark.parametrize(("known", "expected"), [(False, True), (True, False), (None, False)])
def test_where_plants_are_unknown_the_page_says_so(runs, known, expected):
    set_plants(runs, known)
    app = upload(open_page(), ("a.jpg", leaf(1)))
    assert ("Plants unknown: accuracy may be too high." in page_text(app)) == expected


def test_a_run_without_a_test_split_is_scored_by_cross_validation(runs):
    import pyarrow as pa
    import pyarrow.parquet as pq

    classes = json.loads((runs / "tiny" / "model.json").read_text())["classes"]
    folder = runs / "tiny" / "eval" / "cv"
    folder.mkdir(parents=True)
    logits = [[9.0 if k == i % 3 else 0.0 for k in range(3)] for i in range(120)]
    pq.write_table(
        pa.table({"label": [classes[i % 3] for i in range(120)], "logits": logits}), folder / "predictions.parquet"
    )
    text = page_text(upload(open_page(), ("a.jpg", leaf(1))))
    assert "the first name was right for 100 of 100 photos held out in turn" in text


def test_another_crop_gets_the_command_to_train_a_run_of_its_own(runs):
    app = open_page(crop="Another crop")
    assert app.code[0].value == "python -m training.quick path/to/photos --run tiny"
    assert "training.finetune" in app.code[1].value
