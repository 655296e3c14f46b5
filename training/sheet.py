"""Contact sheet of augmentation: original photos beside their training views. Look at it before you train.

python -m training.sheet --config training/configs/leafsim_tiny.yaml --out sheet.jpg
python -m training.sheet --config training/configs/leaf33_simclr.yaml --data my-photos --out sheet.jpg
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from hvit.data.caching.photo_cache import PhotoCache
from hvit.data.datasets.reading import DataError, Sample, read_samples
from hvit.data.inspection.contact_sheet import row_titles
from hvit.fonts import drawing_font
from hvit.models.config import UNIT_PX
from hvit.models.sparse import VisibleUnits
from training.command_line import config_parser, reports_os_errors
from training.config import FinetuneConfig, PretrainConfig, ViewConfig, load_classifier_config
from training.inputs.augment import BLOCK, augment, batch_sides
from training.inputs.masking import sample_visible_indices
from training.inputs.mixing import mix

LEAVES = Path("leafsim:v1/1/0-199")
VIEWS = 9
GAP, MARGIN, TITLE = 3, 12, 17  # pixels
PAPER, INK = (255, 255, 255), (40, 44, 40)
CPU = torch.device("cpu")


@reports_os_errors("training.sheet")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        if args.out.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            raise DataError(f"--out {args.out}: expected a name that ends in .jpg or .png")
        if not args.out.resolve().parent.is_dir():
            raise DataError(f"--out {args.out}: there is no folder {args.out.resolve().parent.name} to write into")
        config = load_classifier_config(args.config, args.set)
        samples = one_of_each(read_samples([args.data]))[: args.classes]
        picture = sheet(samples, config, args.side)
    except ValueError as error:
        print(f"training.sheet: {error}", file=sys.stderr)
        return 2
    Image.fromarray(picture).save(args.out, quality=80, optimize=True)
    if note := row_titles(samples).note:
        print(note, file=sys.stderr)
    print(f"{args.out}: {picture.shape[1]} x {picture.shape[0]} px")
    return 0


def one_of_each(samples: list[Sample]) -> list[Sample]:
    """The first training photo of every class, by class; the first of all where there are no splits."""
    first: dict[str, Sample] = {}
    for sample in samples:
        if sample.split in (None, "train"):
            first.setdefault(sample.label, sample)
    return [first[label] for label in sorted(first)]


def sheet(samples: list[Sample], config: FinetuneConfig | PretrainConfig, side: int) -> np.ndarray:
    """Draws a row a photo: the original, then its views; below, mixed or masked views.

    Args:
        samples: photos, at least one.
        config: its strengths and its seed, as at the start of training.
        side: of a square view, in pixels.
    Returns:
        (H, W, 3) uint8, RGB.
    Raises:
        DataError: there are no photos.
        InvalidPhotoError: one cannot be read.
    """
    if not samples:
        raise DataError("there are no training photos for a sheet")
    cache = in_memory(samples)
    rows = []
    for i, title in enumerate(row_titles(samples).drawn):
        tiles = views_of(cache, np.full(VIEWS, i), i * VIEWS, (side, side), config.augment, config.seed)
        rows.append((title, [_fitted(cache[i], side), *tiles]))
    uneven = _uneven_sides(config, side)
    photos = np.arange(VIEWS - 1) % len(samples)
    tiles = views_of(cache, photos, 10_000, uneven, config.augment, config.seed)
    rows.append((f"A batch of another shape, {uneven[1]} x {uneven[0]} px", [_fitted(tile, side) for tile in tiles]))
    rows += _mixed(cache, config, side) if isinstance(config, FinetuneConfig) else []
    masked = config.masked
    return _laid_out(rows if masked is None else [*rows, _hidden(cache, config, masked.mask_ratio, side)], side)


def _mixed(cache: PhotoCache, config: FinetuneConfig, side: int) -> list[tuple[str, list[np.ndarray]]]:
    """Views mixed in blocks of eight."""
    rows = []
    for name, cutmix_share in (("Mixup", 0.0), ("CutMix", 1.0)):
        strengths = config.augment.model_copy(update={"mix_probability": 1.0, "cutmix_share": cutmix_share})
        numbers = np.arange(BLOCK) % len(cache)
        labels, drawn = torch.from_numpy(numbers), np.arange(BLOCK)
        views = augment(cache, numbers, drawn, (side, side), strengths, config.seed, CPU)
        mixed, _ = mix(views, labels, drawn, len(cache), strengths, config.seed)
        share = config.augment.mix_probability * abs(cutmix_share + config.augment.cutmix_share - 1)
        rows.append(
            (f"{name}: {100 * share:.0f} % of the pictures; targets are mixed in the same proportion", _tiles(mixed))
        )
    return rows


def _hidden(
    cache: PhotoCache, config: FinetuneConfig | PretrainConfig, ratio: float, side: int
) -> tuple[str, list[np.ndarray]]:
    """Views with their masked units removed."""
    side = max(64, side // UNIT_PX * UNIT_PX)  # multiples of a unit
    numbers = np.arange(VIEWS - 1)
    views = augment(cache, numbers % len(cache), numbers, (side, side), config.augment, config.seed, CPU)
    visible = VisibleUnits.of(sample_visible_indices(config.seed, numbers, (side, side), ratio), side, side)
    return f"Hidden: {100 * ratio:.0f} % of the units of {UNIT_PX} px", _tiles(visible.blanked(views))


def in_memory(samples: list[Sample]) -> PhotoCache:
    """Photo cache in memory, for a few photos."""
    photos = [sample.read() for sample in samples]
    index = {
        "sizes": [photo.pixels.shape[:2] for photo in photos],
        "sha256": [photo.sha256 for photo in photos],
        "unreadable": {},
    }
    return PhotoCache(samples, index, np.concatenate([photo.pixels.reshape(-1) for photo in photos]))


def views_of(
    cache: PhotoCache, photos: np.ndarray, first: int, sides: tuple[int, int], strengths: ViewConfig, seed: int
) -> list[np.ndarray]:
    """Training views of samples `first`, `first` + 1, ...; each (h, w, 3) uint8."""
    return _tiles(augment(cache, photos, first + np.arange(len(photos)), sides, strengths, seed, CPU))


def _tiles(views: torch.Tensor) -> list[np.ndarray]:
    return list(views.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy())


def _uneven_sides(config: FinetuneConfig | PretrainConfig, side: int) -> tuple[int, int]:
    """The first batch shape that is not square."""
    shapes = (batch_sides(config.seed, step, side, 0.0) for step in range(100))
    return next(shape for shape in shapes if shape[0] < shape[1])


def _fitted(pixels: np.ndarray, side: int) -> np.ndarray:
    image = Image.fromarray(pixels)
    scale = side / max(image.size)
    return np.asarray(image.resize([max(1, round(length * scale)) for length in image.size], Image.LANCZOS))


def _laid_out(rows: list[tuple[str, list[np.ndarray]]], side: int) -> np.ndarray:
    width = 2 * MARGIN + (VIEWS + 1) * (side + GAP) + GAP
    heights = [TITLE + max(len(tile) for tile in tiles) + GAP for _, tiles in rows]
    picture = Image.new("RGB", (width, 2 * MARGIN + sum(heights)), PAPER)
    titles = [title for title, _ in rows]
    pen, font, top = ImageDraw.Draw(picture), drawing_font(titles, 12), MARGIN
    for (title, tiles), height in zip(rows, heights):
        pen.text((MARGIN, top), title, INK, font)
        for column, tile in enumerate(tiles):
            gap = GAP * (2 if column and len(tiles) > VIEWS else 0)  # a gap after the original photo
            picture.paste(Image.fromarray(tile), (MARGIN + column * (side + GAP) + gap, top + TITLE))
        top += height
    return np.asarray(picture)


def _parser() -> argparse.ArgumentParser:
    parser = config_parser(
        "training.sheet",
        "Contact sheet of augmented leaves, with the strengths of a configuration.",
        __doc__.split("\n", 2)[2],
        "augment.color=0.4",
    )
    parser.add_argument(
        "--data", type=Path, default=LEAVES, metavar="DIR", help=f"one data set (default {LEAVES}: rendered leaves)"
    )
    parser.add_argument("--classes", type=int, default=14, metavar="N", help="at most this many rows (default 14)")
    parser.add_argument("--side", type=int, default=96, metavar="PX", help="of a view (default 96)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JPEG or PNG to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
