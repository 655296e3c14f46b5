"""What the Data page says of a report and of a balance."""

from types import SimpleNamespace

import pytest

from app.data import words
from hvit.data.inspection.balance import Balance


def report(**changes) -> dict:
    nothing = {"count": 0, "first": []}
    return {
        "unreadable": [], "exact_copies": nothing, "near_duplicates": nothing, "conflicting_labels": nothing,
        "leaks": {"exact": nothing, "near": nothing, "group": nothing}, "background_control": None,
        "photos_of_run": 10, "photos_of_run_checked": 10,
    } | changes  # fmt: skip


def found(count: int) -> dict:
    return {"count": count, "first": []}


def line(title: str, **changes) -> tuple[str, bool]:
    return next(
        (text, attention) for name, text, attention in words.findings(report(**changes), "photos") if name == title
    )


def test_nothing_found_asks_for_no_attention():
    assert not any(attention for _, _, attention in words.findings(report(), "photos"))
    assert line("Across splits") == ("No copy and no near-duplicate lies in two splits.", False)
    assert line("Twice in one split") == ("No copy and no near-duplicate.", False)


@pytest.mark.parametrize(
    ("exact", "near", "expected"),
    [
        (1, 0, "1 exact copy in two splits"),
        (0, 11, "11 pairs of near-duplicates in two splits"),
        (2, 1, "2 exact copies and 1 pair of near-duplicates in two splits"),
    ],
)
def test_leaks_are_counted_and_marked(exact, near, expected):
    leaks = {"exact": found(exact), "near": found(near), "group": found(0)}
    text, attention = line("Across splits", leaks=leaks, exact_copies=found(exact), near_duplicates=found(near))
    assert text.startswith(expected) and attention


def test_what_lies_in_one_split_is_what_does_not_cross():
    leaks = {"exact": found(1), "near": found(11), "group": found(0)}
    text, attention = line("Twice in one split", leaks=leaks, exact_copies=found(3), near_duplicates=found(806))
    assert text.startswith("2 exact copies and 795 pairs of near-duplicates") and not attention


def test_plants_in_two_splits_are_reported_where_plants_are_known():
    leaks = {"exact": found(0), "near": found(0), "group": found(3)}
    assert line("Plants across splits", leaks=leaks) == ("3 plants in two splits.", True)


@pytest.mark.parametrize(
    ("top1", "largest", "attention"),
    [(0.528, 0.073, True), (0.082, 0.135, False), (0.15, 0.135, False)],
)
def test_a_background_that_predicts_the_class_is_marked(top1, largest, attention):
    control = {"top1": top1, "n": 1677, "largest_class": largest}
    title, text, marked = words.background(control, "photos")
    assert marked is attention and f"{100 * top1:.1f}\xa0%" in text and "1,677" in text


def test_without_splits_there_is_no_background_control():
    assert words.background(None, "photos")[1] == "Not told: it takes a training and a test split."


def test_the_extent_of_a_check_is_shown():
    assert words.checked(report(), "photos").startswith("Checked: all 10 photos of this run.")
    part = report(photos_of_run=24000, photos_of_run_checked=4000)
    assert words.checked(part, "drawn leaves").startswith("Checked: 4,000 of the 24,000 drawn leaves of this run.")


@pytest.mark.parametrize(
    ("rust", "healthy", "expected"),
    [
        (40, 20, "Rust, has twice as many as the rarest, Healthy (40 and 20 to learn from)."),
        (60, 20, "Rust, has 3 times as many"),
        (22, 20, "The classes are about equally frequent."),
        (22, 0, "Healthy has nothing to learn from."),
    ],
)
def test_class_imbalance_is_of_the_training_photos(rust, healthy, expected):
    counts = {("d", "Rust", "train"): rust, ("d", "healthy", "train"): healthy, ("d", "healthy", "test"): 500}
    assert expected in words.evenness(Balance(counts, "split.csv"))


def test_the_table_has_a_row_a_data_set_and_class():
    counts = {("a", "Rust", "train"): 3, ("b", "Rust", "test"): 2}
    assert words.table_rows(Balance(counts, "split.csv")) == [
        {"data_set": "a", "class": "Rust", "train": 3, "test": 0},
        {"data_set": "b", "class": "Rust", "train": 0, "test": 2},
    ]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("data/field-256", "data/field-256"),
        ("leafsim:v1/1/0-23999", "leafsim:v1/1/0-3999"),
        ("leafsim:v1/1/10-99", "leafsim:v1/1/10-99"),
    ],
)
def test_of_many_rendered_leaves_the_command_checks_the_first(place, expected):
    run = SimpleNamespace(name="mine", config={"data": {"dirs": [place]}})
    assert words.check_command(run) == f"python -m hvit data check {expected} --save-to mine"


@pytest.mark.parametrize(
    ("of_run", "of_check", "known"), [(None, False, False), (False, True, True), (True, None, True), (None, None, None)]
)
def test_whether_plants_are_known_is_read_from_the_check_first(of_run, of_check, known):
    check = None if of_check is None else {"plants_known": of_check}
    assert words.plants_known(SimpleNamespace(plants_known=of_run), check) is known
