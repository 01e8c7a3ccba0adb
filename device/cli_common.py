"""What the commands of `attune` share: exit codes, complaints, and where the daemon is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from device import config
from device.client import Client, socket_paths

Handler = Callable[[argparse.Namespace], int]

FAILED = 1
WRONG_USE = 2
NOT_RUNNING = 69  # EX_UNAVAILABLE of sysexits.h
BAD_CONFIG = 78  # EX_CONFIG of sysexits.h; the unit does not restart after it
INTERRUPTED = 130  # as a shell says it of SIGINT


def fail(message: str, code: int) -> int:
    """Complain; returns the exit code."""
    sys.stderr.write(f"attune: {message}\n")
    return code


def config_path_of(parsed: argparse.Namespace) -> Path | None:
    """The configuration file that holds, None where there is none."""
    return config.find(getattr(parsed, "config", None))


def client_of(parsed: argparse.Namespace) -> Client:
    """The way to the daemon."""
    return Client(socket_paths(getattr(parsed, "socket", None), getattr(parsed, "config", None)))
