"""Sentences for verdicts, flags and durations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hvit.data.classes import crop_of, crop_title, crops, is_healthy, spoken
from hvit.runs import STALE_S, LiveProgress

if TYPE_CHECKING:
    from hvit.severity.estimator import Severity

SLOW_STEP_S = 120  # longest normal duration of a step

PLANTS_UNKNOWN = "Plants unknown: accuracy may be too high"
UNFAMILIAR = "This does not look like any leaf I know. No diagnosis."
NEAR_LIMIT = "Unlike most photos I learned from, so it gets no single name, however high the probability."


FLAGS = {
    "blurred": "Blurred: hold still and take it again.",
    "dark": "Dark: take it again with more light.",
    "bright": "Overexposed: take it again out of the direct sun.",
    "tiny": "A very small picture: take the photo from closer, or use the original file.",
    "animated": "A moving picture: only its first frame was read.",
    "no_bands": "This model learned from spectral bands too. Here it has none, and answers from color alone.",
}
OTHER_CROP = "not_like_"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: `1 photo`, `2,400 photos`, `2 copies`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def flag_sentence(flag: str) -> str:
    """A quality flag of a diagnosis as a sentence with advice.

    >>> flag_sentence("not_like_tomato")
    'This does not look like tomato: most of what I see fits another crop.'
    """
    if flag.startswith(OTHER_CROP):
        return f"This does not look like {flag.removeprefix(OTHER_CROP)}: most of what I see fits another crop."
    return FLAGS[flag]


def duration(seconds: float) -> str:
    """Formats seconds in at most two units: "12 min 30 s"."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours:02d} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"


def training_progress(live: LiveProgress) -> str:
    """Progress of a training run: "step 120 of 800, 141 img/s, about 12 min 30 s left"."""
    parts = [f"step {live.step:,} of {live.total_steps:,}"]
    if live.silent_s > STALE_S:
        return f"{parts[0]}, silent for {duration(live.silent_s)}"
    if live.step_age_s > SLOW_STEP_S:
        parts.append(f"no step for {duration(live.step_age_s)}")
    if live.images_per_s is not None:
        parts.append(f"{live.images_per_s:.0f} img/s")
    if live.left_s is not None:
        parts.append(f"about {duration(live.left_s)} left")
    return ", ".join(parts)


def verdict_message(
    verdict: str, names: list[str], probs: list[float], classes: tuple[str, ...], near_limit: bool = False
) -> str:
    """A verdict as one line.

    Args:
        names: the prediction set, most likely first.
        probs: their probabilities.
        classes: all classes of the run.
        near_limit: whether it has two candidates only because the photo is nearly unfamiliar.
    """
    if verdict == "unfamiliar":
        return UNFAMILIAR
    if verdict == "named":
        if is_healthy(names[0]):
            return no_known_disease(names[0], classes)
        return f"{class_title(names[0])}, {percent(probs[0])}."
    if len(names) == 2:
        (first, second), (p, q) = (class_in_text(name) for name in names), probs
        candidates = f"I am not sure. Most likely one of these: {first} {percent(p)} or {second} {percent(q)}."
        return f"{candidates} {NEAR_LIMIT}" if near_limit else candidates
    return f"I am not sure: {len(names)} are possible. {too_many_classes_advice(classes)}"


def class_title(name: str) -> str:
    """A class as a label: `Tomato: late blight`, `Late blight`."""
    return capitalized(class_in_text(name))


def label_title(name: str) -> str:
    """A class as the label that a person gave a photo.

    >>> label_title("Tomato___Late_blight"), label_title("Tomato___healthy")
    ('Tomato: late blight', 'Tomato: healthy')
    """
    return capitalized(spoken(name))


def class_in_text(name: str) -> str:
    """A class name within a sentence: `Tomato: late blight`, `late blight`.

    The bare word healthy would claim more than the model can see.
    """
    if not is_healthy(name):
        return spoken(name)
    return f"{crop_title(crop_of(name))}: no disease I know" if crop_of(name) else "no disease I know"


def with_area(message: str, name: str, severity: Severity) -> str:
    """Adds a remark to the message of a named class where the measured area contradicts it."""
    if not is_healthy(name) and severity.lesions == 0:
        return f"{message.rstrip('.')}, but no discolored area is found."
    if is_healthy(name) and severity.low > severity.least_measurable:
        return f"{message.rstrip('.')}, but {percent(severity.lesion_fraction)} of the leaf is discolored."
    return message


def capitalized(text: str) -> str:
    """Capitalizes the first letter; the rest stays, unlike with `str.capitalize`."""
    return text[:1].upper() + text[1:]


def too_many_classes_advice(classes: Iterable[str]) -> str:
    """Advice for a photo with too many possible classes."""
    return "Cut out one leaf or choose the crop." if crops(classes) else "Cut out one leaf."


def no_known_disease(name: str, classes: Iterable[str]) -> str:
    """Healthy as a verdict, worded to claim no more than that no known disease was seen."""
    crop = crop_of(name)
    count = sum(crop_of(other) == crop and not is_healthy(other) for other in classes)
    if not crop:
        return f"None of the {count} diseases I know." if count > 1 else "Not the one disease I know."
    if count == 1:
        return f"{crop_title(crop)}: not the one {crop} disease I know."
    return f"{crop_title(crop)}: none of the {count} {crop} diseases I know."


def percent(fraction: float, space: str = " ") -> str:
    """Formats a probability: `94 %`, but never 0 or 100.

    Args:
        space: between number and sign; a no-break space keeps them on one line of a page.
    """
    if fraction >= 0.995:
        return f"over 99{space}%"
    if fraction < 0.005:
        return f"under 1{space}%"
    return f"{round(100 * fraction)}{space}%"
