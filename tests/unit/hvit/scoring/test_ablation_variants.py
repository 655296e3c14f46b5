"""Runs of ablations, by variant."""

from hvit.runs import RunInfo
from hvit.scoring.ablation_variants import comparable_splits, group_by_variant
from tests.support.snapshots import run_snapshot


def run(ablation, variant, seed, splits=()):
    tags = () if ablation is None else (f"ablation={ablation}", f"variant={variant}")
    return run_snapshot(f"{variant}-{seed}", info=RunInfo(seed=seed, tags=tags), splits=splits)


def test_variants_are_grouped_with_the_full_one_first_and_runs_by_seed():
    runs = [run("parts", "plain", 1), run("parts", "full", 2), run("parts", "full", 0), run("parts", "full", None)]
    found = group_by_variant([*runs, run(None, None, 3), run("parts", "pretraining", 0)])
    assert list(found) == ["parts"] and list(found["parts"]) == ["full", "plain"]
    assert [each.seed for each in found["parts"]["full"]] == [0, 2, None]


def test_ablations_are_sorted_by_name_and_one_without_a_full_variant_is_kept():
    assert list(group_by_variant([run("spectral", "bands", 0), run("parts", "full", 0)])) == ["parts", "spectral"]


def test_variants_can_be_compared_where_the_full_one_has_predictions():
    variants = {"full": [run("p", "full", 0, ("test",)), run("p", "full", 1, ("test", "val"))], "plain": []}
    assert comparable_splits(variants) == ["test", "val"] and comparable_splits({"plain": []}) == []
