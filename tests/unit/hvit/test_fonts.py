"""Names in any alphabet in figures: a font that has them, or a number and a key."""

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from hvit import fonts
from hvit.data.datasets.reading import Sample
from hvit.data.inspection.contact_sheet import row_titles
from hvit.explain import export
from hvit.paper import compare, confusion, curves, drawing, feature_map, sources
from hvit.runs import Run
from tests.support.recorded_runs import write_records

CLASSES = ["番茄___healthy", "番茄___晚疫病", "番茄___锈病", "Tomato___rust"]
IDEOGRAPHS = "番茄晚疫病锈"


@pytest.fixture
def no_font(monkeypatch):
    """As on a computer without a font of ideographs."""
    forget()
    true_font = fonts._font_with
    monkeypatch.setattr(fonts, "_font_with", lambda letter: None if letter in IDEOGRAPHS else true_font(letter))
    yield
    forget()


@pytest.fixture
def square_font(tmp_path):
    """Installs a font whose ideographs are squares of different sizes."""
    names = {letter: f"g{i}" for i, letter in enumerate(IDEOGRAPHS)}
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names.values()])
    builder.setupCharacterMap({ord(letter): name for letter, name in names.items()})
    builder.setupGlyf({name: square(300 + 50 * i) for i, name in enumerate([".notdef", *names.values()])})
    builder.setupHorizontalMetrics({name: (1000, 0) for name in [".notdef", *names.values()]})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Noto Sans CJK SC", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "squares.ttf")
    before = list(font_manager.fontManager.ttflist)
    font_manager.fontManager.ttflist = [face for face in before if "CJK" not in face.name]
    font_manager.fontManager.addfont(tmp_path / "squares.ttf")
    forget()
    yield tmp_path / "squares.ttf"
    font_manager.fontManager.ttflist = before
    forget()


def square(side):
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for point in ((0, side), (side, side), (side, 0)):
        pen.lineTo(point)
    pen.closePath()
    return pen.glyph()


def forget():
    for cached in (fonts._files, fonts._letters_of, fonts._font_with):
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()
    font_manager.fontManager._findfont_cached.cache_clear()


def test_latin_greek_and_cyrillic_need_no_other_font():
    found = fonts.figure_labels(["Café: roya", "Ντομάτα", "Томат: здоровый"])
    assert found.drawn == found.names and found.caption == "" and found.note is None


def test_the_font_of_boxes_counts_as_none():
    assert not any("Last Resort" in name for name in fonts._files())


def test_names_that_no_font_has_become_numbers_with_a_key(no_font):
    found = fonts.figure_labels(["Tomato", "番茄", "锈病"])
    assert found.drawn == ("Tomato", "2", "3")
    assert found.caption == "Named by number: 2 = 番茄; 3 = 锈病."
    assert "no font of this computer can write 2 of 3 names" in found.note and "2 = 番茄" in found.note


def test_an_installed_font_is_the_fallback(square_font):
    assert fonts.figure_labels(["番茄: rust"]).drawn == ("番茄: rust",)
    assert fonts.families_for(["番茄"])[-1] == "Noto Sans CJK SC"
    assert fonts.drawing_font(["番茄"], 12).getname()[0] == "Noto Sans CJK SC"


@pytest.fixture
def run(tmp_path):
    return Run(write_records(tmp_path / "run", classes=CLASSES))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("ending", [".png", ".pdf", ".svg"])
def test_a_confusion_matrix_without_the_font_names_classes_in_its_caption(run, no_font, tmp_path, ending):
    drawn = confusion.draw(run, 85)
    caption = drawing.save(drawn, tmp_path / f"f{ending}", ["figure"])
    assert "Named by number: 1 = 番茄: healthy; 2 = 番茄: 晚疫病; 3 = 番茄: 锈病." in caption.read_text(
        encoding="utf-8"
    )
    labels = [label.get_text() for label in drawn.figure.axes[0].get_yticklabels()]
    assert labels == ["1", "2", "3", "Tomato: rust  4"] and "no font of this computer" in drawn.note


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("ending", [".png", ".pdf", ".svg"])
def test_a_confusion_matrix_with_the_font_writes_the_names(run, square_font, tmp_path, ending):
    drawn = confusion.draw(run, 85)
    caption = drawing.save(drawn, tmp_path / f"f{ending}", ["figure"])
    assert "Named by number" not in caption.read_text(encoding="utf-8") and drawn.note is None
    assert [label.get_text() for label in drawn.figure.axes[0].get_yticklabels()][1] == "番茄: 晚疫病  2"


@pytest.mark.filterwarnings("error")
def test_rows_of_crops_are_numbered_too(run, no_font, tmp_path):
    drawn = confusion.draw(run, 85, by="crop")
    drawing.save(drawn, tmp_path / "f.png", ["figure"])
    assert "2 = 番茄" in drawn.caption


@pytest.mark.filterwarnings("error")
def test_names_of_runs_are_numbered_in_curves_and_comparisons(tmp_path, no_font):
    runs = [
        Run(write_records(tmp_path / name, seed=i, config={"epochs": 2 + i})) for i, name in enumerate(["番茄", "b"])
    ]
    groups = sources.groups_of(runs)
    for drawn in (curves.draw(groups, 85), compare.draw(groups, 85)):
        drawing.save(drawn, tmp_path / "f.png", ["figure"])
        assert "Named by number: 1 = 番茄." in drawn.caption and drawn.texts == ("1", "b")


def test_the_list_below_a_map_is_numbered_once():
    lines = feature_map._lines(fonts.Labels(("Tomato", "2"), (1,), ("Tomato", "番茄")))
    assert lines == ["1  Tomato", "2"]


def test_rows_of_a_sheet_are_numbered(no_font, tmp_path):
    samples = [Sample(tmp_path / name, name, None, "", "s", tmp_path) for name in CLASSES]
    assert row_titles(samples).drawn == ("Tomato: rust", "2", "3", "4")


def test_a_map_of_attention_says_the_number_of_its_class(no_font):
    class Explanation:
        method, class_index, against, is_empty = "gradcam", 1, None, False

    class Checkpoint:
        classes, name = CLASSES, "run"

    words = export.printable_caption(Explanation, Checkpoint)
    assert words == "gradcam for class 2 of 4; the JSON file names it" and words.isascii()
    assert "番茄" in export.caption(Explanation, Checkpoint)


@pytest.mark.parametrize("text", ["番茄", "Café"])
def test_pillow_draws_every_letter_as_another_picture(square_font, text):
    font = fonts.drawing_font([text], 24)
    assert len({np.asarray(font.getmask(letter)).tobytes() for letter in text}) == len(text)
