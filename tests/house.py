"""An appliance to test: on a fake clock, with a fake player and the real database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from weakref import WeakSet

from device.music.listened import Work
from device.settings import MoodSettings, MusicSettings, Settings
from device.speaker import Actions, Speaker
from device.system.store import SqliteStore
from device.types import (
    Affect,
    Emotion,
    LibraryScanned,
    NowStarted,
    PlayerState,
    Track,
    TrackId,
)
from tests.fakes import FakeClock, RecordingBus, face, sighting
from tests.music.fakes import FakePlayer

SETTINGS = Settings(
    mood=MoodSettings(absence_seconds=20.0),
    music=MusicSettings(random_seed=1, minimum_play_seconds=10.0, volume=55),
)
PLACES = {"happy": (0.7, 0.6), "angry": (-0.6, 0.6), "sad": (-0.6, -0.5), "calm": (0.5, -0.6)}


def library(per_mood: int = 5, seconds: float = 60.0) -> tuple[Track, ...]:
    return tuple(
        Track(
            id=TrackId(f"{mood}-{number}"),
            path=f"/music/{mood}/{number}.ogg",
            title=f"{mood} {number}",
            artist=f"Artist {mood} {number}",
            affect=Affect(*place, 0.1, "file tag"),
            duration_seconds=seconds,
        )
        for mood, place in PLACES.items()
        for number in range(per_mood)
    )


STANDING: WeakSet[House] = WeakSet()
"""Houses of this test, and of those before as far as something still holds them."""


class House:
    """A speaker and everything around it."""

    def __init__(self, folder: Path, clock: FakeClock, settings: Settings = SETTINGS) -> None:
        STANDING.add(self)
        self.clock = clock
        self.player = FakePlayer(clock)
        self.bus = RecordingBus()
        self.store = SqliteStore(folder, clock).__enter__()
        self.privacy: list[bool] = []
        self.scans = 0
        self.offered: list[tuple[list[str], int]] = []
        self.settled: list[LibraryScanned] = []
        self.silent_ticks = 0
        self.speaker = Speaker(
            settings,
            player=self.player,
            store=self.store,
            bus=self.bus,
            clock=clock,
            actions=Actions(self.privacy.append, self._scan, self._listen, self.settled.append),
        )

    def _listen(self, work: Sequence[Work], total: int) -> None:
        self.offered.append(([each.key for each in work], total))

    def _scan(self) -> None:
        self.scans += 1

    def pass_time(self, seconds: float, *emotions: Emotion, age: float = 35.0) -> None:
        """Let time pass while such people are in view (none: an empty room)."""
        for _ in range(round(seconds * 10)):
            self.clock.now += 0.1
            people = [face(e, age=age, track=i) for i, e in enumerate(emotions)]
            self.speaker.handle(sighting(self.clock.now, *people))
            self.speaker.tick()
            if self.news(NowStarted) and self.player.state is not PlayerState.PLAYING:
                self.silent_ticks += 1

    def wait(self, seconds: float) -> None:
        """Let time pass without a word from the camera."""
        for _ in range(round(seconds * 10)):
            self.clock.now += 0.1
            self.speaker.tick()

    def power_cut(self) -> None:
        self.store.__exit__(None, None, None)

    def close(self) -> None:
        self.speaker.close()
        self.store.__exit__(None, None, None)

    def news(self, kind: type) -> list[object]:
        return [news for news in self.bus.news if isinstance(news, kind)]

    def open_rows(self) -> int:
        """Plays in the diary whose end is not written yet."""
        sql = "SELECT count(*) FROM plays WHERE finished IS NULL"
        return int(self.store._db.execute(sql).fetchone()[0])

    @property
    def mood_of_track(self) -> str:
        return (self.player.track or "none").split("-")[0]
