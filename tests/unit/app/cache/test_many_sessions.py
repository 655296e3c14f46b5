"""Twenty sessions at once, each with photos of its own, share one model and all caches."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest
from PIL import Image

from app.cache import diagnoses
from app.photos.photo_files import uploaded
from hvit.data.leafsim import Address, render
from hvit.diagnosis import diagnose
from hvit.runs import find_run
from hvit.runs.checkpoint import load_checkpoint

SESSIONS, PHOTOS, ROUNDS = 20, 3, 3
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def checkpoint():
    return load_checkpoint(find_run("leafsim-tiny").path)


@pytest.fixture(scope="module")
def leaves():
    """JPEGs of different drawn leaves, made in part by mirroring, which is quicker than drawing."""
    drawn = [render(Address(97, index)).picture for index in range(SESSIONS)]
    views = [lambda x: x, lambda x: x[::-1], lambda x: x[:, ::-1]]
    turned = [lambda x: x, lambda x: np.rot90(x), lambda x: np.rot90(x, 2)]
    return [
        [[jpeg(turned[r](views[k](drawn[session]))) for k in range(PHOTOS)] for session in range(SESSIONS)]
        for r in range(ROUNDS)
    ]


def jpeg(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "JPEG", quality=90)
    return out.getvalue()


def visit(checkpoint, photos: list[bytes], start: threading.Barrier) -> list[tuple]:
    """What one session is answered: each photo closely, then all of them."""
    files = [uploaded(f"{i}.jpg", data) for i, data in enumerate(photos)]
    start.wait()
    close = [diagnoses.diagnose_with_heatmap(file, checkpoint, None) for file in files]
    listed = [result.diagnosis for result in diagnoses.diagnose_all(files, checkpoint, None)]
    return [(d.sha256, d.label, d.verdict) for pair in zip(close, listed) for d in pair]


def test_every_session_gets_the_answers_to_its_own_photos_and_memory_stays(checkpoint, leaves):
    process, after_round = psutil.Process(), []
    with ThreadPoolExecutor(SESSIONS) as sessions:
        for photos in leaves:
            start = threading.Barrier(SESSIONS)
            predictions = list(sessions.map(lambda mine, start=start: visit(checkpoint, mine, start), photos))
            for mine, answered in zip(photos, predictions):
                alone = [diagnose(checkpoint, data) for data in mine]
                assert answered == [(d.sha256, d.label, d.verdict) for d in alone for _ in (0, 1)]
            after_round.append(process.memory_info().rss)
    assert after_round[-1] - after_round[0] < 200 * MEGABYTE


def test_a_photo_that_takes_for_ever_holds_up_nobody_else(checkpoint, monkeypatch):
    """While one session's photo is still being decoded, another session is answered."""
    decoding, let_go = threading.Event(), threading.Event()
    hostile, honest = (uploaded(f"{grey}.jpg", jpeg(np.full((96, 96, 3), grey, np.uint8))) for grey in (90, 160))
    prepared = diagnoses.prepared_or_unreadable

    def prepare(photo, checkpoint):
        if photo.key == hostile.key:
            decoding.set()
            let_go.wait()
        return prepared(photo, checkpoint)

    monkeypatch.setattr(diagnoses, "prepared_or_unreadable", prepare)
    stuck = threading.Thread(target=diagnoses.diagnose_all, args=([hostile], checkpoint, None))
    stuck.start()
    try:
        assert decoding.wait(60)
        other = ThreadPoolExecutor(1).submit(diagnoses.diagnose_all, [honest], checkpoint, None)
        assert other.result(timeout=60)[0].diagnosis.sha256 == honest.key
    finally:
        let_go.set()
        stuck.join()
