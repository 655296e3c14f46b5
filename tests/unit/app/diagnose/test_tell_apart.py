"""Tell-apart cards as HTML."""

from types import SimpleNamespace

from app.diagnose import panels, tell_apart
from hvit.data.conditions import Condition, Fact, LookAlike, Source, condition_of

BLIGHTS = ["Potato___Early_blight", "Potato___Late_blight"]


def card(*look_alikes: str, text: str = "Rings.") -> Condition:
    source = Source("A <page>", "https://example.org/?a=1&b=2")
    fact = Fact(text, (source,))
    return Condition("A___Rust", False, None, (), (fact,), tuple(LookAlike(of, fact) for of in look_alikes), ())


def test_a_card_says_that_no_pathologist_reviewed_it():
    assert "Not reviewed by a plant pathologist." in tell_apart.card_html(BLIGHTS[0], condition_of(BLIGHTS[0]))


def test_every_fact_of_a_card_links_to_its_source():
    shown = tell_apart.card_html(BLIGHTS[0], condition_of(BLIGHTS[0]))
    for fact in condition_of(BLIGHTS[0]).facts():
        assert all(f'href="{source.address}"' in shown for source in fact.sources)


def test_names_and_addresses_cannot_format_the_page():
    shown = tell_apart.card_html("A___Rust", card(text="<b>Rings</b>"))
    assert "<b>Rings" not in shown
    assert "&lt;b&gt;Rings" in shown
    assert 'title="A &lt;page&gt;"' in shown
    assert 'href="https://example.org/?a=1&amp;b=2"' in shown


def test_look_alikes_that_are_candidates_come_first():
    shown = tell_apart.card_html("A___Rust", card("soil", "A___Scab"), ["A___Rust", "A___Scab"])
    assert shown.index("Scab.") < shown.index("Soil.")


def test_a_look_alike_of_another_crop_is_named_with_it():
    shown = tell_apart.card_html("A___Rust", card("B___Rust", "A___Scab"))
    assert "B: rust." in shown
    assert "A: scab." not in shown


def test_a_healthy_candidate_has_nothing_to_look_for():
    assert tell_apart.NO_CARD_NEEDED in tell_apart.card_html("Potato___healthy", condition_of("Potato___healthy"))


def test_a_class_that_nobody_wrote_about_says_so():
    assert "No card of this condition is written yet." in tell_apart.card_html("Yam___Rust", None)


def test_candidates_without_any_card_show_none():
    assert tell_apart.has_cards(BLIGHTS)
    assert not tell_apart.has_cards(["Early_blight", "Potato___healthy"])


def diagnosis(verdict, candidates):
    return SimpleNamespace(verdict=verdict, prediction_set=candidates)


def test_cards_are_shown_for_answers_and_for_a_guess_that_was_asked_for():
    assert panels.can_tell_apart(diagnosis("named", BLIGHTS[:1]), leaf_confirmed=False)
    assert panels.can_tell_apart(diagnosis("unsure", BLIGHTS), leaf_confirmed=False)
    assert panels.can_tell_apart(diagnosis("unfamiliar", BLIGHTS), leaf_confirmed=True)
    assert not panels.can_tell_apart(diagnosis("unfamiliar", BLIGHTS), leaf_confirmed=False)
    assert not panels.can_tell_apart(diagnosis("unreadable", None), leaf_confirmed=True)
