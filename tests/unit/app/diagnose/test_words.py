"""What the page says, word by word."""

from types import SimpleNamespace

import pytest

import app.words as shared
from app.diagnose import words

CLASSES = (
    "Apple___Apple_scab", "Apple___Black_rot", "Apple___healthy", "Pepper,_bell___Bacterial_spot",
    "Tomato___Early_blight", "Tomato___Late_blight",
)  # fmt: skip


def diagnosis(verdict: str, probabilities: dict[str, float] | None = None, set_size: int = 1, **more):
    ranked = sorted(probabilities or {}, key=(probabilities or {}).get, reverse=True)
    track_record = {
        "verdict": verdict, "error": None, "probabilities": probabilities, "prediction_set": ranked[:set_size],
        "label": ranked[0] if ranked else None, "probability": probabilities[ranked[0]] if ranked else None,
        "flags": [], "near_limit": False, "ood_score": 0.5,
    }  # fmt: skip
    return SimpleNamespace(**track_record | more)


def test_a_named_condition_is_bold_and_its_probability_follows():
    named = diagnosis("named", {"Tomato___Late_blight": 0.94, "Tomato___Early_blight": 0.06})
    assert words.headline(named, "a.jpg") == ("Tomato: late blight", ", 94\u00a0%")


def test_no_disease_is_never_called_healthy():
    healthy = diagnosis("named", {"Apple___healthy": 0.97}, message="Apple: none of the 2 apple diseases I know.")
    text = words.summary_sentence(healthy, "a.jpg")
    assert text.startswith("Apple: none of the 2 apple diseases I know. I do not see early infection")
    assert "healthy" not in text + words.list_line(healthy) + words.class_title("Apple___healthy")


def test_two_possible_conditions_are_both_named():
    unsure = diagnosis("unsure", {"Tomato___Early_blight": 0.56, "Tomato___Late_blight": 0.38}, set_size=2)
    assert words.headline(unsure, "a.jpg")[0] == "I am not sure. Most likely one of these:"
    assert words.below_headline(unsure) == (
        "Tomato: early blight 56\u00a0% or Tomato: late blight 38\u00a0%. A leaf can also carry both."
    )


def test_conditions_of_two_crops_are_not_said_to_share_a_leaf():
    unsure = diagnosis("unsure", {"Tomato___Early_blight": 0.56, "Apple___Apple_scab": 0.38}, set_size=2)
    assert "both" not in words.below_headline(unsure)


def test_three_possible_conditions_ask_for_more_help():
    unsure = diagnosis("unsure", dict.fromkeys(CLASSES[:3], 0.3), set_size=3)
    assert words.headline(unsure, "a.jpg")[0] == "I am not sure: 3 are possible."
    assert words.below_headline(unsure) == "Cut out one leaf or choose the crop."


def test_an_unreadable_photo_is_named_with_its_reason():
    broken = diagnosis("unreadable", error="the file ends too early. Copy it again from the camera.")
    assert words.summary_sentence(broken, "IMG_1.jpg") == (
        "IMG_1.jpg cannot be read: the file ends too early. Copy it again from the camera."
    )


def test_kinds_that_do_not_occur_are_left_out_of_the_summary():
    verdicts = ["named"] * 8 + ["unsure"] * 2 + ["unreadable"]
    assert words.summary(SimpleNamespace(verdict=v) for v in verdicts) == "11 photos: 8 named, 2 unsure, 1 unreadable"
    assert words.summary([SimpleNamespace(verdict="named")]) == "1 photo: 1 named"


@pytest.mark.parametrize(
    "label, expected",
    [
        ("Apple___Apple_scab", []),
        ("Tomato___Late_blight", ["This model never saw a healthy tomato leaf: it would call one diseased."]),
        (
            "Pepper,_bell___Bacterial_spot",
            [
                "I know one condition of pepper. This shows resemblance, not a diagnosis.",
                "This model never saw a healthy pepper leaf: it would call one diseased.",
            ],
        ),
    ],
)
def test_conditions_the_run_never_saw_follow_from_its_classes(label, expected):
    assert words.class_caveats(diagnosis("named", {label: 0.9}), CLASSES) == expected


def test_without_crops_sentences_begin_with_a_capital_and_name_no_crop():
    plain = ("Late_blight", "Rust", "Scab", "healthy")
    assert words.headline(diagnosis("named", {"Late_blight": 0.93}), "a.jpg") == ("Late blight", ", 93\u00a0%")
    unsure = diagnosis("unsure", dict.fromkeys(plain, 0.25), set_size=3)
    assert words.below_headline(unsure) == "Cut out one leaf."
    pair = diagnosis("unsure", {"Late_blight": 0.56, "Rust": 0.38}, set_size=2)
    assert words.below_headline(pair) == "Late blight 56\u00a0% or rust 38\u00a0%. A leaf can also carry both."
    assert shared.knows(plain) == "4 conditions"
    assert shared.knows(plain, {"drawings"}) == "4 conditions of drawn leaves"
    assert shared.knows(CLASSES, {"photos"}) == "6 conditions, 3 crops"
    assert words.class_caveats(diagnosis("named", {"Rust": 0.9}), plain) == []
    assert words.class_caveats(diagnosis("named", {"Rust": 0.9}), ("Rust", "Scab")) == [
        "This model never saw a healthy leaf: it would call one diseased."
    ]


def test_a_class_of_no_crop_among_crops_is_not_taken_for_a_leaf():
    assert words.class_caveats(diagnosis("named", {"animal": 0.9}), (*CLASSES, "animal")) == []


def test_a_run_without_crops_doubts_the_disease_instead():
    plain = ("Late_blight", "Rust", "healthy")
    rust, healthy = diagnosis("named", {"Rust": 0.9}), diagnosis("named", {"healthy": 0.9})
    assert words.closed_set_caveat(rust, plain) == "Not one of my 2 diseases? Then this answer is wrong."
    assert words.closed_set_caveat(healthy, plain) is None and words.closed_set_caveat(rust, CLASSES) is None


def test_rendered_leaves_are_counted_apart():
    text = words.summary([SimpleNamespace(verdict="named")] * 5, num_rendered=4)
    assert text == "1 photo and 4 drawn leaves: 5 named"
    assert words.summary([SimpleNamespace(verdict="unsure")], num_rendered=1) == "1 drawn leaf: 1 unsure"


def test_accuracy_is_shown_for_one_crop_or_for_all():
    track_record = SimpleNamespace(
        top1=SimpleNamespace(share=0.9, n=1200), learned_from=frozenset({"photos"}), evaluated_on="test"
    )
    assert words.accuracy_sentence("maize", track_record).startswith(
        "Maize: the first name was right for 90 of 100 test photos"
    )
    track_record.learned_from = frozenset({"drawings"})
    assert words.accuracy_sentence("", track_record) == (
        "The first name was right for 90 of 100 drawn leaves kept for the test (n = 1,200)."
    )


def test_accuracy_of_cross_validation_is_not_called_a_test():
    track_record = SimpleNamespace(
        top1=SimpleNamespace(share=0.9, n=300), learned_from=frozenset({"photos"}), evaluated_on="cv"
    )
    assert (
        words.accuracy_sentence("", track_record)
        == "The first name was right for 90 of 100 photos held out in turn (n = 300)."
    )
    track_record.calibrated, track_record.named_correct, track_record.set_coverage, track_record.field = (
        True,
        None,
        None,
        None,
    )
    named = diagnosis("named", {"Apple___Apple_scab": 0.9})
    assert words.probability_sentences(named, track_record)[0].startswith(
        "The bars are chances, set on photos held out in turn:"
    )


@pytest.mark.parametrize(
    "learned_from, is_rendered, better, expected",
    [
        ({"drawings"}, False, "p", "This model learned from drawn leaves only. For a photo choose p."),
        ({"drawings"}, False, None, "This model learned from drawn leaves only. It cannot judge a photo."),
        ({"photos"}, True, "d", "This model learned from photos only. For a drawn leaf choose d."),
        ({"drawings"}, True, "d", None),
        ({"photos"}, False, "p", None),
        ({"photos", "drawings"}, False, "p", None),
        (set(), True, "d", None),
    ],
)
def test_a_run_is_only_trusted_with_what_it_learned_from(learned_from, is_rendered, better, expected):
    assert shared.domain_mismatch(learned_from, is_rendered, better) == expected


def test_no_advice_to_retake_a_rendered_leaf():
    text = words.photo_remarks(diagnosis("named", flags=["blurred", "dark", "bright", "tiny"]), is_rendered=True)
    assert not any("take" in sentence for sentence in text)


def test_a_probability_is_never_rounded_to_certainty():
    assert [shared.percent(p) for p in (0.999, 0.94, 0.001)] == ["over 99\u00a0%", "94\u00a0%", "under 1\u00a0%"]


def test_flags_come_with_what_to_do():
    blurred, other_crop = words.photo_remarks(diagnosis("named", flags=["blurred", "not_like_tomato"]))
    assert blurred == "Blurred: hold still and take it again." and "tomato" in other_crop


def test_a_nearly_unfamiliar_photo_says_why_it_gets_no_single_name():
    (remark,) = words.photo_remarks(diagnosis("unsure", near_limit=True))
    assert "no single name" in remark


def test_a_count_that_was_not_recorded_is_not_mentioned():
    nothing = SimpleNamespace(
        calibrated=True,
        named_correct=None,
        set_coverage=None,
        learned_from=frozenset({"photos"}),
        evaluated_on="test",
        field=None,
    )
    named = diagnosis("named", {"Tomato___Late_blight": 0.94})
    assert len(words.probability_sentences(named, nothing)) == 1
    share = SimpleNamespace(share=0.93, n=1412)
    counted = SimpleNamespace(
        calibrated=True,
        named_correct=share,
        set_coverage=None,
        learned_from=frozenset({"photos"}),
        evaluated_on="test",
        field=None,
    )
    assert words.probability_sentences(named, counted)[1] == (
        "Of 100 test photos with a score like this, 93 were named rightly (n = 1,412)."
    )


def _count(share: float, n: int):
    return SimpleNamespace(share=share, n=n)


def _on_field(n: int, named=None, lists=None, top1=None):
    found = SimpleNamespace(n=n, named_correct=named, set_coverage=lists, top1=top1)
    return SimpleNamespace(field=found)


NAMED = diagnosis("named", {"Apple___Apple_scab": 0.9, "Apple___healthy": 0.1})
UNSURE = diagnosis("unsure", {"Apple___Apple_scab": 0.6, "Apple___healthy": 0.4}, set_size=2)


@pytest.mark.parametrize(
    "answer, track_record, expected",
    [
        (
            NAMED,
            _on_field(90, named=_count(0.94, 60)),
            ["Of 100 field photos of apple that were named, 94 were named rightly (n = 60)."],
        ),
        (
            UNSURE,
            _on_field(90, lists=_count(0.96, 90)),
            ["Of 100 field photos of apple, 96 had the right name in their list (n = 90)."],
        ),
        (NAMED, _on_field(0), ["No field photo of apple was ever tested: outdoors, expect less."]),
        (NAMED, _on_field(12), ["Only 12 field photos of apple were tested: too few to count answers like this one."]),
        (NAMED, SimpleNamespace(field=None), []),
    ],
)
def test_the_count_of_field_photos_is_shown_too(answer, track_record, expected):
    assert words.field_sentences(answer, track_record) == expected


def test_accuracy_on_field_photos_is_shown_separately():
    assert words.field_accuracy_sentence("apple", _on_field(50, top1=_count(0.82, 50))) == (
        "On field photos of apple: right for 82 of 100 (n = 50)."
    )
    assert words.field_accuracy_sentence("maize", _on_field(0)).startswith("No field photo of maize was ever tested")
    few = "Only 7 field photos of maize were tested: too few for a number."
    assert words.field_accuracy_sentence("maize", _on_field(7)) == few
    assert words.field_accuracy_sentence("apple", SimpleNamespace(field=None)) is None
