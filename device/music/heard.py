"""What listening told about a track, joined with what its tags, folder and genre say.

Valence and arousal: each source that speaks is a normal distribution, and they are multiplied, so
that the surer counts more. The user's own tag is not discussed. Where the tags lie is where the
genres and mood words of `device.music.genres` and `words` lie; by how much the signal moves the
place follows the direction that studies agree on (tempo, onsets and brightness raise arousal, the
major mode raises valence: A. Gabrielsson & E. Lindström in "Handbook of Music and Emotion", 2010;
T. Eerola, Journal of New Music Research 40, 2011). The sizes are modest guesses: there was no
labelled audio to fit them on, and their deviation says so. Who has some measures them with
`python -m training music --data DEAM`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from device.music.affect import affect_of
from device.types import Affect, Heard, Listened, Track

LISTENED_DEVIATION = 0.33
"""As uncertain as a genre that was fitted: the tagger's genres are all that was ever rated."""
WITHOUT_TAGS_DEVIATION = 0.42
"""Of the signal's features alone."""
MOOD_WEIGHT = 3.0
"""Listeners tag a genre far more often than a mood: what a mood's probability counts against a
genre's."""
MOODS = {
    "happy": "happy",
    "sad": "sad",
    "party": "party",
    "Mellow": "mellow",
    "chill": "chill",
    "chillout": "chill",
    "easy listening": "lounge",
    "sexy": "sexy",
}
"""The tagger's tags that are moods -> the word of `device.music.words` for it."""
GENRES = {
    "oldies": "rock-and-roll",
    "electronica": "electronica",
    "electronic": "electronic",
    "Hip-Hop": "hip hop",
    "House": "house",
    "Progressive rock": "progressive rock",
    "rnb": "r&b",
    "acoustic": "acoustic pop",
} | {
    name: name
    for name in (
        *("rock", "pop", "indie pop", "dance", "alternative rock", "jazz", "metal", "punk"),
        *("classic rock", "soul", "indie rock", "folk", "blues", "hard rock", "ambient"),
        *("country", "funk", "electro", "heavy metal"),
    )
}
"""The tagger's tags that are genres -> the genre's name in `device.music.genres`. Decades, singers,
guitars and "beautiful" say nothing certain about either axis."""
VOICES = ("female vocalists", "male vocalists", "female vocalist")
SINGS, PLAYS = 0.20, 0.20
"""Probability of a singer's tag, and of "instrumental", at which either is as good as certain."""

TEMPO_AROUSAL = 0.12
"""Arousal for each doubling of tempo around 110 beats a minute. Little, for the tempo found is
often double or half of the one felt: of the sixteen composed pieces nine are right. The onset rate
says more."""
ONSET_AROUSAL = 0.15
"""Arousal for each doubling of the onset rate around `USUAL_ONSETS`."""
USUAL_ONSETS = 2.5
"""A second: of the composed pieces, the calm have 0.2 to 2, the lively 4 to 7."""
BRIGHTNESS_AROUSAL = 0.2
"""Arousal for each doubling of the spectral centroid around 1,500 Hz."""
MAJOR_VALENCE = 0.4
"""Valence for a majorness of 1; of clear keys it is 0.2 to 0.4 on either side."""


def enrich(track: Track, known: Mapping[str, Listened], key: str) -> Track:
    """The track with what listening to it told, as far as it was listened to.

    What file tags say of loudness and tempo stays.
    """
    heard = known[key].heard if key in known else None
    if heard is None:
        return track
    return msgspec.structs.replace(
        track,
        affect=joined(track.affect, listened_affect(heard)),
        loudness_lufs=_first(track.loudness_lufs, heard.loudness_lufs),
        peak_dbfs=_first(track.peak_dbfs, heard.peak_dbfs),
        tempo_bpm=_first(track.tempo_bpm, heard.tempo_bpm),
        lead_in_seconds=heard.lead_in_seconds,
        lead_out_seconds=heard.lead_out_seconds,
        voice=voice(heard),
    )


def joined(said: Affect, listened: Affect) -> Affect:
    """Both by their precision; `source` is whose counts more. The user's own word stands alone,
    and what nothing said is what was heard."""
    if said.source == "user tag":
        return said
    if said.source == "unknown":
        return listened
    one, other = said.deviation**-2, listened.deviation**-2
    total = one + other
    return Affect(
        valence=(said.valence * one + listened.valence * other) / total,
        arousal=(said.arousal * one + listened.arousal * other) / total,
        # A genre that was tagged and one that was heard are hardly two opinions.
        deviation=min(said.deviation, listened.deviation)
        if said.source == "genre"
        else total**-0.5,
        source=said.source if one >= other else listened.source,
    )


def listened_affect(heard: Heard) -> Affect:
    """Where the sound alone puts a track."""
    valence, arousal = _by_tags(heard.tags)
    valence += MAJOR_VALENCE * (heard.majorness or 0.0)
    arousal += ONSET_AROUSAL * _octaves(heard.onset_rate, USUAL_ONSETS)
    arousal += TEMPO_AROUSAL * _octaves(heard.tempo_bpm, 110.0)
    arousal += BRIGHTNESS_AROUSAL * _octaves(heard.brightness_hertz, 1500.0)
    return Affect(
        valence=max(-1.0, min(1.0, valence)),
        arousal=max(-1.0, min(1.0, arousal)),
        deviation=LISTENED_DEVIATION if heard.tags else WITHOUT_TAGS_DEVIATION,
        source="listening",
    )


def voice(heard: Heard) -> float | None:
    """Probability that somebody sings; None where the tagger did not listen."""
    if not heard.tags:
        return None
    sings = min(1.0, max(heard.tags.get(tag, 0.0) for tag in VOICES) / SINGS)
    plays = min(1.0, heard.tags.get("instrumental", 0.0) / PLAYS)
    return round(0.5 + 0.5 * (sings - plays), 3)


def _by_tags(tags: Mapping[str, float]) -> tuple[float, float]:
    """Mean of the tags' places, each as much as it is probable; the middle without any."""
    valence = arousal = total = 0.0  # a few numbers of many tracks: NumPy is slower here
    for tag, probability in tags.items():
        if tag in _PLACES:
            weight = probability * (MOOD_WEIGHT if tag in MOODS else 1.0)
            valence += weight * _PLACES[tag][0]
            arousal += weight * _PLACES[tag][1]
            total += weight
    return (valence / total, arousal / total) if total > 0.0 else (0.0, 0.0)


def _octaves(value: float | None, middle: float) -> float:
    """Doublings above the middle, at most one and a half either way; 0 where nothing is known."""
    if value is None:
        return 0.0
    return max(-1.5, min(1.5, math.log2(max(value, 1e-6) / middle)))  # no onset at all is known


def _first(said: float | None, heard: float | None) -> float | None:
    return heard if said is None else said


def _places() -> dict[str, tuple[float, float]]:
    found = {tag: affect_of(moods=[word]) for tag, word in MOODS.items()}
    found |= {tag: affect_of(genre=genre) for tag, genre in GENRES.items()}
    return {tag: (affect.valence, affect.arousal) for tag, affect in found.items()}


_PLACES = _places()
