"""The Gradio demo, asked through its own client."""

import json
import os
import shutil
import time
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
    from app.gradio_demo import KEYS
    from hvit.diagnosis import diagnose
    from hvit.runs.checkpoint import load_checkpoint

    Image.new("RGB", (80, 80), (40, 120, 40)).save(tmp_path / "leaf.png")
    expected = diagnose(load_checkpoint(tiny_run), (tmp_path / "leaf.png").read_bytes())
    answer = ask(client, tmp_path / "leaf.png")[1]
    row = expected.to_row("leaf.png")
    assert answer == {key: pytest.approx(row[key]) if key == "probability" else row[key] for key in KEYS}


def test_a_broken_photo_gets_a_sentence(client, tmp_path):
    from app.gradio_demo import KEYS

    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut short")
    verdict, answer, overlay = ask(client, tmp_path / "broken.jpg")
    assert "cannot be read" in verdict
    assert answer == dict.fromkeys(KEYS) | {"verdict": "unreadable", "flags": []} and overlay is None


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [("notes.txt", b"only words", "it contains text"), ("a.NEF", b"IIRO" + bytes(90), "camera raw file (ORF)")],
)
def test_a_file_of_any_type_gets_a_sentence(client, tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    assert words in ask(client, tmp_path / name)[0]


def test_a_model_of_rendered_leaves_says_that_it_cannot_diagnose_a_photo(rendered_run, client):
    from app import gradio_demo
    from hvit.runs.checkpoint import load_checkpoint

    demo = gradio_demo.build(load_checkpoint(rendered_run))
    heading = next(block.value for block in demo.blocks.values() if getattr(block, "value", None))
    assert "14 conditions of drawn leaves." in heading
    assert "This model learned from drawn leaves only. It cannot judge a photo." in heading


def test_an_unknown_run_is_one_line_and_exit_2(capsys):
    from app import gradio_demo

    assert gradio_demo.main(["--run", "no-such-run"]) == 2
    text = capsys.readouterr().err
    assert text.startswith("app.gradio_demo: no run no-such-run") and text.count("\n") == 1


def test_a_model_evaluated_without_knowing_the_plants_says_so(tiny_run, tmp_path, client):
    from app import gradio_demo
    from hvit.runs.checkpoint import load_checkpoint

    shutil.copytree(tiny_run, tmp_path / "tiny")
    info = json.loads((tmp_path / "tiny" / "run.json").read_text())
    for known, text in ((False, True), (True, False)):
        (tmp_path / "tiny" / "run.json").write_text(json.dumps(info | {"plants_known": known}))
        printed = json.dumps(gradio_demo.build(load_checkpoint(tmp_path / "tiny")).get_config_file(), default=str)
        assert ("Plants unknown: accuracy may be too high." in printed) == text


@pytest.fixture(scope="module")
def guarded(tiny_run, tmp_path_factory):
    """Address and upload folder of a demo served as `make demo` serves it."""
    from app import gradio_demo
    from hvit.runs.checkpoint import load_checkpoint

    folder = tmp_path_factory.mktemp("uploads")
    before = os.environ.get(gradio_demo.FOLDER_VARIABLE)
    os.environ[gradio_demo.FOLDER_VARIABLE] = str(folder)
    demo = gradio_demo.build(load_checkpoint(tiny_run))
    _, url, _ = demo.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **gradio_demo.GUARDED)
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


@pytest.mark.parametrize(
    "header", [{"Origin": "http://["}, {"Sec-Fetch-Site": "cross-site"}, {"Referer": "http://a.b/"}]
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "upload"), ("POST", "queue/join"), ("POST", "call/diagnose"), ("POST", "reset")]
)
def test_every_endpoint_refuses_what_another_page_asks(guarded, header, method, path):
    import httpx

    assert httpx.request(method, f"{guarded[0]}gradio_api/{path}", json={}, headers=header).status_code == 403


def asked_by_path(url: str, path: str, **more) -> str:
    """What the API answers to a photo that is named, not uploaded."""
    import httpx

    data = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}, **more}]}
    event = httpx.post(f"{url}gradio_api/call/diagnose", json=data).json()["event_id"]
    return httpx.get(f"{url}gradio_api/call/diagnose/{event}", timeout=60).text


def test_a_web_address_in_place_of_a_photo_is_not_fetched(guarded, monkeypatch):
    from gradio import processing_utils

    async def fetched(address, *_, **__):
        pytest.fail(f"{address} was fetched")

    monkeypatch.setattr(processing_utils, "async_ssrf_protected_get", fetched)
    monkeypatch.setattr(processing_utils, "async_ssrf_protected_download", fetched)
    for address in ("http://evil.example/a.jpg", "HTTPS://evil.example/a.jpg", "http://127.0.0.1:1/a.jpg"):
        assert "event: error" in asked_by_path(guarded[0], address)
    assert "web addresses are not fetched" in asked_by_path(guarded[0], "http://evil.example/a.jpg")


@pytest.mark.parametrize("path", ["/etc/passwd", "/dev/zero", "README.md", "../../etc/passwd"])
def test_a_file_that_was_not_uploaded_is_neither_read_nor_sent(guarded, path):
    import httpx

    assert "event: error" in asked_by_path(guarded[0], path)
    assert httpx.get(f"{guarded[0]}gradio_api/file={path}").status_code in (403, 404)


def test_the_history_of_questions_on_other_servers_is_off(guarded):
    import httpx

    url, _ = guarded
    assert httpx.get(f"{url}gradio_api/runs").status_code == 404
    assert httpx.post(f"{url}gradio_api/run-history/connect", json={"bucket_id": "a/b"}).status_code == 404


def test_uploads_that_were_broken_off_are_deleted_when_they_are_old(tmp_path):
    from app import gradio_demo

    for name, age in (("tmpold", 700), ("tmpnew", 5), (gradio_demo.LOCK, 700)):
        (tmp_path / name).write_bytes(b"half a photo")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    gradio_demo.remove_old_uploads(tmp_path, time.time() - gradio_demo.KEPT_S)
    assert sorted(path.name for path in tmp_path.iterdir()) == [gradio_demo.LOCK, "tmpnew"]


def test_an_upload_is_deleted_with_its_prediction(guarded, tmp_path):
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
