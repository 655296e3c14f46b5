"""Access to the records of a run by name, and the text built from them."""

from dataclasses import dataclass, field
from typing import Any

from hvit.runs import Run


@dataclass
class Text:
    """Paragraphs and the works they cite.

    Attributes:
        paragraphs: of sentences.
        keys: of `references`, in the order they are cited.
    """

    paragraphs: list[list[str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def add(self, sentence: str, *keys: str) -> None:
        """Appends a sentence to the last paragraph."""
        self.paragraphs[-1].append(sentence)
        self.keys += keys

    def __str__(self) -> str:
        return "\n\n".join(" ".join(sentences) for sentences in self.paragraphs if sentences)


class Record:
    """Records of a run by name; None where one is missing."""

    def __init__(self, run: Run):
        self.run, self.card = run, run.model_card()

    def __call__(self, name: str) -> Any:
        """A setting of the resolved configuration, such as `optim.lr`."""
        return _at(self.run.config, name)

    def summary(self, name: str) -> Any:
        """A figure of the run's summary."""
        return self.run.info.summary.get(name)

    @property
    def picture_noun(self) -> str:
        """Kind of the training images, in words."""
        learned = self.run.learned_from
        return (
            "drawn leaves" if learned == {"drawings"} else "photos and drawn leaves" if len(learned) > 1 else "photos"
        )


def _at(value: Any, name: str) -> Any:
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def cite(*keys: str) -> str:
    """Citations in Pandoc syntax: ` [@guo2017calibration]`."""
    return f" [{'; '.join(f'@{key}' for key in keys)}]" if keys else ""
