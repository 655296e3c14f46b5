"""Texts of the Attention page. Pure functions, no drawing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.words import NBSP, joined, percent, training_images
from hvit.explain import METHODS
from hvit.words import capitalized, class_in_text

if TYPE_CHECKING:  # import torch, which the first frame does not wait for
    from hvit.diagnosis import Diagnosis
    from hvit.explain.perturbation import PerturbationTest
    from hvit.explain.recorded_tests import RecordedTests
    from hvit.explain.request import ExplanationRequest

METHOD_TITLES = {
    "rollout": "Attention rollout",
    "gradient_rollout": "Gradient rollout",
    "integrated_gradients": "Integrated gradients",
    "occlusion": "Occlusion",
    "gradcam": "Grad-CAM",
}
SAME_FOR_EVERY_CLASS = "This map is the same for every class."
NO_CLASS = "This method does not depend on the class."
NO_STAGE = "This method has no stages."
NOTHING_EXCEEDS_RANDOMIZED = "No area stands out. That is common on leaves without symptoms."
UNFAMILIAR = "There is no diagnosis to explain. You may see what the network reacts to; it says nothing about disease."
SIGNED = "Brown speaks for it, blue against it. Grey: neither."
PLACEHOLDER = "Attention rollout, while the slower method computes"
PHOTO_PLACEHOLDER = "The photo, while the slower method computes"
HEADS = "What each head of the block reads, on average over its stage, by attention rollout. It belongs to no class."
RANDOMIZED = "Same net, weights randomised"
MIN_CHANGE = 0.05  # smaller changes of a probability count as none
MAX_CHIPS, MIN_CHIPS = 6, 3

LIMITATIONS = {
    "rollout": (
        "Rollout multiplies what mixes tokens, from the answer down to the photo: where information came from.",
        "It cannot tell what that information was used for: it is the same map for every class. It knows weights only: "
        "whether two places cancel out, it does not see.",
    ),
    "gradient_rollout": (
        "Gradient rollout starts from the places that speak for the class, and follows attention where more of it "
        "would raise the score.",
        "It cannot tell what speaks against the class. Shares say nothing of how strong the evidence is: they sum to 1 "
        "for a sure answer and for a guess.",
    ),
    "integrated_gradients": (
        "Integrated gradients add up what each place adds to the score on the way from the blurred photo to the photo.",
        "They cannot tell what the blurred photo already says by its colors. Neighbors often stand against each other: "
        "look at regions, not at dots.",
    ),
    "occlusion": (
        "Occlusion paints a grey square over each place and looks at the score. It is the only method here that makes "
        "an experiment.",
        "It cannot tell whether the score fell because something was hidden or because a grey square is strange to the "
        "model. Evidence that stands in two places is missed: each alone can be spared.",
    ),
    "gradcam": (
        "Grad-CAM multiplies the features of a stage with how much they raise the score.",
        "It cannot tell where information came from before it reached the stage. On stage 4, after layers that look at "
        "everything, maps are often nearly even, and that is no failure of the picture.",
    ),
}
GENERAL_LIMITATION = "No method says that an answer is right, and none draws the outline of a lesion."


def candidate_classes(diagnosis: Diagnosis, asked: str | None) -> list[str]:
    """Classes offered as chips, most likely first.

    The prediction set, cut to `MAX_CHIPS` and filled up to `MIN_CHIPS`, and the class in the query parameters.
    """
    possible = [name for name, p in diagnosis.probabilities.items() if p > 0]
    ranked = sorted(possible, key=diagnosis.probabilities.get, reverse=True)
    shown = ranked[: min(MAX_CHIPS, max(MIN_CHIPS, len(diagnosis.prediction_set)))]
    return shown + ([asked] if asked in ranked and asked not in shown else [])


def defaults_to_difference(diagnosis: Diagnosis) -> bool:
    """Whether the difference of two classes is explained by default: the prediction set holds two."""
    return diagnosis.verdict == "unsure" and len(diagnosis.prediction_set) == 2


def best_method_label(method: str, tests: RecordedTests) -> str:
    """Label of the default method with its test result; a method that lost to a control is never called the best."""
    title = METHOD_TITLES[method]
    if method not in tests.methods:
        return f"{title} (not tested)"
    if method not in tests.trusted:
        return f"{title} (no method stood the test)"
    first = "Best in test" if method == tests.methods[0] else "Best of those that beat the controls"
    return f"{first}: {title if method == 'gradcam' else title.lower()}"


def map_title(request: ExplanationRequest) -> str:
    """Title of a map: `Gradient rollout for Tomato: late blight`."""
    text = METHOD_TITLES[request.method]
    stage = dict(request.arguments).get("stage")
    if stage is not None:
        text += f", stage {stage + 1}"
    if request.class_name is None:
        return text
    text += f" for {class_in_text(request.class_name)}"
    return text if request.against is None else f"{text} rather than {class_in_text(request.against)}"


def colors_of_difference(class_name: str, against: str) -> str:
    """Legend of the difference of two classes."""
    return f"Brown speaks for {class_in_text(class_name)}, blue for {class_in_text(against)}. Grey: no difference."


def perturbation_sentence(test: PerturbationTest, class_name: str, is_answer: bool) -> str:
    """Result of a perturbation test in one or two sentences.

    Args:
        class_name: the class whose probability was measured.
        is_answer: whether it is the diagnosis of the photo.
    """
    name = class_in_text(class_name)
    target = f"The answer '{name}'" if is_answer else f"'{capitalized(name)}'"
    lost, lost_at_random = test.original - test.top_masked, test.original - test.random_masked
    at_random = _random_mask_clause(test)
    rest = f"from {percent(test.original)} to {percent(test.top_masked)}; covering as much at random{at_random}."
    if lost - lost_at_random >= MIN_CHANGE and lost >= MIN_CHANGE:
        return f"{target} depends most on the marked area. Covering it lowers it {rest}"
    if lost >= MIN_CHANGE:
        return f"{target} depends on the marked area no more than on others. Covering it lowers it {rest}"
    if lost <= -MIN_CHANGE:
        return f"{target} does not depend on the marked area. Covering it raises it {rest}"
    return f"{target} does not depend on the marked area alone. Covering it hardly changes it: {rest}"


def _random_mask_clause(test: PerturbationTest) -> str:
    """Effect of the random masks, with a verb where it differs in direction from that of the top attributions."""
    differs = (test.top_masked < test.original) != (test.random_masked < test.original) or abs(
        test.top_masked - test.original
    ) < MIN_CHANGE
    if not differs:
        return f", to {percent(test.random_masked)}"
    if abs(test.random_masked - test.original) < MIN_CHANGE:
        return f" leaves {percent(test.random_masked)}"
    return f" {'lowers' if test.random_masked < test.original else 'raises'} it to {percent(test.random_masked)}"


def perturbation_note(test: PerturbationTest, class_name: str) -> str:
    """Definition of the two numbers of a perturbation test."""
    return (
        f"Chance of {class_in_text(class_name)}. Marked: within the lines on the map. At random: mean of "
        f"{test.num_random_masks} draws. What is covered is blurred."
    )


def method_rank_sentence(tests: RecordedTests, method: str) -> str:
    """Rank of a method in the recorded tests of the run."""
    if tests.problem is not None:
        return tests.problem
    if method not in tests.methods:
        return "This method was not tested on this model yet."
    place = ordinal(1 + tests.methods.index(method))
    what = "drawn test leaves" if tests.learned_from == {"drawings"} else f"test {training_images(tests.learned_from)}"
    text = f"In {tests.num_photos} {what}: {place} of {len(tests.methods)} methods."
    behind = "Did not beat the model-free controls under both covers."
    if method not in tests.beat_controls:
        return f"{text} {behind}"
    ahead = tests.methods[: tests.methods.index(method)]
    if ahead and method == next(iter(tests.trusted), None):
        names = joined([METHOD_TITLES[name] for name in ahead])
        return f"{text} The best that beat the model-free controls under both covers; {names} did not."
    return text


def needs_attention_sentence(run: str, method: str) -> str:
    """Why a baseline does not support a method, and which methods it supports."""
    supported = [METHOD_TITLES[name].lower() for name, each in METHODS.items() if each.any_model]
    return f"{run} is a baseline. {METHOD_TITLES[method]} looks inside an HViT; choose {joined(supported, 'or')}."


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `3rd`, `4th`, up to 20th."""
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number, 'th') }"


def rank_correlation_line(correlation: float | None) -> str:
    """Interprets the rank correlation with the map of the randomized model."""
    if correlation is None:
        return "One of the two maps is even, so their order cannot be compared."
    alike = "much the same places" if correlation > 0.5 else "other places"
    text = f"It marks {alike}: rank correlation {correlation:.2f}, where 1 is the same order of places."
    return text + (" Then the map shows the photo more than what the model learned." if correlation > 0.5 else "")


def square_name(row: int, column: int) -> str:
    """Name of a cell: `A1` is at the top left; the letter is the column."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row + 1}"


def square_names(rows: int, columns: int) -> list[str]:
    """Names of all cells in row-major order."""
    return [square_name(row, column) for row in range(rows) for column in range(columns)]


def square_caption(name: str, stage: int) -> str:
    """Caption of the rollout of one cell of the grid."""
    tokens = (8, 4, 2, 1)[stage] ** 2
    what = "its one token looks at" if tokens == 1 else f"its {tokens} tokens look at, on average"
    return f"Square {name} at stage {stage + 1}: what {what}, by attention rollout. It belongs to no class."


def shares_line(shares: Mapping[str, float]) -> str:
    """Shares as text: `lesion 61, leaf 27, ground 12 %`."""
    return ", ".join(f"{kind} {100 * share:.0f}" for kind, share in shares.items()) + f"{NBSP}%"


def probability_change(before: float, after: float) -> str:
    """`94 \u2192 21 %`."""
    return f"{percent(before).removesuffix(f'{NBSP}%')} \u2192 {percent(after)}"


def block_title(name: str) -> str:
    """`3.5` -> `Stage 3, block 5`."""
    stage, block = name.split(".")
    return f"Stage {stage}, block {block}"
