"""A real daemon with a page, and a past for its history."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import random
from collections.abc import Iterator
from pathlib import Path

from device.demo import free_port
from device.lessons import Ended
from device.mood.circumplex import COORDINATES
from device.ports import Play
from device.system.store import SqliteStore
from device.types import (
    Choice,
    Emotion,
    Goal,
    Mood,
    MoodLabel,
    Track,
)
from tests.daemon import Daemon
from tests.local_api import SystemClock
from tests.music.audio import tone

ROOT = Path(__file__).resolve().parent.parent.parent


def home(folder: Path, address: str = "127.0.0.1") -> Daemon:
    """Portraits before its camera, the starter music, and something to announce."""
    tone(folder / "announcements" / "door.ogg", 0.5, 880.0)
    port = free_port()
    return Daemon(
        folder,
        camera={"source": f"slideshow:{ROOT / 'config/portraits'}"},
        music={"folders": [str(ROOT / "music/starter")], "minimum_play_seconds": 5.0},
        sound={"announcements": str(folder / "announcements")},
        page={"enabled": True, "port": port, "address": address},
        mqtt={"name": "Attune"},
    )


def base(daemon: Daemon) -> str:
    return f"http://127.0.0.1:{daemon.tables['page']['port']}"


@contextlib.contextmanager
def running(folder: Path, *, past: bool = False) -> Iterator[Daemon]:
    """A daemon whose page answers, with a week behind it if asked; gone afterwards."""
    daemon = home(folder)
    try:
        if past:
            daemon.start(SDL_AUDIODRIVER="dummy")
            daemon.wait_for(lambda status: status.tracks > 0)
            tracks = daemon.client.library().tracks
            daemon.kill()
            live(folder / "state", tracks)
        daemon.start(SDL_AUDIODRIVER="dummy")
        daemon.wait_for(lambda status: status.tracks > 0)
        daemon.wait_told("page is up")
        yield daemon
    finally:
        daemon.kill()


def live(state: Path, tracks: tuple[Track, ...], days: int = 7) -> None:
    """A household's moods and plays of the last days, made up, as the speaker writes them."""
    dice = random.Random(7)
    now = dt.datetime.now().astimezone()
    with SqliteStore(state, SystemClock()) as store:
        for day in range(days, -1, -1):
            midnight = (now - dt.timedelta(day)).replace(hour=0, minute=0, second=0, microsecond=0)
            for begin, end, likely in (
                (6.6, 8.3, Emotion.NEUTRAL),
                (12.2, 13.1, Emotion.HAPPINESS),
                (17.2, 22.6, Emotion.HAPPINESS),
            ):
                _spend(store, dice, tracks, midnight.timestamp(), begin, end, likely, now, day)


def _spend(  # noqa: PLR0917 - one stretch of a day
    store: SqliteStore,
    dice: random.Random,
    tracks: tuple[Track, ...],
    midnight: float,
    begin: float,
    end: float,
    likely: Emotion,
    now: dt.datetime,
    day: int,
) -> None:
    last = min(midnight + end * 3600, now.timestamp() - 900)
    wall, ends_at, mood = midnight + begin * 3600, 0.0, Mood()
    while wall < last:
        hours = (wall - midnight) / 3600
        valence, arousal = COORDINATES[likely]
        valence += 0.45 * math.sin(hours * 1.1 + day * 1.7) + dice.gauss(0, 0.08)
        arousal += 0.45 * math.sin(hours * 1.6 + day) + dice.gauss(0, 0.08)
        valence, arousal = max(-1.0, min(1.0, valence)), max(-1.0, min(1.0, arousal))
        mood = Mood(
            label=MoodLabel(
                min(COORDINATES, key=lambda e: math.dist(COORDINATES[e], (valence, arousal))).value
            ),
            valence=valence,
            arousal=arousal,
            confidence=0.8,
            people=dice.choice([1, 1, 2]),
            age_years=36.0,
        )
        store.add_mood(wall, mood)
        if wall >= ends_at:
            ends_at = wall + _play(store, dice, tracks, wall, mood)
        wall += 60


def _play(
    store: SqliteStore, dice: random.Random, tracks: tuple[Track, ...], wall: float, mood: Mood
) -> float:
    place = (mood.valence, mood.arousal)
    near = sorted(tracks, key=lambda t: math.dist((t.affect.valence, t.affect.arousal), place))
    track = dice.choice(near[:4])
    because = {True: "bright and lively", False: "quiet and wistful"}[mood.valence > 0]
    choice = Choice(track, 0.3, f"{because}, as you look {mood.label.value}")
    row = store.add_play(Play(track.id, wall, Goal.MATCH, mood, choice))
    ended = dice.choice([*[Ended.FINISHED] * 7, Ended.SKIPPED, Ended.MOOD])
    heard = track.duration_seconds * (3.0 if ended is Ended.FINISHED else 0.6)
    if dice.random() < 0.07:
        store.add_feedback(track.id, wall + 20, liked=True, mood=mood, play=row)
    store.end_play(row, heard_seconds=heard, ended=ended, moved=None)
    return heard
