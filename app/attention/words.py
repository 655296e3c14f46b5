"""What the Attention page says: where an answer comes from, and how far to trust that. Pure functions, no drawing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.words import NBSP, joined, material, percent
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
OF_NO_CLASS = "This map is the same for every class."
NO_CLASS = "This method does not depend on the class."
NO_STAGE = "This method has no stages."
NOTHING_STANDS_OUT = "No area stands out. That is common on leaves without symptoms."
UNFAMILIAR = "There is no diagnosis to explain. You may see what the network reacts to; it says nothing about disease."
SIGNED = "Brown speaks for it, blue against it. Grey: neither."
MEANWHILE = "Attention rollout, while the slower method computes"
PHOTO_MEANWHILE = "The photo, while the slower method computes"
HEADS = "What each head of the block reads, on average over its stage, by attention rollout. It belongs to no class."
TWIN = "Same net, weights randomised"
NOTICED = 0.05  # a difference of probability below this is called none
MAX_CHIPS, MIN_CHIPS = 6, 3

CANNOT_TELL = {
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
NO_PROOF = "No method says that an answer is right, and none draws the outline of a lesion."


def chips(diagnosis: Diagnosis, asked: str | None) -> list[str]:
    """The classes that can be explained with one click, most likely first.

    All of the prediction set up to `MAX_CHIPS`, at least `MIN_CHIPS` where so many are possible, and the one that the
    address asks for.
    """
    possible = [name for name, p in diagnosis.probabilities.items() if p > 0]
    ranked = sorted(possible, key=diagnosis.probabilities.get, reverse=True)
    shown = ranked[: min(MAX_CHIPS, max(MIN_CHIPS, len(diagnosis.prediction_set)))]
    return shown + ([asked] if asked in ranked and asked not in shown else [])


def starts_with_difference(diagnosis: Diagnosis) -> bool:
    """Whether the question is why one class rather than another: the answer is unsure between two."""
    return diagnosis.verdict == "unsure" and len(diagnosis.prediction_set) == 2


def best_label(method: str, tests: RecordedTests) -> str:
    """The first choice of a method, and what it rests on: one that did not beat the controls is never the first."""
    title = METHOD_TITLES[method]
    if method not in tests.methods:
        return f"{title} (not tested)"
    if method not in tests.trusted:
        return f"{title} (no method stood the test)"
    first = "Best in test" if method == tests.methods[0] else "Best of those that beat the controls"
    return f"{first}: {title if method == 'gradcam' else title.lower()}"


def what_is_shown(question: ExplanationRequest) -> str:
    """One line over a map: `Gradient rollout for Tomato: late blight`."""
    text = METHOD_TITLES[question.method]
    stage = dict(question.arguments).get("stage")
    if stage is not None:
        text += f", stage {stage + 1}"
    if question.class_name is None:
        return text
    text += f" for {class_in_text(question.class_name)}"
    return text if question.against is None else f"{text} rather than {class_in_text(question.against)}"


def colors_of_difference(class_name: str, against: str) -> str:
    """How to read a difference."""
    return f"Brown speaks for {class_in_text(class_name)}, blue for {class_in_text(against)}. Grey: no difference."


def depends(test: PerturbationTest, class_name: str, is_answer: bool) -> str:
    """What covering the marked area says about the map, in one or two sentences.

    Args:
        class_name: the class whose chance was followed.
        is_answer: whether the photo was named so.
    """
    name = class_in_text(class_name)
    subject = f"The answer '{name}'" if is_answer else f"'{capitalized(name)}'"
    lost, lost_by_chance = test.original - test.top_masked, test.original - test.random_masked
    rest = f"from {percent(test.original)} to {percent(test.top_masked)}; covering as much at random{_to(test)}."
    if lost - lost_by_chance >= NOTICED and lost >= NOTICED:
        return f"{subject} depends most on the marked area. Covering it lowers it {rest}"
    if lost >= NOTICED:
        return f"{subject} depends on the marked area no more than on others. Covering it lowers it {rest}"
    if lost <= -NOTICED:
        return f"{subject} does not depend on the marked area. Covering it raises it {rest}"
    return f"{subject} does not depend on the marked area alone. Covering it hardly changes it: {rest}"


def _to(test: PerturbationTest) -> str:
    """The second half of a comparison; a verb where chance did the opposite of the marked area."""
    turned = (test.top_masked < test.original) != (test.random_masked < test.original) or abs(
        test.top_masked - test.original
    ) < NOTICED
    if not turned:
        return f", to {percent(test.random_masked)}"
    if abs(test.random_masked - test.original) < NOTICED:
        return f" leaves {percent(test.random_masked)}"
    return f" {'lowers' if test.random_masked < test.original else 'raises'} it to {percent(test.random_masked)}"


def how_covered(test: PerturbationTest, class_name: str) -> str:
    """What the two numbers of the test are."""
    return (
        f"Chance of {class_in_text(class_name)}. Marked: within the lines on the map. At random: mean of "
        f"{test.num_random_masks} draws. What is covered is blurred."
    )


def rank(tests: RecordedTests, method: str) -> str:
    """How the method did in the tests that the run recorded."""
    if tests.problem is not None:
        return tests.problem
    if method not in tests.methods:
        return "This method was not tested on this model yet."
    place = ordinal(1 + tests.methods.index(method))
    what = "drawn test leaves" if tests.learned_from == {"drawings"} else f"test {material(tests.learned_from)}"
    text = f"In {tests.num_photos} {what}: {place} of {len(tests.methods)} methods."
    behind = "Did not beat the model-free controls under both covers."
    if method not in tests.beat_controls:
        return f"{text} {behind}"
    ahead = tests.methods[: tests.methods.index(method)]
    if ahead and method == next(iter(tests.trusted), None):
        names = joined([METHOD_TITLES[name] for name in ahead])
        return f"{text} The best that beat the model-free controls under both covers; {names} did not."
    return text


def cannot_look_inside(run: str, method: str) -> str:
    """Why another run cannot be asked the same."""
    ways = [METHOD_TITLES[name].lower() for name, way in METHODS.items() if way.any_model]
    return f"{run} is a baseline. {METHOD_TITLES[method]} looks inside an HViT; choose {joined(ways, 'or')}."


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `3rd`, `4th`, up to 20th."""
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number, 'th') }"


def likeness_line(correlation: float | None) -> str:
    """How alike the map of the randomized network is."""
    if correlation is None:
        return "One of the two maps is even, so their order cannot be compared."
    alike = "much the same places" if correlation > 0.5 else "other places"
    text = f"It marks {alike}: rank correlation {correlation:.2f}, where 1 is the same order of places."
    return text + (" Then the map shows the photo more than what the model learned." if correlation > 0.5 else "")


def square_name(row: int, column: int) -> str:
    """`A1` is the square at the top left; the letter tells the column."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row + 1}"


def square_names(rows: int, columns: int) -> list[str]:
    """Names of all squares, row by row."""
    return [square_name(row, column) for row in range(rows) for column in range(columns)]


def square_looks(name: str, stage: int) -> str:
    """What the map of a square shows."""
    tokens = (8, 4, 2, 1)[stage] ** 2
    what = "its one token looks at" if tokens == 1 else f"its {tokens} tokens look at, on average"
    return f"Square {name} at stage {stage + 1}: what {what}, by attention rollout. It belongs to no class."


def shares_line(shares: Mapping[str, float]) -> str:
    """`lesion 61, leaf 27, ground 12 %`."""
    return ", ".join(f"{kind} {100 * share:.0f}" for kind, share in shares.items()) + f"{NBSP}%"


def fall(before: float, after: float) -> str:
    """`94 \u2192 21 %`."""
    return f"{percent(before).removesuffix(f'{NBSP}%')} \u2192 {percent(after)}"


def block_title(name: str) -> str:
    """`3.5` -> `Stage 3, block 5`."""
    stage, block = name.split(".")
    return f"Stage {stage}, block {block}"
