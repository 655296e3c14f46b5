"""Guesses of a rater against the truth."""

from app.guess.words import ENOUGH, Guess, summary, verdict


def test_a_guess_is_compared_in_points_and_classes():
    bold, rest = verdict(Guess("a", 0.10, 0.20))
    assert bold == "True: 20.0 % of the leaf."
    assert rest == "You were 10.0 points below. Area class 12 to 25 %; you said 6 to 12 %."


def test_an_exact_guess_is_in_the_same_class():
    assert verdict(Guess("a", 0.2, 0.2))[1] == "The same area class."


def test_the_concordance_comes_after_twenty_guesses():
    guesses = [Guess(str(i), i / 100, i / 100) for i in range(ENOUGH)]
    assert "1 more for" in summary(guesses[:-1])
    assert "Lin's concordance 1.00" in summary(guesses)


def test_bias_and_error_are_separate_numbers():
    text = summary([Guess("a", 0.3, 0.2), Guess("b", 0.1, 0.2)])
    assert text.startswith("2 guesses: bias +0.0 points, mean absolute error 10.0 points.")
