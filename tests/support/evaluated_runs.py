"""Runs with recorded predictions, and pages opened on them through `app/main.py`."""

import json
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.support.pages import MAIN

CLASSES = ["Potato___Late_blight", "Tomato___Early_blight", "Tomato___Late_blight", "Tomato___healthy"]
POTATO, EARLY, LATE, HEALTHY = CLASSES
# 10 right, 3 late blight called early, 1 called potato, 1 missed, 1 false alarm
ANSWERS = [(LATE, LATE)] * 4 + [(EARLY, EARLY)] * 4 + [(HEALTHY, HEALTHY)] * 2
ANSWERS += [(LATE, EARLY)] * 3 + [(LATE, POTATO), (LATE, HEALTHY), (HEALTHY, EARLY)]
BETTER = [(true, true) for true, _ in ANSWERS[:13]] + ANSWERS[13:]

REASONS = (
    "**holiday**: holiday is no run: it has no run.json",
    "**half**: half is half-written: it has no run.json",
    "**torn**: run.json of run torn is damaged",
    "config.yaml of run plain-1 is damaged",
)


def opened(page: str, **query: str | list[str]) -> AppTest:
    app = AppTest.from_file(MAIN, default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    return app.switch_page(f"../pages/{page}.py").run()


def words_of(app: AppTest) -> str:
    assert not app.exception
    parts = [element.proto.body for element in app.get("html")] + [element.value for element in app.markdown]
    parts += [element.value for element in app.subheader] + [element.label for element in app.expander]
    return "\n".join(parts + [button.label for button in app.button])


def figure(app: AppTest, number: int = 0) -> dict:
    return json.loads(app.get("plotly_chart")[number].proto.spec)


def spoil(runs: Path) -> None:
    """A folder that is no run, one half-written, one with a torn run.json, and one with a damaged configuration."""
    (runs / "holiday").mkdir()
    (runs / "half").mkdir()
    (runs / "half" / "metrics.jsonl").write_text("")
    (runs / "torn").mkdir()
    (runs / "torn" / "run.json").write_text('{"status"')
    (runs / "plain-1" / "config.yaml").write_text("{")
