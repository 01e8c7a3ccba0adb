"""Which track is which: files that moved keep their ids, those that are gone keep them a while."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from pathlib import PurePath
from typing import NamedTuple

from msgspec.structs import replace

from device.music.clock import CLOCK_SET
from device.types import KnownFile, LibraryScanned, Track, TrackId

FORGET_SECONDS = 400 * 86_400.0
"""A file that is gone is remembered so long: a drive that is plugged in each Christmas."""
ON_TIME_SECONDS = 86_400.0
"""Scans come oftener: where a file was due to be forgotten for longer than this, the clock jumped,
maybe years ahead for a while, or Attune was off."""
GRACE_SECONDS = 30 * 86_400.0
"""So long it is remembered from then on, by the same clock: longer rather than shorter, for what
is forgotten takes likes with it."""


class Present(NamedTuple):
    """A track whose file is there. Its id is what its path gives, until `settle`."""

    track: Track
    stamp: str


def track_id(namespace: str, relative: str) -> TrackId:
    """Id of a file first found at a path relative to its library folder; see `TrackId`."""
    return TrackId(hashlib.sha256(os.fsencode(namespace + relative)).hexdigest()[:16])


def settle(known: LibraryScanned, there: Sequence[Present], wall: float) -> LibraryScanned:
    """Give each present track its id, and keep those that are gone as missing.

    A file keeps the id of its path as long as it sounds the same, whatever its tags; else it gets
    that of a vanished file that sounds alike (it was moved); else that of its path (it was
    replaced, by a better copy most likely); else a new one. Copies of a file are tracks of their
    own, for only what is gone gives its id away: see also `inherit`.
    """
    before = {track.id: track for track in (*known.missing, *known.tracks)}
    ids = _Ids(before)
    for rule in (ids.same_place_and_sound, ids.moved, ids.same_place, ids.new):
        for place, present in enumerate(there):
            if place not in ids.given:
                found = rule(present.track)
                if found is not None:
                    ids.give(place, found)
    tracks = [_called(present.track, ids.given[place]) for place, present in enumerate(there)]
    before_files = _files(known)
    files = [
        _file(before_files, track.id, present.stamp)
        for track, present in zip(tracks, there, strict=True)
    ]
    missing, absent = _missing(known, set(ids.given.values()), wall)
    return LibraryScanned(
        tracks=tuple(tracks), missing=missing, skipped=known.skipped, files=(*files, *absent)
    )


def inherit(
    library: LibraryScanned, remembered: Callable[[], Collection[TrackId]]
) -> LibraryScanned:
    """The library in which a copy has the id, and so the history, of the deleted original.

    A move between drives is a copy first and a deletion later, so that both were tracks for a
    while. `remembered`: ids that a history goes by; asked only where a file with a copy is gone. A
    copy that has a history itself keeps that. The same library comes back where nothing changes,
    and the same change where it was made before, but whoever scans did not know yet.
    """
    lost = {track.audio_hash for track in library.gone} - {None}
    copies = [track for track in library.tracks if track.audio_hash in lost] if lost else []
    if not copies:
        return library
    history = remembered()
    heirs = _heirs(
        [track for track in library.gone if track.id in history],
        [track for track in copies if track.id not in history],
    )
    if not heirs:
        return library
    called = set(heirs.values())
    return LibraryScanned(
        tracks=tuple(_called(track, heirs.get(track.id, track.id)) for track in library.tracks),
        missing=tuple(track for track in library.missing if track.id not in called),
        skipped=library.skipped,
        files=tuple(
            replace(file, track=heirs.get(file.track, file.track))
            for file in library.files
            if file.track not in called
        ),
    )


def _heirs(gone: Sequence[Track], copies: Sequence[Track]) -> dict[TrackId, TrackId]:
    """Id of a copy -> that of the gone track whose place it takes, by name where several could."""
    free: defaultdict[str | None, list[Track]] = defaultdict(list)
    for copy in copies:
        free[copy.audio_hash].append(copy)
    heirs = {}
    for track in gone:
        if alike := free[track.audio_hash]:
            heirs[_take_best(alike, track).id] = track.id
    return heirs


def _take_best(alike: list[Track], track: Track) -> Track:
    """Of tracks that sound as this one does, one of the same file name if there is any, taken out
    of the list."""
    name = PurePath(track.path).name
    best = max(alike, key=lambda other: PurePath(other.path).name == name)
    alike.remove(best)
    return best


class _Ids:
    """Ids that were given so far, by place in the list of present tracks."""

    def __init__(self, before: dict[TrackId, Track]) -> None:
        self._before = before
        # Where a missing one lay, another may be: that comes last, and counts.
        self._by_path = {track.path: track for track in before.values()}
        self._taken: set[TrackId] = set()
        self._lost: dict[str, list[Track]] | None = None
        self.given: dict[int, TrackId] = {}

    def give(self, place: int, found: TrackId) -> None:
        """Nobody else gets it."""
        self.given[place] = found
        self._taken.add(found)

    def same_place_and_sound(self, track: Track) -> TrackId | None:
        """Its path's, where it sounds as it did, or nobody knows how it did."""
        old = self._by_path.get(track.path)
        if old is None or old.id in self._taken:
            return None
        unsaid = old.audio_hash is None or track.audio_hash is None  # an older Attune's
        return old.id if unsaid or old.audio_hash == track.audio_hash else None

    def moved(self, track: Track) -> TrackId | None:
        """That of a vanished file that sounds alike, best of the same name."""
        if self._lost is None:  # all that kept their place have their ids by now
            self._lost = defaultdict(list)
            for old in self._before.values():
                if old.id not in self._taken and old.audio_hash is not None:
                    self._lost[old.audio_hash].append(old)
        alike = self._lost.get(track.audio_hash or "")
        return _take_best(alike, track).id if alike else None

    def same_place(self, track: Track) -> TrackId | None:
        """Its path's, whatever it sounds like."""
        old = self._by_path.get(track.path)
        return None if old is None or old.id in self._taken else old.id

    def new(self, track: Track) -> TrackId:
        """What its path gives, or if that is another's, one made of it."""
        found, number = track.id, 1
        while found in self._taken or self._is_anothers(found):
            number += 1
            found = track_id(f"{track.id}\0{number}\0", track.audio_hash or "")
        return found

    def _is_anothers(self, found: TrackId) -> bool:
        """An id without a hash is of an older Attune, whose folder lies elsewhere now."""
        old = self._before.get(found)
        return old is not None and old.audio_hash is not None


def _called(track: Track, found: TrackId) -> Track:
    """The same object, where nothing changes: most do not."""
    return track if track.id == found else replace(track, id=found)


def _files(library: LibraryScanned) -> dict[TrackId, KnownFile]:
    return {file.track: file for file in library.files}


def _file(files: dict[TrackId, KnownFile], track: TrackId, stamp: str) -> KnownFile:
    old = files.get(track)
    same = old is not None and old.stamp == stamp and old.missing_since is None
    return old if old is not None and same else KnownFile(track, stamp)


def _missing(
    known: LibraryScanned, present: set[TrackId], wall: float
) -> tuple[tuple[Track, ...], tuple[KnownFile, ...]]:
    """Tracks that are gone, but not for too long, and since when."""
    files = _files(known)
    tracks, absent = [], []
    for track in (*known.tracks, *known.missing):
        if track.id in present:
            continue
        file = files.get(track.id, KnownFile(track.id, ""))
        since = file.missing_since
        if since is None or since < CLOCK_SET <= wall:
            file = replace(file, missing_since=wall)
        elif since >= CLOCK_SET and wall > since + FORGET_SECONDS:
            if wall <= since + FORGET_SECONDS + ON_TIME_SECONDS:
                continue
            file = replace(file, missing_since=wall + GRACE_SECONDS - FORGET_SECONDS)
        tracks.append(track)
        absent.append(file)
    return tuple(tracks), tuple(absent)
