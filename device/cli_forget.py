"""`attune forget`: erases what Attune remembers of people, whether it is running or not."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from device import config
from device.cli_common import FAILED, WRONG_USE, client_of, config_path_of, fail
from device.cli_taste import DAY, YES, day
from device.client import NotRunning
from device.lessons import ForgetTaste, Memory, TasteChanged
from device.ports import CannotDo
from device.settings import HOME

WORDS = {
    Memory.TASTE: "plays, likes and dislikes",
    Memory.MOODS: "moods",
    Memory.BY_HAND: "what was set by hand, and where to go on",
}
EPILOG = f"""\
It is overwritten in the database, at once. Your music, its labels and the library's index stay, and
so does the privacy switch. Old lines of the log tell what played: `sudo journalctl --rotate
--vacuum-time=1s` erases those of all services. What Home Assistant recorded, it keeps
({HOME / "PRIVACY.md"} tells more).
"""


def add_commands(forget: argparse.ArgumentParser) -> None:
    """Say what can be forgotten."""
    forget.set_defaults(run=_forget)
    forget.epilog = EPILOG
    when = forget.add_mutually_exclusive_group(required=True)
    when.add_argument("--all", action="store_true", help="of all time")
    when.add_argument("--since", type=day, metavar="DAY", help=DAY)
    for memory, words in WORDS.items():
        forget.add_argument(
            f"--{memory.value.replace('_', '-')}",
            action="append_const",
            dest="what",
            const=memory,
            help=f"only {words}",
        )
    forget.add_argument("--yes", action="store_true", help="do not ask")


def _forget(parsed: argparse.Namespace) -> int:
    what = tuple(parsed.what or (Memory if parsed.all else (Memory.TASTE, Memory.MOODS)))
    told = "; ".join(WORDS[memory] for memory in what)
    if not parsed.yes:
        if not sys.stdin.isatty():
            return fail("this cannot be undone: add --yes", WRONG_USE)
        period = "" if parsed.all else " of that time"
        if (
            input(f"Forget {told}{period}? This cannot be undone. [y/N] ").strip().lower()
            not in YES
        ):
            return fail("nothing was forgotten", FAILED)
    try:
        request = ForgetTaste(parsed.since, what)
        plays = [client_of(parsed).taste(request, TasteChanged).count]
    except NotRunning:
        try:
            plays = [_forget_in(folder, parsed.since or 0.0, what) for folder in _folders(parsed)]
        except _Failed as error:
            return fail(str(error), FAILED)
    print(f"forgot {told} ({sum(plays)} plays)" if plays else "there was nothing to forget")
    return 0


class _Failed(Exception):  # noqa: N818 - a state of the world, not a programming error
    """Nothing, or not all, was forgotten; the message says why."""


def _folders(parsed: argparse.Namespace) -> list[Path]:
    """Where daemons that do not run now may have left something."""
    from device import installed
    from device.system.database import FILE

    places = installed.state_folders(config.load(config_path_of(parsed)))
    try:
        return [folder for folder in places if (folder / FILE).exists()]
    except PermissionError as error:
        raise _Failed(f"{error.filename} may not be read: use sudo") from error


def _forget_in(folder: Path, since: float, what: tuple[Memory, ...]) -> int:
    """Forget in a state folder that no daemon uses; how many plays. Raises `_Failed`."""
    from device import installed
    from device.system.database import StateError
    from device.system.store import SqliteStore

    try:
        # What is made new there must be the daemon's own.
        with installed.as_owner(folder), SqliteStore(folder, _Wall()) as store:
            return store.forget(since, what)
    except (StateError, CannotDo) as error:
        raise _Failed(str(error)) from error


class _Wall:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since the epoch."""
        return time.time()
