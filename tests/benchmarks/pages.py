"""Record how long the pages take in a browser: python -m tests.benchmarks.pages [--repeats 3] [--out FILE]

The dashboard serves the shipped runs; Chromium has no window and an empty cache for every repeat. No test asserts these
times: they are those of one machine, on one day.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from hvit.console import at_least
from hvit.speed.benchmark import machine
from tests.browser.photos import leaf
from tests.browser.visit import DESKTOP, MapVisit, Visit
from tests.support.dashboard import ROOT, chromium, dashboard_of

RUN = "leafsim-tiny"  # its pictures are rendered, so that every page has all it shows
PAGES = {
    "Diagnose": ("", {}, ".empty"),
    "Attention": ("attention", {}, ".empty, .st-key-empty"),
    "Feature space": ("feature_space", {"run": RUN}, ".js-plotly-plot .main-svg"),
    "Compare runs": ("compare_runs", {"runs": ["tenth-mae", "tenth-scratch"]}, ".js-plotly-plot .main-svg"),
    "Evaluation": ("evaluation", {"judged": RUN}, ".figures"),
    "Ablations": ("ablations", {}, ".js-plotly-plot .main-svg"),
    "Data": ("data", {"run": RUN}, ".figures"),
    "Models": ("models", {"run": RUN}, ".card-title"),
}
MAP = ".st-key-picture_map img"
NEW_PICTURE = """([image, before]) => {
  const src = document.querySelector(image)?.getAttribute('src');
  return src && src !== before;
}"""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.pages", description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=at_least(2), default=3, help="the first also loads models and reads runs")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "pages.json")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder, dashboard_of(ROOT / "runs", Path(folder) / "log") as address:
        with chromium() as browser:
            document = measured(browser, address, args.repeats)
    args.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(table(document))


def measured(browser, address: str, repeats: int) -> dict:
    """Seconds of everything in `actions_of`, repeat by repeat."""
    seconds: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, measure in actions_of(browser, address).items():
            seconds.setdefault(name, []).append(measure())
            print(f"{name}: {seconds[name][-1]:.2f} s", flush=True)
    return {"machine": machine() | {"browser": f"Chromium {browser.version}"}, "run": RUN, "seconds": seconds}


def actions_of(browser, address: str) -> dict[str, Callable[[], float]]:
    """What is measured, by name: the first paint of each page, and one action of a reader on some."""
    paints = {
        f"{page}: first paint": lambda path=path, query=query, shown=shown: first_paint(
            browser, f"{address}/{path}", query, shown
        )
        for page, (path, query, shown) in PAGES.items()
    }
    return paints | {
        "Diagnose: upload to verdict": lambda: upload_to_verdict(browser, address),
        "Attention: method switch": lambda: method_switch(browser, address),
        "Feature space: lasso to its count": lambda: lasso(browser, address),
        "Compare runs: scores of two groups": lambda: compare(browser, address),
    }


def first_paint(browser, url: str, query: dict, shown: str) -> float:
    """From asking for a page to seeing what it is about."""
    began = time.monotonic()
    with closing(Visit(browser, url, DESKTOP, **query)) as visit:
        visit.page.locator(shown).first.wait_for()
        return time.monotonic() - began


def upload_to_verdict(browser, address: str) -> float:
    """From choosing a photo to reading the verdict."""
    with closing(Visit(browser, address, DESKTOP)) as visit:
        visit.settle()
        began = time.monotonic()
        photo = {"name": "leaf.jpg", "mimeType": "image/jpeg", "buffer": leaf(int(began * 1000) % 2**31, 1024)}
        visit.page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files([photo])
        visit.page.locator("h2.verdict").first.wait_for()
        return time.monotonic() - began


def method_switch(browser, address: str) -> float:
    """From choosing Grad-CAM to the map of it, on a leaf that is explained already."""
    with closing(Visit(browser, f"{address}/attention", DESKTOP, run=RUN, sample="leafsim:v1/5/3")) as visit:
        visit.page.locator(MAP).wait_for()
        visit.settle()
        before = visit.page.locator(MAP).get_attribute("src")
        visit.page.get_by_label("Method").first.click()
        began = time.monotonic()
        visit.page.get_by_role("option", name="Grad-CAM", exact=True).click()
        visit.page.wait_for_function(
            NEW_PICTURE,
            arg=[MAP, before],
        )
        return time.monotonic() - began


def lasso(browser, address: str) -> float:
    """From the end of a line around samples of a map to their count."""
    with closing(MapVisit(browser, address, DESKTOP, run=RUN)) as visit:
        return visit.draw_around(0.5, 0.5, 0.3)


def compare(browser, address: str) -> float:
    """From choosing the scores of two groups of runs to their figure."""
    with closing(Visit(browser, f"{address}/compare_runs", DESKTOP, runs=["tenth-mae", "tenth-scratch"])) as visit:
        visit.settle()
        began = time.monotonic()
        visit.page.get_by_role("radio", name="Scores", exact=True).click()
        visit.page.locator(".st-key-compare_scores .js-plotly-plot .main-svg").first.wait_for()
        return time.monotonic() - began


def table(document: dict) -> str:
    """The table of docs/benchmarks.md."""
    rows = [
        f"| {name} | {seconds[0]:.2f} | {statistics.median(seconds[1:]):.2f} |"
        for name, seconds in document["seconds"].items()
    ]
    return "\n".join(["| page and action | first, s | then, s |", "| --- | --: | --: |", *rows])


if __name__ == "__main__":
    main()
