"""Decks -> one stream: fades, gapless change-over, volume, and a guard against clipping.

Pure arithmetic over NumPy arrays; whoever calls it holds the lock.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from device.music.decode import RATE, Samples
from device.types import PlayerEvent, PlayerState, Track, TrackEnded, TrackId, TrackStarted

TARGET_LUFS = -18.0
"""Loudness that tracks are brought to: ReplayGain 2.0's reference level."""
ASSUMED_LUFS = -13.0
"""Loudness of a track that was not measured: typical of pop and rock of the last decades."""
MAXIMUM_BOOST_DB = 6.0
"""Quiet tracks are raised by no more, lest their peaks drive the guard hard."""
DECLICK_SECONDS = 0.01
"""The shortest fade: sound that starts or stops at once clicks."""
VOLUME_SECONDS = 0.2
"""Length of the ramp from one volume to another."""
KNEE, CEILING = 0.8, 0.98
"""Amplitudes: up to the knee the guard changes nothing, above it bends towards the ceiling."""


class Source(Protocol):
    """What a voice reads: `device.music.deck.Deck`."""

    @property
    def ready(self) -> bool:
        """Whether there is enough to sound, or nothing more will come."""
        ...

    @property
    def finished(self) -> bool:
        """Whether all was read."""
        ...

    @property
    def error(self) -> str | None:
        """Why it ended early, None when it did not."""
        ...

    def read(self, frames: int) -> Samples:
        """The next samples: fewer than `frames` at the end, or when decoding lags behind."""
        ...

    def close(self) -> None:
        """Nothing more will be read."""
        ...


class Voice:
    """A track that sounds, with its place on the way of a fade."""

    def __init__(self, track: Track, source: Source, start_seconds: float, faded_in: float) -> None:
        self.id: TrackId = track.id
        self.source = source
        self.start_seconds = start_seconds
        self.frames = 0  # read so far
        self._gain = loudness_gain(track.loudness_lufs)
        self.faded_in = self._target = faded_in  # 0 silent .. 1 full
        self._step = 0.0  # per frame

    def fade_to(self, target: float, seconds: float) -> None:
        """Fade, so that all the way from silent to full takes `seconds`."""
        self._target = target
        self._step = 1.0 / (RATE * max(seconds, DECLICK_SECONDS))

    def follow(self, before: Voice) -> None:
        """Go on with the fade that the track before was in."""
        self.faded_in, self._target, self._step = before.faded_in, before._target, before._step

    def let_go(self, seconds: float) -> None:
        """Fade out, unless it already does."""
        if self._target != 0.0:
            self.fade_to(0.0, seconds)

    @property
    def silent(self) -> bool:
        """Faded out, for good or until told otherwise."""
        return self.faded_in == self._target == 0.0

    @property
    def position_seconds(self) -> float:
        """Where reading stands."""
        return self.start_seconds + self.frames / RATE

    def add_to(self, mix: Samples) -> int:
        """Add the next samples; returns how many there were. Reads no further than is heard."""
        wanted = len(mix)
        if self._target == 0.0:
            wanted = min(wanted, math.ceil(self.faded_in / self._step)) if self._step else 0
        samples = self.source.read(wanted)
        count = len(samples)
        mix[:count] += samples * self._envelope(count)
        self.frames += count
        return count

    def _envelope(self, frames: int) -> npt.NDArray[np.float32] | np.float32:
        """Gain of the next frames: the sine of an even way, so that the powers of a track that
        comes and one that goes add up to one."""
        if self.faded_in == self._target or frames == 0:
            return np.float32(self._gain * math.sin(self.faded_in * math.pi / 2))
        way = glide(self.faded_in, self._target, self._step, frames)
        self.faded_in = float(way[-1, 0])
        gains: npt.NDArray[np.float32] = (self._gain * np.sin(way * (math.pi / 2))).astype("f4")
        return gains


class Span(NamedTuple):
    """Which part of a track the chunk rendered last holds, and where in the chunk it begins."""

    voice: Voice
    offset_seconds: float
    start_seconds: float
    end_seconds: float


class Mixer:
    """What sounds now, what leaves, what follows."""

    def __init__(self, fade_seconds: float, volume_percent: int) -> None:
        self._fade_seconds = fade_seconds
        self.current: Voice | None = None
        self._next: Voice | None = None
        self._leaving: list[Voice] = []
        self._paused = False
        self._volume = self._volume_target = volume_percent / 100.0
        self._volume_step = 0.0
        self.events: list[PlayerEvent] = []
        self.span: Span | None = None

    # --- what may be asked ------------------------------------------------------------------

    def play(self, track: Track, source: Source, start_seconds: float) -> None:
        """Cross-fade to a track as soon as its source is ready."""
        self._dismiss(self.current)
        self.queue(None)
        self._paused = False
        self.current = Voice(track, source, start_seconds, faded_in=0.0)
        # A beginning out of silence keeps its attack.
        entering = self._fade_seconds if self._leaving or start_seconds > 0.0 else 0.0
        self.current.fade_to(1.0, entering)

    def queue(self, track: Track | None, source: Source | None = None) -> None:
        """What follows the current track; forgotten when there is none."""
        if self._next is not None:
            self._next.source.close()
            self._next = None
        if track is not None and source is not None:
            if self.current is None:
                source.close()
            else:
                self._next = Voice(track, source, 0.0, faded_in=1.0)

    def pause(self) -> None:
        """Fade out and hold."""
        if self.current is not None and not self._paused:
            self._paused = True
            self.current.fade_to(0.0, self._fade_seconds)

    def resume(self) -> None:
        """Fade in again."""
        if self.current is not None and self._paused:
            self._paused = False
            self.current.fade_to(1.0, self._fade_seconds)

    def stop(self, fade_seconds: float | None = None) -> None:
        """Fade out and forget all."""
        self._dismiss(self.current)
        self.current = None
        self.queue(None)
        self._paused = False
        for voice in self._leaving:
            voice.fade_to(0.0, self._fade_seconds if fade_seconds is None else fade_seconds)

    def cut(self) -> None:
        """Forget all at once: there is nothing to sound it."""
        self.stop()
        for voice in self._leaving:
            voice.source.close()
        self._leaving = []

    def set_volume(self, percent: int) -> None:
        """Ramp to a volume."""
        self._volume_target = percent / 100.0
        self._volume_step = abs(self._volume_target - self._volume) / (VOLUME_SECONDS * RATE)

    @property
    def state(self) -> PlayerState:
        """Playing from the moment that it was asked for, even while the file is being opened."""
        if self.current is None:
            return PlayerState.STOPPED
        return PlayerState.PAUSED if self._paused else PlayerState.PLAYING

    @property
    def has_work(self) -> bool:
        """Whether rendering would bring anything now."""
        current = self.current
        return bool(self._leaving) or (
            current is not None and not current.silent and current.source.ready
        )

    # --- sound ------------------------------------------------------------------------------

    def render(self, frames: int) -> Samples:
        """The next samples, never beyond the ceiling; events are added to `events`."""
        mix: Samples = np.zeros((frames, 2), np.float32)
        self._drop_broken_next()
        self._render_leaving(mix)
        self.span = None
        offset = 0
        while (voice := self.current) is not None and offset < frames and voice.source.ready:
            first, start = voice.frames == 0, voice.position_seconds
            count = voice.add_to(mix[offset:])
            self.span = Span(voice, offset / RATE, start, voice.position_seconds)
            offset += count
            if first and count > 0:
                self.events.append(TrackStarted(voice.id))
            if not voice.source.finished:
                break
            self._change_over(voice)
        self._apply_volume(mix)
        return guard(mix)

    def _render_leaving(self, mix: Samples) -> None:
        """Tracks that leave go on at full until the one that comes can sound."""
        current = self.current
        if current is None or current.source.ready or self._paused:
            for voice in self._leaving:
                voice.let_go(self._fade_seconds)
        staying = []
        for voice in self._leaving:
            if voice.add_to(mix) == 0 or voice.silent:
                voice.source.close()
            else:
                staying.append(voice)
        self._leaving = staying

    def _dismiss(self, voice: Voice | None) -> None:
        """Let a voice leave; whatever was leaving already makes haste, so that two sound."""
        if voice is None:
            return
        if voice.frames == 0 or voice.silent:
            voice.source.close()
            return
        for earlier in self._leaving:
            earlier.fade_to(0.0, DECLICK_SECONDS)
        self._leaving.append(voice)

    def _change_over(self, ended: Voice) -> None:
        """The next track goes on where this one ended, to the sample."""
        ended.source.close()
        self.events.append(TrackEnded(ended.id, ended.source.error))
        self.current, self._next = self._next, None
        if self.current is None:
            self._paused = False
        else:
            self.current.follow(ended)

    def _drop_broken_next(self) -> None:
        """Tell early of a queued file that does not open, so that another can be chosen."""
        voice = self._next
        if voice is not None and voice.source.finished and voice.source.error is not None:
            self.events.append(TrackEnded(voice.id, voice.source.error))
            self.queue(None)

    def _apply_volume(self, mix: Samples) -> None:
        if self._volume == self._volume_target:
            mix *= np.float32(volume_gain(self._volume))
            return
        way = glide(self._volume, self._volume_target, self._volume_step, len(mix))
        self._volume = float(way[-1, 0])
        mix *= (way * way * way).astype(np.float32)


def glide(now: float, target: float, step: float, frames: int) -> npt.NDArray[np.float64]:
    """The even way from `now` towards `target`, `step` a frame: shape (frames, 1)."""
    way = now + math.copysign(step, target - now) * np.arange(1, frames + 1)[:, None]
    return np.minimum(way, target) if target > now else np.maximum(way, target)


def volume_gain(fraction: float) -> float:
    """Gain of a volume 0..1: its cube, as in PulseAudio's software volumes, where equal steps
    sound about equal: 50 % is -18 dB, 10 % is -60 dB, 0 is silent."""
    return fraction * fraction * fraction


def loudness_gain(lufs: float | None) -> float:
    """Gain that brings a track of such loudness (ITU-R BS.1770) to the target."""
    decibels = TARGET_LUFS - (ASSUMED_LUFS if lufs is None else lufs)
    return float(10.0 ** (min(decibels, MAXIMUM_BOOST_DB) / 20.0))


def guard(mix: Samples) -> Samples:
    """Bend peaks above the knee towards the ceiling, smoothly: no sample reaches full scale."""
    peaks = np.abs(mix)
    if peaks.max(initial=0.0) <= KNEE:
        return mix
    span = CEILING - KNEE
    bent = KNEE + span * np.tanh((peaks - KNEE) / span)
    return np.where(peaks > KNEE, np.copysign(bent, mix), mix)
