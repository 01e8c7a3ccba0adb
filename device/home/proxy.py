"""Requests that come through a proxy on this machine: from whom they are, and whether by https."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from device.home.guard import WsgiApp


def behind_proxy(app: WsgiApp) -> WsgiApp:
    """The app, told by X-Forwarded-For and X-Forwarded-Proto of who came to the proxy.

    Only loopback is believed: anybody may send the headers, but there a proxy of ours adds to
    them. Of several addresses it wrote the last.
    """
    told = ProxyFix(app, x_for=1, x_proto=1)

    def entered(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        by = told if _is_loopback(environ.get("REMOTE_ADDR", "")) else app
        return by(environ, start)

    return entered


def _is_loopback(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
