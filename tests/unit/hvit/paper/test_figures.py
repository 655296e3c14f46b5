"""What figures for print show, and how: sizes, fonts, grey, sources and captions."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from hvit.calibration import softmax
from hvit.files import file_sha256
from hvit.paper import compare, confusion, curves, drawing, reliability, sources, style
from hvit.runs import Run, RunError
from hvit.scoring.metrics import ece, macro_f1, wilson
from tests.support.recorded_runs import NAMED, TEMPERATURE, TRUE, write_records


def all_kinds(seeds):
    runs = [Run(path) for path in seeds]
    groups = sources.groups_of(runs)
    return {
        "confusion": confusion.draw(runs[0], 85),
        "crops": confusion.draw(runs[0], 60, by="crop"),
        "reliability": reliability.draw(runs[0], 85),
        "curves": curves.draw(groups, 85),
        "compare": compare.draw(groups, 85),
    }


def texts(figure):
    """The texts that are drawn: ticks beyond the ends of an axis have some that are not."""
    drawn = []
    with pytest.MonkeyPatch.context() as patch:
        draw = Text.draw
        patch.setattr(Text, "draw", lambda text, *args, **kwargs: (drawn.append(text), draw(text, *args, **kwargs)))
        figure.canvas.draw()
    return [text for text in drawn if text.get_visible() and text.get_text().strip()]


def percent(share):
    return f"{100 * share:.1f} %"


def test_no_text_is_smaller_than_seven_points_and_none_is_cut_off(seeds):
    for name, drawn in all_kinds(seeds).items():
        width, height = drawn.figure.get_size_inches() * drawn.figure.dpi
        found = texts(drawn.figure)
        assert len(found) > 5
        for text in found:
            assert text.get_fontsize() >= 7, (name, text.get_text())
            box = text.get_window_extent()
            inside = box.x0 >= -0.5 and box.y0 >= -0.5 and box.x1 <= width + 0.5 and box.y1 <= height + 0.5
            assert inside, (name, text.get_text())


def test_the_sheet_is_as_wide_as_asked(seeds):
    for name, drawn in all_kinds(seeds).items():
        assert drawn.size_mm[0] == pytest.approx(60 if name == "crops" else 85)


def test_labels_of_rows_do_not_overlap(records):
    figure = confusion.draw(Run(records), 85).figure
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert all(upper.y0 >= lower.y1 - 0.5 for upper, lower in zip(boxes, boxes[1:]))


@pytest.mark.parametrize("ending", [".pdf", ".svg"])
def test_a_figure_is_vectors_with_embedded_letters(seeds, tmp_path, ending):
    for name, drawn in all_kinds(seeds).items():
        out = tmp_path / f"{name}{ending}"
        drawing.save(drawn, out, ["figure", name])
        data = out.read_bytes()
        if ending == ".pdf":
            assert b"/FontFile2" in data and b"/Type3" not in data and b"/Subtype /Image" not in data, name
        else:
            assert b"<path" in data and b"<image" not in data and b"<text" not in data, name


def test_the_file_names_run_weights_and_predictions_by_their_hashes(records, tmp_path):
    out = tmp_path / "f.pdf"
    caption = drawing.save(confusion.draw(Run(records), 85), out, ["figure", "confusion"])
    predictions = file_sha256(records / "eval/test/predictions.parquet")
    for text in (out.read_bytes().decode("latin-1"), caption.read_text()):
        assert "run hand" in text and f"{0:064x}" in text and predictions in text
    assert "python -m hvit figure confusion" in caption.read_text()


def test_the_same_records_give_the_same_bytes(records, tmp_path):
    for name in ("a.pdf", "b.pdf"):
        drawing.save(reliability.draw(Run(records), 85), tmp_path / name, ["figure"])
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_changed_predictions_are_refused(records):
    path = records / "eval/test/predictions.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(RunError, match="was changed after it was written|are damaged"):
        confusion.draw(Run(records), 85)


def lightness(color):
    return float(np.dot(to_rgb(color), (0.299, 0.587, 0.114)))


def test_series_differ_without_color():
    looks = style.SERIES
    assert len({str(series.line) for series in looks}) == len({series.marker for series in looks}) == len(looks)
    shades = sorted(lightness(series.color) for series in looks[:4])
    assert min(b - a for a, b in zip(shades, shades[1:])) > 0.05


def test_shades_only_grow_darker():
    values = [lightness(style.shades()(x)) for x in np.linspace(0, 1, 50)]
    assert all(after < before for before, after in zip(values, values[1:]))


def test_each_curve_is_plotted_with_its_own_line_style_and_marker(seeds):
    groups = sources.groups_of([Run(path) for path in seeds])
    lines = curves.draw(groups, 85).figure.axes[0].get_lines()
    assert len({line.get_linestyle() for line in lines}) == len({line.get_marker() for line in lines}) == 2


def test_more_series_than_colors_are_refused(tmp_path):
    runs = [Run(write_records(tmp_path / f"r{i}", config={"epochs": i})) for i in range(len(style.SERIES) + 1)]
    with pytest.raises(style.FigureError, match="are distinguishable in grey"):
        curves.draw(sources.groups_of(runs), 85)


def test_the_caption_of_the_matrix_says_what_metrics_count(records):
    caption = confusion.draw(Run(records), 85).caption
    low, high = wilson(9, 12)
    assert f"Top-1 accuracy: {percent(9 / 12)} ({100 * low:.1f} to {100 * high:.1f})" in caption
    assert f"macro-F1: {percent(macro_f1(np.array(TRUE), np.array(NAMED), 4))} (" in caption
    assert "n = 12" in caption and "12 test photos of 4 classes" in caption


def test_cells_of_the_matrix_are_percents_of_their_row(records):
    axes = confusion.draw(Run(records), 85).figure.axes[0]
    cells = {tuple(map(round, t.get_position())): t.get_text() for t in axes.texts if t.get_text().isdigit()}
    # (column, row): three of four early blights are named so, one is called healthy.
    assert cells[(0, 0)] == "75" and cells[(1, 0)] == "25" and cells[(1, 1)] == "100" and (2, 0) not in cells


def test_by_crop_a_wrong_disease_of_the_right_crop_counts_as_right(records):
    table = confusion.by_crop(sources.predictions_of(Run(records)))
    assert table.names == ["Potato", "Tomato"] and table.counts.tolist() == [[6, 0], [1, 5]]
    caption = confusion.draw(Run(records), 85, by="crop").caption
    assert f"Accuracy by crop: {percent(11 / 12)}" in caption and "Top-1 accuracy: 75.0 %" in caption


def test_classes_that_do_not_fit_become_crops_and_say_so():
    names = [f"Crop{k % 3}___Condition_{k:02d}" for k in range(40)]
    answers = sources.Predictions(
        "r", "test", tuple(names), ("p/1.jpg",) * 3, ("a", "b", "c"), np.array([0, 1, 2]), np.eye(40)[:3], True
    )
    table, reason = confusion.chosen_table(answers, 85, None)
    assert table.names == ["Crop0", "Crop1", "Crop2"]
    assert "40 classes need" in reason and "drawn by crop" in reason
    whole = confusion.Table(np.zeros((40, 40), dtype=int), names, [""] * 40)
    table, reason = confusion.chosen_table(answers, np.ceil(confusion.least_width_mm(whole)), None)
    assert len(table.names) == 40 and reason is None
    with pytest.raises(style.FigureError, match="or --by crop"):
        confusion.chosen_table(answers, 85, "class")


def test_classes_that_do_not_fit_and_have_no_crops_are_refused_with_the_width_they_need():
    names = tuple(f"Condition_{k:02d}" for k in range(40))
    answers = sources.Predictions("r", "test", names, ("p/1.jpg",), ("a",), np.array([0]), np.eye(40)[:1], True)
    with pytest.raises(style.FigureError, match=r"40 classes need \d+ mm at 7 pt, and --width is 85mm; give it \d+mm"):
        confusion.chosen_table(answers, 85, None)
    with pytest.raises(style.FigureError, match="name no crops"):
        confusion.chosen_table(answers, 85, "crop")


def test_reliability_shows_the_calibrated_probabilities_and_both_errors(records):
    run = Run(records)
    drawn, answers = reliability.draw(run, 85), sources.predictions_of(run)
    raw = softmax(np.array(run.predictions("test")["logits"]))
    assert f"Expected calibration error (ECE): {percent(ece(answers.probs, answers.labels))}." in drawn.caption
    assert f"T = {TEMPERATURE:.2f}" in drawn.caption and percent(ece(raw, answers.labels)) in drawn.caption
    legend = [text.get_text() for text in drawn.figure.axes[0].get_legend().get_texts()]
    assert len(legend) == 2 and any("before calibration" in text for text in legend)


def test_reliability_of_a_run_without_temperature_says_nothing_of_calibration(tmp_path):
    drawn = reliability.draw(Run(write_records(tmp_path / "raw", card={"temperature": None})), 85)
    assert "temperature" not in drawn.caption and "calibrated probability" not in drawn.caption
    assert len(drawn.figure.axes[0].get_legend().get_texts()) == 1


def test_runs_that_differ_by_their_seed_are_one_group_in_the_order_given(seeds):
    groups = sources.groups_of([Run(seeds[2]), Run(seeds[1]), Run(seeds[0])])
    assert [group.title for group in groups] == ["flat", "wide (2 seeds)"]
    named = sources.groups_of([Run(path) for path in seeds], ["A", "B"])
    assert [group.title for group in named] == ["A (2 seeds)", "B"]
    with pytest.raises(style.FigureError, match="--labels are 1, and the runs make 2 groups: wide, flat"):
        sources.groups_of([Run(path) for path in seeds], ["A"])
    with pytest.raises(style.FigureError, match="named twice"):
        sources.groups_of([Run(seeds[0]), Run(seeds[0])])


def test_compare_shows_mean_and_interval_of_each_seed_group(seeds):
    caption = compare.draw(sources.groups_of([Run(path) for path in seeds]), 85).caption
    # 9 of 12 and 7 of 12 right: 66.7 % on average; the other way alone 58.3 %, with Wilson's interval.
    low, high = wilson(7, 12)
    assert "wide (2 seeds): top-1 66.7 % (" in caption
    assert f"flat: top-1 58.3 % ({100 * low:.1f} to {100 * high:.1f})" in caption
    assert "n = 12" in caption and "same 12 test photos" in caption


def test_runs_that_answered_other_photos_are_not_compared(seeds, tmp_path):
    other = write_records(tmp_path / "other", NAMED[:6], true=TRUE[:6], config={"epochs": 9})
    with pytest.raises(style.FigureError, match="share 6 photos on test, evaluated on wide-0 12, other 6"):
        compare.draw(sources.groups_of([Run(seeds[0]), Run(other)]), 85)


def test_a_band_reaches_from_the_least_to_the_greatest_seed(seeds):
    groups = sources.groups_of([Run(path) for path in seeds])
    curve = curves.curve_of(groups[0], "macro_f1")
    assert curve.band.x.tolist() == [1.0, 2.0] and curve.band.values.tolist() == [[0.5, 0.75], [0.25, 0.5]]
    drawn = curves.draw(groups, 85)
    assert "wide (2 seeds) 62.5 % (50.0 % to 75.0 %); flat 40.0 %" in drawn.caption
    assert "n = 2 or 1 runs a line" in drawn.caption
    mean = drawn.figure.axes[0].get_lines()[0].get_ydata()
    assert mean.tolist() == [0.375, 0.625]


def test_a_metric_that_was_not_recorded_is_named_with_the_nearest(records):
    group = sources.groups_of([Run(records)])
    with pytest.raises(style.FigureError, match="recorded no top2; did you mean top1?"):
        curves.draw(group, 85, "top2")


def test_rendered_leaves_and_unknown_plants_are_noted_below_every_figure(tmp_path):
    run = Run(write_records(tmp_path / "drawn", photos="leafsim:v1/7", info={"plants_known": False}))
    for drawn in (confusion.draw(run, 85), reliability.draw(run, 85), compare.draw(sources.groups_of([run]), 85)):
        assert "drawn by LeafSim" in drawn.caption and "Plants unknown" in drawn.caption


def test_a_run_without_predictions_says_how_to_record_them(records, tmp_path):
    with pytest.raises(RunError, match="no predictions on val: it has them on test; record them with python -m hvit"):
        confusion.draw(Run(records), 85, split="val")
    run = write_records(tmp_path / "pre", info={"kind": "pretrain"})
    with pytest.raises(RunError, match="pre-trained without labels"):
        confusion.draw(Run(run), 85, split="none")


def test_each_row_shows_its_number_of_photos(records):
    axes = confusion.draw(Run(records), 85).figure.axes[0]
    beside = [text for text in axes.texts if text.get_color() == style.QUIET]
    assert [text.get_text() for text in beside] == ["n", "4", "2", "3", "3"]
