"""`hvit explain`: show which parts of a photo a prediction depends on."""

import argparse
import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hvit.console import Subparsers, print_json, progress
from hvit.explain import METHODS, class_methods_in_words
from hvit.runs import DEFAULT_RUN

if TYPE_CHECKING:
    import numpy as np

    from hvit.data.photos import Photo
    from hvit.explain import Method
    from hvit.explain.explanation import Explanation
    from hvit.runs.checkpoint import Checkpoint

EXIT_UNREADABLE = 1
EXAMPLES = """examples:
  python -m hvit explain leaf.jpg --out maps
  python -m hvit explain leaf.jpg --run runs/my-run --method gradient_rollout --class Tomato___Late_blight --out maps
  python -m hvit explain leaf.jpg --method occlusion --out maps --json

What is written, for leaf.jpg and rollout:
  leaf.rollout.png    the photo with a heatmap, and its scale, which is the same for every photo
  leaf.rollout.npy    the attribution of every pixel of the upright photo, (height, width) float32, with its sign
  leaf.rollout.json   what made it: run, photo, class, method, arguments, scale

exit status: 0 done, 1 the photo could not be read, 2 a mistake in the command
"""


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "explain", help="show which parts of a photo a prediction depends on", description=__doc__, epilog=EXAMPLES
    )
    parser.add_argument("photo", type=Path, metavar="PHOTO", help="one photo")
    parser.add_argument(
        "--run", dest="run_name", default=DEFAULT_RUN, metavar="RUN", help=f"path or name (default {DEFAULT_RUN})"
    )
    parser.add_argument("--method", default="rollout", metavar="NAME", help=f"{', '.join(METHODS)} (default rollout)")
    parser.add_argument(
        "--class",
        dest="class_name",
        metavar="NAME",
        help="the class to explain (default the most likely one); not for rollout, which belongs to no class",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write into")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="where to compute (default auto)"
    )
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    method = _method(args.method, args.class_name)
    if not args.photo.is_file():
        raise ValueError(
            f"{args.photo}: " + ("is a folder; name one photo" if args.photo.is_dir() else "no such photo")
        )
    if args.out.exists() and not args.out.is_dir():
        raise ValueError(f"--out {args.out} is a file; name a folder")
    from hvit.data.inputs import model_inputs, stacked
    from hvit.data.invalid_photo import InvalidPhotoError
    from hvit.data.photos import read_photo
    from hvit.data.spectral import InvalidBandsError
    from hvit.device import chosen_device, use_free_cores
    from hvit.runs import find_run
    from hvit.runs.checkpoint import load_checkpoint

    use_free_cores()
    checkpoint = load_checkpoint(find_run(args.run_name).path, chosen_device(args.device))
    class_index = _class_index(checkpoint, args.class_name)
    try:
        photo = read_photo(args.photo)
        bands = _bands(checkpoint, args.photo, photo)
    except (InvalidPhotoError, InvalidBandsError) as error:
        if args.json:
            print_json({"file": str(args.photo), "error": str(error)})
        else:
            print(f"{args.photo}: cannot be read: {error}", file=sys.stderr)
        return EXIT_UNREADABLE
    seen = read_photo(args.photo, checkpoint.preprocessing.least_sides)  # what a diagnosis reads
    inputs = stacked(
        [model_inputs(seen.pixels, checkpoint.preprocessing, checkpoint.spectral, bands)], checkpoint.device
    )
    images, *beside = inputs
    shown: dict[str, Any] = {"progress": progress("passes")} if method.many_passes else {}
    explanation = method(checkpoint.model, images, class_index, *beside, **shown)
    record = _write(args.out, args.photo, checkpoint, photo, explanation)
    if args.json:
        print_json({"file": str(args.photo), "error": None, **record})
    else:
        from hvit.explain.export import caption

        print(f"{args.photo}: {caption(explanation, checkpoint)}: " + ", ".join(record["files"]))
        if "note" in record and not explanation.is_empty:
            print(f"  {record['note']}")
    return 0


def _method(name: str, class_name: str | None) -> "Method":
    """Looks up a method, and checks whether it takes a class.

    Raises:
        ValueError: there is none of that name, or a class is given and it does not depend on one.
    """
    if name not in METHODS:
        near = difflib.get_close_matches(name, METHODS, 1, cutoff=0.4)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ValueError(f"no method {name!r}; {hint}There are {', '.join(METHODS)}")
    if class_name is not None and not METHODS[name].depends_on_class:
        raise ValueError(f"--class: {name} does not depend on the class; {class_methods_in_words()} do")
    return METHODS[name]


def _class_index(checkpoint: "Checkpoint", name: str | None) -> int | None:
    from hvit.data.datasets.folders import clean_name

    if name is None:
        return None
    name = next((known for known in checkpoint.classes if clean_name(known) == clean_name(name)), name)
    if name not in checkpoint.classes:
        near = difflib.get_close_matches(name, checkpoint.classes, 1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"it knows {', '.join(checkpoint.classes)}"
        raise ValueError(f"run {checkpoint.name} knows no class {name!r}; {hint}")
    return checkpoint.classes.index(name)


def _bands(checkpoint: "Checkpoint", path: Path, photo: "Photo") -> "np.ndarray | None":
    """Reads the bands of a photo for a run that takes them; prints the spectral input to stderr."""
    from hvit.data.spectral import find_bands, read_bands

    stream = checkpoint.spectral
    if stream is None:
        return None
    found = find_bands(path) if checkpoint.takes_bands else None
    if stream.kind == "indices":
        seen = "also sees indices of the photo's colors, which stay as they are; the photo itself is explained"
    elif found is None:
        seen = "takes bands, and there are none next to the photo; the prediction from RGB alone is explained"
    else:
        seen = f"also sees {found.name}, which stays as it is; the photo itself is explained"
    print(f"run {checkpoint.name} {seen}", file=sys.stderr)
    return None if found is None else read_bands(found, stream.num_bands, stream.scale, photo.pixels.shape[:2])


def _write(
    out: Path, path: Path, checkpoint: "Checkpoint", photo: "Photo", explanation: "Explanation"
) -> dict[str, Any]:
    """Writes the three files; returns the JSON document and their paths."""
    from hvit.explain import export
    from hvit.files import write_bytes, write_json

    stem = f"{path.stem}.{explanation.method}"
    files = [out / f"{stem}.{ending}" for ending in ("png", "npy", "json")]
    record = export.metadata(explanation, checkpoint, path.name, photo.sha256)
    caption = export.printable_caption(explanation, checkpoint)
    write_bytes(files[0], export.png(explanation, photo.pixels, caption))
    write_bytes(files[1], export.npy(explanation, *photo.pixels.shape[:2]))
    write_json(files[2], record)
    return record | {"files": [str(file) for file in files]}
