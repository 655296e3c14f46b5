"""A visitor of the dashboard: one open page, what is done on it, what it asked of the outside and complained about."""

import csv
import io
import math
import time
from urllib.parse import urlencode, urlsplit

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 375, "height": 812}
LOADED_WIDTH_PX = "image => image.decode().then(() => image.naturalWidth)"
WAIT_MS = 90_000  # a loaded machine with two cores needs some of it
REACHES_SCRIPT_MS = 300  # what a click takes to start the script

# A page that opens by its address looks for these two below that address first, and finds them above it.
LOOKED_UP_BY_STREAMLIT = ("/_stcore/health", "/_stcore/host-config")

# While the script runs, what it sent last time stands beside what it sends now.
AT_REST = """() => {
  const app = document.querySelector('[data-testid=stApp]'), main = document.querySelector('[data-testid=stMain]');
  const busy = app?.dataset.testScriptState !== 'notRunning'
    || document.querySelector('[data-stale=true], [data-testid=stSkeleton]')
    || document.getAnimations().some(e => e.playState === 'running' && isFinite(e.effect?.getComputedTiming().endTime));
  const seen = busy ? null : `${main.scrollHeight} ${main.innerHTML}`;
  const rests = seen !== null && window.lastSeen === seen;
  window.lastSeen = seen;
  return rests;
}"""
DRAWN = "() => document.querySelector('.js-plotly-plot')?._fullLayout?._size"
SAID = ".st-key-space_selection .summary"  # what is said of a selection on a map
OVERFLOW_PX = (
    "() => Math.max(...[document.documentElement, document.querySelector('[data-testid=stMain]')]"
    ".map(e => e.scrollWidth - e.clientWidth))"
)


class Visit:
    """One open page of its own context; `page` is Playwright's."""

    def __init__(self, browser, address: str, viewport: dict[str, int] = DESKTOP, **query):
        self.page = browser.new_context(viewport=viewport, accept_downloads=True).new_page()
        self.page.set_default_timeout(WAIT_MS)  # of everything that is waited for
        self.outside, self.complaints = [], []
        self.page.on("request", self._note_request)
        self.page.on("console", self._note_line)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(f"{address}?{urlencode(query, doseq=True)}" if query else address)
        self.page.get_by_test_id("stMain").get_by_test_id("stElementContainer").first.wait_for(state="attached")

    def _note_request(self, request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname not in ("127.0.0.1", "localhost"):
            self.outside.append(request.url)

    def _note_line(self, line) -> None:
        if line.type == "error" and not line.location["url"].endswith(LOOKED_UP_BY_STREAMLIT):
            self.complaints.append(f"{line.text} ({line.location['url']})")

    def close(self) -> None:
        self.page.context.close()

    def settle(self) -> None:
        """Until the script has run to its end, what it sent is drawn, and nothing changes or moves any more.

        What is read off the page at once, not waited for, is read after this.
        """
        self.page.wait_for_timeout(REACHES_SCRIPT_MS)
        self.page.wait_for_function(AT_REST, polling=250)

    def click(self, role: str, name: str, exact: bool = True) -> None:
        self.page.get_by_role(role, name=name, exact=exact).click()
        self.settle()

    def unfold(self, expander: str) -> None:
        """Opens an expander; what is clicked while it still grows is missed."""
        self.page.get_by_text(expander).click()
        self.settle()

    def upload(self, files: list[dict]) -> None:
        self.page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(files)
        self.page.locator(".summary").wait_for()
        self.settle()

    def download(self, button: str, exact: bool = False) -> tuple[str, bytes]:
        """Name and content of the file behind the first button of that name."""
        with self.page.expect_download(timeout=WAIT_MS) as waiting:
            self.page.get_by_role("button", name=button, exact=exact).first.click()
        return waiting.value.suggested_filename, waiting.value.path().read_bytes()

    def download_rows(self, button: str, exact: bool = False) -> list[dict[str, str]]:
        """The rows of a CSV."""
        return list(csv.DictReader(io.StringIO(self.download(button, exact)[1].decode("utf-8-sig"))))

    def overflow_px(self) -> int:
        """How far the page can be scrolled sideways."""
        return self.page.evaluate(OVERFLOW_PX)


class MapVisit(Visit):
    """Someone who looks at the map of a run."""

    def __init__(self, browser, dashboard: str, viewport: dict[str, int] = DESKTOP, **query):
        super().__init__(browser, f"{dashboard}/feature_space", viewport, **query)
        self.page.wait_for_function(DRAWN)
        self.settle()

    def draw_around(self, x: float, y: float, radius: float, number: int = 0) -> float:
        """Draws a circle on a map, all in fractions of its sides; returns seconds until the selection is counted."""
        self.settle()
        box = self.page.locator(".js-plotly-plot .nsewdrag").nth(number).bounding_box()
        before = self.page.locator(SAID).first.inner_text() if self.page.locator(SAID).count() else ""
        corners = [
            (
                box["x"] + box["width"] * x + box["height"] * radius * math.cos(2 * math.pi * i / 24),
                box["y"] + box["height"] * y + box["height"] * radius * math.sin(2 * math.pi * i / 24),
            )
            for i in range(24)
        ]
        self.page.mouse.move(*corners[0])
        self.page.mouse.down()
        for corner in corners[1:]:
            self.page.mouse.move(*corner)
        began = time.monotonic()
        self.page.mouse.up()
        counted = f"before => {{ const e = document.querySelector('{SAID}'); return e && e.innerText !== before }}"
        self.page.wait_for_function(counted, arg=before)
        return time.monotonic() - began
