"""The library as it is chosen from: what was scanned, heard and said by the user, in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from device.music.corrections import corrected
from device.music.heard import enrich
from device.music.listened import sound_key
from device.types import Correct, Listened, Track, TrackId


class _Made(NamedTuple):
    """A track as it became, and all that it was made of."""

    track: Track
    heard: Listened | None
    said: Correct | None
    result: Track


class Stock:
    """Works out anew only what changed: of a large library, that is little at a time."""

    def __init__(self) -> None:
        self._made: dict[TrackId, _Made] = {}

    def lay_out(
        self,
        tracks: Sequence[Track],
        listened: Mapping[str, Listened],
        corrections: Mapping[TrackId, Correct],
    ) -> tuple[Track, ...]:
        """The tracks with what was heard in them, and above all with what the user says."""
        before, made = self._made, {}
        for track in tracks:
            key = sound_key(track)
            heard, said = listened.get(key), corrections.get(track.id)
            old = before.get(track.id)
            if old and old.track is track and old.heard is heard and old.said is said:
                made[track.id] = old
            else:
                result = corrected(enrich(track, listened, key), said)
                made[track.id] = _Made(track, heard, said, result)
        self._made = made
        return tuple(each.result for each in made.values())
