"""Where a track lies in valence and arousal, how sure that is, and who says so.

Six sources, best first: the user's own word in `.attune.toml` or `mood.txt`, tags in the file, a
playlist or a folder named for a mood, the genre, and nothing. Neither year nor tempo is used:
over the songs of Spotify's "Top 2000" tempo explains 2 % of the variance of energy and the year
3 % of that of valence, which is not worth a rule, and tempo tags are often wrong by an octave.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from device.music.genres import FITTED, FITTED_DEVIATION, RATED, RATED_DEVIATION
from device.music.labels import Label
from device.music.words import fold, place_of, place_of_folder
from device.types import Affect

SURE = 0.10
"""Deviation of numbers that were given as numbers."""
SAID = 0.20
"""Deviation of a mood word: about how far apart listeners place one song."""
FOLDER = 0.25
"""Deviation of the name of a folder or playlist: somebody's sorting, of many songs at once."""
UNKNOWN = Affect(valence=0.0, arousal=0.0, deviation=0.5, source="unknown")
"""Nothing is known: anywhere in the circle."""


def affect_of(
    *,
    own: Label | None = None,
    valence: float | None = None,
    arousal: float | None = None,
    moods: Sequence[str] = (),
    playlists: Sequence[str] = (),
    folders: Sequence[str] = (),
    genre: str | None = None,
) -> Affect:
    """The affect of a track by the best source that speaks.

    `own`: the user's label. `valence`, `arousal`, `moods`, `genre`: the file's tags. `playlists`:
    names of those that it is on. `folders`: names of the folders that it lies in, outermost
    first; the innermost mood counts.
    """
    if own is not None:
        said = _said(own.valence, own.arousal, [own.mood] if own.mood else [], "user tag")
        if said is not None:
            return said
    said = _said(valence, arousal, moods, "file tag")
    if said is not None:
        return said
    places = [place for name in playlists if (place := place_of_folder(name)) is not None]
    if places:
        valence, arousal = (sum(axis) / len(places) for axis in zip(*places, strict=True))
        return Affect(valence, arousal, deviation=FOLDER, source="playlist")
    for folder in reversed(folders):
        place = place_of_folder(folder)
        if place is not None:
            return Affect(*place, deviation=FOLDER, source="folder")
    return _by_genre(genre) or UNKNOWN


def is_genre(name: str) -> bool:
    """Whether a folder or playlist is named for a genre that is known here."""
    return fold(name) in _KNOWN


def _said(
    valence: float | None, arousal: float | None, moods: Sequence[str], source: str
) -> Affect | None:
    """Numbers first; a number that is missing comes from the words, or stays near 0."""
    if valence is not None and arousal is not None:
        return Affect(valence, arousal, deviation=SURE, source=source)
    places = [place for mood in moods if (place := place_of(mood)) is not None]
    if places:
        words = [sum(axis) / len(places) for axis in zip(*places, strict=True)]
        return Affect(
            words[0] if valence is None else valence,
            words[1] if arousal is None else arousal,
            deviation=SAID,
            source=source,
        )
    if valence is None and arousal is None:
        return None
    # One axis is known, the other is not: the deviation of both must say so.
    return Affect(
        valence or 0.0,
        arousal or 0.0,
        deviation=math.hypot(SURE, UNKNOWN.deviation) / math.sqrt(2),
        source=source,
    )


def _by_genre(genre: str | None) -> Affect | None:
    """Mean over the known ones of "Rock; Hip-Hop/Rap"."""
    if not genre:
        return None
    known = _KNOWN.get(fold(genre))
    found = [known] if known else []
    if not found:
        for part in re.split(r"[;,/|\\+]|&(?!\s?b\b)", genre, flags=re.IGNORECASE):
            place = _nearest_genre(fold(part))
            if place is not None:
                found.append(place)
    if not found:
        return None
    return Affect(
        sum(place[0] for place in found) / len(found),
        sum(place[1] for place in found) / len(found),
        deviation=max(place[2] for place in found),
        source="genre",
    )


def _nearest_genre(name: str) -> tuple[float, float, float] | None:
    """The genre itself, or what it is a kind of: "bavarian indie rock" is indie rock."""
    words = name.split()
    for length in range(len(words), 0, -1):
        for start in range(len(words) - length, -1, -1):
            place = _KNOWN.get(" ".join(words[start : start + length]))
            if place is not None:
                return place
    return None


ALSO_CALLED = {
    "hiphop": "hip hop",
    "rnb": "r&b",
    "rhythm & blues": "r&b",
    "electro pop": "electropop",
    "dnb": "drum and bass",
    "drum & bass": "drum and bass",
    "drum n bass": "drum and bass",
    "rock n roll": "rock-and-roll",
    "rock & roll": "rock-and-roll",
    "electronic dance music": "edm",
    "electronic dance": "edm",
    "chillout": "chill out",
    "lofi": "lo-fi",
    "lo-fi hip hop": "lo-fi beats",
    "kpop": "k-pop",
    "jpop": "j-pop",
    "synth pop": "synthpop",
    "synth wave": "synthwave",
    "darkwave": "dark wave",
    "psytrance": "psychedelic trance",
    "heavy metal": "metal",
    "acid jazz": "jazz funk",
    "deutsch pop": "german pop",
    "deutschpop": "german pop",
    "deutschrock": "german rock",
    "klassik": "classical",
    "klassische musik": "classical",
    "filmmusik": "soundtrack",
    "score": "soundtrack",
    "kinderlieder": "children's music",
    "children": "children's music",
    "childrens": "children's music",
    "volkslied": "folk",
    "alternative": "alternative rock",
    "indie": "indie rock",
    "dance": "dance pop",
    "world music": "world",
    "trap": "rap",
    "bluesrock": "blues rock",
}
"""Genre, as tags spell it, -> as it is known here."""
_PLACES = {genre: (*place, FITTED_DEVIATION) for genre, place in FITTED.items()} | {
    genre: (*place, RATED_DEVIATION) for genre, place in RATED.items()
}
_KNOWN = {fold(genre): place for genre, place in _PLACES.items()} | {
    fold(name): _PLACES[genre] for name, genre in ALSO_CALLED.items()
}
