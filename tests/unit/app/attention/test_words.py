"""The words of the Attention page."""

from types import SimpleNamespace

import pytest

from app.attention import words
from app.words import NBSP
from hvit.explain import METHODS
from hvit.explain.perturbation import PerturbationTest
from hvit.explain.recorded_tests import RecordedTests
from hvit.explain.request import ExplanationRequest

BLIGHT, SPOT, HEALTHY = "Tomato___Early_blight", "Tomato___Septoria_leaf_spot", "Tomato___healthy"


def test(before: float, marked: float, at_random: float) -> PerturbationTest:
    return PerturbationTest(0, before, marked, at_random, 0.1, 8)


def said(before: float, marked: float, at_random: float, is_answer: bool = True) -> str:
    return words.perturbation_sentence(test(before, marked, at_random), BLIGHT, is_answer).replace(NBSP, " ")


test.__test__ = False  # builds a test of a map, is none of the code


def diagnosis(verdict="named", prediction_set=(BLIGHT,), **probabilities):
    return SimpleNamespace(verdict=verdict, prediction_set=list(prediction_set), probabilities=probabilities)


def test_a_marked_area_whose_covering_lowers_the_probability_is_what_the_prediction_depends_on():
    assert said(0.94, 0.21, 0.90) == (
        "The answer 'Tomato: early blight' depends most on the marked area. Covering it lowers it from 94 % to 21 %; "
        "covering as much at random, to 90 %."
    )


def test_a_marked_area_no_better_than_a_random_one_is_reported_as_such():
    assert said(0.94, 0.60, 0.62).startswith(
        "The answer 'Tomato: early blight' depends on the marked area no more than on others."
    )


def test_a_probability_that_stays_or_grows_is_not_said_to_depend_on_the_covered_area():
    assert "does not depend on the marked area alone. Covering it hardly changes it: from 94 % to 92 %" in said(
        0.94, 0.92, 0.93
    )
    assert said(0.94, 0.92, 0.93).endswith("covering as much at random leaves 93 %.")
    assert said(0.94, 0.92, 0.40).endswith("covering as much at random lowers it to 40 %.")
    assert "Covering it raises it from 30 % to 60 %; covering as much at random, to 40 %." in said(0.3, 0.6, 0.4)


def test_chance_that_raises_what_the_marked_area_lowers_has_its_own_verb():
    assert said(0.47, 0.34, 0.62).endswith("from 47 % to 34 %; covering as much at random raises it to 62 %.")


def test_another_class_than_the_prediction_is_not_called_the_prediction():
    assert said(0.94, 0.21, 0.90, is_answer=False).startswith("'Tomato: early blight' depends most")


def test_chips_hold_the_prediction_set_and_what_the_address_asks_for():
    probabilities = {f"c{i}": 0.5**i for i in range(1, 9)}
    assert words.candidate_classes(diagnosis(prediction_set=["c1"], **probabilities), None) == ["c1", "c2", "c3"]
    assert words.candidate_classes(diagnosis(prediction_set=[f"c{i}" for i in range(1, 6)], **probabilities), "c8") == [
        "c1", "c2", "c3", "c4", "c5", "c8",
    ]  # fmt: skip
    assert (
        len(words.candidate_classes(diagnosis(prediction_set=list(probabilities), **probabilities), None))
        == words.MAX_CHIPS
    )
    assert words.candidate_classes(diagnosis(prediction_set=["c1"], **probabilities), "unknown") == ["c1", "c2", "c3"]


def test_a_class_that_the_crop_rules_out_is_no_chip():
    assert words.candidate_classes(diagnosis(prediction_set=["a"], a=1.0, b=0.0), "b") == ["a"]


@pytest.mark.parametrize(
    ("verdict", "count", "starts"),
    [("unsure", 2, True), ("unsure", 3, False), ("named", 1, False), ("unfamiliar", 2, False)],
)
def test_the_difference_is_asked_first_between_two(verdict, count, starts):
    assert words.defaults_to_difference(diagnosis(verdict, [BLIGHT, SPOT, HEALTHY][:count])) == starts


def test_colors_of_a_difference():
    assert words.colors_of_difference(BLIGHT, SPOT) == (
        "Brown speaks for Tomato: early blight, blue for Tomato: Septoria leaf spot. Grey: no difference."
    )


def test_what_is_shown_names_method_stage_class_and_the_other_class():
    assert words.map_title(ExplanationRequest("rollout", arguments=(("stage", 2),))) == "Attention rollout, stage 3"
    assert words.map_title(ExplanationRequest("gradcam", BLIGHT, SPOT, (("stage", 3),))) == (
        "Grad-CAM, stage 4 for Tomato: early blight rather than Tomato: Septoria leaf spot"
    )


def test_squares_are_named_like_those_of_a_chessboard():
    assert words.square_names(2, 3) == ["A1", "B1", "C1", "A2", "B2", "C2"]
    assert [words.square_name(0, column) for column in (25, 26, 51, 52)] == ["Z1", "AA1", "AZ1", "BA1"]


@pytest.mark.parametrize(
    ("stage", "expected"), [(3, "its one token looks at"), (2, "its 4 tokens"), (0, "its 64 tokens")]
)
def test_a_square_shows_how_many_tokens_attend(stage, expected):
    assert expected in words.square_caption("B2", stage)


JUDGED = RecordedTests(("gradcam", "rollout", "occlusion"), frozenset({"gradcam"}), ("gradcam",), num_photos=200)


def test_rank_of_a_method():
    assert words.method_rank_sentence(JUDGED, "gradcam") == "In 200 test photos: 1st of 3 methods."
    assert words.method_rank_sentence(JUDGED, "occlusion") == (
        "In 200 test photos: 3rd of 3 methods. Did not beat the model-free controls under both covers."
    )
    assert words.method_rank_sentence(JUDGED, "gradient_rollout") == "This method was not tested on this model yet."
    drawn = RecordedTests(("gradcam",), frozenset({"gradcam"}), num_photos=150, learned_from=frozenset({"drawings"}))
    assert words.method_rank_sentence(drawn, "gradcam") == "In 150 drawn test leaves: 1st of 1 methods."
    assert words.method_rank_sentence(RecordedTests(), "gradcam") == "This method was not tested on this model yet."
    assert (
        words.method_rank_sentence(RecordedTests(problem="the table is damaged"), "gradcam") == "the table is damaged"
    )


def test_the_first_choice_says_what_it_rests_on():
    assert words.best_method_label("gradcam", JUDGED) == "Best in test: Grad-CAM"
    assert words.best_method_label("rollout", JUDGED) == "Attention rollout (no method stood the test)"
    assert words.best_method_label("gradient_rollout", RecordedTests()) == "Gradient rollout (not tested)"


def test_a_first_choice_that_is_second_in_the_test_says_why():
    evaluated = RecordedTests(("occlusion", "gradcam"), frozenset({"gradcam"}), ("gradcam",), num_photos=200)
    assert words.best_method_label("gradcam", evaluated) == "Best of those that beat the controls: Grad-CAM"
    assert words.method_rank_sentence(evaluated, "gradcam") == (
        "In 200 test photos: 2nd of 2 methods. The best that beat the model-free controls under both covers; "
        "Occlusion did not."
    )


def test_shares_and_falls():
    assert words.shares_line({"lesion": 0.61, "leaf": 0.27, "ground": 0.12}) == f"lesion 61, leaf 27, ground 12{NBSP}%"
    assert words.probability_change(0.94, 0.21) == f"94 → 21{NBSP}%"
    assert words.probability_change(0.999, 0.001) == f"over 99 → under 1{NBSP}%"


def test_a_map_like_that_of_random_weights_is_a_warning():
    assert "shows the photo more than what the model learned" in words.rank_correlation_line(0.8)
    assert "learned" not in words.rank_correlation_line(0.1) and "0.10" in words.rank_correlation_line(0.1)
    assert "cannot be compared" in words.rank_correlation_line(None)


def test_every_method_has_a_title_and_limits():
    assert set(words.METHOD_TITLES) == set(words.LIMITATIONS) == set(METHODS)


def test_an_error_names_the_methods_that_work_for_a_baseline():
    assert words.needs_attention_sentence("resnet", "gradcam") == (
        "resnet is a baseline. Grad-CAM looks inside an HViT; choose integrated gradients or occlusion."
    )
