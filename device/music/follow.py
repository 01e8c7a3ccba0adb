"""How one track follows another: to the sample within an album, else music into music."""

from __future__ import annotations

from typing import NamedTuple

from device.music.albums import album_of
from device.types import Track

LONGEST_SILENCE_SECONDS = 10.0
"""A longer silence at a track's end is heard in part: a deck holds no more of it ahead."""


class Passage(NamedTuple):
    """The way from one track to the next: for how long both sound, and how much silence is left
    out at the end of the one and at the start of the other. All zero: joined to the sample."""

    overlap_seconds: float
    unheard_end_seconds: float
    unheard_start_seconds: float

    @property
    def lead_seconds(self) -> float:
        """How long before the end of its file a track begins to go."""
        return self.overlap_seconds + self.unheard_end_seconds


JOINED = Passage(0.0, 0.0, 0.0)


def joins(before: Track, after: Track) -> bool:
    """Whether an album goes from the one track right to the other."""
    return (
        album_of(before) is not None
        and album_of(before) == album_of(after)
        and before.disc_number == after.disc_number
        and before.track_number is not None
        and after.track_number == before.track_number + 1
    )


def passage(before: Track, after: Track, crossfade_seconds: float) -> Passage:
    """The way from one track to another: they overlap for a third of either at most."""
    if crossfade_seconds <= 0.0 or joins(before, after):
        return JOINED
    start, _, sounding_after = _parts(after)
    _, end, sounding_before = _parts(before)
    overlap = min(crossfade_seconds, sounding_before / 3, sounding_after / 3)
    return Passage(overlap, end, start)


def longest_lead_seconds(track: Track, crossfade_seconds: float) -> float:
    """How long before its end a track may begin to go, whatever follows."""
    return crossfade_seconds + _parts(track)[1] if crossfade_seconds > 0.0 else 0.0


def _parts(track: Track) -> tuple[float, float, float]:
    """Seconds of silence at the start, at the end, and of music; silences that leave no music
    are not believed."""
    start = max(0.0, track.lead_in_seconds)
    end = min(max(0.0, track.lead_out_seconds), LONGEST_SILENCE_SECONDS)
    music = track.duration_seconds - start - end
    return (start, end, music) if music > 0.0 else (0.0, 0.0, max(0.0, track.duration_seconds))
