"""What is still to be listened to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from device.music.listen import VERSION
from device.types import Listened, Track


class Work(NamedTuple):
    """A track to listen to; `key` names its sound."""

    key: str
    path: str
    seconds: float


def sound_key(track: Track) -> str:
    """What a track's sound is known by: its hash, which outlives renaming, else its id."""
    return track.audio_hash or track.id


def still_to_hear(tracks: Sequence[Track], known: Mapping[str, Listened]) -> list[Work]:
    """What nobody has listened to with the present analysis; failures are not tried again."""
    work: dict[str, Work] = {}
    for track in tracks:
        key = sound_key(track)
        before = known.get(key)
        if before is None or before.version < VERSION:
            work.setdefault(key, Work(key, track.path, track.duration_seconds))
    return list(work.values())
