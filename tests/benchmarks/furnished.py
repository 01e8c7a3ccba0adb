"""The home that the soak lives in: music, settings, and a past."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from device.daemon import SystemClock
from device.lessons import Ended, Lesson, Moment, Traits
from device.music.taste import REMEMBERED
from device.settings import HOME
from device.system.store import SqliteStore
from device.types import AgeGroup, Goal, Mood, MoodLabel, TrackId
from tests.benchmarks.household import MIDNIGHT
from tests.daemon import toml
from tests.music.audio import tone

DAY, DAYS = 86_400.0, 8
PLAYS_A_DAY, MOODS_A_DAY = 1000, 900


def furnish(folder: Path, broker: int, page: int, *, real: bool) -> Path:
    """Music, an announcement, a configuration."""
    music = folder / "music"
    shutil.copytree(HOME / "music/starter", music / "starter")
    for number, mood in enumerate(("happy", "sad", "angry", "calm") * 6):
        path = music / "tones" / mood / f"{number // 4 + 1}.flac"
        tone(path, 45.0 + 5 * number, 220.0 + 40 * number, tags={"title": f"{mood} {number}"})
    tone(folder / "say" / "bell.flac", 1.0, 880.0)
    tables: dict[str, dict[str, Any]] = {
        "camera": {"source": f"slideshow:{HOME / 'config/portraits'}"},
        "api": {"socket": str(folder / "api.sock")},
        "state": {"folder": str(folder / "state")},
        "music": {"folders": [str(music)], "random_seed": 1},
        "sound": {"announcements": str(folder / "say")},
        "mqtt": {"enabled": True, "host": "127.0.0.1", "port": broker},
        "page": {"enabled": True, "port": page},
    }
    remember(folder / "state", time.time() if real else MIDNIGHT)
    if not real:
        # Listening cannot be hastened: a whole day would fall into its first minutes.
        tables["music"] |= {"quiet_hours": "22:00-07:00", "listen": False}
    path = folder / "attune.toml"
    path.write_text(toml(tables))
    return path


def remember(folder: Path, now: float) -> None:
    """A week and a day of plays and moods, as many as such a day has: more than is ever held in
    memory, or told on a page. Of each as much is known as of those to come."""
    dice = random.Random(1)

    def lesson(number: int) -> Lesson:
        place = Traits(
            dice.uniform(-1, 1), dice.uniform(-1, 1), dice.uniform(60, 180), dice.uniform(-20, -8),
            genre=f"genre {number % 11}", artist=f"artist {number % 37}",
        )  # fmt: skip
        moment = Moment(dice.uniform(-1, 0), place, 200.0, dice.uniform(0, 23), AgeGroup.ADULT)
        return Lesson(
            TrackId(f"{number % 97:016x}"), now - number * DAY / PLAYS_A_DAY, Goal.MATCH, 0.1,
            MoodLabel.HAPPINESS, dice.uniform(0, 1), dice.uniform(0, 1), 1, moment,
            dice.uniform(10, 200), dice.choice(list(Ended)),
        )  # fmt: skip

    lessons = [lesson(number) for number in range(DAYS * PLAYS_A_DAY, 0, -1)]
    with SqliteStore(folder, SystemClock()) as store:
        assert sum(store.add_lessons(lessons)) == len(lessons) > REMEMBERED
        for number in range(DAYS * MOODS_A_DAY, 0, -1):
            mood = replace(Mood(), label=dice.choice(list(MoodLabel)), people=1, age_years=38.0)
            store.add_mood(now - number * DAY / MOODS_A_DAY, mood)
