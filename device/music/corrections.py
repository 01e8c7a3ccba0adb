"""The user's own word on tracks, said on the page or by a command: it wins over all else.

It is kept in the database and not beside the music, whose folders may be read-only, and it holds
for a track wherever its file is moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from device.music.affect import SURE
from device.music.words import place_of
from device.types import Affect, Correct, Track, TrackId

WORDS = (
    "happy party energetic hopeful romantic relaxed calm sleepy dreamy melancholy sad gloomy dark "
    "tense angry aggressive dramatic neutral"
)
"""Of `device.music.words`, those that lie apart."""


def corrected(track: Track, correction: Correct | None) -> Track:
    """The track as the user says that it is."""
    if correction is None:
        return track
    if correction.valence is not None and correction.arousal is not None:
        affect = Affect(correction.valence, correction.arousal, SURE, "user tag")
        track = replace(track, affect=affect)
    if correction.explicit is not None:
        track = replace(track, explicit=correction.explicit)
    return track


def playable(tracks: Iterable[Track], corrections: Mapping[TrackId, Correct]) -> tuple[Track, ...]:
    """Without those that the user never wants to hear."""
    return tuple(
        track for track in tracks if track.id not in corrections or not corrections[track.id].skip
    )


def moods() -> dict[str, tuple[float, float]]:
    """Words to say what a track feels like, from bright to dark, and where each lies."""
    return {word: place for word in WORDS.split() if (place := place_of(word)) is not None}
