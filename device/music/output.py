"""The sound output: SDL, by way of pygame, fed with chunks that join to the sample."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from device.music.decode import RATE, Samples
from device.ports import Clock, PartUnavailable
from device.settings import SoundSettings

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # stdout is not pygame's to greet on


@contextlib.contextmanager
def _without(module: str) -> Iterator[None]:
    """Have imports of a module fail as if it were not installed, for as long as it lasts."""
    known = sys.modules.pop(module, None)
    sys.modules[module] = None  # type: ignore[assignment]  # Python documents it for this
    try:
        yield
    finally:
        del sys.modules[module]
        if known is not None:
            sys.modules[module] = known


# pygame looks for its icon with it, which nobody sees here: 5 MB of memory, 50 ms of each start.
with _without("pkg_resources"):
    import pygame.mixer
    from pygame._sdl2 import audio as sdl_audio

log = logging.getLogger(__name__)

CHUNK_FRAMES = 8192
"""One chunk sounds while the next waits: 186 ms each, so that a busy moment is not heard, and
a command is within 0.4 s."""
CHUNK_SECONDS = CHUNK_FRAMES / RATE
STALL_SECONDS = 3.0
"""An output that took nothing for so long hangs."""
LEFT_BEHIND_SECONDS = 0.1
"""A chunk that waits for so long while nothing sounds will not start by itself."""
LOOK_SECONDS = 2.0
"""How often the list of sound cards is compared: SDL feeds a card that was pulled out on,
into nothing, and tells nobody."""


class Output:
    """One sound output. Used by one thread; `open` may be called again after a failure."""

    def __init__(self, settings: SoundSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._open = False
        self._closing: threading.Thread | None = None
        # Kept until surely over: pygame counts references in SDL's thread, and not safely where
        # the last one goes.
        self._handed: deque[pygame.mixer.Sound] = deque(maxlen=4)
        self._cards: Sequence[str] = ()
        self._looked_at = self._taken_at = self._busy_at = 0.0

    def open(self) -> None:
        """Open the device, unless it is; raises `PartUnavailable`."""
        if self._open:
            return
        if self._closing is not None and self._closing.is_alive():
            raise PartUnavailable(
                f"{self._name} still hangs from before. Plug it in again, or restart Attune."
            )
        silence_alsa()
        try:
            pygame.mixer.init(
                RATE,
                -16,
                2,
                self._settings.buffer_samples,
                devicename=self._settings.device or None,
                allowedchanges=0,  # SDL converts, should the card want something else
            )
        except pygame.error as error:
            raise PartUnavailable(
                f"cannot open {self._name} ({error}). Plug it in, or name another one as "
                "[sound] device; `attune doctor` lists them."
            ) from error
        pygame.mixer.set_num_channels(1)
        self._open = True
        self._cards = sdl_audio.get_audio_device_names(False)
        self._looked_at = self._taken_at = self._busy_at = self._clock.monotonic()

    def close(self) -> None:
        """Let the device go. SDL waits for a device that hangs, so a thread waits for SDL."""
        if not self._open:
            return
        self._open = False
        self._closing = threading.Thread(target=pygame.mixer.quit, name="sound-close", daemon=True)
        self._closing.start()
        self._closing.join(timeout=1.0)

    def release(self) -> None:
        """Let the device go until it is needed again. Not one that writes a capture, which would
        begin anew."""
        if os.environ.get("SDL_AUDIODRIVER") != "disk":
            self.close()

    @property
    def idle(self) -> bool:
        """Whether all that was handed over has sounded."""
        return not (self._open and channel().get_busy())

    def drain(self) -> None:
        """Wait until all has sounded, if the device is well."""
        deadline = self._clock.monotonic() + 3 * CHUNK_SECONDS
        while not self.idle and self._clock.monotonic() < deadline:
            time.sleep(0.02)

    @property
    def wants(self) -> bool:
        """Whether there is room for a chunk; raises `PartUnavailable` when the device is gone."""
        now = self._clock.monotonic()
        if now - self._looked_at > LOOK_SECONDS:
            self._looked_at = now
            self._look_for_card()
        self._start_left_behind(now)
        if channel().get_queue() is None:
            return True
        if now - self._taken_at > STALL_SECONDS:
            raise PartUnavailable(
                f"{self._name} took no sound for {STALL_SECONDS:.0f} s. Plug it in again, or name "
                "another one as [sound] device; `attune doctor` lists them."
            )
        return False

    def hand(self, mix: Samples) -> None:
        """Sound a chunk right after the one before."""
        sound = pygame.mixer.Sound(buffer=to_int16(mix))
        self._handed.append(sound)
        channel().queue(sound)
        self._taken_at = self._clock.monotonic()

    def _start_left_behind(self, now: float) -> None:
        """Start a chunk that waits behind nothing: one queued in the very moment that the one
        before it ended, on a machine too busy to have been in time, is forgotten by pygame."""
        if channel().get_busy() or channel().get_queue() is None:
            self._busy_at = now
        elif now - self._busy_at > LEFT_BEHIND_SECONDS:
            self._busy_at = now
            channel().play(channel().get_queue())

    @property
    def _name(self) -> str:
        return (
            f"sound card {self._settings.device!r}" if self._settings.device else "the sound card"
        )

    def _look_for_card(self) -> None:
        cards = sdl_audio.get_audio_device_names(False)
        gone = set(self._cards) - set(cards)
        self._cards = cards
        if gone and self._settings.device in ("", *gone):
            raise PartUnavailable(
                f"sound card {', '.join(sorted(gone))} is gone. Plug it in again."
            )


def channel() -> pygame.mixer.Channel:
    """The one channel of SDL's mixer that is used; the mixer must be open."""
    return pygame.mixer.Channel(0)


def to_int16(mix: Samples) -> npt.NDArray[np.int16]:
    """Samples -1..1 as 16-bit numbers."""
    numbers: npt.NDArray[np.int16] = np.rint(mix * 32767.0).astype(np.int16)
    return numbers


def list_outputs() -> Sequence[str]:
    """Names of the sound cards, as `[sound] device` takes them; none when there is no sound.

    Opens the default output for a moment, unless this process has one open already.
    """
    opened = pygame.mixer.get_init() is None
    silence_alsa()
    try:
        if opened:
            pygame.mixer.init(RATE, -16, 2, 1024, allowedchanges=0)
        names: Sequence[str] = sdl_audio.get_audio_device_names(False)
    except pygame.error as error:
        log.debug("no sound output: %s", error)
        return ()
    finally:
        if opened:
            pygame.mixer.quit()
    return tuple(names)


def silence_alsa() -> None:
    """Keep libasound from printing half a page for each try to open a card that is missing.

    SDL loads the system's copy. `getpid` takes the place of its error handler, for it ignores
    what it is given, and needs no lock of the interpreter.
    """
    try:
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(ctypes.CDLL(None).getpid)
    except (OSError, AttributeError) as error:
        log.debug("no libasound to silence: %s", error)
