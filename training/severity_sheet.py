"""Draws contact sheets of measured leaves: the best, median and worst of a data set, with true and predicted outlines.

python -m training.severity_sheet --run leaf45-tiny --data data/lesion-masks/coffee --out coffee.jpg
python -m training.severity_sheet --run leaf45-tiny --data leafsim:v1/4/0-999 --split val --out leaves.jpg

Three rows of photos by symptom IoU: the best, those around the median, the worst. White: true symptoms; red: predicted
ones. Below each photo: true and predicted share of the leaf, or the reason why there is none.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hvit.console import Parser, positive, progress
from hvit.data.datasets.folders import DataError
from hvit.data.datasets.masks import MaskSample, read_masked
from hvit.files import write_bytes
from hvit.runs import find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from hvit.severity.masks import masks_of
from hvit.severity.segmentation import resized_probabilities
from training.segmentation.measure import predict_probabilities, with_head

TILE_PX, TEXT_PX = 240, 22
TRUE, PREDICTED = (255, 255, 255), (230, 40, 40)


@dataclass(frozen=True)
class Tile:
    """A photo with both outlines, its symptom IoU and its caption."""

    iou: float
    picture: np.ndarray
    text: str


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        checkpoint = with_head(load_checkpoint(find_run(args.run).path))
        samples = [sample for sample in read_masked([args.data]) if sample.split == args.split]
        if not samples:
            raise DataError(f"{args.data} holds no photos with masks in split {args.split}")
        show, tiles = progress("photos"), []
        for number, sample in enumerate(samples, 1):
            tiles.append(tile(checkpoint, sample))
            show(number, len(samples))
        encoded = cv2.imencode(".jpg", cv2.cvtColor(sheet(tiles, args.columns), cv2.COLOR_RGB2BGR))[1]
        write_bytes(args.out, encoded.tobytes())
    except (ValueError, OSError) as error:
        print(f"training.severity_sheet: {error}", file=sys.stderr)
        return 2
    return 0


def tile(checkpoint: Checkpoint, sample: MaskSample) -> Tile:
    """Measures and outlines one photo."""
    assert checkpoint.severity is not None
    pixels, true = sample.photo.read().pixels, sample.read().pixels[:, :, 2] > 127
    areas = predict_probabilities(checkpoint, pixels)
    _, symptom = masks_of(resized_probabilities(areas, *pixels.shape[:2]), checkpoint.severity.symptom_threshold)
    union = int((true | symptom).sum())
    measured = checkpoint.severity.measure(areas)
    leaf = sample.read().pixels[:, :, 1] > 127
    share = true.sum() / max(1, (leaf | true).sum())
    known = f"true {100 * share:.1f} %, " if leaf.any() else ""
    found = measured.split(",")[0] if isinstance(measured, str) else f"found {100 * measured.lesion_fraction:.1f} %"
    return Tile(1.0 if union == 0 else (true & symptom).sum() / union, outlined(pixels, true, symptom), known + found)


def outlined(pixels: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Draws thin outlines of two masks on a photo of at most `TILE_PX` a side."""
    scale = TILE_PX / max(pixels.shape[:2])
    shown = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    for mask, color in ((true, TRUE), (predicted, PREDICTED)):
        large = cv2.resize(mask.astype(np.uint8), shown.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        edges, _ = cv2.findContours(large, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(shown, edges, -1, color, 1, cv2.LINE_AA)
    return shown


def sheet(tiles: list[Tile], columns: int) -> np.ndarray:
    """Best, median and worst tiles in three rows, (H, W, 3) uint8."""
    ranked = sorted(tiles, key=lambda t: -t.iou)
    middle = max(0, (len(ranked) - columns) // 2)
    rows = [ranked[:columns], ranked[middle : middle + columns], ranked[-columns:]]
    canvas = np.full((3 * (TILE_PX + TEXT_PX), columns * TILE_PX, 3), 252, np.uint8)
    for r, row in enumerate(rows):
        for c, one in enumerate(row):
            top, left = r * (TILE_PX + TEXT_PX), c * TILE_PX
            height, width = one.picture.shape[:2]
            canvas[top : top + height, left : left + width] = one.picture
            text = f"IoU {one.iou:.2f}, {one.text}"
            at = (left + 4, top + TILE_PX + 15)
            cv2.putText(canvas, text[:40], at, cv2.FONT_HERSHEY_SIMPLEX, 0.36, (40, 40, 40), 1, cv2.LINE_AA)
    return canvas


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="training.severity_sheet",
        description="Contact sheet of measured leaves: the best, median and worst of a data set.",
        epilog=__doc__.split("\n", 2)[2], formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--run", required=True, help="run by path or name")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="photos with masks, or rendered leaves")
    parser.add_argument("--split", default="test", help="default test")
    parser.add_argument("--columns", type=positive, default=10, help="photos in a row (default 10)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JPEG to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
