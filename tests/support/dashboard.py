"""A dashboard on a free port, started as a user starts it, and Chromium without a window."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
START_LIMIT_S = 60


class DashboardError(RuntimeError):
    """The dashboard did not start; the message is its log."""


@contextmanager
def dashboard_of(runs: Path, log: Path, checkout: Path = ROOT, batches: Path | None = None) -> Iterator[str]:
    """Serves the pages on a runs folder and yields their address.

    Args:
        log: file that takes what the server prints.
        checkout: of the project whose pages are served.
        batches: folder of batches; None for that of the environment or the checkout.
    Raises:
        DashboardError: it does not answer within a minute.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folders = {"HVIT_RUNS": str(runs)} | ({"HVIT_BATCHES": str(batches)} if batches else {})
    with open(log, "wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.port", str(port)],
            cwd=checkout, env=os.environ | folders, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def _wait_until_healthy(url: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise DashboardError(f"the dashboard did not start:\n{log.read_text()}")


@contextmanager
def chromium() -> Iterator:
    """Chromium under Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield browser
        browser.close()
