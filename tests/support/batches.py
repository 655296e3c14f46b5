"""Small batches of drawn leaves, scored by a run with random weights."""

import itertools
from pathlib import Path

from PIL import Image

from hvit.batches import Batch, create_batch, open_batch, scoring
from hvit.batches.photos import add_folder, read_photos
from hvit.batches.reviews import Review, add_review
from hvit.batches.scoring import score_batch
from hvit.batches.worker import run_worker
from hvit.files import append_line
from hvit.runs import Run
from hvit.runs.checkpoint import load_checkpoint
from tests.support.drawn_photos import draw_leaf


def write_leaves(folder: Path, count: int) -> Path:
    """A folder of drawn leaves `leaf_00.jpg`, ...; the sizes differ."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        pixels = draw_leaf(i % 3, i, 96 + 8 * (i % 3), 128)
        Image.fromarray(pixels).save(folder / f"leaf_{i:02d}.jpg", quality=92)
    return folder


def new_batch(root: Path, run: Path, photos: Path) -> Batch:
    """A batch of a folder of photos, without scores."""
    card = Run(run).model_card()
    batch = create_batch(root, "field", run.name, card)
    add_folder(batch, str(photos))
    return batch


def score_with_quick_flushes(path: Path, runs: Path) -> None:
    """What a process does that a test kills: scores a batch, and writes a part after every chunk."""
    scoring.FLUSH_S = 0.02
    run_worker(path, runs, 1, False, lambda: False)


def scored_batch(root: Path, run: Path, photos: Path) -> Batch:
    """The like, scored with two threads."""
    batch = new_batch(root, run, photos)
    score_batch(batch, load_checkpoint(run), 2)
    return batch


def review_until_killed(path: Path, acknowledged: Path, number: int) -> None:
    """Reviews one photo after the other, and notes each review once it is said to be kept."""
    batch = open_batch(path)
    photos = read_photos(batch)
    for i in itertools.count():
        mark = f"{number}-{i}"
        add_review(batch, Review("Ana", photos[i % len(photos)].path, mark, "label", "Tomato___Late_blight"))
        append_line(acknowledged, mark)
