"""Sentences on a measured area."""

from hvit.severity.estimator import Severity, area_class


def severity_sentences(severity: Severity | None, reason: str | None) -> list[str]:
    """The measured area with its interval, or the reason why there is none, in sentences.

    Args:
        severity, reason: of a diagnosis; no sentences where both are None.

    >>> severity_sentences(Severity(0.042, 0.029, 0.058, 0.4, 12), None)[0]
    'Symptoms on 4.2 % of the leaf (90 % interval 2.9 % to 5.8 %).'
    """
    if severity is None:
        return [f"Area with symptoms: not measured, because {_because(reason)}."] if reason else []
    if severity.is_measurable:
        bounds = f"{area_percent(severity.low)} to {area_percent(severity.high)}"
        lesions = "1 spot" if severity.lesions == 1 else f"{severity.lesions} spots"
        sentences = [
            f"Symptoms on {area_percent(severity.lesion_fraction)} of the leaf (90 % interval {bounds}).",
            f"Area class {area_class(severity.lesion_fraction)}, {lesions}.",
        ]
    elif severity.lesions == 0:
        sentences = ["No discolored area found."]
    else:
        least = area_percent(severity.least_measurable)
        sentences = [f"Under {least} of the leaf is discolored: too little to be told from none with certainty."]
    if reason:
        sentences.append(f"{reason[:1].upper()}{reason[1:]}: take the area as a guess.")
    return sentences


def severity_summary(severity: Severity | None, reason: str | None) -> list[str]:
    """The measured area with its interval, and the caveat where lesions of the crop were never validated.

    >>> severity_summary(Severity(0.042, 0.029, 0.058, 0.4, 12), "lesions never validated on tomato")[1]
    'Lesions never validated on tomato: take the area as a guess.'
    """
    if severity is None:
        return []
    sentences = severity_sentences(severity, reason)
    return [sentences[0], sentences[-1]] if reason else sentences[:1]


def area_percent(share: float) -> str:
    """Formats an area: one decimal below 10 %; what rounds to nothing is not shown as 0.

    >>> area_percent(0.0421), area_percent(0.36), area_percent(0.0002), area_percent(0)
    ('4.2 %', '36 %', 'under 0.1 %', '0.0 %')
    """
    if 0 < share < 0.0005:
        return "under 0.1 %"
    return f"{100 * share:.1f} %" if share < 0.0995 else f"{100 * share:.0f} %"


def _because(reason: str) -> str:
    return "this model has no severity head" if "no severity head" in reason else reason
