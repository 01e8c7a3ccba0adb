"""The real player on real files, and how tests wait for what it does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from device.music.decode import RATE
from device.music.player import PygamePlayer
from device.settings import MusicSettings, SoundSettings
from device.types import Affect, Track, TrackId, TrackStarted
from tests.music.audio import tone

FADE = 0.5
AMPLITUDE = 0.3


class RealClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()


def new_player(fade_seconds: float = FADE, volume: int = 100, device: str = "") -> PygamePlayer:
    music = MusicSettings(fade_seconds=fade_seconds, crossfade_seconds=0.0, volume=volume)
    return PygamePlayer(SoundSettings(device=device), music, RealClock())


def make_track(path: Path, hertz: float, seconds: float, lufs: float = -18.0) -> Track:
    tone(path, seconds, hertz, amplitude=AMPLITUDE, rate=RATE)
    affect = Affect(0.0, 0.0, 0.5, "unknown")
    name = TrackId(path.stem)
    return Track(name, str(path), path.stem, "", affect, seconds, loudness_lufs=lufs)


def until(player: PygamePlayer, seen: Callable[[list[object]], bool]) -> list[object]:
    """Poll until `seen` says yes of all events so far."""
    events: list[object] = []
    for _ in range(1000):
        events += player.poll()
        if seen(events):
            return events
        time.sleep(0.01)
    raise AssertionError(f"never happened; events were {events}")


def begin(player: PygamePlayer, track: Track, start_seconds: float = 0.0) -> None:
    player.play(track, start_seconds=start_seconds)
    until(player, lambda events: TrackStarted(track.id) in events)


def wait_until(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10.0
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.02)
