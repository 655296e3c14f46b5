"""Divisions by group."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hvit.data.datasets.reading import Sample
from hvit.data.datasets.splits import halves_of_val, split_by_group

ROOT = Path("d")


def sample(name, label, group, source="d", split=None, augmented=False):
    return Sample(ROOT / label / name, label, split, group, source, ROOT, augmented)


def many(groups=60, size=3, labels=("a", "b")):
    return [
        sample(f"{g}_{i}.jpg", label, f"{label}{g}") for label in labels for g in range(groups) for i in range(size)
    ]


def splits_of_groups(samples):
    seen = {}
    for s in samples:
        seen.setdefault(s.group, set()).add(s.split)
    return seen


@pytest.mark.case("D3")
def test_a_group_never_spans_two_splits():
    assert all(len(splits) == 1 for splits in splits_of_groups(split_by_group(many(), (0.7, 0.15, 0.15), 0)).values())


def test_each_class_comes_near_its_shares():
    divided = split_by_group(many(), (0.7, 0.15, 0.15), 0)
    for label in ("a", "b"):
        counts = Counter(s.split for s in divided if s.label == label)
        assert [counts[name] for name in ("train", "val", "test")] == pytest.approx([126, 27, 27], abs=3)


@pytest.mark.case("D4")
def test_the_division_depends_on_the_seed_alone():
    samples = many()
    first = {s.relative: s.split for s in split_by_group(samples, (0.6, 0.2, 0.2), 1)}
    shuffled = [samples[i] for i in np.random.default_rng(0).permutation(len(samples))]
    other = {
        s.relative: s.split for s in split_by_group(sorted(shuffled, key=lambda s: s.relative), (0.6, 0.2, 0.2), 1)
    }
    assert first == {name: other[name] for name in first}
    assert first != {s.relative: s.split for s in split_by_group(samples, (0.6, 0.2, 0.2), 2)}


def test_the_division_is_the_same_on_every_machine():
    divided = split_by_group(many(6, 1, ("a",)), (0.5, 0.25, 0.25), 0)
    assert [s.split for s in divided] == ["train", "train", "train", "val", "test", "val"]


def test_augmented_copies_train_or_are_left_out():
    samples = [sample(f"{g}.jpg", "a", f"g{g}") for g in range(20)]
    samples += [sample(f"{g}_flip{i}.jpg", "a", f"g{g}", augmented=True) for g in range(20) for i in range(3)]
    divided = split_by_group(samples, (0.5, 0.25, 0.25), 0)
    splits = splits_of_groups(divided)
    assert all(s.split == "train" for s in divided if s.augmented)
    assert all(len(found) == 1 for found in splits.values())
    trained = [group for group, found in splits.items() if found == {"train"}]
    assert sum(s.augmented for s in divided) == 3 * len(trained) and 0 < len(trained) < 20


def test_halves_of_validation_keep_groups_whole_and_are_even_in_each_class():
    samples = many(40, 3)
    selects = halves_of_val(samples, set(), 0)
    for group in {s.group for s in samples}:
        assert len({bool(selects[i]) for i, s in enumerate(samples) if s.group == group}) == 1
    for label in ("a", "b"):
        assert selects[[s.label == label for s in samples]].mean() == pytest.approx(0.5, abs=0.05)


def test_data_sets_that_only_calibrate_never_select():
    samples = [sample(f"{i}.jpg", "a", f"g{i}", source="d" if i % 2 else "extra") for i in range(40)]
    samples.append(sample("x.jpg", "a", "g0", source="d"))  # of one group with a photo of the extra set
    selects = halves_of_val(samples, {"extra"}, 0)
    assert not selects[[s.source == "extra" for s in samples]].any() and not selects[-1]
    assert selects.any()
