"""The Methods paragraph of a run, with citations, from its records."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hvit.paper.record import Record, Text
from hvit.paper.references import TOOL, bibliography
from hvit.paper.sentences import calibration, data, evaluation, machine, model
from hvit.paper.training_sentences import augmentation, head, optimization, pretraining, selection
from hvit.runs import Run, RunError

OF_PRETRAINING = (
    model, data, pretraining, augmentation, optimization,
    machine,
)  # fmt: skip
OF_QUICK = (
    model, data, head, calibration, evaluation, machine,
)  # fmt: skip
OF_TRAINING = (
    model, data, augmentation, optimization, selection,
    calibration, evaluation, machine,
)  # fmt: skip


@dataclass(frozen=True)
class Methods:
    """Text and references of a Methods paragraph.

    Attributes:
        run: its name.
        text: paragraphs, with citations as [@key].
        keys: cited, each once.
        bibtex: the works cited, and this program.
    """

    run: str
    text: str
    keys: tuple[str, ...]
    bibtex: str

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {"run": self.run, "text": self.text, "keys": list(self.keys), "bibtex": self.bibtex}


def methods_of(run: Run, parent: Run | None = None) -> Methods:
    """Writes the Methods paragraph of a run from its records of training and evaluation.

    Args:
        parent: the run its weights come from, if available; it is described first.
    Raises:
        RunError: the run recorded no configuration, or a record is damaged.
    """
    if run.config is None:
        raise RunError(f"run {run.name} has no config.yaml, which records how it was made; copy the run again")
    text = Text()
    for each in (parent, run):
        if each is not None and each.config is not None:
            text.paragraphs.append([])
            try:
                for part in _parts(each):
                    part(text, Record(each))
            except (TypeError, KeyError, AttributeError) as error:  # a setting that another one calls for
                reason = " ".join(str(error).split())[:80]
                raise RunError(
                    f"the configuration or card of run {each.name} lacks what the Methods paragraph needs ({reason}); "
                    "copy the run again"
                ) from None
    keys = tuple(dict.fromkeys([*text.keys, TOOL]))
    commit = None if run.info.git is None else run.info.git.commit
    return Methods(run.name, str(text), keys, bibliography(keys, commit))


def _parts(run: Run) -> Sequence[Callable[[Text, Record], None]]:
    if run.info.kind == "pretrain":
        return OF_PRETRAINING
    return OF_QUICK if "quick" in run.info.tags else OF_TRAINING
