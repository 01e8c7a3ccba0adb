"""`attune library` and `attune scan`: what is known of the music, who says so, and playlists."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from device.client import Client
from device.music.words import fold, place_of
from device.types import LibraryScanned, Part, Scan, Track
from device.watch import clean, span

POLL_SECONDS = 0.2
BAR_COLUMNS = 30
MOOD_REACH = 0.45
"""So far from a mood's place, in valence and arousal, music is still of it: about half of the way
to the next one in the circumplex."""
SKIPPED_SHOWN = 20
SHOWN_TRACKS = 5


class Unknown(Exception):  # noqa: N818 - an answer, not a programming error
    """What was asked for is not there; the message names the mend."""


def add_commands(library: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    """Add `show` and `export`; alone, `attune library` counts."""
    library.set_defaults(tell=summary)
    library.add_argument("--json", action="store_true", help="everything, as JSON, for scripts")
    library.add_argument("--all", action="store_true", help="name every skipped file")
    topics = library.add_subparsers(metavar="show|export")
    help_ = "all that is known of a track, and who says so"
    show = topics.add_parser("show", help=help_, description=help_, parents=[shared])
    show.add_argument("words", nargs="+", metavar="WORDS", help="of its title or artist, or a path")
    show.set_defaults(tell=tell_tracks)
    help_ = "write a playlist, M3U8 or XSPF as the file's ending says"
    export = topics.add_parser("export", help=help_, description=help_, parents=[shared])
    export.add_argument("file", type=Path, metavar="FILE.m3u8|FILE.xspf")
    export.add_argument("--mood", metavar="WORD", help="what feels so: happy, calm, sad …")
    export.add_argument("--genre", metavar="NAME", help="whose genre holds this")
    export.add_argument("--artist", metavar="NAME", help="whose artist holds this")
    export.set_defaults(tell=export_tracks)


# --- attune library --------------------------------------------------------------------------


def summary(library: LibraryScanned, parsed: argparse.Namespace) -> Iterator[str]:
    """How much there is, where valence and arousal come from, and what was left out."""
    if parsed.json:
        yield msgspec.json.encode(library).decode()
        return
    from device.music.albums import album_of  # noqa: PLC0415 - heavy

    tracks = library.tracks
    hours = sum(track.duration_seconds for track in tracks)
    artists = {track.artist for track in tracks if track.artist}
    albums = {album for track in tracks if (album := album_of(track)) is not None}
    yield f"{len(tracks):,} tracks, {span(hours)}; {len(artists):,} artists, {len(albums):,} albums"
    sources = Counter(track.affect.source for track in tracks)
    if sources:
        counted = ", ".join(f"{source} {count:,}" for source, count in sources.most_common())
        yield f"what they feel like is told by: {counted}"
    if gone := library.gone:
        yield f"missing, but not forgotten: {len(gone):,}, such as {clean(gone[0].path)}"
    if library.skipped:
        yield f"skipped: {len(library.skipped):,}"
    shown = len(library.skipped) if parsed.all else SKIPPED_SHOWN
    yield from (f"  {clean(file.path)}: {clean(file.reason)}" for file in library.skipped[:shown])
    if len(library.skipped) > shown:
        yield f"  … and {len(library.skipped) - shown:,} more: attune library --all"


def tell_tracks(library: LibraryScanned, parsed: argparse.Namespace) -> Iterator[str]:
    """The tracks that were asked for. Raises `Unknown`."""
    found = matching(library.tracks, parsed.words)
    if not found:
        raise Unknown(
            f"no track is called {' '.join(parsed.words)!r}; "
            "`attune library` lists what was skipped"
        )
    for track in found[:SHOWN_TRACKS]:
        yield from _lines(track)
        yield ""
    if len(found) > SHOWN_TRACKS:
        yield f"… and {len(found) - SHOWN_TRACKS:,} more: say more words"


def matching(tracks: Sequence[Track], words: Sequence[str]) -> list[Track]:
    """The track of such an id or path, else all whose title, artist or album has these words."""
    asked = " ".join(words)
    path = os.path.abspath(asked)  # noqa: PTH100 - links stay
    exact = [track for track in tracks if asked == track.id or path == track.path]
    if exact:
        return exact
    wanted = fold(asked).split()
    return [
        track
        for track in tracks
        if wanted
        and all(
            word in fold(f"{track.title} {track.artist} {track.album or ''}") for word in wanted
        )
    ]


def _lines(track: Track) -> Iterator[str]:
    affect = track.affect
    rows = {
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "album artist": track.album_artist,
        "disc, track": _joined(track.disc_number, track.track_number),
        "year": track.year,
        "genre": track.genre,
        "tempo": track.tempo_bpm and f"{track.tempo_bpm:g} BPM",
        "length": span(track.duration_seconds),
        "feels": f"valence {affect.valence:+.2f}, arousal {affect.arousal:+.2f} "
        f"(± {affect.deviation:.2f}), says: {affect.source}",
        "loudness": _loudness(track.loudness_lufs, track.peak_dbfs),
        "of the album": _loudness(track.album_loudness_lufs, track.album_peak_dbfs),
        "explicit": "yes" if track.explicit else None,
        "file": track.path,
        "id": track.id,
    }
    yield from (f"{name:<14}{clean(str(value))}" for name, value in rows.items() if value)


def _joined(disc: int | None, number: int | None) -> str:
    return ", ".join("-" if each is None else str(each) for each in (disc, number)).strip("-, ")


def _loudness(lufs: float | None, peak: float | None) -> str:
    words = [] if lufs is None else [f"{lufs:.1f} LUFS"]
    return ", ".join(words + ([] if peak is None else [f"peak {peak:.1f} dBFS"]))


# --- attune library export -------------------------------------------------------------------


def export_tracks(library: LibraryScanned, parsed: argparse.Namespace) -> Iterator[str]:
    """Write the playlist that was asked for. Raises `Unknown`."""
    from device.music.playlists import WRITTEN, write_playlist  # noqa: PLC0415 - heavy

    if parsed.file.suffix.lower() not in WRITTEN:
        raise Unknown(f"{parsed.file} must end with {' or '.join(WRITTEN)}")
    tracks = chosen(library.tracks, parsed.mood, parsed.genre, parsed.artist)
    if not tracks:
        raise Unknown("no track is like that: nothing was written")
    try:
        write_playlist(parsed.file, tracks)
    except OSError as error:
        raise Unknown(f"{parsed.file}: {error.strerror}") from error
    yield f"{parsed.file}: {len(tracks):,} tracks"


def chosen(
    tracks: Sequence[Track], mood: str | None, genre: str | None, artist: str | None
) -> list[Track]:
    """Tracks that meet each wish there is. Raises `Unknown` for a mood without a place."""
    place = place_of(mood) if mood else None
    if mood and place is None:
        raise Unknown(f"{mood!r} is no mood that is known here; try happy, sad, calm or angry")
    return [
        track
        for track in tracks
        if (place is None or _distance(track, place) <= MOOD_REACH)
        and (not genre or _is_in(genre, track.genre or ""))
        and (not artist or _is_in(artist, track.artist))
    ]


def _is_in(wish: str, text: str) -> bool:
    """Spelled plainly; a name without letters, such as "!!!", as it stands."""
    plain = fold(wish)
    return plain in fold(text) if plain else wish.casefold() in text.casefold()


def _distance(track: Track, place: tuple[float, float]) -> float:
    if track.affect.source == "unknown":
        return math.inf
    return math.dist((track.affect.valence, track.affect.arousal), place)


# --- attune scan -----------------------------------------------------------------------------


def follow_scan(client: Client, out: TextIO) -> Part:
    """Ask for a scan, show how far it is until it is done, and return how the library then is."""
    part = client.command(Scan()).library
    while part.progress is not None:
        if out.isatty():
            out.write(f"\r{bar(part, shutil.get_terminal_size().columns - 1)}\x1b[K")
            out.flush()
        time.sleep(POLL_SECONDS)
        part = client.status().library
    if out.isatty():
        out.write("\r\x1b[K")
    out.write(f"{clean(part.detail)}\n")
    return part


def bar(part: Part, columns: int) -> str:
    """One line of progress."""
    filled = round(max(0.0, min(1.0, part.progress or 0.0)) * BAR_COLUMNS)
    return f"{'━' * filled}{'─' * (BAR_COLUMNS - filled)} {clean(part.detail)}"[:columns]
