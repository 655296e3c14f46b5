"""Sentences of a Methods paragraph on the pretrained weights of a run."""

from hvit.models.baselines import PREFIX
from hvit.paper.record import Record, Text, cite
from hvit.weights_origin import UNKNOWN, Origin

DATA_KEYS = {"ImageNet": "deng2009imagenet"}  # training data, and the work to cite


def origin_of(record: Record) -> Origin | None:
    """Origin of the pretrained weights of a run, or of the run it started from; None without any."""
    return None if record.card is None else record.card.pretrained


def start(origin: Origin | None) -> str:
    """`from pretrained weights of tf_efficientnet_lite0`."""
    return "from random weights" if origin is None else f"from pretrained weights of {_name(origin)}"


def pretrained(text: Text, origin: Origin, through_parent: bool) -> None:
    """Source, licence and input normalization of pretrained weights.

    Args:
        through_parent: whether the run's parent started from them, and not the run itself.
    """
    keys = [key for word, key in DATA_KEYS.items() if word in origin.trained_on]
    whose = f"The pretrained weights of {_name(origin)} that its parent began with" if through_parent else "Those"
    learned = "" if origin.trained_on == UNKNOWN else f" were trained on {origin.trained_on}{cite(*keys)} and"
    licence = "" if origin.licence == UNKNOWN else f" (licence: {origin.licence})"
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (origin.mean, origin.std))
    text.add(f"{whose}{learned} come from {origin.source}{licence}, SHA-256 {origin.sha256}.", *keys)
    text.add(f"Pictures were normalized as they expect, with mean {mean} and standard deviation {std}.")


def _name(origin: Origin) -> str:
    return origin.architecture.removeprefix(PREFIX)
