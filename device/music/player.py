"""The player: tracks in, sound out.

The main thread only says what should sound. A thread of its own mixes it, chunk by chunk, and
each track is decoded in yet another (`device.music.deck`). While nothing is to be heard, all
of them sleep.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from device.music.announce import Clip
from device.music.deck import Deck
from device.music.follow import longest_lead_seconds, passage
from device.music.limiter import Limiter
from device.music.mixer import Mixer, Span
from device.music.output import CHUNK_FRAMES, CHUNK_SECONDS, Output
from device.music.voice import Voice
from device.ports import Clock, PartUnavailable
from device.settings import MusicSettings, SoundSettings
from device.types import PlayerEvent, PlayerState, Track, TrackId

if TYPE_CHECKING:
    from typing_extensions import Self

log = logging.getLogger(__name__)

POLL_SECONDS = 0.02
"""How often the output is asked whether it has room; a chunk is nine times as long."""
LOOK_SECONDS = 1.0
"""How often a file that does not come is looked after, lest it never does."""
SIGHT_SECONDS = 0.5
"""A track's end is in sight so much earlier than what follows may come in."""
RELEASE_SECONDS = 15.0
"""An output that nothing was sounded on for so long is let go: others may want the card, and an
amplifier may sleep. It is taken again with the next sound."""
LEAVE_SECONDS = 0.3
"""The fade when the daemon ends."""
LEAVE_DEADLINE_SECONDS = 3.0


class PygamePlayer:
    """A `device.ports.Player` on pygame's mixer.

    `play` opens the output if it is not open. When that fails, or the output goes away, the
    player stops and `poll` raises `PartUnavailable` once; `play` tries again. Events only tell
    of what was asked last: `play` and `stop` drop those that were not polled yet. A track has
    ended for the player up to two chunks (0.4 s) before its end is heard, so that a track
    played in answer follows it directly.
    """

    def __init__(self, sound: SoundSettings, music: MusicSettings, clock: Clock) -> None:
        self._clock = clock
        self._output = Output(sound, clock)
        self._changed = threading.Condition()
        self._crossfade_seconds = music.crossfade_seconds
        self._mixer = Mixer(
            music.fade_seconds,
            music.volume,
            normalising=music.loudness,
            mono=sound.mono,
            balance=sound.balance,
        )
        self._limiter = Limiter()
        self._leaving = False
        self._lost: PartUnavailable | None = None
        self._bug: BaseException | None = None
        self._handed: deque[Span | None] = deque(maxlen=2)  # what sounds, and what waits
        self._sounding_since = 0.0
        self._told: tuple[Voice | None, float] = (None, 0.0)  # the position asked for last
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Fade out quickly and let the output go: about a second, three at most."""
        with self._changed:
            self._leaving = True
            self._mixer.leave(LEAVE_SECONDS)
            self._changed.notify()
        self._thread.join(LEAVE_DEADLINE_SECONDS)
        if self._thread.is_alive():
            log.warning("the sound output did not close in time")

    # --- device.ports.Player: the main thread ---------------------------------------------

    def play(self, track: Track, *, start_seconds: float = 0.0) -> None:
        """Fade the current track out (if any), and `track` in from `start_seconds`."""
        deck = self._deck(track, start_seconds)
        with self._changed:
            self._mixer.play(track, deck, start_seconds)
            self._lost = None
            self._mixer.events.clear()
            self._changed.notify()

    def queue(self, track: Track | None) -> None:
        """What follows the current track, as `device.music.follow` says; forgotten when there is
        none."""
        with self._changed:
            current = self._mixer.current
            if track is None or current is None:
                self._mixer.queue(None)
                return
            way = passage(current.track, track, self._crossfade_seconds)
            self._mixer.queue(track, self._deck(track, way.unheard_start_seconds), way)

    def _deck(self, track: Track, start_seconds: float) -> Deck:
        sight = longest_lead_seconds(track, self._crossfade_seconds) + SIGHT_SECONDS
        return Deck(track.path, start_seconds, self._wake, sight)

    def pause(self) -> None:
        """Fade out and hold the position."""
        with self._changed:
            self._mixer.pause()

    def resume(self) -> None:
        """Fade in where it was paused."""
        with self._changed:
            self._mixer.resume()
            self._changed.notify()

    def stop(self) -> None:
        """Fade out and forget the track and the queue."""
        with self._changed:
            self._mixer.stop()
            self._mixer.events.clear()

    def set_volume(self, percent: float, announced_percent: float) -> None:
        """Ramp to a volume in percent, 0..100; see `device.music.gain.volume_gain`."""
        with self._changed:
            self._mixer.set_volume(percent, announced_percent)

    def announce(self, path: str) -> None:
        """Sound a file over the music, or over silence. Raises `CannotDo` where too many wait."""
        with self._changed:
            self._mixer.announce(Clip(path, self._wake))
            self._changed.notify()

    def poll(self) -> Sequence[PlayerEvent]:
        """What happened since the last call. Raises `PartUnavailable` when sound was lost."""
        with self._changed:
            if self._bug is not None:
                raise self._bug
            if self._lost is not None:
                lost, self._lost = self._lost, None
                raise lost
            events, self._mixer.events = self._mixer.events, []
            return events

    @property
    def state(self) -> PlayerState:
        """Playing, paused or stopped: as asked for, though a fade may still sound."""
        with self._changed:
            return self._mixer.state

    @property
    def track(self) -> TrackId | None:
        """The track that sounds or is paused."""
        with self._changed:
            return None if self._mixer.current is None else self._mixer.current.id

    @property
    def position_seconds(self) -> float:
        """What is being heard of the current track; 0 without one."""
        with self._changed:
            voice = self._mixer.current
            return 0.0 if voice is None else self._heard(voice)

    # --- the player's thread --------------------------------------------------------------

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                self._step()
            self._output.drain()
        except BaseException as error:  # noqa: BLE001 - `poll` raises it where it ends the process
            self._bug = error
        finally:
            self._output.close()

    def _wait_for_work(self) -> bool:
        """Sleep until there is something to mix; False when it is time to leave."""
        if not self._wait(RELEASE_SECONDS):
            self._output.release()
            self._wait(None)
        with self._changed:
            return self._has_work

    def _wait(self, seconds: float | None) -> bool:
        """Wait until there is work, or no more will come; False when the time is over before."""
        deadline = None if seconds is None else time.monotonic() + seconds
        with self._changed:
            while not (self._has_work or self._leaving):
                if deadline is not None and time.monotonic() >= deadline:
                    return False
                self._changed.wait(LOOK_SECONDS if self._mixer.waits_for_file else seconds)
        return True

    @property
    def _has_work(self) -> bool:
        """Also the last moment of sound, unless more of it is only being waited for: a chunk
        filled up with silence would be heard as a gap."""
        waits_for_file = self._mixer.state is PlayerState.PLAYING
        return self._mixer.has_work or (self._limiter.holds_sound and not waits_for_file)

    def _step(self) -> None:
        try:
            self._output.open()
            if self._output.wants:
                self._hand_chunk()
            else:
                time.sleep(POLL_SECONDS)
        except PartUnavailable as error:
            with self._changed:
                self._lost = error
                self._mixer.cut()
                self._mixer.events.clear()
                self._handed.clear()
                self._limiter = Limiter()
            self._output.close()

    def _hand_chunk(self) -> None:
        with self._changed:
            mix = self._limiter.process(self._mixer.render(CHUNK_FRAMES))
            now = self._clock.monotonic()
            if self._output.idle:
                self._handed.clear()
                self._sounding_since = now
            elif len(self._handed) == 2:  # the one that waited sounds since just now
                self._handed.popleft()
                self._sounding_since = now
            self._handed.append(self._mixer.span)
        self._output.hand(mix)

    def _heard(self, voice: Voice) -> float:
        """Where the listener is in a track; reading is up to two chunks ahead."""
        elapsed = self._clock.monotonic() - self._sounding_since
        position = voice.position_seconds
        for span in self._handed:
            if span is not None and span.voice is voice:
                into = max(0.0, elapsed - span.offset_seconds)
                position = min(span.start_seconds + into, span.end_seconds)
                if elapsed < CHUNK_SECONDS:
                    break
            elapsed -= CHUNK_SECONDS
        # The card's clock is not ours: where they disagree by a little, time stands still.
        before, told = self._told
        self._told = voice, max(position, told) if before is voice else position
        return self._told[1]
