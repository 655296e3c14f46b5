"""Access control of the web servers: refuses foreign hosts and origins, and asks other devices for a one-time code.

Without it Streamlit looks up the address of this machine on the internet to decide about a foreign origin, and Gradio
takes uploads from any web page. Pure ASGI, so that both servers use it.
"""

from __future__ import annotations

import hmac
import html
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import parse_qs

from app.origins import is_allowed, is_own_host

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CODE_VARIABLE = "HVIT_PHONE_CODE"
CODE_PATH = "/phone-code"
COOKIE = "hvit_phone"
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without letters and digits that look alike
MOST_FORM_BYTES = 1024
MOST_WRONG, WRONG_S = 10, 60  # codes that one address may get wrong, and the seconds after which one is forgotten
MOST_ADDRESSES = 1000  # whose wrong codes are counted
FORBIDDEN, UNAUTHORIZED, SEE_OTHER, TOO_MANY = 403, 401, 303, 429
POLICY_VIOLATION = 1008  # code of a closed WebSocket

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Code - HViT</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:18px/1.5 Georgia,serif;color:#22261f;background:#fcfbf8;max-width:30rem;margin:3rem auto}}
body{{padding:0 1rem}}input,button{{font:inherit;padding:.5rem .8rem;margin:.3rem 0}}</style>
<h1>HViT</h1><p>{message}</p><form method="post" action="{path}"><label>Code <input name="code" autocomplete="off"
autocapitalize="none" autofocus required></label> <button>Open</button></form>
<p>Photos you give go to the computer {computer} and stay there. On the way they are not encrypted: use a network you
trust.</p></html>"""
ASKED = "Type the code that the computer shows where HViT was started. It works once."
WRONG = "That is not the code. It may have been used already: the computer shows the one that works now."
TOO_OFTEN = f"Too many wrong codes came from here. Wait {WRONG_S} seconds, then try again."


def new_code() -> str:
    """A one-time code of 8 characters, about 40 bits: `kd7m-2xqp`."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(8))
    return f"{drawn[:4]}-{drawn[4:]}"


class AccessControl:
    """ASGI middleware: requests of foreign hosts and origins get 403, those of phones without the code 401.

    Args:
        app: the ASGI application behind it.
        code: the first one-time code, asked of every client but this machine itself; None asks nobody.
        names: further host names that are allowed.
        origins: further origins that are allowed.
        announce: shows the next code to the person at this computer.
    """

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        code: str | None = None,
        names: Collection[str] = (),
        origins: Collection[str] = (),
        announce: Callable[[str], None] = print,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.app, self.code, self.names, self.origins, self.announce = app, code, names, origins, announce
        self.tickets: set[str] = set()  # in the cookies of phones that gave a code
        self.wrong_codes = WrongCodes(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers, is_clear = _headers(scope)
        host = headers.get("host", "")
        if not is_clear or not is_own_host(host, self.names):
            await _refuse(scope, send, FORBIDDEN, "This name is not a name of the computer that runs HViT.")
        elif not is_allowed(scope.get("method", "GET"), headers, host, self.origins):
            await _refuse(scope, send, FORBIDDEN, "Requests from other web pages are refused.")
        elif self._is_allowed(scope, headers):
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == CODE_PATH:
            await self._take_code(_network(scope), receive, send)
        else:
            await _refuse(scope, send, UNAUTHORIZED, _page(ASKED), "text/html")

    def _is_allowed(self, scope: Scope, headers: dict[str, str]) -> bool:
        if self.code is None or _is_this_machine(scope.get("client")):
            return True
        return not self.tickets.isdisjoint(_tickets(headers.get("cookie", "")))

    async def _take_code(self, network: str, receive: Receive, send: Send) -> None:
        given = _plain_code(parse_qs(await _body(receive)).get("code", [""])[0])
        if self.wrong_codes.are_too_many(network):
            await _answer(send, TOO_MANY, _page(TOO_OFTEN), "text/html", [(b"retry-after", str(WRONG_S).encode())])
            return
        if not hmac.compare_digest(given.encode(), _plain_code(self.code or "").encode()):
            self.wrong_codes.add(network)
            await _answer(send, UNAUTHORIZED, _page(WRONG), "text/html")
            return
        ticket = secrets.token_urlsafe(32)
        self.tickets.add(ticket)
        self.code = new_code()
        self.announce(f"A phone was let in. The code for another one: {self.code}")
        cookie = f"{COOKIE}={ticket}; HttpOnly; SameSite=Strict; Path=/"
        await _answer(send, SEE_OTHER, "", "text/plain", [(b"location", b"/"), (b"set-cookie", cookie.encode())])


class WrongCodes:
    """Rate limit of wrong codes, by network address.

    Args:
        clock: monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._times: dict[str, list[float]] = {}

    def are_too_many(self, network: str) -> bool:
        """Whether this address is blocked for now."""
        return len(self._recent(network)) >= MOST_WRONG

    def add(self, network: str) -> None:
        """Counts a wrong code; beyond `MOST_ADDRESSES` the oldest address is dropped."""
        self._times[network] = [*self._recent(network), self._clock()]
        if len(self._times) > MOST_ADDRESSES:
            del self._times[next(iter(self._times))]

    def _recent(self, network: str) -> list[float]:
        return [when for when in self._times.get(network, []) if self._clock() - when < WRONG_S]


def _headers(scope: Scope) -> tuple[dict[str, str], bool]:
    """Headers by lower-case name; False where Host or Origin came twice with different values."""
    headers: dict[str, str] = {}
    is_clear = True
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "cookie" and name in headers:
            value = f"{headers[name]}; {value}"
        elif name in ("host", "origin") and headers.get(name, value) != value:
            is_clear = False
        headers[name] = value
    return headers, is_clear


def _plain_code(text: str) -> str:
    """Normalizes a typed code: letters and digits only, lower case."""
    return "".join(letter for letter in text.lower() if letter.isalnum())


def _address(client: tuple[str, int] | None) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(client[0] if client else "")
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network(scope: Scope) -> str:
    """IP address of a client; of IPv6 the first 64 bits, as a client may choose the rest."""
    address = _address(scope.get("client"))
    return address.exploded[:19] if isinstance(address, IPv6Address) else str(address)


def _is_this_machine(client: tuple[str, int] | None) -> bool:
    address = _address(client)
    return address is not None and address.is_loopback


def _tickets(header: str) -> list[str]:
    """Values of our cookie in a Cookie header."""
    cookies = (cookie.strip().partition("=") for cookie in header.split(";"))
    return [value.strip('"') for name, _, value in cookies if name == COOKIE]


async def _body(receive: Receive) -> str:
    """The form body, truncated after `MOST_FORM_BYTES`."""
    body, more = b"", True
    while more and len(body) <= MOST_FORM_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body[:MOST_FORM_BYTES].decode("utf-8", "replace")


def _page(message: str) -> str:
    return PAGE.format(message=html.escape(message), path=CODE_PATH, computer=html.escape(socket.gethostname()))


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
