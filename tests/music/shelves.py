"""Shelves of tracks and moods to choose by, and what is drawn from them."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence

from device.music.catalogue import Catalogue, Wish
from device.types import Affect, Mood, MoodLabel, Track, TrackId

NOW = 1_780_000_000.0  # May 2026
HAPPY = Mood(MoodLabel.HAPPINESS, 0.7, 0.4, 0.8, people=1)
PLEASED = (HAPPY.valence, HAPPY.arousal)
SAD = Mood(MoodLabel.SADNESS, -0.6, -0.3, 0.8, people=1)


def track(
    name: str,
    valence: float = 0.0,
    arousal: float = 0.0,
    *,
    deviation: float = 0.2,
    source: str = "file tag",
    artist: str = "",
    year: int | None = None,
    explicit: bool = False,
) -> Track:
    return Track(
        id=TrackId(name),
        path=f"/music/{name}.ogg",
        title=name,
        artist=artist,
        affect=Affect(valence, arousal, deviation, source),
        duration_seconds=60.0,
        year=year,
        explicit=explicit,
    )


def library(count: int, seed: int = 0) -> list[Track]:
    rng = random.Random(seed)
    return [
        track(
            f"t{number}",
            rng.uniform(-1, 1),
            rng.uniform(-1, 1),
            artist=f"artist {rng.randrange(max(1, count // 10))}",
            year=rng.choice([None, rng.randrange(1950, 2026)]),
            explicit=rng.random() < 0.1,
        )
        for number in range(count)
    ]


def draws(catalogue: Catalogue, wish: Wish, count: int = 200) -> list[Track]:
    rng = random.Random(7)
    chosen = [catalogue.choose(wish, rng) for _ in range(count)]
    return [choice.track for choice in chosen if choice is not None]


def mean(tracks: Sequence[Track], axis: str) -> float:
    return statistics.fmean(getattr(each.affect, axis) for each in tracks)
