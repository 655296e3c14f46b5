"""What Evaluation and Compare runs share."""

import subprocess
import sys

import pytest

from tests.support.evaluated_runs import ANSWERS, CLASSES, REASONS, spoil
from tests.support.pages import ROOT, open_page, page_text


@pytest.mark.parametrize("page", ["evaluation", "calibration"])
def test_a_run_that_was_not_evaluated_is_named_with_the_command(judged, recorded_run, page):
    bare = recorded_run(judged / "bare", CLASSES, ANSWERS)
    (bare / "eval" / "test" / "predictions.parquet").unlink()
    app = open_page(page, judged="bare")
    assert "bare was not evaluated yet. Until you choose another, this is " in page_text(app)
    assert app.code[0].value == "python -m hvit evaluate --run bare --data path/to/photos --save"


@pytest.mark.parametrize("page", ["evaluation", "calibration"])
def test_a_missing_run_in_the_address_is_reported(judged, page):
    assert "There is no run gone here. Until you choose another, this is " in page_text(open_page(page, judged="gone"))


@pytest.mark.parametrize("view", ["Scores", "Significance", "Cost", "Disagreements"])
def test_compared_runs_that_were_not_evaluated_are_named_in_the_commands(runs, recorded_run, view):
    bare = recorded_run(runs / "bare", CLASSES, ANSWERS)
    (bare / "eval" / "test" / "predictions.parquet").unlink()
    (bare / "eval" / "test" / "metrics.json").unlink()
    app = open_page("compare_runs", runs=["bare"], view=view)
    assert not app.exception
    assert app.code[0].value == "python -m hvit evaluate --run bare --data path/to/photos --save"


def test_what_cannot_be_read_is_listed_on_both_pages(judged):
    spoil(judged)
    for page in ("evaluation", "compare_runs"):
        text = page_text(open_page(page)).replace("\\", "")
        assert all(reason in text for reason in REASONS)


@pytest.mark.parametrize(
    ("page", "query", "key", "chosen"),
    [
        ("evaluation", {"judged": "plain-0", "errors": "Sure and wrong"}, "errors", "sure"),
        ("compare_runs", {"runs": ["plain", "better"], "view": "Better or chance?"}, "view", "verdict"),
        (
            "compare_runs",
            {"runs": ["plain", "better"], "view": "Disagreements", "outcome": "only the second is right"},
            "outcome",
            "only_second_right",
        ),
    ],
)
def test_a_link_with_the_former_title_of_an_option_still_chooses_it(judged, page, query, key, chosen):
    app = open_page(page, **query)
    assert page_text(app) and app.session_state[key] == chosen


def test_the_first_frame_of_both_pages_imports_no_torch():
    script = (
        "import sys; import app.compare.live, app.compare.panels, app.compare.views, app.evaluation.panels, "
        "app.evaluation.views; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=60)
