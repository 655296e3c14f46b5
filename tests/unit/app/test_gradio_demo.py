"""The Gradio demo, asked through its own client."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image


@pytest.fixture(scope="module")
def client(tiny_run):
    """A client of the demo, served on a free port of this machine."""
    from gradio_client import Client

    from app import gradio_demo
    from hvit.runs.checkpoint import load_checkpoint

    demo = gradio_demo.build(load_checkpoint(tiny_run))
    _, url, _ = demo.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    yield Client(url, verbose=False)
    demo.close()


def ask(client, path: Path):
    from gradio_client import handle_file

    return client.submit(handle_file(str(path)), api_name="/diagnose").result(timeout=60)


def test_a_photo_gets_a_verdict_a_set_and_an_overlay_of_its_own_size(client, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "leaf.png")
    verdict, answer, overlay = ask(client, tmp_path / "leaf.png")
    assert verdict.startswith("### ")
    assert answer["verdict"] in ("named", "unsure", "unfamiliar") and len(answer["prediction_set"]) >= 1
    with Image.open(overlay) as image:
        assert image.size == (128, 96)


def test_the_demo_says_what_the_library_says(client, tiny_run, tmp_path):
    from hvit.diagnosis import diagnose
    from hvit.runs.checkpoint import load_checkpoint

    Image.new("RGB", (80, 80), (40, 120, 40)).save(tmp_path / "leaf.png")
    expected = diagnose(load_checkpoint(tiny_run), (tmp_path / "leaf.png").read_bytes())
    answer = ask(client, tmp_path / "leaf.png")[1]
    severity = {"severity": None, "severity_reason": expected.severity_reason}
    assert answer == {"verdict": expected.verdict, "prediction_set": expected.prediction_set, **severity}


def test_a_broken_photo_is_answered_in_words(client, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut short")
    verdict, answer, overlay = ask(client, tmp_path / "broken.jpg")
    assert "cannot be read" in verdict
    assert set(answer.values()) == {"unreadable", None} and overlay is None


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [("notes.txt", b"only words", "it contains text"), ("a.NEF", b"IIRO" + bytes(90), "camera raw file (ORF)")],
)
def test_a_file_of_any_type_is_answered_in_words(client, tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    assert words in ask(client, tmp_path / name)[0]


def test_a_model_of_drawn_leaves_says_that_it_cannot_judge_a_photo(drawn_run, client):
    from app import gradio_demo
    from hvit.runs.checkpoint import load_checkpoint

    demo = gradio_demo.build(load_checkpoint(drawn_run))
    heading = next(block.value for block in demo.blocks.values() if getattr(block, "value", None))
    assert "14 conditions of drawn leaves." in heading
    assert "This model learned from drawn leaves only. It cannot judge a photo." in heading


def test_an_unknown_run_is_one_line_and_exit_2(capsys):
    from app import gradio_demo

    assert gradio_demo.main(["--run", "no-such-run"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("app.gradio_demo: no run no-such-run") and said.count("\n") == 1


def test_a_model_judged_without_knowing_the_plants_says_so(tiny_run, tmp_path, client):
    from app import gradio_demo
    from hvit.runs.checkpoint import load_checkpoint

    shutil.copytree(tiny_run, tmp_path / "tiny")
    info = json.loads((tmp_path / "tiny" / "run.json").read_text())
    for known, said in ((False, True), (True, False)):
        (tmp_path / "tiny" / "run.json").write_text(json.dumps(info | {"plants_known": known}))
        told = json.dumps(gradio_demo.build(load_checkpoint(tmp_path / "tiny")).get_config_file(), default=str)
        assert ("Plants unknown: accuracy may be too high." in told) == said


@pytest.fixture(scope="module")
def guarded(tiny_run, tmp_path_factory):
    """Address and upload folder of a demo served as `make demo` serves it."""
    import os

    from app import gradio_demo
    from hvit.runs.checkpoint import load_checkpoint

    folder = tmp_path_factory.mktemp("uploads")
    before = os.environ.get(gradio_demo.FOLDER_VARIABLE)
    os.environ[gradio_demo.FOLDER_VARIABLE] = str(folder)
    demo = gradio_demo.build(load_checkpoint(tiny_run))
    _, url, _ = demo.launch(
        server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, app_kwargs=gradio_demo.GUARDED
    )
    yield url, folder
    demo.close()
    if before is None:
        del os.environ[gradio_demo.FOLDER_VARIABLE]
    else:
        os.environ[gradio_demo.FOLDER_VARIABLE] = before


@pytest.mark.parametrize("header", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}])
def test_an_upload_from_another_origin_or_host_is_refused_and_nothing_is_kept(guarded, header):
    import httpx

    url, folder = guarded
    answer = httpx.post(f"{url}gradio_api/upload", files={"files": ("a.jpg", b"secret")}, headers=header)
    assert answer.status_code == 403 and not list(folder.rglob("a.jpg"))


def test_an_upload_is_deleted_with_its_answer(guarded, tmp_path):
    from gradio_client import Client

    url, folder = guarded
    Image.new("RGB", (80, 80), (40, 120, 40)).save(tmp_path / "leaf.png")
    ask(Client(url, verbose=False), tmp_path / "leaf.png")
    assert not list(folder.rglob("leaf.png"))


def test_folders_of_demos_that_were_killed_are_deleted_and_those_in_use_stay(tmp_path):
    from app import gradio_demo

    gone, used, other = (tmp_path / name for name in ("hvit-demo-gone", "hvit-demo-used", "hvit-other"))
    for folder in (gone, used, other):
        folder.mkdir()
        (folder / gradio_demo.LOCK).touch()
        (folder / "leaf.jpg").write_bytes(b"a photo")
    with FileLock(used / gradio_demo.LOCK):
        gradio_demo.remove_leftovers(tmp_path)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["hvit-demo-used", "hvit-other"]
