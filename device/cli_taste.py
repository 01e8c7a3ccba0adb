"""`attune taste`: what was learned of taste, told, given out, taken in or forgotten."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from device import lessons
from device.cli_common import FAILED, WRONG_USE, Handler, client_of, fail

LARGEST_IMPORT_BYTES = 24 * 1024 * 1024  # as it is indented; it is sent without
YES = ("y", "yes")
DAY = "from a day on: today, yesterday, or as 2026-05-31"
DAYS_AGO = {"today": 0, "yesterday": 1}


def add_commands(taste: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    """Add `forget`, `export` and `import`; alone, `attune taste` tells."""
    taste.set_defaults(run=_tell)
    taste.add_argument("--json", action="store_true", help="as JSON, for scripts")
    taste.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw it, too")
    topics = taste.add_subparsers(metavar="forget|export|import")

    def add(name: str, help_: str, run: Handler) -> argparse.ArgumentParser:
        topic = topics.add_parser(name, help=help_, description=help_, parents=[shared])
        topic.set_defaults(run=run)
        return topic

    forget = add("forget", "erase plays, likes and moods, and what was learned of them", _forget)
    which = forget.add_mutually_exclusive_group(required=True)
    which.add_argument("--since", type=day, metavar="DAY", help=DAY)
    which.add_argument("--all", action="store_true", help="everything")
    forget.add_argument("--yes", action="store_true", help="do not ask")
    add("export", "write all that taste was learned from, as JSON", _export).add_argument(
        "file", type=Path, metavar="FILE.json"
    )
    add("import", "learn from an exported file, too", _import).add_argument(
        "file", type=Path, metavar="FILE.json"
    )


def day(text: str) -> float:
    """The wall time at which a day began here."""
    ago = DAYS_AGO.get(text.lower())
    if ago is not None:
        text = (dt.datetime.now().astimezone().date() - dt.timedelta(days=ago)).isoformat()
    try:
        return max(0.0, dt.datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no day; write it as 2026-05-31, or today, or yesterday"
        ) from None


def _tell(parsed: argparse.Namespace) -> int:
    from device import taste_view

    report = client_of(parsed).taste(lessons.ShowTaste(), lessons.TasteReport)
    if parsed.plot is not None:
        try:
            parsed.plot.write_text(taste_view.svg(report), encoding="utf-8")
        except OSError as error:
            return fail(f"{parsed.plot}: {error.strerror}", FAILED)
    if parsed.json:
        print(msgspec.json.encode(report).decode())
    else:
        print("\n".join(taste_view.words(report)))
    return 0


def _forget(parsed: argparse.Namespace) -> int:
    if not parsed.yes:
        if not sys.stdin.isatty():
            return fail("this cannot be undone: add --yes", WRONG_USE)
        what = "everything" if parsed.all else "all of that time"
        if input(f"Forget {what}? This cannot be undone. [y/N] ").strip().lower() not in YES:
            return fail("nothing was forgotten", FAILED)
    answer = client_of(parsed).taste(lessons.ForgetTaste(parsed.since), lessons.TasteChanged)
    print(f"forgot {answer.count} plays, and likes, dislikes and moods of that time")
    return 0


def _export(parsed: argparse.Namespace) -> int:
    answer = client_of(parsed).taste(lessons.ExportTaste(), lessons.TasteFile)
    try:
        parsed.file.write_bytes(msgspec.json.format(msgspec.json.encode(answer)) + b"\n")
    except OSError as error:
        return fail(f"{parsed.file}: {error.strerror}", FAILED)
    print(f"{parsed.file}: {len(answer.lessons)} plays{_besides(answer.ratings)}")
    return 0


def _import(parsed: argparse.Namespace) -> int:
    try:
        if parsed.file.stat().st_size > LARGEST_IMPORT_BYTES:
            return fail(f"{parsed.file}: too large for an exported taste", FAILED)
        taste = msgspec.json.decode(parsed.file.read_bytes(), type=lessons.TasteFile)
    except OSError as error:
        return fail(f"{parsed.file}: {error.strerror}", FAILED)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return fail(f"{parsed.file} is no taste that `attune taste export` wrote: {error}", FAILED)
    request = lessons.ImportTaste(taste.lessons, taste.ratings)
    answer = client_of(parsed).taste(request, lessons.TasteChanged)
    known = len(taste.lessons) - answer.count
    print(f"learned from {answer.count} plays; {known} known before{_besides(taste.ratings)}")
    return 0


def _besides(ratings: Sequence[lessons.Rating]) -> str:
    return f"; {len(ratings)} likes and dislikes besides" if ratings else ""
