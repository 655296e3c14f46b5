"""Class names and their readable forms. A class is a folder name, `Crop___Condition`, in any alphabet."""

import difflib
import unicodedata
from collections.abc import Iterable

import numpy as np

SPOKEN_CROPS = {"corn_(maize)": "maize", "corn": "maize", "pepper,_bell": "pepper", "cherry_(including_sour)": "cherry"}
SPOKEN_CONDITIONS = {
    "Cercospora_leaf_spot_Gray_leaf_spot": "gray leaf spot",
    "Esca_(Black_Measles)": "Esca (black measles)",
    "Spider_mites_Two-spotted_spider_mite": "spider mites",
    "Haunglongbing_(Citrus_greening)": "citrus greening",
}
JOINERS = "\u200c\u200d"  # invisible, within words of Persian and Hindi
PROPER_NOUNS = {"Septoria", "Cercospora", "Phoma", "Esca", "Alternaria", "Fusarium", "Verticillium", "Phytophthora"}


def crop_of(name: str) -> str:
    """Crop of a class name; empty where the name has none.

    >>> crop_of("Corn_(maize)___Common_rust"), crop_of("Café___Roya"), crop_of("healthy")
    ('maize', 'café', '')
    """
    crop, separator, _ = name.partition("___")
    if not separator:
        return ""
    crop = unicodedata.normalize("NFC", crop).lower()
    return SPOKEN_CROPS[crop] if crop in SPOKEN_CROPS else words_of(crop)


def words_of(text: str) -> str:
    """Letters and digits of any script, in NFC; every run of other characters becomes one underscore.

    Combining marks of Indic, Thai and Arabic scripts are kept.
    """
    letters = unicodedata.normalize("NFC", text)
    return "_".join("".join(c if unicodedata.category(c)[0] in "LMN" or c in JOINERS else " " for c in letters).split())


def crop_title(crop: str) -> str:
    """Crop name as a title: `maize` -> `Maize`."""
    return crop.replace("_", " ").capitalize()


def crops(classes: Iterable[str]) -> list[str]:
    """The crops of classes, sorted."""
    return sorted({crop_of(name) for name in classes} - {""})


def is_healthy(name: str) -> bool:
    """Whether a class is that of healthy leaves."""
    return name.partition("___")[2].lower() == "healthy" or name.lower() == "healthy"


def spoken_condition(name: str) -> str:
    """Readable condition of a class name.

    >>> spoken_condition("Tomato___Septoria_leaf_spot"), spoken_condition("Tomato___Late_blight")
    ('Septoria leaf spot', 'late blight')
    """
    condition = name.partition("___")[2] or name
    if condition in SPOKEN_CONDITIONS:
        return SPOKEN_CONDITIONS[condition]
    words = condition.replace("_", " ").split()
    return " ".join(word if word in PROPER_NOUNS else word[:1].lower() + word[1:] for word in words)


def spoken(name: str) -> str:
    """Readable form of a class name.

    >>> spoken("Tomato___Late_blight")
    'Tomato: late blight'
    """
    crop = crop_of(name)
    return f"{crop_title(crop)}: {spoken_condition(name)}" if crop else spoken_condition(name)


def select_crop(classes: Iterable[str], crop: str) -> np.ndarray:
    """Mask of the classes of a crop; names are compared in NFC, ignoring case.

    Returns:
        Boolean mask, (K,).
    Raises:
        ValueError: there are none; the message names the closest and all known crops.
    """
    classes = list(classes)
    wanted = words_of(crop).casefold()
    mask = np.array([crop_of(name).casefold() == wanted != "" for name in classes])
    if not mask.any():
        known = crops(classes)
        if not known:
            raise ValueError(f"crop {crop!r}: the classes of this run name no crops; leave the crop out")
        near = difflib.get_close_matches(wanted, known, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ValueError(f"this run knows no crop {crop!r}; {hint}It knows {', '.join(known)}")
    return mask
