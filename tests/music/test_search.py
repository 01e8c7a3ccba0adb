from __future__ import annotations

import pytest

from device.music.search import Search
from device.types import Affect, Track, TrackId

TRACKS = tuple(
    Track(TrackId(str(n)), f"/m/{n}.ogg", title, artist, Affect(0, 0, 0.5, "unknown"), 60.0,
          album=album, genre=genre)
    for n, (title, artist, album, genre) in enumerate([
        ("Für Élise", "Beethoven", None, "Classical"),
        ("Harbour Lights", "The Platters", "Gold", None),
        ("Bright Harbour", "Ensemble", "Ferry Days", "Folk Pop"),
    ])
)  # fmt: skip


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", ["0", "1", "2"]),
        ("elise", ["0"]),
        ("FUR ELI", ["0"]),
        ("harb", ["1", "2"]),
        ("harbour ferry", ["2"]),
        ("folk", ["2"]),
        ("arbour", []),
        ("  !! ", ["0", "1", "2"]),
    ],
)
def test_words_and_their_beginnings_are_found(words: str, found: list[str]) -> None:
    search = Search()
    for _ in range(2):
        assert [track.id for track in search(TRACKS, words)] == found
