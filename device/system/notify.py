"""What systemd is told about us (sd_notify(3)); silent when nobody listens.

systemd's own Python bindings serve where they are installed. Where they are not, the same
datagram is sent by hand.
"""

from __future__ import annotations

import logging
import os
import socket
import time

try:
    import systemd.daemon as systemd_daemon
except ImportError:
    systemd_daemon = None

log = logging.getLogger(__name__)


def ready() -> None:
    """The start, or the reading of a new configuration, is complete."""
    _notify("READY=1")


def watchdog() -> None:
    """All is well; due more often than `watchdog_seconds`."""
    _notify("WATCHDOG=1")


def watchdog_trigger() -> None:
    """All is not well: end us now as if the watchdog had not been fed."""
    _notify("WATCHDOG=trigger")


def status(text: str) -> None:
    """One line for `systemctl status`."""
    _notify("STATUS=" + " ".join(text.split()))


def reloading() -> None:
    """A new configuration is being read; `ready` ends it."""
    _notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def stopping() -> None:
    """The end has begun."""
    _notify("STOPPING=1")


def watchdog_seconds() -> float | None:
    """Within how many seconds systemd wants `watchdog`, each time; None when it does not."""
    owner = os.environ.get("WATCHDOG_PID")
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or (owner is not None and owner != str(os.getpid())):
        return None
    return int(microseconds) / 1e6 or None


def _notify(state: str) -> None:
    try:
        if systemd_daemon is not None:
            systemd_daemon.notify(state)
        else:
            _send(state)
    except OSError as error:
        log.warning("systemd could not be told %r: %s", state, error)


def _send(state: str) -> None:
    """The datagram of sd_notify(3) to $NOTIFY_SOCKET, a path or "@" and an abstract name."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address[0] == "@":
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto(state.encode(), address)
