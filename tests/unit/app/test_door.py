"""The door of the servers: who is let in, and that nothing is looked up to decide it."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest

from app import door

ROOT = Path(__file__).parents[3]
OWN, FOREIGN = "http://127.0.0.1:8501", "http://evil.example"


async def _inside(scope, receive, send):
    await door._answer(send, 200, "inside", "text/plain", [])


def ask(guard, kind="http", client="127.0.0.1", method="GET", path="/", form=None, **headers) -> tuple[int, dict]:
    """Status and headers of the answer; 1008 for a WebSocket that was closed."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": urlencode(form or {}).encode()}

    async def send(message):
        sent.append(message)

    headers = {"host": "127.0.0.1:8501"} | headers
    scope = {
        "type": kind, "method": method, "path": path, "client": (client, 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    with suppress(StopIteration):
        guard(scope, receive, send).send(None)  # it waits for nothing; a browser test may have its loop running here
    first = sent[0]
    return first.get("status", first.get("code")), dict(first.get("headers", []))


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost", "[::1]:8501", "192.168.1.7:8501"])
def test_an_address_of_this_machine_is_let_in(host):
    assert ask(door.Door(_inside), host=host, origin=f"http://{host}")[0] == 200


def test_the_name_of_this_machine_is_let_in(monkeypatch):
    monkeypatch.setattr(door.socket, "gethostname", lambda: "Bench")
    assert ask(door.Door(_inside), host="bench.local:8501")[0] == 200
    assert ask(door.Door(_inside), host="bench.example")[0] == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8501", "", "localhost.evil.example", "[::1"])
def test_a_foreign_host_is_refused(host):
    assert ask(door.Door(_inside), host=host)[0] == 403


@pytest.mark.parametrize("origin", [FOREIGN, "null", "http://127.0.0.1:9999", "file://127.0.0.1:8501", ""])
@pytest.mark.parametrize(("kind", "refused"), [("http", 403), ("websocket", 1008)])
def test_a_foreign_origin_is_refused(kind, refused, origin):
    assert ask(door.Door(_inside), kind, origin=origin)[0] == refused


def test_hosts_and_origins_that_were_allowed_are_let_in():
    guard = door.Door(_inside, names=["hvit.example"], origins=["https://hvit.example"])
    assert ask(guard, host="hvit.example", origin="https://hvit.example")[0] == 200


def test_a_phone_is_asked_for_the_code_and_this_machine_is_not():
    guard = door.Door(_inside, code="abcd-efgh", say=lambda text: None)
    assert ask(guard)[0] == 200 and ask(guard, client="::ffff:127.0.0.1")[0] == 200
    assert ask(guard, client="192.168.1.9")[0] == 401
    assert ask(guard, "websocket", client="192.168.1.9", origin=OWN)[0] == 1008


def test_a_code_lets_one_phone_in_and_the_next_is_said():
    said = []
    guard = door.Door(_inside, code="abcd-efgh", say=said.append)
    phone = {"client": "192.168.1.9", "method": "POST", "path": door.CODE_PATH}
    assert ask(guard, **phone, form={"code": "wrong"})[0] == 401 and not said
    status, headers = ask(guard, **phone, form={"code": " ABCD-EFGH "})
    assert status == 303 and guard.code in said[0] and guard.code != "abcd-efgh"
    cookie = headers[b"set-cookie"].decode()
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    ticket = cookie.partition(";")[0]
    assert ask(guard, client="192.168.1.9", cookie=ticket)[0] == 200
    assert ask(guard, client="192.168.1.9", cookie=f"{door.COOKIE}=guessed")[0] == 401
    assert ask(guard, **phone, form={"code": "abcd-efgh"})[0] == 401  # used


WATCHED = """
import asyncio
from streamlit import config, net_util
def asked(*_):
    raise SystemExit("the address of this machine was looked up")
net_util.get_external_ip = net_util.get_internal_ip = net_util._make_blocking_http_get = asked
config._main_script_path = "app/main.py"  # as `streamlit run` does: the configuration lies beside it
import app.main
from streamlit.web import bootstrap
from streamlit.web.server import server_util
config.set_option("server.address", "0.0.0.0")
config.set_option("server.headless", True)
bootstrap._print_url(False)
sent = []
async def ask(origin):
    async def receive():
        return {"type": "websocket.connect"}
    async def send(message):
        sent.append(message)
    headers = [(b"host", b"127.0.0.1:8501"), (b"origin", origin)]
    scope = {"type": "websocket", "path": "/_stcore/stream", "client": ("127.0.0.1", 1), "headers": headers,
             "query_string": b"", "root_path": "", "scheme": "ws", "server": ("127.0.0.1", 8501), "subprotocols": []}
    await app.main.app(scope, receive, send)
asyncio.run(ask(b"http://evil.example"))
print(sent)
"""


def test_streamlit_looks_up_no_address_at_the_start_nor_for_a_foreign_origin():
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], cwd=ROOT, capture_output=True, text=True, env=dict(os.environ), timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "URL: http://127.0.0.1" in done.stdout and "'code': 1008" in done.stdout
