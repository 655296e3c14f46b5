"""Names of classes as people say them."""

import pytest

from hvit.data.classes import crop_of, crop_title, crops, is_healthy, select_crop, spoken, spoken_condition

CLASSES = ["Apple___Scab", "Corn_(maize)___Common_rust", "Pepper,_bell___Bacterial_spot", "Tomato___Late_blight"]


@pytest.mark.parametrize(
    ("name", "crop"),
    [
        ("Tomato___Late_blight", "tomato"),
        ("Corn_(maize)___Common_rust", "maize"),
        ("Pepper,_bell___Bacterial_spot", "pepper"),
        ("Sugar_cane___Red_rot", "sugar_cane"),
        ("animal", ""),
        ("Café___Roya", "café"),
        ("Cafe\u0301___Roya", "café"),
        ("MAÍZ dulce___sano", "maíz_dulce"),
        ("番茄___锈病", "番茄"),
        ("Томат___здоровый", "томат"),
        ("टमाटर___झुलसा", "टमाटर"),  # its marks belong to its letters
        ("มะเขือเทศ___โรค", "มะเขือเทศ"),
        ("طماطم___صحي", "طماطم"),
    ],
)
def test_the_crop_precedes_three_underscores(name, crop):
    assert crop_of(name) == crop


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Tomato___Late_blight", "Tomato: late blight"),
        ("Tomato___Septoria_leaf_spot", "Tomato: Septoria leaf spot"),
        ("Corn_(maize)___Northern_Leaf_Blight", "Maize: northern leaf blight"),
        ("Pepper,_bell___Bacterial_spot", "Pepper: bacterial spot"),
        ("animal", "animal"),
        ("Küchenzwiebel___Rost", "Küchenzwiebel: rost"),
        ("番茄___晚疫病", "番茄: 晚疫病"),
    ],
)
def test_classes_are_spoken_as_people_say_them(name, words):
    assert spoken(name) == words


def test_the_condition_alone_keeps_proper_nouns():
    assert spoken_condition("Tomato___Septoria_leaf_spot") == "Septoria leaf spot"
    assert spoken_condition("Tomato___Late_blight") == "late blight"


def test_only_healthy_is_healthy():
    assert is_healthy("Apple___healthy") and is_healthy("Apple___Healthy") and not is_healthy("Apple___Scab")


def test_crops_are_listed_once_in_order():
    assert crops([*CLASSES, "Apple___healthy", "animal"]) == ["apple", "maize", "pepper", "tomato"]
    assert crop_title("sugar_cane") == "Sugar cane"


def test_a_crop_selects_its_classes():
    assert select_crop(CLASSES, "Maize").tolist() == [False, True, False, False]


def test_an_unknown_crop_is_refused_with_the_nearest_and_all_known():
    with pytest.raises(ValueError, match="did you mean tomato.*apple, maize, pepper, tomato"):
        select_crop(CLASSES, "tomatoe")


@pytest.mark.parametrize("asked", ["café", "CAFÉ", "Cafe\u0301", " café "])
def test_a_crop_is_compared_in_one_unicode_form_without_regard_to_case(asked):
    assert select_crop(["Café___Roya", "Té___sano"], asked).tolist() == [True, False]


def test_a_crop_of_two_words_may_be_written_with_spaces():
    assert select_crop(["Sugar_cane___Red_rot", "Té___sano"], "Sugar cane").tolist() == [True, False]


def test_classes_without_a_crop_are_never_selected():
    with pytest.raises(ValueError, match="name no crops"):
        select_crop(["animal", "___x"], "")
