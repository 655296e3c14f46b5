"""The ranking of methods, on tables made up so that the answer is known."""

import subprocess
import sys

import numpy as np
import pytest

from hvit.explain.ranking import best_method, ranking

PHOTOS = 50
KNOWN = (
    "lesion_share",
    "healthy_leaf_share",
    "background_share",
    "lesion_area",
    "healthy_leaf_area",
    "background_area",
)


def rows_of(name, deletion, insertion, is_control=False, baseline="blur", **columns):
    """A row a photo; values are numbers or one a photo."""
    values = {"deletion_low_is_good": deletion, "insertion_high_is_good": insertion, **columns}
    return [
        {
            "path": f"photos/{i:02d}.jpg",
            "map": name,
            "is_control": is_control,
            "baseline": baseline,
            **{key: float(np.broadcast_to(value, PHOTOS)[i]) for key, value in values.items()},
        }
        for i in range(PHOTOS)
    ]


def table_of(*parts):
    rows = [row for part in parts for row in part]
    optional = (*KNOWN, "points_at_lesion", "lesion_overlap", "twin_strength", "similarity_head")
    names = dict.fromkeys([*rows[0], *optional])
    return {name: [row.get(name) for row in rows] for name in names}


HARD = np.random.default_rng(0).normal(0, 0.3, PHOTOS)  # how much a photo moves all maps: pairs cancel it


@pytest.fixture
def table():
    return table_of(
        rows_of("good", 0.1 - HARD, 0.6 + HARD, twin_strength=np.arange(PHOTOS)),
        rows_of("poor", 0.3 - HARD, 0.42 + HARD),
        rows_of("edges", 0.3 - HARD, 0.4 + HARD, is_control=True),
        rows_of("random", 0.4 - HARD, 0.4 + HARD, is_control=True),
        rows_of("good", 0.2, 0.5, baseline="mean"),
        rows_of("edges", 0.2, 0.3, is_control=True, baseline="mean"),
    )


def test_methods_come_by_the_difference_of_insertion_and_deletion(table):
    scores = ranking(table)
    assert [score.name for score in scores] == ["good", "poor", "edges", "random"]
    assert scores[0].margin.value == pytest.approx(0.5 + 2 * HARD.mean()) and scores[0].margin.n == PHOTOS
    assert scores[0].margin_mean_baseline.value == pytest.approx(0.3) and scores[1].margin_mean_baseline is None
    assert scores[0].lead_mean_baseline.value == pytest.approx(0.2) and scores[1].lead_mean_baseline is None


def test_an_interval_is_that_of_the_mean_over_photos(table):
    margin = ranking(table)[0].margin
    expected = 1.96 * 2 * HARD.std() / PHOTOS**0.5  # the normal one: the bootstrap's is close for 50 photos
    assert margin.high - margin.low == pytest.approx(2 * expected, rel=0.12)
    assert margin.low < margin.value < margin.high


def test_the_lead_over_the_best_control_is_paired_by_photo(table):
    good, poor, edges, _ = ranking(table)
    # What a photo does to all maps cancels: 0.5 - 0.1 for every photo, far more certain than either.
    assert good.lead.value == pytest.approx(0.4) and good.lead.high - good.lead.low < 1e-6
    assert good.beats_controls and edges.lead is None and not edges.beats_controls
    assert poor.beats_controls and poor.lead.value == pytest.approx(0.02)


def test_a_method_that_is_better_on_some_photos_only_does_not_beat_the_controls():
    noise = np.tile([0.4, -0.38], PHOTOS // 2)
    scores = ranking(table_of(rows_of("lucky", 0.3, 0.4 + noise), rows_of("edges", 0.3, 0.4, is_control=True)))
    lucky = scores[0]
    assert lucky.name == "lucky" and lucky.lead.value == pytest.approx(0.01) and lucky.lead.low < 0
    assert not lucky.beats_controls


def test_the_best_control_is_the_best_of_each_draw():
    """Two controls that are good on different photos: beating their means is not enough."""
    one = np.where(np.arange(PHOTOS) % 2, 0.9, 0.1)
    controls = [rows_of(name, 0.0, values, is_control=True) for name, values in (("a", one), ("b", 1 - one))]
    lead = ranking(table_of(rows_of("method", 0.0, 0.55), *controls))[0].lead
    assert lead.value == pytest.approx(0.05) and lead.low < lead.high <= 0.05 + 1e-9


def test_the_twin_is_summarized_by_its_95th_percentile(table):
    assert ranking(table)[0].randomized_peak_95 == pytest.approx(0.95 * (PHOTOS - 1))
    assert ranking(table)[2].randomized_peak_95 is None


def test_truth_is_averaged_over_photos_with_a_lesion():
    sick = np.arange(PHOTOS) < 10
    columns = {
        "lesion_share": np.where(sick, 0.6, 0),
        "healthy_leaf_share": np.where(sick, 0.3, 0.9),
        "background_share": 0.1,
        "lesion_area": np.where(sick, 0.2, 0),
        "healthy_leaf_area": np.where(sick, 0.4, 0.6),
        "background_area": 0.4,
        "points_at_lesion": np.where(sick, np.arange(PHOTOS) % 2, np.nan),
        "lesion_overlap": np.where(sick, 0.25, np.nan),
        "similarity_head": np.where(np.arange(PHOTOS) < 2, 0.5, np.nan),
    }
    score = ranking(table_of(rows_of("good", 0.1, 0.5, **columns), rows_of("random", 0.1, 0.1, is_control=True)))[0]
    assert {name: share.value for name, share in score.shares.items()} == pytest.approx(
        {"lesion": 0.6, "healthy_leaf": 0.3, "background": 0.1}
    )
    assert score.areas["lesion"].value == pytest.approx(0.2) and score.shares["lesion"].n == 10
    assert score.pointing.value == 0.5 and score.pointing.n == 10 and 0 < score.pointing.low < 0.5 < score.pointing.high
    assert score.overlap.value == 0.25 and score.similarity == {"head": 0.5}


def test_without_known_symptoms_they_are_not_mentioned(table):
    score = ranking(table)[0]
    assert score.shares == score.areas == score.similarity == {} and score.pointing is score.overlap is None


def test_maps_of_different_photos_are_not_compared(table):
    short = {name: values[1:] for name, values in table.items()}
    with pytest.raises(ValueError, match="good .blur. has 49 rows for 50 photos"):
        ranking(short)


class Recorded:
    """A run with a table, or without."""

    def __init__(self, table):
        self.table = table

    def explanations(self, split):
        return self.table if split == "test" else None


def test_a_method_that_is_good_with_its_own_cover_alone_does_not_beat_the_controls(table):
    one_sided = table_of(
        rows_of("biased", 0.0, 0.9),
        rows_of("fair", 0.2, 0.6),
        rows_of("edges", 0.3, 0.4, is_control=True),
        rows_of("biased", 0.2, 0.3, baseline="mean"),
        rows_of("fair", 0.2, 0.5, baseline="mean"),
        rows_of("edges", 0.2, 0.4, is_control=True, baseline="mean"),
    )
    biased, fair, _ = ranking(one_sided)
    assert biased.name == "biased" and biased.lead.low > 0 > biased.lead_mean_baseline.high
    assert not biased.beats_controls and fair.beats_controls
    assert best_method(Recorded(one_sided)) == "fair"


def test_the_best_method_is_one_that_beats_the_controls_with_both_covers(table):
    assert best_method(Recorded(table)) == "good"
    assert best_method(Recorded(table), "val") is None and best_method(Recorded(None)) is None
    worse = table_of(rows_of("poor", 0.3, 0.4), rows_of("edges", 0.3, 0.5, is_control=True))
    assert best_method(Recorded(worse)) is None
    one_cover = table_of(rows_of("good", 0.1, 0.6), rows_of("edges", 0.3, 0.4, is_control=True))
    assert ranking(one_cover)[0].beats_controls and best_method(Recorded(one_cover)) is None


def test_a_page_can_rank_without_loading_torch():
    program = "import sys, hvit.explain.ranking; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
