"""`hvit predict`: diagnose photos."""

import argparse
import errno
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hvit.console import Subparsers, positive, print_json, print_notes, progress
from hvit.csv_tables import diagnosis_row, write_csv
from hvit.files import KINDS_OF_FILES, check_not_input
from hvit.runs import DEFAULT_RUN
from hvit.words import PLANTS_UNKNOWN, counted, flag_sentence

if TYPE_CHECKING:
    from hvit.runs.checkpoint import Checkpoint

EXIT_UNREADABLE = 1
EXAMPLES = """examples:
  python -m hvit predict leaf.jpg
  python -m hvit predict photos/ more.png --crop tomato --csv results.csv
  python -m hvit predict photos/ --run runs/my-run --json > results.json
  python -m hvit predict leaf.jpg --run runs/my-dfca --spectral leaf.tif

In a folder, maps that hvit explain wrote and masks beside their photos are left out, and so said.
exit status: 0 all read, 1 some photo could not be read (it has its row), 2 a mistake in the command
"""


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("predict", help="diagnose photos", description=__doc__, epilog=EXAMPLES)
    parser.add_argument(
        "photos", nargs="+", type=Path, metavar="PHOTO|DIR", help="photos, or folders searched for them"
    )
    parser.add_argument(
        "--run", dest="run_name", default=DEFAULT_RUN, metavar="RUN", help=f"path or name (default {DEFAULT_RUN})"
    )
    parser.add_argument("--crop", metavar="NAME", help="the crop, if known: predictions are restricted to it")
    parser.add_argument(
        "--spectral",
        type=Path,
        metavar="FILE",
        help="bands of the one photo, for a run that takes any: a multi-band TIFF or .npy (default: leaf.npy or "
        "leaf.bands.tif next to leaf.jpg)",
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON document")
    output.add_argument("--csv", type=Path, metavar="FILE", help="write a table that spreadsheets open")
    parser.add_argument("--tta", action="store_true", help="average over the photo and its mirror image")
    parser.add_argument(
        "--batch-size", type=positive, default=16, metavar="N", help="photos computed together (default 16)"
    )
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="where to compute (default auto)"
    )
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    notes: list[str] = []
    files = photo_files(args.photos, notes.append)
    if args.spectral and len(files) != 1:
        raise ValueError(f"--spectral {args.spectral} holds the bands of one photo, and {len(files)} are given")
    if args.csv and args.csv.is_dir():
        raise ValueError(f"--csv {args.csv} is a folder; name a file to write")
    if args.csv:
        check_not_input(args.csv, files, "--csv")
    from hvit.device import chosen_device, use_free_cores
    from hvit.diagnosis import diagnose_many
    from hvit.runs import find_run
    from hvit.runs.checkpoint import load_checkpoint
    from hvit.severity.words import severity_summary  # imports OpenCV, which --help does not wait for

    found = find_run(args.run_name)
    plants_known = found.plants_known  # here, where a damaged run.json ends the command before anything runs
    use_free_cores()
    checkpoint = load_checkpoint(found.path, chosen_device(args.device))
    bands = _bands(checkpoint, files, args.spectral)
    show = progress("photos")
    rows = []
    diagnoses = diagnose_many(checkpoint, files, args.crop, args.tta, args.batch_size, keep_pixels=False, bands=bands)
    for file, diagnosis in zip(files, diagnoses):
        rows.append(diagnosis.to_row(str(file)))
        show(len(rows), len(files))
        if not args.json and not args.csv:
            area = severity_summary(diagnosis.severity, diagnosis.severity_reason)
            print(" ".join([f"{file}: {diagnosis.message}", *area, *map(flag_sentence, diagnosis.flags)]))
    if args.json:
        print_json(rows)
    if args.csv:
        write_csv(args.csv, [diagnosis_row(row) for row in rows])
        print(f"{args.csv}: {counted(len(rows), 'photo')}", file=sys.stderr)
    print_notes(notes)
    if plants_known is False:
        print(f"{found.name}: {PLANTS_UNKNOWN}", file=sys.stderr)
    return EXIT_UNREADABLE if any(row["error"] for row in rows) else 0


def photo_files(given: list[Path], log: Callable[[str], None]) -> list[Path]:
    """Lists the named photos, and those in the named folders, in order.

    Args:
        log: called with one line for each folder in which something was passed over.
    Raises:
        ValueError: one does not exist or is neither file nor folder, or a folder holds none.
    """
    from hvit.data.datasets.folders import list_photos, without_derived
    from hvit.data.photos import SUFFIXES

    files = []
    for path in given:
        kind = _kind_of(path)
        if kind == stat.S_IFDIR:
            listing = without_derived(list_photos(path))
            if listing.note:
                log(listing.note)
            if not listing.photos:
                raise ValueError(
                    f"{path}: no photos in this folder; looked for {' '.join(sorted(s[1:] for s in SUFFIXES))}"
                )
            files += listing.photos
        elif kind == stat.S_IFREG:
            files.append(path)
        else:
            raise ValueError(f"{path} is {KINDS_OF_FILES[kind]}; give photos as files, or folders of them")
    return files


def _kind_of(path: Path) -> int:
    """File type of a path, as in `stat.S_IFMT`.

    Raises:
        ValueError: it does not exist, or cannot be accessed.
    """
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise ValueError(f"{path}: no such photo or folder") from None
        raise ValueError(f"{str(path)[:200]}: {error.strerror}") from None


def _bands(checkpoint: "Checkpoint", files: list[Path], named: Path | None) -> list[Path | None]:
    """Finds the band file of each photo: the given one, or else the one next to it, for a run that takes bands.

    Raises:
        ValueError: the run takes none, or the file named does not hold those of the photo.
    """
    from hvit.data.invalid_photo import InvalidPhotoError
    from hvit.data.photos import read_photo
    from hvit.data.spectral import find_bands, read_bands

    if named is None:
        return [find_bands(file) if checkpoint.takes_bands else None for file in files]
    stream = checkpoint.spectral
    if stream is None or not checkpoint.takes_bands:
        raise ValueError(f"--spectral {named}: run {checkpoint.name} takes no file of bands; leave the option out")
    try:
        sides = read_photo(files[0]).pixels.shape[:2]
    except InvalidPhotoError:
        sides = None  # the photo's row will say so
    read_bands(named, stream.num_bands, stream.scale, sides)  # here, where a wrong file is a mistake in the command
    return [named]
