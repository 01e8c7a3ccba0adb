"""The user's own word on tracks, said on the page or by a command: it wins over all else.

It is kept in the database and not beside the music, whose folders may be read-only, and it holds
for a track wherever its file is moved, and for exact copies of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from device.music.affect import SURE
from device.music.listened import sound_key
from device.music.words import place_of
from device.types import Affect, Correct, Track, TrackId

WORDS = (
    "happy party energetic hopeful romantic relaxed calm sleepy dreamy melancholy sad gloomy dark "
    "tense angry aggressive dramatic neutral"
)
"""Of `device.music.words`, those that lie apart."""


def words_on(tracks: Iterable[Track], said: Mapping[TrackId, Correct]) -> dict[TrackId, Correct]:
    """The word that holds for each track of which, or of a copy of which, something was said: its
    own, else the copy's."""
    if not said:
        return {}
    sounds = {track.id: sound_key(track) for track in tracks}
    of_sound = {sounds[id_]: word for id_, word in said.items() if id_ in sounds}
    return {
        id_: said.get(id_) or replace(of_sound[sound], track=id_)
        for id_, sound in sounds.items()
        if sound in of_sound
    }


def on_copies_too(
    word: Correct, tracks: Iterable[Track], said: Mapping[TrackId, Correct]
) -> list[Correct]:
    """A new word, as it is said of its track and of each copy of which another one was said."""
    sounds = {track.id: sound_key(track) for track in tracks}
    sound = sounds.get(word.track, word.track)
    copies = [id_ for id_ in said if id_ != word.track and sounds.get(id_) == sound]
    return [replace(word, track=id_) for id_ in (word.track, *copies)]


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
