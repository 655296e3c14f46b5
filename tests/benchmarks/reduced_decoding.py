"""Compare diagnoses of photos at full and at reduced size: python -m tests.benchmarks.reduced_decoding FOLDER ...

Small photos are enlarged to 12 megapixels with the noise of a sensor, and saved as JPEG. As a yardstick, the same is
compared between full-size photos of two JPEG qualities.
"""

import argparse
import dataclasses
import io
import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from hvit.data.datasets.folders import find_photos
from hvit.data.photos import read_photo
from hvit.data.preprocess import Preprocessing
from hvit.diagnosis import Diagnosis, diagnose
from hvit.runs import DEFAULT_RUN, find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from tests.support.dashboard import ROOT

MEGAPIXELS = 12
NOISE = 4.0  # standard deviation of a pixel, of 255
QUALITY, LOWER_QUALITY = 90, 85


class FullSize(Preprocessing):
    """Preprocessing that lets no photo be reduced while it is decoded."""

    def least_sides(self, height: int, width: int) -> tuple[int, int]:
        return height, width


def main(argv: list[str] | None = None) -> None:
    args = _parser().parse_args(argv)
    checkpoint = load_checkpoint(find_run(args.run).path)
    document = {"run": args.run, "megapixels": MEGAPIXELS, "noise": NOISE, "quality": QUALITY, "folders": {}}
    for folder in args.folders:
        document["folders"][folder.name] = compared(checkpoint, folder, args.photos)
        print(folder.name, json.dumps(document["folders"][folder.name], indent=1), flush=True)
    args.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(table(document))


def compared(checkpoint: Checkpoint, folder: Path, most: int) -> dict:
    """Agreement over randomly chosen photos of a folder."""
    full = dataclasses.replace(checkpoint, preprocessing=FullSize(**dataclasses.asdict(checkpoint.preprocessing)))
    paths = sorted(find_photos(folder))
    chosen = np.random.default_rng(0).permutation(len(paths))[:most]
    reduced_rows, quality_rows = [], []
    for number in chosen:
        pixels = enlarged(read_photo(paths[number]).pixels, int(number))
        one = diagnose(full, jpeg(pixels, QUALITY))
        reduced_rows.append((one, diagnose(checkpoint, jpeg(pixels, QUALITY))))
        quality_rows.append((one, diagnose(full, jpeg(pixels, LOWER_QUALITY))))
    return {
        "photos": len(chosen),
        "reduced": agreement(reduced_rows),
        f"quality_{LOWER_QUALITY}": agreement(quality_rows),
    }


def agreement(pairs: list[tuple[Diagnosis, Diagnosis]]) -> dict:
    """How often two diagnoses of one photo agree, and by how much their numbers differ."""
    probability = [abs(one.probabilities[one.label] - two.probabilities[one.label]) for one, two in pairs]
    areas = [
        abs(one.severity.lesion_fraction - two.severity.lesion_fraction)
        for one, two in pairs
        if one.severity is not None and two.severity is not None
    ]
    return {
        "same_label": sum(one.label == two.label for one, two in pairs),
        "same_verdict": sum(one.verdict == two.verdict for one, two in pairs),
        "same_set": sum(set(one.prediction_set) == set(two.prediction_set) for one, two in pairs),
        "same_flags": sum(one.flags == two.flags for one, two in pairs),
        "probability_difference": _quantiles(probability),
        "measured_areas": len(areas),
        "area_difference": _quantiles(areas) if areas else None,
    }


def _quantiles(values: list[float]) -> dict[str, float]:
    return {name: round(float(np.quantile(values, q)), 5) for name, q in (("median", 0.5), ("p90", 0.9), ("max", 1))}


def enlarged(pixels: np.ndarray, seed: int) -> np.ndarray:
    """A photo (H, W, 3) uint8 enlarged to `MEGAPIXELS`, with noise."""
    height, width = pixels.shape[:2]
    factor = (MEGAPIXELS * 1e6 / (height * width)) ** 0.5
    large = cv2.resize(pixels, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(seed).normal(0, NOISE, large.shape[:2]).astype(np.float32)[:, :, None]
    return (large + noise).clip(0, 255).astype(np.uint8)


def jpeg(pixels: np.ndarray, quality: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()


def table(document: dict) -> str:
    """The table of docs/benchmarks.md."""
    head = "| photos of | compared with | same label | same verdict | same set | probability: median | 90 % | largest |"
    rows = [
        f"| {folder} | {title} | {found['same_label']} of {compared['photos']} | {found['same_verdict']} | "
        f"{found['same_set']} | "
        + " | ".join(f"{value:.4f}" for value in found["probability_difference"].values())
        + " |"
        for folder, compared in document["folders"].items()
        for title, found in (
            ("reduced size", compared["reduced"]),
            (f"quality {LOWER_QUALITY}", compared[f"quality_{LOWER_QUALITY}"]),
        )
    ]
    return "\n".join([head, "| --- | --- |" + " --: |" * 6, *rows])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.reduced_decoding", description=__doc__.splitlines()[0]
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--photos", type=int, default=50, help="of each folder")
    parser.add_argument("--run", default=DEFAULT_RUN)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "reduced-decoding.json")
    return parser


if __name__ == "__main__":
    main()
