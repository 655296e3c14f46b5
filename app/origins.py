"""Checks of Host, Origin and Referer headers, without DNS."""

import socket
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
DEFAULT_PORTS = {"http": 80, "https": 443}


def is_own_host(host: str | None, names: Collection[str] = ()) -> bool:
    """Whether a Host header can only mean this machine: an IP address, localhost, or one of its own names.

    Any other name may belong to a web page whose owner lets it point to this machine (DNS rebinding).

    Args:
        host: the header, with or without a port; None where there was none.
        names: further host names that are allowed.
    """
    parts = _split(f"//{host or ''}")
    hostname = parts.hostname if parts is not None else None
    if not hostname:
        return False
    if hostname.removesuffix(".") in {"localhost", *own_names(), *(name.lower() for name in names)}:
        return True
    try:
        ip_address(hostname)
    except ValueError:
        return False
    return True


def own_names() -> set[str]:
    """Host names of this machine in its own network, in lower case, without DNS."""
    name = socket.gethostname().lower()
    return {name, f"{name.partition('.')[0]}.local"}


def is_same_origin(origin: str | None, host: str, origins: Collection[str] = ()) -> bool:
    """Whether a request comes from our own page, or from no page at all (programs send no Origin header).

    Args:
        origins: further origins that are allowed, `https://example.com`.
    """
    if origin is None or origin in origins:
        return True
    parts = _split(origin)
    own = _split(f"{parts.scheme}://{host}") if parts is not None and parts.scheme in DEFAULT_PORTS else None
    return parts is not None and own is not None and _host_and_port(parts) == _host_and_port(own)


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        return parts if parts.port is None or parts.port else None  # the port is parsed only when it is asked for
    except ValueError:
        return None


def _host_and_port(parts: SplitResult) -> tuple[str, int]:
    at = parts.netloc.lower()
    return at.removesuffix(f":{parts.port}"), parts.port or DEFAULT_PORTS[parts.scheme]


def is_allowed(method: str, headers: dict[str, str], host: str, origins: Collection[str] = ()) -> bool:
    """Whether the headers allow a request: it comes from our own page, from a program, or follows a link.

    A page that loads a picture or a script from here, shows it in a frame, or opens a connection, sends no Origin
    header in some of these cases. Browsers then tell by `Sec-Fetch-Site`, older ones by `Referer`. To follow a link to
    here from any page is allowed.
    """
    origin, referer = headers.get("origin"), headers.get("referer")
    if not is_same_origin(origin, host, origins):
        return False
    if origin is None and referer is not None and _origin_of(referer) in origins:
        return True
    if origin is None and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    if origin is None and referer is not None and method not in SAFE_METHODS:
        return is_same_origin(_origin_of(referer), host, origins)
    return True


def _origin_of(address: str) -> str:
    parts = _split(address)
    return f"{parts.scheme}://{parts.netloc}" if parts is not None else ""
