"""A player without sound, on a clock that tests move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from device.music.follow import JOINED, Passage, passage
from device.ports import Clock, PartUnavailable
from device.types import PlayerEvent, PlayerState, Track, TrackEnded, TrackId, TrackStarted

if TYPE_CHECKING:
    from typing_extensions import Self


class FakePlayer:
    """A `device.ports.Player` that keeps the same promises as the real one.

    `broken` maps a track's path to why it cannot be played. `unplug` takes the output away,
    until `plug`. Tracks last as long as they claim, less the cross-fade into what is queued.
    """

    def __init__(self, clock: Clock, broken: Mapping[str, str] | None = None) -> None:
        self._clock = clock
        self.broken = dict(broken or {})
        self.played: list[tuple[Track, float]] = []
        self.crossfade_seconds = 0.0
        self.volume: float | None = None
        self.announced_volume: float | None = None
        self.announced: list[str] = []
        self._plugged = True
        self._lost = False
        self._events: list[PlayerEvent] = []
        self._current: Track | None = None
        self._next: Track | None = None
        self._paused = False
        self._position = 0.0
        self._settled_at = clock.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def play(self, track: Track, *, start_seconds: float = 0.0) -> None:
        self._settle()
        self.played.append((track, start_seconds))
        self._events, self._lost = [], False
        self._next, self._paused = None, False
        self._begin(track, start_seconds)

    def queue(self, track: Track | None) -> None:
        self._settle()
        if track is not None and track.path in self.broken:
            self._events.append(TrackEnded(track.id, self.broken[track.path]))
            track = None
        self._next = None if self._current is None else track

    def pause(self) -> None:
        self._settle()
        self._paused = self._current is not None

    def resume(self) -> None:
        self._settle()
        self._paused = False

    def stop(self) -> None:
        self._settle()
        self._events = []
        self._current = self._next = None
        self._paused = False

    def set_volume(self, percent: float, announced_percent: float) -> None:
        self.volume, self.announced_volume = percent, announced_percent

    def announce(self, path: str) -> None:
        if not self._plugged:
            self._lose()
        self.announced.append(path)

    def poll(self) -> Sequence[PlayerEvent]:
        self._settle()
        if self._lost:
            self._lost = False
            raise PartUnavailable("the sound card is gone. Plug it in again.")
        events, self._events = self._events, []
        return events

    @property
    def state(self) -> PlayerState:
        self._settle()
        if self._current is None:
            return PlayerState.STOPPED
        return PlayerState.PAUSED if self._paused else PlayerState.PLAYING

    @property
    def track(self) -> TrackId | None:
        self._settle()
        return None if self._current is None else self._current.id

    @property
    def position_seconds(self) -> float:
        self._settle()
        return 0.0 if self._current is None else self._position

    @property
    def queued(self) -> Track | None:
        """What follows, for tests to look at."""
        return self._next

    @property
    def current(self) -> Track | None:
        """What sounds or is paused, for tests to look at."""
        return self._current

    def unplug(self) -> None:
        """The output goes away."""
        self._settle()
        self._plugged = False

    def plug(self) -> None:
        """The output is back; what was tried before that had failed."""
        if not self._plugged and self._current is not None:
            self._lose()
        self._plugged = True

    def _begin(self, track: Track | None, start_seconds: float) -> None:
        self._current, self._position = track, start_seconds
        if track is None or not self._plugged:
            return
        if track.path in self.broken:
            self._end(self.broken[track.path])
        else:
            self._events.append(TrackStarted(track.id))

    def _end(self, error: str | None = None) -> None:
        assert self._current is not None
        self._events.append(TrackEnded(self._current.id, error))
        start = self._way().unheard_start_seconds
        following, self._next = self._next, None
        self._begin(following, start)

    def _way(self) -> Passage:
        if self._current is None or self._next is None:
            return JOINED
        return passage(self._current, self._next, self.crossfade_seconds)

    def _settle(self) -> None:
        """Live through the time since the last look."""
        now = self._clock.monotonic()
        passed, self._settled_at = now - self._settled_at, now
        if self._current is None or self._paused:
            return
        if not self._plugged:
            if passed == 0.0:
                return  # to find out takes time
            self._lose()
            return
        while self._current is not None:
            way = self._way()
            left = self._current.duration_seconds - way.lead_seconds - self._position
            if passed < left:
                self._position += passed
                return
            passed -= max(left, 0.0)
            self._end()

    def _lose(self) -> None:
        self._current = self._next = None
        self._events, self._lost = [], True
