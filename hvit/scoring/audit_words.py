"""The audit of shortcuts in words: one sentence for each row."""

from hvit.scoring.audit_rows import (
    ANOTHER_BACKGROUND,
    ASPECT,
    ASPECT_ONLY,
    BACKGROUND_ONLY,
    CORNERS,
    GREY,
    LEAF,
    LEAF_ONLY,
    LOW_PASS,
    TITLES,
    AttributionShare,
    Cue,
    Transfer,
)
from hvit.words import capitalized, class_in_text

LITTLE, MUCH = 0.05, 0.3  # shares of right answers lost: a difference to ignore, and one to worry about


def meaning(cue: Cue) -> str:
    """Interprets a row in one sentence."""
    top1, guess = f"{100 * cue.top1:.0f} %", f"{100 * cue.guess:.0f} %"
    lost = "" if cue.lost is None else f"{100 * cue.lost:.0f} %"
    if cue.name in _REMAINS:
        what, teller = _REMAINS[cue.name]
        what = what.format(top1)
        if cue.top1_ci[0] <= cue.guess:
            return f"{what}, no more than by guessing ({guess}): {teller} nothing."
        return f"{what} ({guess} by guessing): {teller} part of the class."
    if cue.lost is None:
        return "No photo was right to begin with."
    amount = "few" if cue.lost <= LITTLE else "many" if cue.lost >= MUCH else "some"
    said = f"{_LEADS.get(cue.name, TITLES[cue.name])}, {lost} of the right answers are lost"
    return f"{said}: {_CONSEQUENCES[cue.name][amount]}."


_REMAINS = {
    BACKGROUND_ONLY: ("With the leaf painted over, {} are still right", "the background tells"),
    CORNERS: (
        "A nearest-neighbor classifier that sees four corners alone is right on {}", "the background tells",
    ),
    ASPECT_ONLY: (
        "A classifier that sees the proportions of the photo alone is right on {}", "the shape of the frame tells",
    ),
}  # fmt: skip
_LEADS = {LEAF_ONLY: "With the leaf alone", ANOTHER_BACKGROUND: "With another background"}
_CONSEQUENCES = {
    GREY: {
        "few": "it does not depend on color",
        "some": "color carries part of what it sees",
        "many": "it depends on color, and so on light and camera",
    },
    LOW_PASS: {
        "few": "it needs no lesion at all, only the coarse layout of colors: a strong sign of a shortcut",
        "some": "part of its answers rest on the coarse layout of colors",
        "many": "it needs detail, as an expert would",
    },
    ASPECT: {
        "few": "the shape of the frame and of the leaf does not decide",
        "some": "the shape of the frame or of the leaf matters somewhat",
        "many": "it depends on the shape of the frame or of the leaf",
    },
    LEAF_ONLY: {
        "few": "the leaf is enough",
        "some": "part of its answers need the background",
        "many": "it needs the background, or the mask takes away what it needs",
    },
    ANOTHER_BACKGROUND: {
        "few": "the background hardly matters",
        "some": "the background sways part of its answers",
        "many": "the background decides many of its answers",
    },
}


def transfer_meaning(row: Transfer) -> str:
    """Interprets the field recall of a class in one sentence."""
    name, points = class_in_text(row.name), f"{abs(100 * row.difference):.0f} points"
    if row.difference_ci[0] <= 0 <= row.difference_ci[1]:
        return f"{name}: no significant difference between laboratory and field."
    return f"{name}: recognized {points} {'less' if row.difference < 0 else 'more'} often in the field."


def attribution_meaning(row: AttributionShare) -> str:
    """Interprets a share of the attribution in one sentence."""
    share, area = f"{100 * row.share:.0f} %", f"{100 * row.area:.0f} %"
    where, place = ("on the leaf", "the photo") if row.region == LEAF else ("within the leaf on symptoms", "the leaf")
    said = f"{capitalized(row.method.replace('_', ' '))} puts {share} of its attribution {where}"
    covered = f"{said}, which cover{'s' if row.region == LEAF else ''} {area} of {place}"
    if row.lead_ci[0] > 0:
        what = (
            "the leaf more than on its surroundings" if row.region == LEAF else "symptoms more than on healthy tissue"
        )
        return f"{covered}: the answers rest on {what}."
    return f"{covered}: {'less than' if row.lead_ci[1] < 0 else 'no more than'} by chance."
