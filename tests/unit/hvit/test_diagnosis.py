"""From bytes to a verdict: which verdict, in which words, and the same whatever the batch."""

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from hvit.data.quality_flags import photo_flags
from hvit.diagnosis import diagnose, diagnose_many, prepare_photo
from hvit.runs.checkpoint import load_checkpoint
from hvit.words import verdict_message

EARLY, LATE, HEALTHY = "Potato___Early_blight", "Tomato___Late_blight", "Tomato___healthy"
FIELDS = [
    "file", "sha256", "error", "verdict", "message", "label", "probability", "probabilities", "prediction_set",
    "in_distribution", "ood_score", "severity", "severity_reason", "flags", "run",
]  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(tiny_run):
    return load_checkpoint(tiny_run)


def picture(seed: int, height: int = 64, width: int = 64) -> np.ndarray:
    """Noise over a color of its own, (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    return np.clip(rng.integers(30, 220, 3) + rng.normal(0, 30, (height, width, 3)), 0, 255).astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def apart(one: dict, other: dict) -> float:
    return max(abs(one[name] - other[name]) for name in one)


def with_threshold(checkpoint, threshold: float):
    return replace(checkpoint, conformal=replace(checkpoint.conformal, threshold=threshold))


def test_a_photo_gets_the_same_answer_whatever_the_batch(checkpoint):
    sides = [(64, 64), (96, 64), (64, 64), (64, 128), (96, 64), (200, 150), (64, 64)]
    photos = [png(picture(i, *side)) for i, side in enumerate(sides)]
    photos.insert(2, b"not a photo")
    alone = [diagnose(checkpoint, data) for data in photos]
    assert len({diagnosis.label for diagnosis in alone}) > 1  # else order would not show
    for batch_size in (1, 2, 16):  # 1 and 2 need several windows
        together = list(diagnose_many(checkpoint, photos, batch_size=batch_size))
        assert [d.sha256 for d in together] == [d.sha256 for d in alone]
        assert [d.verdict for d in together] == [d.verdict for d in alone]
        assert max(apart(a.probabilities, b.probabilities) for a, b in zip(alone, together) if a.probabilities) < 1e-4


def test_threads_that_share_a_model_get_the_answers_of_one(checkpoint):
    photos = [png(picture(i)) for i in range(6)]
    alone = [diagnose(checkpoint, data) for data in photos]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda data: diagnose(checkpoint, data, overlay=True), photos))
    assert max(apart(a.probabilities, b.probabilities) for a, b in zip(alone, together)) < 1e-4


def test_the_verdict_follows_the_set_and_the_distance(checkpoint):
    data = png(picture(0))
    named = diagnose(with_threshold(checkpoint, 0.0), data)
    assert named.verdict == "named" and named.prediction_set == [named.label]
    unsure = diagnose(with_threshold(checkpoint, 1.0), data)
    assert unsure.verdict == "unsure" and set(unsure.prediction_set) == {EARLY, LATE, HEALTHY}
    probs = [unsure.probabilities[name] for name in unsure.prediction_set]
    assert probs == sorted(probs, reverse=True) and unsure.prediction_set[0] == unsure.label
    strange = diagnose(replace(checkpoint, ood=replace(checkpoint.ood, threshold=-1.0)), data)
    assert strange.verdict == "unfamiliar" and strange.in_distribution is False
    assert strange.label == named.label and strange.probabilities == named.probabilities


def test_a_score_at_the_threshold_is_accepted(checkpoint):
    data = png(picture(1))
    score = diagnose(checkpoint, data).ood_score
    at = replace(checkpoint, ood=replace(checkpoint.ood, threshold=score))
    below = replace(checkpoint, ood=replace(checkpoint.ood, threshold=score - 1e-6))
    assert diagnose(at, data).in_distribution is True
    assert diagnose(below, data).in_distribution is False


def test_probabilities_are_those_at_the_temperature(checkpoint):
    data = png(picture(2))
    cool, warm = (diagnose(replace(checkpoint, temperature=t), data).probabilities for t in (1.0, 2.0))
    logit = {name: np.log(p) for name, p in cool.items()}
    expected = np.exp([logit[name] / 2 for name in warm])
    assert list(warm.values()) == pytest.approx(expected / expected.sum(), abs=1e-6)


def test_a_crop_restricts_renormalizes_and_is_doubted_where_the_mass_lies_elsewhere(checkpoint):
    for seed in range(4):
        data = png(picture(seed))
        free = diagnose(checkpoint, data).probabilities
        for crop, own in (("potato", {EARLY}), ("tomato", {LATE, HEALTHY})):
            inside = sum(free[name] for name in own)
            found = diagnose(checkpoint, data, crop=crop)
            assert found.label in own and set(found.prediction_set) <= own
            assert all(found.probabilities[name] == 0 for name in set(free) - own)
            for name in own:
                assert found.probabilities[name] == pytest.approx(free[name] / inside, abs=1e-5)
            assert (f"not_like_{crop}" in found.flags) == (inside < 0.5)


@pytest.mark.parametrize("call", [diagnose, lambda *args, **kw: list(diagnose_many(args[0], [args[1]], **kw))])
def test_an_unknown_crop_names_the_nearest(checkpoint, call):
    with pytest.raises(ValueError, match="did you mean tomato"):
        call(checkpoint, b"", crop="tomatoe")


def test_the_mirror_image_is_averaged_in_probability(checkpoint):
    pixels = picture(3)
    pixels[:, :20] = 250  # so that left differs from right
    here = diagnose(checkpoint, png(pixels)).probabilities
    mirrored = diagnose(checkpoint, png(np.ascontiguousarray(pixels[:, ::-1]))).probabilities
    both = diagnose(checkpoint, png(pixels), tta=True).probabilities
    assert apart(here, mirrored) > 1e-4
    assert apart(both, {name: (here[name] + mirrored[name]) / 2 for name in here}) < 1e-5


def test_an_unreadable_photo_has_a_verdict_and_nothing_else(checkpoint):
    found = diagnose(checkpoint, b"%PDF-1.7")
    row = found.to_row("bill.jpg")
    assert list(row) == FIELDS
    assert found.verdict == "unreadable" and "PDF" in found.error and found.error in found.message
    text = {"file", "sha256", "error", "verdict", "message", "run"}
    assert row["flags"] == [] and all(row[key] is None for key in set(FIELDS) - text - {"flags"})


def test_a_row_has_the_fields_of_the_contract_in_their_order(checkpoint):
    found = diagnose(checkpoint, png(picture(4)))
    row = found.to_row("a/b.png")
    assert list(row) == FIELDS and row["file"] == "a/b.png" and row["run"] == "tiny"
    assert list(row["probabilities"]) == [EARLY, LATE, HEALTHY]
    assert row["probability"] == max(row["probabilities"].values()) == row["probabilities"][row["label"]]
    assert sum(row["probabilities"].values()) == pytest.approx(1)


def test_the_overlay_does_not_change_the_prediction(checkpoint):
    data = png(picture(5, 96, 64))
    plain, overlaid = diagnose(checkpoint, data), diagnose(checkpoint, data, overlay=True)
    assert plain.heatmap is None and overlaid.heatmap.dtype == np.float32
    assert 0 <= overlaid.heatmap.min() < overlaid.heatmap.max() <= 1
    height, width = overlaid.heatmap.shape
    assert height > width  # upright, as the photo
    assert apart(plain.probabilities, overlaid.probabilities) < 1e-4
    assert overlaid.ood_score == pytest.approx(plain.ood_score, abs=1e-4)


def test_photos_are_left_out_of_diagnoses_where_asked(checkpoint):
    data = png(picture(6))
    (kept,), (left,) = (list(diagnose_many(checkpoint, [data], keep_pixels=keep)) for keep in (True, False))
    assert np.array_equal(kept.pixels, picture(6)) and left.pixels is None
    assert kept.to_row("") == left.to_row("")


def test_a_large_photo_is_read_at_reduced_size_and_keeps_the_sides_of_its_file(checkpoint):
    prepared = prepare_photo(checkpoint, png(np.full((2000, 3000, 3), 90, np.uint8)))
    assert prepared.sides == (2000, 3000) and prepared.pixels.shape == (1000, 1500, 3)


def test_a_moving_picture_is_flagged(checkpoint):
    frames = [Image.fromarray(picture(seed)) for seed in (0, 1)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    assert "animated" in diagnose(checkpoint, out.getvalue()).flags


@pytest.mark.parametrize(
    ("pixels", "flags"),
    [
        (picture(7, 600, 800), []),
        (np.full((600, 800, 3), 120, np.uint8), ["blurred"]),
        (np.clip(np.random.default_rng(0).normal(20, 15, (600, 800, 3)), 0, 255).astype(np.uint8), ["dark"]),
        (np.full((600, 800, 3), 255, np.uint8), ["blurred", "bright"]),
        (picture(7, 63, 800), ["tiny"]),
        (np.pad(picture(7, 200, 300), ((200, 200), (250, 250), (0, 0))), []),
    ],
    ids=["sharp", "flat", "dark", "burnt out", "small", "leaf on a black ground"],
)
def test_what_is_wrong_with_the_photo_itself_is_flagged(pixels, flags):
    assert photo_flags(pixels, img_size=64) == flags


@pytest.mark.parametrize(
    ("verdict", "names", "probs", "message"),
    [
        ("named", [LATE], [0.93], "Tomato: late blight, 93 %."),
        ("named", [LATE], [0.999], "Tomato: late blight, over 99 %."),
        ("named", [HEALTHY], [0.9], "Tomato: not the one tomato disease I know."),
        (
            "unsure",
            [LATE, EARLY],
            [0.56, 0.38],
            "I am not sure. Most likely one of these: Tomato: late blight 56 % or Potato: early blight 38 %.",
        ),
        ("unsure", [LATE] * 4, [0.25] * 4, "I am not sure: 4 are possible. Cut out one leaf or choose the crop."),
        ("unfamiliar", [LATE], [0.9], "This does not look like any leaf I know. No diagnosis."),
    ],
)
def test_a_verdict_in_words(verdict, names, probs, message):
    assert verdict_message(verdict, names, probs, (EARLY, LATE, HEALTHY)) == message


def test_the_message_of_a_nearly_unfamiliar_photo_says_why_it_gets_no_single_name():
    message = verdict_message("unsure", [LATE, EARLY], [0.97, 0.01], (EARLY, LATE, HEALTHY), near_limit=True)
    assert message.startswith("I am not sure.") and message.endswith("no single name, however high the probability.")


@pytest.mark.parametrize(
    ("verdict", "names", "probs", "message"),
    [
        ("named", ["Late_blight"], [0.93], "Late blight, 93 %."),
        ("named", ["Septoria_leaf_spot"], [0.6], "Septoria leaf spot, 60 %."),
        ("named", ["healthy"], [0.9], "None of the 4 diseases I know."),
        (
            "unsure",
            ["Late_blight", "Rust"],
            [0.56, 0.38],
            "I am not sure. Most likely one of these: late blight 56 % or rust 38 %.",
        ),
        ("unsure", ["Late_blight", "Rust", "Scab"], [0.3] * 3, "I am not sure: 3 are possible. Cut out one leaf."),
    ],
)
def test_a_verdict_of_a_run_without_crops(verdict, names, probs, message):
    classes = ("Late_blight", "Rust", "Scab", "Septoria_leaf_spot", "healthy")
    assert verdict_message(verdict, names, probs, classes) == message


def test_the_bare_word_healthy_is_never_shown():
    apple = ("Apple___Scab", "Apple___Rust", "Apple___healthy")
    assert verdict_message("named", ["Apple___healthy"], [0.9], apple) == "Apple: none of the 2 apple diseases I know."
    plain = ("healthy", "rust", "spot")
    assert verdict_message("named", ["healthy"], [0.9], plain) == "None of the 2 diseases I know."
    for names, classes in ((["Apple___healthy", "Apple___Rust"], apple), (["rust", "healthy"], plain)):
        assert "healthy" not in verdict_message("unsure", names, [0.5, 0.4], classes)
