"""Reads photos with segmentation masks: background, leaf and symptom."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from hvit.data.classes import is_healthy
from hvit.data.datasets.folders import DataError, clean_name, hint_if_not_shipped, list_photos, listed
from hvit.data.datasets.layouts import SPLITS, check_one_folder_a_split, split_named
from hvit.data.datasets.manifests import read_manifest
from hvit.data.datasets.reading import read_samples
from hvit.data.datasets.samples import RenderedSample, Sample
from hvit.data.leafsim import SCHEME, Address, Span, render
from hvit.data.photo_limits import LIMIT, MAX_PIXELS
from hvit.data.photos import LeastSides, Photo, read_photo
from hvit.files import file_sha256

BACKGROUND, LEAF, SYMPTOM = range(3)  # values of a mask
RENDER_PX = 224  # of leaves rendered with their masks
IMAGES, MASKS = "images", "masks"
CONDITIONS = "manifest.csv"  # optional, in DIR: path of a photo and its class
LAYOUT = "expected DIR/{train,val,test}/{images,masks}, a PNG mask of the same name for each photo"


@dataclass(frozen=True)
class MaskSample(Sample):
    """The mask of a photo, read as an image: channel c is 255 where the mask has class c, (H, W, 3) uint8.

    As an image it is cached and resized like its photo; averaged pixels then hold the share of each class.

    Attributes:
        photo: the sample it is the mask of.
        is_healthy: there is no file: the photo shows a healthy leaf, and nowhere a symptom.
    """

    photo: Sample = field(kw_only=True)
    is_healthy: bool = field(default=False, kw_only=True)

    @property
    def relative(self) -> str:
        """That of its photo."""
        return self.photo.relative

    @property
    def cache_name(self) -> str:
        return f"mask of {self.photo.cache_name}"

    def read(self, least_sides: LeastSides | None = None) -> Photo:
        """Reads the mask, at its size.

        Raises:
            DataError: it is missing, no 8-bit grey PNG, of another size than the photo, or has other values.
        """
        if isinstance(self.photo, RenderedSample):
            leaf = render(Address.parse(self.photo.relative), self.photo.size)
            return Photo(one_hot(leaf.leaf_mask.astype(np.uint8) + leaf.symptom_mask), self.sha256(), False)
        if self.is_healthy:
            height, width = self.photo.read().pixels.shape[:2]
            return Photo(one_hot(np.full((height, width), BACKGROUND, np.uint8)), self.sha256(), animated=False)
        mask = read_mask(self.path)
        sides = read_photo(self.photo.path).pixels.shape[:2]
        if mask.shape != sides:
            raise DataError(
                f"{self.path} has {mask.shape[1]}x{mask.shape[0]} px, and its photo {sides[1]}x{sides[0]}; a mask must "
                "have the size of the upright photo"
            )
        return Photo(one_hot(mask), self.sha256(), animated=False)

    def sha256(self) -> str:
        if isinstance(self.photo, RenderedSample):
            return hashlib.sha256(f"mask of {self.photo.relative}".encode()).hexdigest()
        if self.is_healthy:
            return hashlib.sha256(f"no symptom in {self.photo.sha256()}".encode()).hexdigest()
        return file_sha256(self.path)

    @property
    def slow(self) -> bool:  # type: ignore[override]
        """Whether several processes pay off, as for the photo."""
        return self.photo.slow


def read_masked(dirs: list[Path], log: Callable[[str], None] = lambda line: None) -> list[MaskSample]:
    """Lists the masks of some data sets, each with its photo.

    Args:
        dirs: folders `DIR/{train,val,test}/{images,masks}`, or ranges of rendered leaves `leafsim:v1/<seed>/<a>-<b>`.
            A file `DIR/manifest.csv` may name the class of photos (columns path and class), to score by condition.
        log: called with a note on skipped files.
    Returns:
        Samples sorted by data set in the order given, then by split and name.
    Raises:
        DataError: a folder is missing or of another layout, a photo lacks its mask, or the manifest cannot be read.
        AddressError: an invalid range.
    """
    samples: list[MaskSample] = []
    roots: dict[str, Path] = {}
    for place in map(Path, dirs):
        own = _rendered(place) if place.as_posix().startswith(SCHEME) else _in_folder(place, log)
        other = roots.setdefault(own[0].source, place)
        if other is not place and not isinstance(own[0].photo, RenderedSample):
            raise DataError(f"{other} and {place} have the same name; name each data set once, or rename a folder")
        samples += own
    return samples


def read_healthy(
    dirs: list[Path], log: Callable[[str], None] = lambda line: None, split: str = "train"
) -> list[MaskSample]:
    """Photos of the healthy classes of labeled data sets, as masks without symptoms.

    Args:
        dirs: data sets in a layout of `hvit.data.datasets.reading.read_samples`.
        log: of that function.
        split: of the photos.
    Returns:
        Samples whose masks are 0 everywhere: background or leaf, but no symptom.
    Raises:
        DataError: a data set cannot be read, or none has a healthy class with training photos, if `split` is train.
    """
    photos = [s for s in read_samples(dirs, log=log) if s.split == split and is_healthy(s.label)] if dirs else []
    if dirs and not photos and split == "train":
        raise DataError(f"{listed(map(str, dirs))}: no training photos of a class called healthy")
    return [MaskSample(s.path, s.label, s.split, s.group, s.source, s.root, photo=s, is_healthy=True) for s in photos]


def read_mask(path: Path) -> np.ndarray:
    """Reads a mask file: (H, W) uint8 of 0 background, 1 leaf, 2 symptom.

    Raises:
        DataError: it cannot be read, is no 8-bit grey PNG, or has other values.
    """
    try:
        with Image.open(path) as image:
            kind, mode, pixels = image.format, image.mode, image.width * image.height
            mask = np.asarray(image) if pixels <= MAX_PIXELS else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as a mask: {error}") from None
    if mask is None:
        raise DataError(f"{path} has {pixels / 1e6:.0f} megapixels; the limit is {LIMIT}, as for photos")
    if kind != "PNG":
        raise DataError(f"{path} is a {kind}, whose compression changes the values of a mask; save it as PNG")
    if mode != "L":
        what = "a palette PNG" if mode == "P" else f"a PNG of mode {mode}"
        raise DataError(f"{path} is {what}; save the mask as 8-bit grey with 0 background, 1 leaf and 2 symptom")
    others = np.setdiff1d(mask, [BACKGROUND, LEAF, SYMPTOM])
    if len(others):
        raise DataError(
            f"{path} has the values {listed(map(str, others.tolist()))}; a mask has 0 background, 1 leaf and 2 symptom"
        )
    return mask


def mask_beside(photo: Path) -> np.ndarray | None:
    """Mask of one photo below `images`, of the same name below `masks`; None where there is no such file.

    Raises:
        DataError: the mask cannot be read, see `read_mask`.
    """
    images = next((folder for folder in photo.parents if folder.name == IMAGES), None)
    if images is None:
        return None
    file = images.with_name(MASKS) / photo.relative_to(images).with_suffix(".png")
    return read_mask(file) if file.is_file() else None


def one_hot(mask: np.ndarray) -> np.ndarray:
    """(H, W) of 0, 1, 2 -> (H, W, 3) uint8, 255 in the channel of the class."""
    classes = np.array([BACKGROUND, LEAF, SYMPTOM])
    return (255 * (mask[:, :, None] == classes)).astype(np.uint8)


def _rendered(place: Path) -> list[MaskSample]:
    samples = []
    for address in Span.parse(place.as_posix()):
        leaf = RenderedSample.of(address)
        leaf = RenderedSample(leaf.path, leaf.label, leaf.split, leaf.group, leaf.source, leaf.root, size=RENDER_PX)
        samples.append(MaskSample(leaf.path, leaf.label, leaf.split, leaf.group, leaf.source, leaf.root, photo=leaf))
    return samples


def _in_folder(place: Path, log: Callable[[str], None]) -> list[MaskSample]:
    if not place.is_dir():
        raise DataError(f"{place}: no such folder; {LAYOUT}{hint_if_not_shipped(place)}")
    inside = sorted(folder for folder in place.iterdir() if folder.is_dir())
    check_one_folder_a_split(place, [folder.name for folder in inside])
    folders = {split_named(folder.name): folder for folder in inside}
    labels = _labels(place / CONDITIONS, log)
    samples: list[MaskSample] = []
    for split in SPLITS:
        if split in folders:
            samples += _of_split(place, folders[split], split, labels, log)
    if not samples:
        raise DataError(f"{place} holds no photos with masks; {LAYOUT}")
    return samples


def _labels(file: Path, log: Callable[[str], None]) -> dict[Path, str]:
    """Class by photo of a manifest; empty without one."""
    if not file.exists():
        return {}
    rows, notes = read_manifest(file)
    for note in notes:
        log(note)
    return {row.path: row.label for row in rows}


def _of_split(
    place: Path, folder: Path, split: str, labels: dict[Path, str], log: Callable[[str], None]
) -> list[MaskSample]:
    images, masks = folder / IMAGES, folder / MASKS
    for part in (images, masks):
        if not part.is_dir():
            raise DataError(f"{folder} has no folder {part.name}; {LAYOUT}")
    listing = list_photos(images)
    if listing.note:
        log(listing.note)
    of_photo = _matched(images, listing.photos, masks, log)
    name = place.resolve().name
    photos = [Sample(path, labels.get(path, ""), split, "", name, place) for path in listing.photos]
    return [MaskSample(of_photo[photo.path], photo.label, split, "", name, place, photo=photo) for photo in photos]


def _matched(images: Path, photos: list[Path], masks: Path, log: Callable[[str], None]) -> dict[Path, Path]:
    """The mask of each photo: the PNG of the same path below `masks`, names compared in NFC without their endings.

    Raises:
        DataError: a photo lacks its mask, or two files share a name.
    """
    files = list_photos(masks).photos
    by_name = _by_name(images, photos, "would share a mask")
    pngs = _by_name(masks, [path for path in files if path.suffix.lower() == ".png"], "are masks of one name")
    lacking = [name for name in by_name if name not in pngs]
    if lacking:
        first = by_name[lacking[0]].relative_to(images).as_posix()
        hint = _near_miss(lacking[0], masks, files)
        raise DataError(f"{masks}: missing masks: {len(lacking)}, the first that of {first}{hint}")
    spare = [pngs[name].relative_to(masks).as_posix() for name in pngs if name not in by_name]
    if spare:
        log(f"{masks}: masks without a photo are not used: {listed(spare)}")
    return {photo: pngs[name] for name, photo in by_name.items()}


def _by_name(folder: Path, files: list[Path], clash: str) -> dict[str, Path]:
    """Files by `_name`.

    Args:
        clash: what is wrong with two files of one name.
    Raises:
        DataError: two files have one name.
    """
    found: dict[str, Path] = {}
    for path in files:
        other = found.setdefault(_name(folder, path), path)
        if other is not path:
            raise DataError(f"{folder}: {other.name} and {path.name} {clash}; rename or remove one")
    return found


def _name(folder: Path, path: Path) -> str:
    """Path below a folder without its ending, in NFC: macOS writes NFD."""
    return clean_name(path.relative_to(folder).with_suffix("").as_posix())


def _near_miss(name: str, masks: Path, files: list[Path]) -> str:
    """Hint at a file that was probably meant as the mask of this name; "" without one."""
    for path in files:
        if _name(masks, path) == name:
            return f" (there is a {path.suffix} file; a mask is a PNG)"
        if _name(masks, path).casefold() == name.casefold():
            return f" (there is {path.name}; capital and small letters must be equal)"
    return ""
