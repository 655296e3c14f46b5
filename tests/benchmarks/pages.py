"""Record how long the pages take in a browser: python -m tests.benchmarks.pages [--before CHECKOUT] [--repeats 3]

The dashboard serves the shipped runs; Chromium has no window and an empty cache for every repeat. With `--before`, the
pages of another checkout are measured in turns, so that a busy machine slows both alike. No test asserts these times:
they are those of one machine, on one day.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import cv2

from hvit.console import at_least
from hvit.data.photos import decode_photo
from hvit.speed.benchmark import machine
from tests.benchmarks.reduced_decoding import enlarged, jpeg
from tests.browser import visit as browser_visit
from tests.browser.photos import leaf
from tests.browser.visit import DESKTOP, MapVisit, Visit
from tests.support.dashboard import ROOT, chromium, dashboard_of

RUN = "leafsim-tiny"  # its pictures are rendered, so that every page has all it shows
GROUPS = ["tenth-mae", "tenth-scratch"]
PAGES = {
    "Diagnose": ("", {}, ".empty"),
    "Attention": ("attention", {}, ".empty, .st-key-empty"),
    "Feature space": ("feature_space", {"run": RUN}, ".js-plotly-plot .main-svg"),
    "Compare runs": ("compare_runs", {"runs": GROUPS}, ".js-plotly-plot .main-svg"),
    "Evaluation": ("evaluation", {"judged": RUN}, ".figures"),
    "Ablations": ("ablations", {}, ".js-plotly-plot .main-svg"),
    "Data": ("data", {"run": RUN}, ".figures"),
    "Models": ("models", {"run": RUN}, ".card-title"),
}
MAP, FIRST_MAP = ".st-key-picture_map img", ".st-key-picture_meanwhile img"
NEW_PICTURE = """([image, before]) => {
  const src = document.querySelector(image)?.getAttribute('src');
  return src && src !== before;
}"""
BATCH_PHOTOS = 20
LONGEST_WAIT_MS = 600_000  # an older version on a busy machine needs minutes for some actions
TESTS_VIEW = 2  # of the views of Compare runs


def main(argv: list[str] | None = None) -> None:
    args = _parser().parse_args(argv)
    browser_visit.WAIT_MS = LONGEST_WAIT_MS
    checkouts = {"seconds": ROOT} | ({"before": args.before.resolve()} if args.before else {})
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        addresses = {}
        for name, checkout in checkouts.items():
            batches = Path(folder) / name
            serving = dashboard_of(checkout / "runs", Path(folder) / f"{name}.log", checkout, batches)
            addresses[name] = stack.enter_context(serving)
        browser = stack.enter_context(chromium())
        commits = {name: _commit(checkout) for name, checkout in checkouts.items()}
        for document in measured(browser, addresses, args.repeats, args.only):
            text = json.dumps(document | {"commits": commits}, indent=2)
            args.out.write_text(text + "\n", encoding="utf-8")  # after each, so that a stop loses nothing
    print(table(document))


def measured(browser, addresses: dict[str, str], repeats: int, only: list[str]) -> Iterator[dict]:
    """Seconds of everything in `actions_of` that is asked for, for each dashboard in turns: all so far, after each."""
    seconds: dict[str, dict[str, list[float]]] = {name: {} for name in addresses}
    loads: list[float] = []
    about = machine() | {"browser": f"Chromium {browser.version}"}
    actions = {which: actions_of(browser, address) for which, address in addresses.items()}
    names = [name for name in next(iter(actions.values())) if any(text in name for text in only)]
    for name in names * repeats:
        for which, own in actions.items():
            seconds[which].setdefault(name, []).append(round(own[name](), 3))
            print(f"{name} ({which}): {seconds[which][name][-1]:.2f} s", flush=True)
        loads.append(os.getloadavg()[0])
        yield {"machine": about | {"load": round(statistics.median(loads), 1)}, "run": RUN, **seconds}


def actions_of(browser, address: str) -> dict[str, Callable[[], float]]:
    """What is measured, by name: the first paint of each page, and actions of a reader on some."""
    paints = {
        f"{page}: first paint": lambda path=path, query=query, shown=shown: first_paint(
            browser, f"{address}/{path}", query, shown
        )
        for page, (path, query, shown) in PAGES.items()
    }
    return paints | {
        "Diagnose: upload to verdict": lambda: upload_to_verdict(browser, address, _small_photo),
        "Diagnose: upload of 12 megapixels to verdict": lambda: upload_to_verdict(browser, address, _large_photo),
        "Attention: method switch": lambda: method_switch(browser, address),
        "Attention: first map of a slow method": lambda: slow_method(browser, address, f"{FIRST_MAP}, {MAP}"),
        "Attention: final map of a slow method": lambda: slow_method(browser, address, MAP),
        "Feature space: lasso to its count": lambda: lasso(browser, address),
        "Compare runs: scores of two groups": lambda: compare(
            browser, address, 1, ".st-key-compare_scores .js-plotly-plot .main-svg"
        ),
        "Compare runs: tests of two groups": lambda: compare(browser, address, TESTS_VIEW, ".st-key-gains_macro_f1"),
        f"Batch: {BATCH_PHOTOS} photos of 12 megapixels": lambda: batch(browser, address),
    }


def first_paint(browser, url: str, query: dict, shown: str) -> float:
    """From asking for a page to seeing what it is about."""
    began = time.monotonic()
    with closing(Visit(browser, url, DESKTOP, **query)) as visit:
        visit.page.locator(shown).first.wait_for()
        return time.monotonic() - began


def upload_to_verdict(browser, address: str, photo: Callable[[int], bytes]) -> float:
    """From choosing a photo to reading the verdict."""
    data = photo(time.monotonic_ns())
    with closing(Visit(browser, address, DESKTOP)) as visit:
        visit.settle()
        began = time.monotonic()
        upload = {"name": "leaf.jpg", "mimeType": "image/jpeg", "buffer": data}
        visit.page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files([upload])
        visit.page.locator("h2.verdict").first.wait_for()
        return time.monotonic() - began


def _small_photo(seed: int) -> bytes:
    return leaf(seed % 2**31, 1024)


def _large_photo(seed: int) -> bytes:
    small = cv2.resize(decode_photo(leaf(seed % 2**31, 512)).pixels, (512, 384))
    return jpeg(enlarged(small, seed), 90)


def method_switch(browser, address: str) -> float:
    """From choosing Grad-CAM to the map of it, on a leaf that is explained already."""
    with closing(Visit(browser, f"{address}/attention", DESKTOP, run=RUN, sample="leafsim:v1/5/3")) as visit:
        return _seconds_to_map(visit, "Grad-CAM", MAP)


def slow_method(browser, address: str, image: str) -> float:
    """From choosing occlusion to a picture, on a leaf for which it was not computed before.

    Args:
        image: the picture that is waited for; another may stand there before.
    """
    sample = f"leafsim:v1/5/{time.monotonic_ns() // 1000 % 90000}"
    with closing(Visit(browser, f"{address}/attention", DESKTOP, run=RUN, sample=sample)) as visit:
        show_anyway = visit.page.get_by_role("button", name="Show anyway")  # of a leaf that is unfamiliar
        visit.page.locator(MAP).or_(show_anyway).first.wait_for()
        if show_anyway.count():
            visit.click("button", "Show anyway")
        return _seconds_to_map(visit, "Occlusion", image)


def _seconds_to_map(visit: Visit, method: str, image: str) -> float:
    visit.page.locator(MAP).wait_for()
    visit.settle()
    before = visit.page.locator(MAP).get_attribute("src")
    visit.page.get_by_label("Method").first.click()
    began = time.monotonic()
    visit.page.get_by_role("option", name=method).click()
    visit.page.wait_for_function(NEW_PICTURE, arg=[image, before])
    return time.monotonic() - began


def lasso(browser, address: str) -> float:
    """From the end of a line around samples of a map to their count."""
    with closing(MapVisit(browser, address, DESKTOP, run=RUN)) as visit:
        return visit.draw_around(0.5, 0.5, 0.3)


def compare(browser, address: str, view: int, shown: str) -> float:
    """From choosing a view of two groups of runs to its figure."""
    with closing(Visit(browser, f"{address}/compare_runs", DESKTOP, runs=GROUPS)) as visit:
        visit.settle()
        began = time.monotonic()
        visit.page.get_by_role("radio").nth(view).click()
        visit.page.locator(shown).first.wait_for()
        return time.monotonic() - began


def batch(browser, address: str) -> float:
    """From asking for photos to be scored to the last score; files are written before that."""
    with tempfile.TemporaryDirectory() as folder, closing(Visit(browser, f"{address}/batch", DESKTOP)) as visit:
        for number in range(BATCH_PHOTOS):
            Path(folder, f"{number}.jpg").write_bytes(_large_photo(number))
        visit.page.get_by_label("Name").fill(f"batch {time.monotonic_ns()}")
        visit.page.get_by_label("or a folder on this computer").fill(folder)
        visit.page.get_by_label("or a folder on this computer").press("Enter")
        visit.settle()
        began = time.monotonic()
        visit.page.get_by_role("button", name="Score these photos").click()
        visit.page.get_by_text(f"{BATCH_PHOTOS} photos, all scored").wait_for()
        return time.monotonic() - began


def table(document: dict) -> str:
    """The table of docs/benchmarks.md; where another checkout was measured too, its times come first."""
    columns = {"before": "before: ", "seconds": "now: "} if "before" in document else {"seconds": ""}
    titles = [title for which in columns.values() for title in (f"{which}first, s", "then, s")]
    rows = [[name, *(_first_and_then(document[which][name]) for which in columns)] for name in document["seconds"]]
    lines = [["page and action", *titles], ["---", *["--:"] * len(titles)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _first_and_then(seconds: list[float]) -> str:
    then = f"{statistics.median(seconds[1:]):.2f}" if len(seconds) > 1 else ""
    return f"{seconds[0]:.2f} | {then}"


def _commit(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.pages", description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=at_least(2), default=3, help="the first also loads models and reads runs")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="checkout of an older version to compare with")
    parser.add_argument("--only", nargs="+", default=[""], metavar="TEXT", help="measure actions whose name holds this")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "pages.json")
    return parser


if __name__ == "__main__":
    main()
