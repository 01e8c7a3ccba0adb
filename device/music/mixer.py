"""Decks -> one stream: fades, cross-fades, gapless change-over, volume, announcements.

Pure arithmetic over NumPy arrays; whoever calls it holds the lock. What comes out may be
beyond full scale: `device.music.limiter` follows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from device.music.announce import Announcements, Clip
from device.music.decode import RATE, Samples
from device.music.follow import JOINED, Passage, joins
from device.music.gain import Normalising, album_gain, track_gain, volume_gain
from device.music.voice import DECLICK_SECONDS, Gains, Ramp, Source, Voice
from device.types import PlayerEvent, PlayerState, Track, TrackEnded, TrackStarted

VOLUME_SECONDS = 0.2
"""Length of the ramp from one volume to another."""
TURN_SECONDS, LEAST_TURN_SECONDS = 5.0, 0.5
"""Length of the ramp from a track's own gain to its album's, before the album's next track; and
where less than that is left of the track. The next one goes on with the rest of it."""


class Span(NamedTuple):
    """Which part of a track the chunk rendered last holds, and where in the chunk it begins."""

    voice: Voice
    offset_seconds: float
    start_seconds: float
    end_seconds: float


class Mixer:
    """What sounds now, what leaves, what follows."""

    def __init__(
        self,
        fade_seconds: float,
        volume_percent: float,
        *,
        normalising: Normalising = "track",
        mono: bool = False,
        balance: float = 0.0,
    ) -> None:
        self._fade_seconds, self._normalising = fade_seconds, normalising
        self._mono = mono
        self._sides = sides(balance)
        self.current: Voice | None = None
        self._next: Voice | None = None
        self._passage = JOINED
        self._leaving: list[Voice] = []
        self._paused = False
        self._volume = Ramp(volume_percent / 100.0)
        self._announced_volume = Ramp(volume_percent / 100.0)
        self._announcements = Announcements()
        self.events: list[PlayerEvent] = []
        self.span: Span | None = None

    # --- what may be asked ------------------------------------------------------------------

    def play(self, track: Track, source: Source, start_seconds: float) -> None:
        """Cross-fade to a track as soon as its source is ready."""
        self._dismiss(self.current)
        self.queue(None)
        self._paused = False
        gain = track_gain(track, self._normalising)
        self.current = Voice(track, source, start_seconds=start_seconds, faded_in=0.0, gain=gain)
        # A beginning out of silence keeps its attack.
        entering = self._fade_seconds if self._leaving or start_seconds > 0.0 else 0.0
        self.current.fade_to(1.0, entering)

    def queue(
        self, track: Track | None, source: Source | None = None, passage: Passage = JOINED
    ) -> None:
        """What follows the current track, and how; forgotten when there is none."""
        current = self.current
        if self._next is not None:
            self._next.source.close()
            self._next = None
            if current is not None and current.gain.target != current.gain.value:
                current.gain.send(track_gain(current.track, self._normalising), TURN_SECONDS)
        if track is None or source is None:
            return
        if current is None:
            source.close()
            return
        self._passage = passage
        self._next = Voice(
            track,
            source,
            start_seconds=passage.unheard_start_seconds,
            faded_in=1.0,
            gain=self._gain_after(current, track),
        )

    def _gain_after(self, current: Voice, track: Track) -> float:
        """Gain of a track that follows. Within an album, and at its seams, nothing jumps."""
        if self._normalising != "album" or not joins(current.track, track):
            return track_gain(track, self._normalising)
        gain = album_gain(track)
        if gain is None:  # as the album goes on, but no louder than its own loudness and peak allow
            gain = min(current.gain.target, track_gain(track, self._normalising))
        current.gain.send(gain, min(TURN_SECONDS, max(current.left_seconds, LEAST_TURN_SECONDS)))
        return gain

    def pause(self) -> None:
        """Fade out and hold."""
        if self.current is not None and not self._paused:
            self._paused = True
            self.current.fade_to(0.0, self._fade_seconds)
            for voice in self._leaving:
                voice.hasten(self._fade_seconds)

    def resume(self) -> None:
        """Fade in again."""
        if self.current is not None and self._paused:
            self._paused = False
            self.current.fade_to(1.0, self._fade_seconds)

    def stop(self, fade_seconds: float | None = None) -> None:
        """Fade out and forget the music."""
        self._dismiss(self.current)
        self.current = None
        self.queue(None)
        self._paused = False
        for voice in self._leaving:
            voice.hasten(self._fade_seconds if fade_seconds is None else fade_seconds)

    def leave(self, seconds: float) -> None:
        """Fade out what sounds and what is said, within so many seconds, and forget all."""
        self.stop(seconds)
        self._announcements.leave(seconds)

    def cut(self) -> None:
        """Forget all at once: there is nothing to sound it."""
        self.stop()
        for voice in self._leaving:
            voice.source.close()
        self._leaving = []
        self._announcements.drop()

    def set_volume(self, percent: float, announced_percent: float) -> None:
        """Ramp to a volume of the music, and to one of announcements."""
        self._volume.send(percent / 100.0, VOLUME_SECONDS)
        self._announced_volume.send(announced_percent / 100.0, VOLUME_SECONDS)

    def announce(self, clip: Clip) -> None:
        """Sound a clip over the music, after those that were asked for before. Raises `CannotDo`
        where too many wait."""
        self._announcements.add(clip)

    @property
    def state(self) -> PlayerState:
        """Playing from the moment that it was asked for, even while the file is being opened."""
        if self.current is None:
            return PlayerState.STOPPED
        return PlayerState.PAUSED if self._paused else PlayerState.PLAYING

    @property
    def has_work(self) -> bool:
        """Whether rendering would bring anything now."""
        return self._has_music or self._announcements.has_work

    @property
    def waits_for_file(self) -> bool:
        """Whether something shall sound that may still be being opened."""
        return self.state is PlayerState.PLAYING or self._announcements.waits

    @property
    def _has_music(self) -> bool:
        current = self.current
        return bool(self._leaving) or (
            current is not None and not current.silent and current.source.ready
        )

    # --- sound ------------------------------------------------------------------------------

    def render(self, frames: int) -> Samples:
        """The next samples; events are added to `events`."""
        mix: Samples = np.zeros((frames, 2), np.float32)
        self._drop_broken_next()
        # Asked once: its thread may have it ready at any moment, and what leaves, what comes and
        # what is said over both must agree.
        current = self.current
        waiting = None if current is None or current.source.ready else current
        sounds = current is not None and waiting is None and not current.silent
        musical = bool(self._leaving) or sounds
        self._render_leaving(mix, let_go=waiting is None or self._paused)
        self.span = None
        offset = 0
        while (voice := self.current) is not None and voice is not waiting and offset < frames:
            if not voice.source.ready:
                break
            until = self._frames_until_passage(voice)
            if until == 0:
                self._pass_over(voice, mix[offset:])
                continue
            part = mix[offset:] if until is None else mix[offset : offset + until]
            first, start = voice.frames == 0, voice.position_seconds
            count = voice.add_to(part)
            self.span = Span(voice, offset / RATE, start, voice.position_seconds)
            offset += count
            if first and count > 0:
                self.events.append(TrackStarted(voice.id))
            if voice.source.finished:
                self._change_over(voice)
            elif count < len(part) or until is None:
                break
        self._apply_volumes(mix, musical=musical)
        return self._place(mix)

    def _render_leaving(self, mix: Samples, *, let_go: bool) -> None:
        """Tracks that leave go on at full until the one that comes can sound."""
        if let_go:
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
            earlier.hasten(DECLICK_SECONDS)
        self._leaving.append(voice)

    def _frames_until_passage(self, voice: Voice) -> int | None:
        """Frames until the next track comes in over this one; None where that is not to be, or
        not known yet."""
        following = self._next
        if following is None or self._passage.overlap_seconds == 0.0 or self._paused:
            return None
        if voice.frames == 0:
            return None  # what ends is to have begun
        left = voice.source.remaining
        if left is None or not following.source.ready:
            return None
        return max(0, left - round(self._passage.lead_seconds * RATE))

    def _pass_over(self, ending: Voice, mix: Samples) -> None:
        """The next track comes in while this one goes out: the cross-fade begins here."""
        following, self._next = self._next, None
        left = (ending.source.remaining or 0) / RATE - self._passage.unheard_end_seconds
        overlap = min(self._passage.overlap_seconds, max(left, DECLICK_SECONDS))
        self.events.append(TrackEnded(ending.id, ending.source.error))
        self._dismiss(ending)
        ending.fade_to(0.0, overlap)
        if ending.add_to(mix) == 0 and ending in self._leaving:
            self._leaving.remove(ending)
        self.current = following
        if following is not None:
            following.fade = Ramp(0.0)
            following.fade_to(1.0, overlap)

    def _change_over(self, ended: Voice) -> None:
        """The next track goes on where this one ended, to the sample."""
        ended.source.close()
        self.events.append(TrackEnded(ended.id, ended.source.error))
        self.current, self._next = self._next, None
        if self.current is None:
            self._paused = False
        else:
            self.current.fade.take_over(ended.fade)
            if self.current.gain.target == ended.gain.target:  # on its way to the album's
                self.current.gain.take_over(ended.gain)

    def _drop_broken_next(self) -> None:
        """Tell early of a queued file that does not open, so that another can be chosen."""
        voice = self._next
        if voice is not None and voice.source.finished and voice.source.error is not None:
            self.events.append(TrackEnded(voice.id, voice.source.error))
            self.queue(None)

    def _apply_volumes(self, mix: Samples, *, musical: bool) -> None:
        """Bring the music to its volume, duck it under what is announced, and add that."""
        _amplify(mix, _volume_gains(self._volume, len(mix)))
        spoken = self._announcements.render(len(mix), ducking=musical)
        _amplify(mix, self._announcements.duck_gains(len(mix), ducking=musical))
        announced = _volume_gains(self._announced_volume, len(mix))
        if spoken is not None:
            _amplify(spoken, announced)
            mix += spoken

    def _place(self, mix: Samples) -> Samples:
        """One sound for both sides, if wished, and the balance between them."""
        if self._mono:
            mix[:] = mix.mean(axis=1, keepdims=True)
        if self._sides is not None:
            mix *= self._sides
        return mix


def sides(balance: float) -> npt.NDArray[np.float32] | None:
    """Gains of left and right for a balance -1 (left alone) to 1 (right alone): the one that is
    leant to stays as it is. None in the middle."""
    if balance == 0.0:
        return None
    return np.array([min(1.0, 1.0 - balance), min(1.0, 1.0 + balance)], np.float32)


def _volume_gains(volume: Ramp, frames: int) -> float | Gains:
    way = volume.next(frames)
    return volume_gain(way) if isinstance(way, float) else way * way * way


def _amplify(sound: Samples, gains: float | Gains) -> None:
    """Multiply in place; by one: leave untouched, to the bit."""
    if isinstance(gains, float):
        if gains != 1.0:
            sound *= np.float32(gains)
    else:
        sound *= gains.astype(np.float32)
