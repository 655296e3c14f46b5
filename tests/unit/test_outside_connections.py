"""The watch over connections to other computers."""

import socket
import subprocess
import sys
import threading

import pytest

from tests.outside_connections import OutsideConnectionError, is_this_computer


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: socket.getaddrinfo("example.org", 443),
        lambda: socket.gethostbyname("example.org"),
        lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
        lambda: socket.socket().connect_ex(("192.0.2.1", 80)),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b"x"], [], 0, ("192.0.2.1", 53)),
    ],
)
def test_what_leaves_this_computer_is_refused_and_kept(outside_connections, attempt):
    with pytest.raises(OutsideConnectionError, match="tests reach no other computer"):
        attempt()
    (kept,) = outside_connections.taken()
    assert "example.org" in kept or "192.0.2.1" in kept


def test_an_attempt_that_code_copes_with_is_kept(outside_connections):
    def look_up():
        try:
            socket.getaddrinfo("example.org", 443)
        except OSError:
            pass

    thread = threading.Thread(target=look_up)
    thread.start()
    thread.join()
    assert outside_connections.taken() == ["getaddrinfo to 'example.org'"]


def test_this_computer_can_be_reached(outside_connections):
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1]), timeout=5).close()
    assert outside_connections.taken() == []


def test_a_test_that_reaches_out_fails_though_it_copes(tmp_path, request):
    (tmp_path / "test_two.py").write_text(
        "import contextlib, socket\n"
        "def test_that_copes():\n"
        "    with contextlib.suppress(OSError):\n"
        "        socket.getaddrinfo('example.org', 443)\n"
        "def test_that_stays():\n"
        "    pass\n"
    )
    words = ["-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", str(tmp_path)]
    text = subprocess.run([sys.executable, *words], cwd=request.config.rootpath, capture_output=True, text=True)
    assert text.returncode == 1 and "2 passed, 1 error" in text.stdout
    assert "getaddrinfo to 'example.org'" in text.stdout


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), (b"127.0.0.1", True), ("127.3.2.1", True), ("::1", True), ("0.0.0.0", True), (None, True),
     ("", True), ("10.0.0.1", False), ("192.0.2.1", False), ("2001:db8::1", False), ("example.org", False)],
)  # fmt: skip
def test_which_hosts_are_this_computer(host, expected):
    assert is_this_computer(host) is expected
