"""Tests explanations of photos: perturbation curves, localization, sensitivity to random weights."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hvit.data.datasets.reading import DataError, RenderedSample, Sample
from hvit.data.inputs import model_inputs, stacked
from hvit.data.leafsim import Address, render
from hvit.data.photos import InvalidPhotoError
from hvit.data.preprocess import Preprocessing
from hvit.data.spectral import InvalidBandsError
from hvit.explain import Method
from hvit.explain.controls import control_maps
from hvit.explain.explanation import Explanation
from hvit.explain.faithfulness import (
    MaskBaseline,
    area_under_curve,
    deletion_curve,
    endpoint_probabilities,
    insertion_curve,
    peak_attribution,
)
from hvit.explain.localization import attribution_by_region, lesion_iou, pointing_game, region_masks
from hvit.explain.randomization import LEVELS, cascading_randomization, map_similarities, randomized_model
from hvit.explain.ranking import SIMILARITY
from hvit.models import Classifier, HViT, has_attention
from hvit.runs.checkpoint import Checkpoint
from hvit.runs.layout import EXPLANATIONS, in_split
from hvit.runs.results import parquet_bytes, record_results

IMG_SIZE = 128
MOST_PROMISING = 3  # methods that are tried with the second baseline too
Show = Callable[[int, int], None]
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("sample_id", "path", "sha256", "label", "class")),
        ("probability", pa.float32()),
        ("map", pa.string()),
        ("is_control", pa.bool_()),
        ("baseline", pa.string()),
        *((name, pa.float32()) for name in ("covered_probability", "deletion_low_is_good", "insertion_high_is_good")),
        *((name, pa.float32()) for name in ("strength", "twin_strength")),
        *(
            (f"{name}_{kind}", pa.float32())
            for kind in ("share", "area")
            for name in ("lesion", "healthy_leaf", "background")
        ),
        *((name, pa.float32()) for name in ("points_at_lesion", "lesion_overlap")),
        *((SIMILARITY + level, pa.float32()) for level in LEVELS),
    ]
)


@dataclass(frozen=True)
class Case:
    """A photo with its prediction, which is explained.

    Attributes:
        sample: where it is from.
        sha256: of its file.
        inputs: of the model, a batch of one.
        areas: masks of lesion, leaf and background; None where unknown.
        class_index: the class the model names.
    """

    sample: Sample
    sha256: str
    inputs: tuple[Tensor, ...]
    areas: dict[str, np.ndarray] | None
    class_index: int


@dataclass(frozen=True)
class Map:
    """An explanation of a photo, and its recorded values besides the perturbation curves.

    Attributes:
        explanation: by a method or a control.
        columns: the values that do not depend on the cover.
    """

    explanation: Explanation
    columns: dict


def stratified(samples: list[Sample], count: int, seed: int) -> list[Sample]:
    """Samples at most `count` photos, balanced over classes as far as possible.

    Classes alternate in random order, so that any first part of the list is balanced as well.
    """
    rng = np.random.default_rng(seed)
    by_class: dict[str, list[Sample]] = {}
    for i in rng.permutation(len(samples)):
        by_class.setdefault(samples[i].label, []).append(samples[i])
    names = rng.permutation(sorted(by_class))
    most = max(len(members) for members in by_class.values())
    turns = [by_class[name][turn] for turn in range(most) for name in names if turn < len(by_class[name])]
    return turns[:count]


def explain_samples(
    checkpoint: Checkpoint,
    samples: list[Sample],
    methods: list[Method],
    img_size: int = IMG_SIZE,
    cascaded: int = 0,
    seed: int = 0,
    show: Show = lambda done, total: None,
    show_again: Show = lambda done, total: None,
) -> list[dict]:
    """Evaluates explanations of photos: one row a photo, map and baseline, with the columns of `SCHEMA`.

    Every map is tried with the blurred photo as cover; the best methods and the controls then with the mean color.

    Args:
        img_size: image size of the model input.
        cascaded: number of photos for cascading randomization.
        seed: of random weights and of the random control.
        show, show_again: progress callbacks for the first and the second baseline.
    Raises:
        DataError: a photo or its bands cannot be read.
        ValueError: a method cannot explain this model.
    """
    randomized = randomized_model(checkpoint.model, seed)
    levels = (
        dict(cascading_randomization(checkpoint.model, seed)) if cascaded and has_attention(checkpoint.model) else {}
    )
    preprocessing = replace(checkpoint.preprocessing, img_size=img_size)
    rows, kept = [], []
    for number, sample in enumerate(samples):
        case = _case(checkpoint, sample, preprocessing)
        maps = {
            m.name: _map(m, checkpoint.model, randomized, levels if number < cascaded else {}, case) for m in methods
        }
        for name, control in control_maps(case.inputs[0], int(case.sha256[:8], 16) + seed).items():
            maps[name] = Map(control, {"is_control": True, **_common_columns(control, case)})
        rows += _rows(checkpoint, case, maps, "blur")
        kept.append((case, maps))
        show(number + 1, len(samples))
    promising = _most_promising(rows)
    for number, (case, maps) in enumerate(kept):
        rows += _rows(checkpoint, case, {name: maps[name] for name in promising}, "mean")
        show_again(number + 1, len(samples))
    return rows


def record(run_dir: Path, split: str, rows: list[dict], about: dict) -> None:
    """Writes eval/<split>/explain.parquet and lists it in the manifest; `about` is in the metadata of the file."""
    columns = {name: [row.get(name) for row in rows] for name in SCHEMA.names}
    table = pa.table(columns, SCHEMA.with_metadata({"hvit": json.dumps(about)}))
    record_results(run_dir, {in_split(split, EXPLANATIONS): parquet_bytes(table)})


def _case(checkpoint: Checkpoint, sample: Sample, preprocessing: Preprocessing) -> Case:
    """Reads a photo and predicts it; a rendered leaf is rendered once, for its image and masks."""
    stream, bands, areas = checkpoint.spectral, None, None
    try:
        if isinstance(sample, RenderedSample):
            leaf = render(Address.parse(sample.relative), sample.size, bands=checkpoint.takes_bands)
            pixels, bands, areas, sha256 = leaf.picture, leaf.bands, region_masks(leaf), sample.sha256()
        else:
            if checkpoint.takes_bands:
                photo, bands = sample.read_with_bands(stream.num_bands, stream.scale)
            else:
                photo = sample.read()
            pixels, sha256 = photo.pixels, photo.sha256
    except InvalidPhotoError as error:
        raise DataError(f"{sample.path} cannot be read: {error}") from None
    except InvalidBandsError as error:
        raise DataError(str(error)) from None
    inputs = stacked([model_inputs(pixels, preprocessing, stream, bands)], checkpoint.device)
    with torch.no_grad():
        class_index = int(checkpoint.model(*inputs).argmax())
    return Case(sample, sha256, inputs, areas, class_index)


def _map(method: Method, model: Classifier, randomized: Classifier, levels: dict[str, HViT], case: Case) -> Map:
    """Computes a method's map, its sensitivity to random weights, and its similarity under cascading randomization."""
    images, *beside = case.inputs

    def explained(network: Classifier) -> Explanation:
        return method(network, images, case.class_index if method.depends_on_class else None, *beside)

    found = explained(model)
    alike = map_similarities(levels, lambda network: explained(network).values, found.values)
    return Map(
        found,
        {
            "is_control": False,
            "twin_strength": peak_attribution(explained(randomized)),
            **{SIMILARITY + level: value for level, value in alike.items()},
            **_common_columns(found, case),
        },
    )


def _common_columns(found: Explanation, case: Case) -> dict:
    """Values of methods and controls that do not depend on the baseline: strength of the map, and localization."""
    columns = {"strength": peak_attribution(found)}
    if case.areas is None:
        return columns
    shares = attribution_by_region(found, case.areas) or {}
    return {
        **columns,
        **{f"{name}_share": share for name, share in shares.items()},
        **{f"{name}_area": float(mask.mean()) for name, mask in case.areas.items()},
        "points_at_lesion": pointing_game(found, case.areas["lesion"]),
        "lesion_overlap": lesion_iou(found, case.areas["lesion"]),
    }


def _rows(checkpoint: Checkpoint, case: Case, maps: dict[str, Map], baseline: MaskBaseline) -> list[dict]:
    """Areas under the perturbation curves of all maps of a photo for one baseline."""
    images, *beside = case.inputs
    spectral, present = beside or (None, None)
    setting = {"temperature": checkpoint.temperature, "baseline": baseline, "spectral": spectral, "present": present}
    ends = endpoint_probabilities(checkpoint.model, images, case.class_index, **setting)
    rows = []
    for name, found in maps.items():
        deletion, insertion = (
            area_under_curve(
                curve(checkpoint.model, images, found.explanation.values, case.class_index, **setting, ends=ends)
            )
            for curve in (deletion_curve, insertion_curve)
        )
        rows.append(
            {
                "sample_id": case.sha256[:16],
                "path": case.sample.relative,
                "sha256": case.sha256,
                "label": case.sample.label,
                "class": checkpoint.classes[case.class_index],
                "probability": ends[0],
                "map": name,
                "baseline": baseline,
                "covered_probability": ends[1],
                "deletion_low_is_good": deletion,
                "insertion_high_is_good": insertion,
                **found.columns,
            }
        )
    return rows


def _most_promising(rows: list[dict]) -> list[str]:
    """The methods with the largest mean margins, and the controls to compare them with."""
    margins: dict[tuple[bool, str], list[float]] = {}
    for row in rows:
        margin = row["insertion_high_is_good"] - row["deletion_low_is_good"]
        margins.setdefault((row["is_control"], row["map"]), []).append(margin)
    best = sorted(margins, key=lambda found: -np.mean(margins[found]))
    of_methods, of_controls = ([name for is_control, name in best if is_control == kind] for kind in (False, True))
    return of_methods[:MOST_PROMISING] + of_controls
