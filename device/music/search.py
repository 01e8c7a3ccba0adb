"""Finds tracks by the words of their title, artist, album and genre."""

from __future__ import annotations

from collections.abc import Sequence

from device.music.words import fold
from device.types import Track


class Search:
    """Remembers how each track is spelled plainly, for folding a large library takes a while.

    Callable from any thread: what is remembered is replaced, never changed.
    """

    def __init__(self) -> None:
        self._spelled: dict[str, str] = {}

    def __call__(self, tracks: Sequence[Track], words: str) -> list[Track]:
        """Tracks in which each word, or its beginning, is found, as they were ordered."""
        wanted = fold(words).split()
        if not wanted:
            return list(tracks)
        texts = [f"{t.title} {t.artist} {t.album or ''} {t.genre or ''}" for t in tracks]
        before = self._spelled
        now = {text: before.get(text) or f" {fold(text)}" for text in texts}
        self._spelled = now
        return [
            track
            for track, text in zip(tracks, texts, strict=True)
            if all(f" {word}" in now[text] for word in wanted)
        ]
