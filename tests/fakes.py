"""Hand-written stand-ins for the world, shared by the rooms' tests."""

from __future__ import annotations

from typing import Any

from device.music.learner import Answer, Steps
from device.types import (
    AgeGroup,
    Board,
    Box,
    Emotion,
    Face,
    FaceReading,
    Goal,
    Health,
    MoodLabel,
    MoodNow,
    News,
    NowPlaying,
    Part,
    Sighting,
    Status,
    TrackId,
    Vitals,
)


class FakeClock:
    """Time that tests move."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_800_000_000.0 + self.now


class RecordingBus:
    """A home that remembers what it was told."""

    def __init__(self) -> None:
        self.shown: list[Status] = []
        self.news: list[News] = []

    def show(self, status: Status) -> None:
        self.shown.append(status)

    def tell(self, news: News) -> None:
        self.news.append(news)


def reading(emotion: Emotion, probability: float = 0.9, age: float = 35.0) -> FaceReading:
    rest = (1.0 - probability) / 6
    emotions = {e: probability if e is emotion else rest for e in Emotion}
    return FaceReading(emotions, age, (age - 6, age + 6))


def face(
    emotion: Emotion = Emotion.NEUTRAL,
    *,
    probability: float = 0.9,
    age: float = 35.0,
    width: float = 0.2,
    sharpness: float = 0.8,
    track: int = 1,
) -> Face:
    box = Box(0.4, 0.3, width, width)
    return Face(track, box, 0.95, sharpness, reading(emotion, probability, age))


def sighting(at: float, *faces: Face) -> Sighting:
    return Sighting(at, faces)


def a_status(**changes: Any) -> Status:
    """A plausible status; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "mood": MoodNow(MoodLabel.HAPPINESS, 0.7, 0.45, 0.88, 12.5, overridden=False),
        "people": 1,
        "age": 36.2,
        "age_interval": (30.0, 42.0),
        "age_group": AgeGroup.ADULT,
        "track": NowPlaying(
            TrackId("0123456789abcdef"),
            "Bright Harbour",
            "Attune Ensemble",
            "/music/bright-harbour.ogg",
            12.0,
            61.0,
            "bright and lively, as you look happy",
        ),
        "playing": True,
        "volume": 60,
        "volume_now": 60,
        "volume_why": "",
        "sleep_minutes": None,
        "goal": Goal.MATCH,
        "privacy": False,
        "camera": Part(Health.UP),
        "broker": Part(Health.UP),
        "sound": Part(Health.UP),
        "library": Part(Health.UP, "16 tracks"),
        "tracks": 16,
        "board": Board(
            51.5,
            throttled=False,
            under_voltage=False,
            throttled_since_boot=False,
            under_voltage_since_boot=True,
        ),
        "uptime_seconds": 99.0,
        "dropped_sightings": 0,
        "version": "0.0.0",
        "page": Part(Health.UP, "http://127.0.0.1:8088"),
        "vitals": Vitals(7.9, 9.8, 171.0, "camera is down: unplugged", 1_800_000_000.0),
    }
    return Status(**{**fields, **changes})


def finished(steps: Steps[Answer]) -> Answer:
    """What comes of work in steps, when all are done."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            answer: Answer = done.value
            return answer
