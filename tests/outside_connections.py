"""Watches a test process for connections to other computers, and for look-ups of their names.

What Python's socket module does is seen: `connect`, `connect_ex`, `sendto`, `sendmsg` and look-ups of names. What other
processes do that a test starts is not, nor what a C library does by itself (gloo of torch.distributed, a browser).
"""

import functools
import ipaddress
import socket
from collections.abc import Callable


class OutsideConnectionError(OSError):
    """A test wanted to reach another computer."""


class Watchdog:
    """Refuses what leaves this computer, and keeps it in `attempts`, as code that copes with no network hides it."""

    CONNECTING = ("connect", "connect_ex", "sendto", "sendmsg")
    LOOKING_UP = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr")

    def __init__(self):
        self.attempts: list[str] = []

    def install(self, patch: Callable[[object, str, Callable], None]) -> None:
        """Puts the watch in place with `patch(owner, name, value)`, such as monkeypatch.setattr."""
        for name in self.CONNECTING:
            patch(socket.socket, name, self._watched_method(name))
        for name in self.LOOKING_UP:
            patch(socket, name, self._watched_lookup(name))

    def taken(self) -> list[str]:
        """The attempts since this was last asked."""
        attempts, self.attempts = self.attempts, []
        return attempts

    def _watched_method(self, name: str) -> Callable:
        original = getattr(socket.socket, name)

        @functools.wraps(original)
        def watched(self_socket, *arguments):
            address = address_of(name, arguments)
            if self_socket.family in (socket.AF_INET, socket.AF_INET6) and address is not None:
                self._check(name, address[0])
            return original(self_socket, *arguments)

        return watched

    def _watched_lookup(self, name: str) -> Callable:
        original = getattr(socket, name)

        @functools.wraps(original)
        def watched(host, *arguments, **named):
            self._check(name, host)
            return original(host, *arguments, **named)

        return watched

    def _check(self, call: str, host: str | bytes | None) -> None:
        if is_this_computer(host):
            return
        self.attempts.append(f"{call} to {host!r}")
        raise OutsideConnectionError(f"tests reach no other computer, and this one wanted {self.attempts[-1]}")


def address_of(call: str, arguments: tuple) -> tuple | None:
    """Where a call of a socket's method goes; None for the peer it is connected to."""
    if call.startswith("connect"):
        return arguments[0]
    if call == "sendto":
        return arguments[-1]
    return arguments[3] if len(arguments) > 3 else None  # sendmsg(buffers, ancillary, flags, address)


def is_this_computer(host: str | bytes | None) -> bool:
    """Whether a host, by name or number, is this computer; a name of its own counts where it needs no look-up."""
    if host is None:
        return True
    name = host.decode() if isinstance(host, bytes) else host
    if name.lower().rstrip(".") in ("", "localhost", socket.gethostname().lower()):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
