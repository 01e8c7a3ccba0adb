"""`attune correct`: the user's own word on a track, which wins over all else that is said of it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from msgspec.structs import replace

from device.cli_common import FAILED, WRONG_USE, client_of, fail
from device.library import SHOWN_TRACKS, matching
from device.music.words import place_of
from device.types import Correct, Track
from device.watch import clean

if TYPE_CHECKING:
    from device.home.collection import TrackTold

YES_NO = {"yes": True, "no": False}
EPILOG = """\
What was said before stays, but for what is said anew. It is kept in Attune's database, so the
music's folder may be read-only, and holds wherever the file is moved, and for exact copies of it.
"""


def add_commands(correct: argparse.ArgumentParser) -> None:
    """Say what may be corrected."""
    correct.set_defaults(run=_correct)
    correct.epilog = EPILOG
    correct.add_argument(
        "words", nargs="+", metavar="WORDS", help="of its title or artist, its path or its id"
    )
    correct.add_argument("--mood", metavar="WORD", help="it feels so: happy, calm, sad …")
    correct.add_argument("--valence", type=_unit, metavar="V", help="unpleasant -1 to pleasant 1")
    correct.add_argument("--arousal", type=_unit, metavar="A", help="quiet -1 to lively 1")
    help_ = "yes: never while a child may listen"
    correct.add_argument("--explicit", choices=YES_NO, help=help_)
    correct.add_argument("--skip", choices=YES_NO, help="yes: never play it")
    correct.add_argument("--undo", action="store_true", help="take back all that you said of it")


def _unit(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 2.0
    if not -1.0 <= number <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from -1 to 1")
    return number


def _correct(parsed: argparse.Namespace) -> int:
    from device.home.collection import TrackTold

    try:
        changes = _changes(parsed)
    except ValueError as error:
        return fail(str(error), WRONG_USE)
    client = client_of(parsed)
    library = client.library()
    found = matching(library.tracks, parsed.words)
    missing = [] if found or changes else matching(library.missing, parsed.words)
    if len(found) + len(missing) != 1:
        return fail(_which(found or missing, " ".join(parsed.words)), FAILED)
    if missing:
        client.command(Correct(missing[0].id))
        print(f"{clean(missing[0].title)}: taken back; its file is missing")
        return 0
    track = found[0]
    said = client.ask("GET", f"/tracks/{track.id}", TrackTold).correction
    before = said if said is not None and not parsed.undo else Correct(track.id)
    client.command(replace(before, **changes))
    print(_told(client.ask("GET", f"/tracks/{track.id}", TrackTold)))
    return 0


def _changes(parsed: argparse.Namespace) -> dict[str, float | bool]:
    """Fields of `Correct` that are said anew. Raises `ValueError`."""
    changes: dict[str, float | bool] = {}
    if parsed.mood is not None:
        place = place_of(parsed.mood)
        if place is None:
            raise ValueError(f"{parsed.mood!r} is no mood that is known here; try happy or calm")
        changes["valence"], changes["arousal"] = place
    elif parsed.valence is not None and parsed.arousal is not None:
        changes["valence"], changes["arousal"] = parsed.valence, parsed.arousal
    elif parsed.valence is not None or parsed.arousal is not None:
        raise ValueError("give both --valence and --arousal, or --mood")
    if parsed.explicit is not None:
        changes["explicit"] = YES_NO[parsed.explicit]
    if parsed.skip is not None:
        changes["skip"] = YES_NO[parsed.skip]
    if not changes and not parsed.undo:
        raise ValueError("say what it is like: --mood, --explicit, --skip; or --undo")
    return changes


def _which(found: list[Track], words: str) -> str:
    if not found:
        return f"no track is called {words!r}"
    names = "".join(f"\n  {track.id}  {clean(track.title)}" for track in found[:SHOWN_TRACKS])
    more = f"\n  … and {len(found) - SHOWN_TRACKS:,} more" if len(found) > SHOWN_TRACKS else ""
    return f"{len(found):,} tracks are called so; say more words, or an id:{names}{more}"


def _told(now: TrackTold) -> str:
    """One line of how it counts from now on."""
    affect = now.track.affect
    parts = [f"valence {affect.valence:+.2f}, arousal {affect.arousal:+.2f}, says {affect.source}"]
    if now.track.explicit:
        parts.append("explicit")
    if now.correction is not None and now.correction.skip:
        parts.append("never played")
    return f"{clean(now.track.title)}: {'; '.join(parts)}"
