"""Access control of the web servers: refuses foreign hosts and origins, and asks a phone for the one-time code.

Without it Streamlit looks up the address of this machine on the internet to decide about a foreign origin, and Gradio
takes uploads from any web page. Pure ASGI, so that both servers use it.
"""

from __future__ import annotations

import hmac
import html
import secrets
import socket
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CODE_VARIABLE = "HVIT_PHONE_CODE"
CODE_PATH = "/phone-code"
COOKIE = "hvit_phone"
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without letters and digits that look alike
MOST_FORM_BYTES = 1024
FORBIDDEN, UNAUTHORIZED, SEE_OTHER = 403, 401, 303
POLICY_VIOLATION = 1008  # code of a closed WebSocket

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Code - HViT</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:18px/1.5 Georgia,serif;color:#22261f;background:#fcfbf8;max-width:30rem;margin:3rem auto}}
body{{padding:0 1rem}}input,button{{font:inherit;padding:.5rem .8rem;margin:.3rem 0}}</style>
<h1>HViT</h1><p>{said}</p><form method="post" action="{path}"><label>Code <input name="code" autocomplete="off"
autocapitalize="none" autofocus required></label> <button>Open</button></form>
<p>Photos you give go to the computer {computer} and stay there. On the way they are not encrypted: use a network you
trust.</p></html>"""
ASKED = "Type the code that the computer shows where HViT was started. It works once."
WRONG = "That is not the code. It may have been used already: the computer shows the one that works now."


def new_code() -> str:
    """A one-time code of 8 characters, about 40 bits: `kd7m-2xqp`."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(8))
    return f"{drawn[:4]}-{drawn[4:]}"


def is_own_host(host: str | None, names: Collection[str] = ()) -> bool:
    """Whether a Host header can only mean this machine: an IP address, localhost, or one of its own names.

    Any other name may belong to a web page whose owner lets it point to this machine (DNS rebinding).

    Args:
        host: the header, with or without a port; None where there was none.
        names: further host names that are allowed.
    """
    try:
        hostname = urlsplit(f"//{host or ''}").hostname
    except ValueError:
        return False
    if not hostname:
        return False
    if hostname in {"localhost", *own_names(), *(name.lower() for name in names)}:
        return True
    try:
        ip_address(hostname)
    except ValueError:
        return False
    return True


def own_names() -> set[str]:
    """Names of this machine in its own network, in lower case; nothing is looked up."""
    name = socket.gethostname().lower()
    return {name, f"{name.partition('.')[0]}.local"}


def is_same_origin(origin: str | None, host: str, origins: Collection[str] = ()) -> bool:
    """Whether a request comes from our own page, or from no page at all (programs send no Origin header).

    Args:
        origins: further origins that are allowed, `https://example.com`.
    """
    if origin is None or origin in origins:
        return True
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


class Door:
    """ASGI middleware: requests of foreign hosts and origins end with 403, those of phones without the code with 401.

    Args:
        app: what is served behind it.
        code: the first one-time code, asked of every client but this machine itself; None asks nobody.
        names: further host names that are allowed.
        origins: further origins that are allowed.
        say: tells the person at this computer the next code.
    """

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        code: str | None = None,
        names: Collection[str] = (),
        origins: Collection[str] = (),
        say: Callable[[str], None] = print,
    ):
        self.app, self.code, self.names, self.origins, self.say = app, code, names, origins, say
        self.tickets: set[str] = set()  # in the cookies of phones that gave a code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host")
        if not is_own_host(host, self.names):
            await _refuse(scope, send, FORBIDDEN, "This name is not a name of the computer that runs HViT.")
        elif not is_same_origin(headers.get("origin"), host, self.origins):
            await _refuse(scope, send, FORBIDDEN, "Requests from other web pages are refused.")
        elif self._may_enter(scope, headers):
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == CODE_PATH:
            await self._take_code(receive, send)
        else:
            await _refuse(scope, send, UNAUTHORIZED, _page(ASKED), "text/html")

    def _may_enter(self, scope: Scope, headers: dict[str, str]) -> bool:
        if self.code is None or _is_this_machine(scope.get("client")):
            return True
        return _cookie(headers.get("cookie", "")) in self.tickets

    async def _take_code(self, receive: Receive, send: Send) -> None:
        given = parse_qs(await _body(receive)).get("code", [""])[0].strip().lower()
        if not hmac.compare_digest(given.encode(), self.code.encode()):
            await _answer(send, UNAUTHORIZED, _page(WRONG), "text/html")
            return
        ticket = secrets.token_urlsafe(32)
        self.tickets.add(ticket)
        self.code = new_code()
        self.say(f"A phone was let in. The code for another one: {self.code}")
        cookie = f"{COOKIE}={ticket}; HttpOnly; SameSite=Strict; Path=/"
        await _answer(send, SEE_OTHER, "", "text/plain", [(b"location", b"/"), (b"set-cookie", cookie.encode())])


def _is_this_machine(client: tuple[str, int] | None) -> bool:
    try:
        address = ip_address(client[0] if client else "")
    except ValueError:
        return False
    return address.is_loopback or bool(getattr(address, "ipv4_mapped", None) and address.ipv4_mapped.is_loopback)


def _cookie(header: str) -> str | None:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None


async def _body(receive: Receive) -> str:
    """The form, cut off after `MOST_FORM_BYTES`."""
    body, more = b"", True
    while more and len(body) <= MOST_FORM_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body[:MOST_FORM_BYTES].decode("utf-8", "replace")


def _page(said: str) -> str:
    return PAGE.format(said=html.escape(said), path=CODE_PATH, computer=html.escape(socket.gethostname()))


async def _refuse(scope: Scope, send: Send, status: int, text: str, kind: str = "text/plain") -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": ""})
    else:
        await _answer(send, status, text, kind)


async def _answer(send: Send, status: int, text: str, kind: str, headers: list[tuple[bytes, bytes]] = ()) -> None:
    body = text.encode()
    fixed = [(b"content-type", f"{kind}; charset=utf-8".encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})
