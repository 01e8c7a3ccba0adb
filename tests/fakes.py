"""Hand-written stand-ins for the world, shared by the rooms' tests."""

from __future__ import annotations

from device.types import (
    Box,
    Emotion,
    Face,
    FaceReading,
    News,
    Sighting,
    Status,
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
