"""Tell-apart cards: signs, look-alikes and what to check next of each condition, with sources."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app.words import counted
from hvit.data.classes import crop_of, is_healthy, spoken_condition
from hvit.data.conditions import Condition, Fact, Source, condition_of
from hvit.words import capitalized, class_title

MOST_CARDS = 4
PLACE = "tell-apart"  # anchor of the cards on the Diagnose page
UNREVIEWED = "Not reviewed by a plant pathologist."
REVIEWED = "Reviewed by a plant pathologist."
NO_CARD_NEEDED = "No card: there are no signs of a disease to look for."


def has_cards(candidates: Sequence[str]) -> bool:
    """Whether any of these classes has a card."""
    return any((card := condition_of(name)) is not None and not card.is_empty for name in candidates)


def title_of(candidates: Sequence[str]) -> str:
    """Title above the cards."""
    return f"Is it {spoken_condition(candidates[0])}?" if len(candidates) == 1 else "Tell them apart"


def cards(candidates: Sequence[str]) -> None:
    """Draws the cards of the candidates, the most likely first.

    Args:
        candidates: the prediction set of a diagnosis.
    """
    shown = "".join(card_html(name, condition_of(name), candidates) for name in candidates[:MOST_CARDS])
    more = len(candidates) - MOST_CARDS
    rest = f'<p class="standing">{counted(more, "more candidate")} not shown.</p>' if more > 0 else ""
    st.html(f'<div class="cards">{shown}</div>{rest}')


def card_html(name: str, card: Condition | None, candidates: Sequence[str] = ()) -> str:
    """Card of a class as HTML; look-alikes that are candidates come first."""
    if card is None or card.is_empty:
        return _empty_card(name)
    numbers = {source: number for number, source in enumerate(card.sources(), 1)}
    look_alikes = sorted(card.look_alikes, key=lambda other: other.of not in candidates)
    parts = [
        _list("What to see", [_fact(sign, numbers) for sign in card.signs]),
        _list("What looks like it", [f"<b>{_name(o.of, name)}</b> {_fact(o.tell, numbers)}" for o in look_alikes]),
        _list("Check next", [_fact(check, numbers) for check in card.check_next]),
    ]
    return f'<section class="card">{_head(name, card, numbers)}{"".join(parts)}{_sources(numbers)}</section>'


def _empty_card(name: str) -> str:
    text = NO_CARD_NEEDED if is_healthy(name) else "No card of this condition is written yet."
    return f'<section class="card"><h3>{html.escape(class_title(name))}</h3><p class="standing">{text}</p></section>'


def _head(name: str, card: Condition, numbers: Mapping[Source, int]) -> str:
    title = html.escape(class_title(name)) if card.name is None else _fact(card.name, numbers, capitalized)
    causes = [
        f"<i>{_fact(pathogen.name, numbers)}</i>"
        + (f" ({_fact(pathogen.eppo_code, numbers)})" if pathogen.eppo_code else "")
        for pathogen in card.pathogens
    ]
    cause = f'<p class="cause">{"; ".join(causes)}</p>' if causes else ""
    return f'<h3>{title}</h3>{cause}<p class="reviewed">{REVIEWED if card.reviewed else UNREVIEWED}</p>'


def _name(look_alike: str, of: str) -> str:
    """Title of a look-alike, without its crop where both are of the same."""
    if "___" not in look_alike:
        return html.escape(f"{capitalized(look_alike)}.")
    same = crop_of(look_alike) == crop_of(of)
    return html.escape(f"{capitalized(spoken_condition(look_alike)) if same else class_title(look_alike)}.")


def _fact(fact: Fact, numbers: Mapping[Source, int], change: Callable[[str], str] = str) -> str:
    links = "".join(_link(source, str(numbers[source])) for source in fact.sources)
    return f"{html.escape(change(fact.text))}<sup>{links}</sup>"


def _list(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    return f"<div><h4>{title}</h4><ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul></div>"


def _sources(numbers: Mapping[Source, int]) -> str:
    lines = "".join(f"<li>{_link(source, source.title)}</li>" for source in numbers)
    return f"<details><summary>{counted(len(numbers), 'source')}</summary><ol>{lines}</ol></details>"


def _link(source: Source, text: str) -> str:
    address, title = html.escape(source.address), html.escape(source.title)
    return f'<a href="{address}" target="_blank" rel="noopener" title="{title}">{html.escape(text)}</a>'
