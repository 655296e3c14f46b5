"""Small drawn photos that all tests can use, and the table of the faults that were tried."""

import hashlib
import io
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.outside_connections import Watchdog
from tests.support.drawn_photos import draw_leaf
from tests.support.model_cards import DETECTOR, card_document

os.environ["HF_HUB_OFFLINE"] = "1"  # read on import: gradio's client, and timm, would ask its hub before anything else

CASES = {  # what training must survive, and how it is judged; a test of one is marked `case`
    "T1": "kill -9 of process 1 in any step, one restart: all losses, weights, average and optimizer equal to the bit",
    "T2": "the same for process 0",
    "T3": "SIGTERM to torchrun: a checkpoint within 5 s, status preempted, which maps to 75; the rest equal to the bit",
    "T4": "Ctrl-C once: as T3; twice: ends at once, and the last checkpoint loads",
    "T5": "SIGUSR1: a checkpoint, and training goes on with the same losses",
    "T6": "a process hangs: all end within the time configured, the process is named, none is left over",
    "T7": "the first average of the weights after resuming equals the uninterrupted one, warm-up counter included",
    "T8": "2, then 1, then 4 processes at the same global batch: the same losses to 1e-5; another batch is refused",
    "T9": "accumulation of 2 x 16 equals 32 at once: losses to 1e-5",
    "T10": "a loss that is not finite on one process: all skip the step, weights stay, it is counted; many end with 3",
    "T11": "gradients that are not finite: the same; the norm is told before clipping",
    "T12": "the same pictures and losses for any number of readers, and for a second run",
    "T13": "a micro model learns its pictures by heart with every loss and mix; every option takes effect",
    "T14": "features that collapse end the run with 3 and say why",
    "T15": "the learning rate is its closed form at every step, and after resuming",
    "T16": "a misspelt key, a wrong type, a missing folder: exit 2 with the key, before any work",
    "T17": "every parameter in one group, no decay where none belongs, the frozen stay as they are",
    "T18": "processes with frozen parts and uneven data do not wait for each other for ever; losses equal one process",
    "T19": "weights divided among 1, 2, 4 processes: losses to 1e-5, resumed on other numbers too; killed: to the bit",
    "T20": "two nodes that find each other by rendezvous, two agents of torchrun: the losses of one process to 1e-5",
    "C1": "killed (-9) at random moments of saving: a whole checkpoint loads, and what was begun is removed",
    "C2": "disk full: what was saved is intact, no half stays; training goes on, or ends with 4 and says so",
    "C3": "any file of a checkpoint changed by a byte, cut short or lost: refused, the one before taken, and said",
    "C4": "a pickle, a zip bomb or a header of 2^63 bytes in the place of tensors: refused, no code run, little memory",
    "C5": "a checkpoint of other classes or another architecture: refused in one line that names what differs",
    "C6": "two checkpoints and the best are kept; what cannot be removed is said; no good one is lost to a bad one",
    "C7": "two runs in one folder: the second is refused with the number of the first; a killed one does not block it",
    "C8": "the exported weights in a new process without the training code: the same logits to 1e-6",
    "D1": "photos of every odd kind are read or left out by name; above 0.5 % unreadable: exit 5",
    "D2": "photos lost while training reads or calibrates: tried again, left out, counted",
    "D3": "no photo, near-duplicate or group on two sides of a split",
    "D4": "the list of photos, and so the run, does not depend on the order of the folder",
}


@pytest.fixture(scope="session")
def outside_connections() -> Iterator[Watchdog]:
    """Refuses connections to other computers for as long as tests run; processes that tests start are not watched."""
    watch = Watchdog()
    with pytest.MonkeyPatch.context() as patch:
        watch.install(patch.setattr)
        yield watch


@pytest.fixture(autouse=True)
def no_outside_connection(outside_connections: Watchdog) -> Iterator[None]:
    """Fails the test that wanted to reach another computer, whatever became of the attempt."""
    yield
    assert outside_connections.taken() == [], "a test reaches no other computer"


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """Streamlit leaves the script of a page as `__main__`, which processes that later tests start would run."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory) -> Path:
    """DIR/{train,val,test}/CLASS/*.jpg with three classes, 8, 4 and 4 photos each."""
    root = tmp_path_factory.mktemp("photos") / "drawn"
    classes = ("Potato___Early_blight", "Tomato___Late_blight", "Tomato___healthy")
    for start, (split, count) in zip((0, 100, 200), (("train", 8), ("val", 4), ("test", 4))):
        for class_index, name in enumerate(classes):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                height, width = ((96, 96), (80, 112), (112, 80))[i % 3]
                pixels = draw_leaf(class_index, start + i, height, width)
                cv2.imwrite(str(folder / f"{i:02d}.jpg"), pixels[:, :, ::-1])
    return root


@pytest.fixture(scope="session")
def recorded_run() -> Callable[..., Path]:
    """Writes a run without weights: what it logged, and its answers on pictures of the test split."""
    return _write_recorded_run


def _write_recorded_run(
    path: Path,
    classes: list[str],
    answers: list[tuple[str, str]],
    seed: int = 0,
    config: dict | None = None,
    status: str | None = "done",
    epochs: int = 3,
    confidence: float = 0.9,
    tags: Sequence[str] = (),
    photos: Sequence[Path] = (),
) -> Path:
    """See `recorded_run`.

    Args:
        answers: (true class, what it was called), one a picture; the pictures are the drawn leaves 0, 1, 2, ...
        config: beside the seed; a run of the same one is of the same way.
        status: its end; None while it goes on.
        confidence: probability of every answer.
        tags: what the run can be found by.
        photos: files of the pictures, instead of drawn leaves.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from hvit.files import file_sha256
    from hvit.runs import RunWriter

    settings = {"seed": seed, "data": {"dirs": ["leafsim:v1/7/0-99"]}} | (config or {})
    writer = RunWriter(path, "finetune", settings, seed, ["training/finetune.py"], "f", tags=tags)
    for epoch in range(1, epochs + 1):
        writer.log(10 * epoch, float(epoch), "train", loss=1 / epoch + 0.1 * seed)
        writer.log(10 * epoch, float(epoch), "val", top1=1 - 0.5 / (epoch + seed), macro_f1=1 - 0.6 / (epoch + seed))
    others = np.log((1 - confidence) / (len(classes) - 1))
    logits = [[float(np.log(confidence) if name == called else others) for name in classes] for _, called in answers]
    folder = path / "eval" / "test"
    folder.mkdir(parents=True, exist_ok=True)
    hashes = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(len(answers))]
    paths = [f"leafsim:v1/7/{i}" for i in range(len(answers))]
    if photos:
        hashes, paths = [file_sha256(photo) for photo in photos], [f"photos/{photo.name}" for photo in photos]
    columns = {"sample_id": [h[:16] for h in hashes], "path": paths}
    columns |= {"sha256": hashes, "label": [true for true, _ in answers], "logits": logits}
    pq.write_table(pa.table(columns), folder / "predictions.parquet")
    right = sum(true == called for true, called in answers)
    scores = {"n": len(answers), "top1": right / len(answers), "macro_f1": 0.9 * right / len(answers)}
    (folder / "metrics.json").write_text(json.dumps(scores))
    line = {"time": "2026-11-24T12:00:00+00:00", **scores}
    (path / "test_evaluations.jsonl").write_text(json.dumps(line) + "\n")
    (path / "model.json").write_text(json.dumps(card_document(classes, temperature=1.0)))
    if status:
        writer.finish(status, {})
    return path


@pytest.fixture(scope="session")
def write_mapped_run() -> Callable[..., Path]:
    """Writes a run without weights that has answered drawn leaves, and the map of them."""
    return _write_mapped_run


def _write_mapped_run(path: Path, num_samples: int, classes: list[str], seed: int = 0, shift: float = 0.0) -> Path:
    """A cluster of samples a class; every fifth sample is taken for the next class.

    Args:
        path: folder of the run; its name is that of the run.
        seed: of the positions within clusters.
        shift: of the whole map, so that two runs can be told apart.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from hvit.feature_space import FeatureMap
    from hvit.feature_space.neighbors import nearest_others

    rng, K, numbers = np.random.default_rng(seed), len(classes), np.arange(num_samples)
    labels = numbers % K
    answers = np.where(numbers % 5 == 4, (labels + 1) % K, labels)
    logits = 4.0 * np.eye(K, dtype=np.float32)[answers]
    addresses = [f"leafsim:v1/9/{i}" for i in numbers]
    hashes = [hashlib.sha256(address.encode()).hexdigest() for address in addresses]
    ids = [name[:16] for name in hashes]
    folder = path / "eval" / "test"
    folder.mkdir(parents=True)
    table = {"sample_id": ids, "path": addresses, "sha256": hashes, "label": [classes[k] for k in labels]}
    logits_column = pa.array(list(logits), type=pa.list_(pa.float32()))
    buffer = io.BytesIO()
    pq.write_table(pa.table(table | {"logits": logits_column}), buffer)
    (folder / "predictions.parquet").write_bytes(buffer.getvalue())
    angles = 2 * np.pi * labels / K
    centers = 40 * np.stack([np.cos(angles), np.sin(angles)], 1)
    coordinates = (centers + rng.normal(size=(num_samples, 2)) * 3 + shift).astype(np.float32)
    distances, neighbors = nearest_others(coordinates, 10)
    about = {
        "seed": 0, "perplexity": 30.0, "dimensions": 2, "variance_kept": 0.9, "neighbors": 10, "neighbors_kept": 0.8,
        "trustworthiness": 0.95, "trustworthiness_n": num_samples, "accuracy_in_space": 0.75, "accuracy_on_map": 0.7,
        "aligned_samples": None, "weights": "0" * 64,
    }  # fmt: skip
    FeatureMap(
        np.full(num_samples, "test"), numbers, np.array(ids), coordinates, coordinates, np.zeros(2), np.eye(2),
        neighbors, distances / 100, numbers / num_samples, (numbers % 100) / 100, about,
    ).save(folder / "tsne.npz")  # fmt: skip
    info = {"schema_version": 1, "status": "done", "kind": "finetune", "seed": 0, "summary": {}}
    (path / "run.json").write_text(json.dumps(info))
    (path / "config.yaml").write_text(json.dumps({"data": {"dirs": ["leafsim:v1/9/0-99999"]}}))  # JSON is YAML
    card = card_document(classes, temperature=1.0, ood=DETECTOR | {"threshold": 0.9})
    (path / "model.json").write_text(json.dumps(card))
    return path


def pytest_addoption(parser) -> None:
    parser.addoption(
        "--table", type=Path, metavar="FILE", help="write the cases that were tried into the table of this document"
    )


def pytest_configure(config) -> None:
    if config.getoption("--table"):
        config.pluginmanager.register(CaseTable(config.getoption("--table")))


class CaseTable:
    """Replaces tables of a document by what the tests marked `case` came to, and the losses that some laid over.

    Args:
        document: a Markdown file with the lines `<!-- cases -->` and `<!-- end of cases -->`, and the same of losses.
    """

    def __init__(self, document: Path):
        self._document = document
        self._losses: dict[str, dict[int, float]] = {}
        self._rows: dict[str, list[tuple[str, float, list[str]]]] = defaultdict(list)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        if report.when == "call" or report.outcome != "passed":
            for marker in item.iter_markers("case"):
                told = [value for name, value in report.user_properties if name == "told"]
                self._rows[marker.args[0]].append((report.outcome, report.duration, told))
            for name, value in report.user_properties:
                if name == "losses":
                    self._losses |= value
        return report

    def pytest_sessionfinish(self) -> None:
        lines = ["| case | criterion | result | tests | seconds |", "|---|---|---|---|---|"]
        for case, criterion in CASES.items():
            tried = self._rows[case]
            outcomes = {outcome for outcome, _, _ in tried}
            result = next((word for word in ("failed", "skipped", "passed") if word in outcomes), "not tried")
            told = "; ".join(text for _, _, texts in tried for text in texts)
            seconds = sum(duration for _, duration, _ in tried)
            lines.append(
                f"| {case} | {criterion} | {result}{f': {told}' if told else ''} | {len(tried)} | {seconds:.1f} |"
            )
        self._write("cases", lines)
        if self._losses:
            self._write("losses", self._laid_over())

    def _laid_over(self) -> list[str]:
        """Each loss to its last bit, in hexadecimal: a step a line, a run a column, bold where it is another."""
        runs = list(self._losses)
        lines = ["| step | " + " | ".join(runs) + " |", "|--:|" + "---|" * len(runs)]
        for step, first in self._losses[runs[0]].items():
            found = [losses.get(step) for losses in self._losses.values()]
            cells = ["none" if loss is None else f"`{loss.hex()}`" for loss in found]
            cells = [cell if loss == first else f"**{cell}**" for loss, cell in zip(found, cells)]
            lines.append(f"| {step} | " + " | ".join(cells) + " |")
        return lines

    def _write(self, name: str, lines: list[str]) -> None:
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, rest = self._document.read_text(encoding="utf-8").split(start)
        after = rest.split(end)[1]
        self._document.write_text(before + start + "\n".join(lines) + "\n" + end + after, encoding="utf-8")
