"""Access control of the servers: who is let in, and that nothing is looked up to decide it."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest

from app import access_control

ROOT = Path(__file__).parents[3]
OWN, FOREIGN = "http://127.0.0.1:8501", "http://evil.example"


async def _inside(scope, receive, send):
    await access_control._answer(send, 200, "inside", "text/plain", [])


def ask(guard, kind="http", client="127.0.0.1", method="GET", path="/", form=None, **headers) -> tuple[int, dict]:
    """Status and headers of the answer; 1008 for a WebSocket that was closed."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": urlencode(form or {}).encode()}

    async def send(message):
        sent.append(message)

    headers = {"host": ["127.0.0.1:8501"]} | {name.replace("_", "-"): value for name, value in headers.items()}
    pairs = [(n, v) for n, values in headers.items() for v in ([values] if isinstance(values, str) else values)]
    scope = {
        "type": kind, "method": method, "path": path, "client": (client, 1),
        "headers": [(name.encode(), value.encode()) for name, value in pairs],
    }  # fmt: skip
    with suppress(StopIteration):
        guard(scope, receive, send).send(None)  # it waits for nothing; a browser test may have its loop running here
    first = sent[0]
    return first.get("status", first.get("code")), dict(first.get("headers", []))


OWN_HOSTS = ["127.0.0.1:8501", "localhost", "[::1]:8501", "192.168.1.7:8501", "LocalHost:8501", "localhost.:8501"]


@pytest.mark.parametrize("host", [*OWN_HOSTS, "0.0.0.0:8501", "[fe80::1%25en0]:8501", "[::ffff:127.0.0.1]:8501"])
def test_an_address_of_this_machine_is_let_in(host):
    assert ask(access_control.AccessControl(_inside), host=host, origin=f"http://{host}")[0] == 200


def test_the_name_of_this_machine_is_let_in(monkeypatch):
    monkeypatch.setattr(access_control.socket, "gethostname", lambda: "Bench")
    assert ask(access_control.AccessControl(_inside), host="bench.local:8501")[0] == 200
    assert ask(access_control.AccessControl(_inside), host="bench.example")[0] == 403


FOREIGN_HOSTS = [
    "evil.example", "127.0.0.1.evil.example:8501", "", "localhost.evil.example", "[::1", "127.1", "2130706433",
    "0x7f.1", "127.0.0.1.nip.io", "localhost..", "127.0.0.1:port", "127.0.0.1:99999", "127.0.0.1:8501@evil.example",
    "a b", "*",
]  # fmt: skip


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_host_is_refused(host):
    assert ask(access_control.AccessControl(_inside), host=host)[0] == 403


def test_hosts_that_contradict_each_other_are_refused():
    for hosts in (["127.0.0.1:8501", "evil.example"], ["evil.example", "127.0.0.1:8501"]):
        assert ask(access_control.AccessControl(_inside), host=hosts)[0] == 403
    assert ask(access_control.AccessControl(_inside), origin=[OWN, FOREIGN])[0] == 403
    assert ask(access_control.AccessControl(_inside), host=["127.0.0.1:8501"] * 2)[0] == 200


FOREIGN_ORIGINS = [
    FOREIGN, "null", "http://127.0.0.1:9999", "file://127.0.0.1:8501", "", "http://[", "http://127.0.0.1:port",
    "http://127.0.0.1:8501.evil.example", "http://127.0.0.1:8501@evil.example", "http://127.0.0.1:8501 http://a.b",
    "chrome-extension://127.0.0.1:8501", "http://127.0.0.1", "127.0.0.1:8501", "http://localhost:8501", "*",
]  # fmt: skip


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
@pytest.mark.parametrize(("kind", "refused"), [("http", 403), ("websocket", 1008)])
def test_a_foreign_origin_is_refused(kind, refused, origin):
    assert ask(access_control.AccessControl(_inside), kind, origin=origin)[0] == refused


@pytest.mark.parametrize(
    ("host", "origin"),
    [("LOCALHOST:8501", "http://localhost:8501"), ("localhost:80", "http://localhost"), ("[::1]", "https://[::1]:443")],
)
def test_one_origin_may_be_written_in_several_forms(host, origin):
    assert ask(access_control.AccessControl(_inside), host=host, origin=origin)[0] == 200


@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}, False),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "script"}, False),
        ({"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}, False),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}, False),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, True),
        ({"sec_fetch_site": "same-origin", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}, True),
        ({"sec_fetch_site": "none", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, True),
        ({"referer": f"{FOREIGN}/page"}, True),  # a link that was followed
    ],
)
def test_of_another_page_only_a_link_is_followed(headers, is_let_in):
    assert ask(access_control.AccessControl(_inside), **headers)[0] == (200 if is_let_in else 403)


def test_a_page_that_was_allowed_may_show_this_one_in_a_frame():
    frame = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}
    guard = access_control.AccessControl(_inside, origins=["https://hvit.example"])
    assert ask(guard, **frame, referer="https://hvit.example/lab")[0] == 200
    assert ask(guard, **frame, referer="https://evil.example/lab")[0] == 403


@pytest.mark.parametrize(
    ("referer", "status"), [(FOREIGN, 403), ("http://[", 403), ("about:blank", 403), (f"{OWN}/batch", 200)]
)
def test_a_form_of_another_page_is_refused_without_an_origin_too(referer, status):
    assert ask(access_control.AccessControl(_inside), method="POST", referer=referer)[0] == status


def test_hosts_and_origins_that_were_allowed_are_let_in():
    guard = access_control.AccessControl(_inside, names=["hvit.example"], origins=["https://hvit.example"])
    assert ask(guard, host="hvit.example", origin="https://hvit.example")[0] == 200


def test_a_phone_is_asked_for_the_code_and_this_machine_is_not():
    guard = access_control.AccessControl(_inside, code="abcd-efgh", announce=lambda text: None)
    assert ask(guard)[0] == 200 and ask(guard, client="::ffff:127.0.0.1")[0] == 200
    assert ask(guard, client="192.168.1.9")[0] == 401
    assert ask(guard, "websocket", client="192.168.1.9", origin=OWN)[0] == 1008


def test_a_code_admits_one_phone_and_the_next_code_is_printed():
    text = []
    guard = access_control.AccessControl(_inside, code="abcd-efgh", announce=text.append)
    assert ask(guard, **PHONE, form={"code": "wrong"})[0] == 401 and not text
    status, headers = ask(guard, **PHONE, form={"code": " ABCD-EFGH "})
    assert status == 303 and guard.code in text[0] and guard.code != "abcd-efgh"
    cookie = headers[b"set-cookie"].decode()
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    ticket = cookie.partition(";")[0]
    assert ask(guard, client="192.168.1.9", cookie=ticket)[0] == 200
    assert ask(guard, client="192.168.1.9", cookie=f"{access_control.COOKIE}=guessed")[0] == 401
    assert ask(guard, **PHONE, form={"code": "abcd-efgh"})[0] == 401  # used


PHONE = {"client": "192.168.1.9", "method": "POST", "path": access_control.CODE_PATH}


@pytest.mark.parametrize("typed", ["ABCD-EFGH", "abcdefgh", "abcd efgh", " Abcd\u2013efgh ", "abcd--efgh"])
def test_a_code_is_taken_as_a_phone_types_it(typed):
    guard = access_control.AccessControl(_inside, code="abcd-efgh", announce=lambda text: None)
    assert ask(guard, **PHONE, form={"code": typed})[0] == 303


@pytest.mark.parametrize("typed", ["", "abcd-efg", "\ufffd", "abcd-efgh\0x", "x" * 5000])
def test_anything_else_is_not_the_code(typed):
    guard = access_control.AccessControl(_inside, code="abcd-efgh", announce=lambda text: None)
    assert ask(guard, **PHONE, form={"code": typed})[0] == 401


def test_codes_cannot_be_tried_one_after_the_other():
    now = [0.0]
    guard = access_control.AccessControl(_inside, code="abcd-efgh", announce=lambda text: None, clock=lambda: now[0])
    assert {ask(guard, **PHONE, form={"code": str(i)})[0] for i in range(access_control.MOST_WRONG)} == {401}
    assert ask(guard, **PHONE, form={"code": "abcd-efgh"})[0] == 429  # the right one too
    assert ask(guard, **PHONE | {"client": "192.168.1.8"}, form={"code": "wrong"})[0] == 401
    now[0] = access_control.WRONG_S + 1.0
    assert ask(guard, **PHONE, form={"code": "abcd-efgh"})[0] == 303


def test_addresses_of_one_ipv6_network_count_as_one():
    guard = access_control.AccessControl(_inside, code="abcd-efgh", announce=lambda text: None)
    for i in range(access_control.MOST_WRONG):
        ask(guard, **PHONE | {"client": f"2001:db8:1:2::{i:x}"}, form={"code": "wrong"})
    assert ask(guard, **PHONE | {"client": "2001:db8:1:2:9::"}, form={"code": "abcd-efgh"})[0] == 429
    assert ask(guard, **PHONE | {"client": "2001:db8:1:3::1"}, form={"code": "abcd-efgh"})[0] == 303


def test_the_memory_of_wrong_codes_has_an_end(monkeypatch):
    monkeypatch.setattr(access_control, "MOST_ADDRESSES", 3)
    wrong = access_control.WrongCodes(lambda: 0.0)
    for i in range(9):
        wrong.add(str(i))
    assert list(wrong._times) == ["6", "7", "8"]


def test_cookies_of_other_programs_at_this_address_do_not_lock_a_phone_out():
    guard = access_control.AccessControl(_inside, code="abcd-efgh", announce=lambda text: None)
    ticket = ask(guard, **PHONE, form={"code": "abcd-efgh"})[1][b"set-cookie"].decode().partition(";")[0]
    for cookie in (
        f'weird[]="{{"; {ticket}',
        f"{ticket};=;a",
        ["_xsrf=2|a:b", ticket],
        f"{access_control.COOKIE}=old; {ticket}",
    ):
        assert ask(guard, client="192.168.1.9", cookie=cookie)[0] == 200, cookie


@pytest.mark.parametrize("header", ["x_forwarded_for", "forwarded", "x_real_ip", "x_forwarded_host"])
def test_a_phone_cannot_call_itself_this_machine(header):
    guard = access_control.AccessControl(_inside, code="abcd-efgh", announce=lambda text: None)
    assert ask(guard, client="192.168.1.9", **{header: "127.0.0.1"})[0] == 401


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
