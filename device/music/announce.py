"""Announcements: a file sounds over the music, which goes on beneath it, softer for so long."""

from __future__ import annotations

import logging
import math
import os
import re
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np

from device.music.decode import RATE, CannotDecode, Samples, decode
from device.music.ffmpeg import DAMAGED, open_sound
from device.music.gain import amplitude
from device.music.looks import Looks, Pulse
from device.music.loudness import loudness_lufs
from device.music.voice import Gains, Ramp
from device.ports import CannotDo

log = logging.getLogger(__name__)

TARGET_LUFS = -16.0
"""Loudness of what is announced: a little over the music's -18, for speech is to be understood."""
MAXIMUM_BOOST_DB = 15.0
DUCK_DB = 14.0
"""The music beneath is so much softer: speech stays clear from about 15 LU of difference."""
DUCK_SECONDS, RETURN_SECONDS = 0.4, 1.2
"""How long the music takes to make room, and to come back."""
BREATH_SECONDS = 0.5
"""Between two announcements."""
LONGEST_SECONDS = 60.0
SILENT_DBFS = -80.0
"""A peak below: even at the pitch and on both sides where BS.1770 hears most, that is less than the
-70 LUFS from which on it hears anything."""
LARGEST_BYTES = 20 * 1024 * 1024
MOST_WAITING = 8
"""Of those that were asked for, so many wait; whoever asks for more is refused."""
LOOKING_SECONDS = 2.5
"""A drive that does not show a file within so long is taken for dead: whoever asks waits."""
LOADING_SECONDS = 20.0
"""A file that is not read within so long is not announced: others wait for their turn."""
MOST_LOOKING = 4
"""So many looks may hang in dead drives, where nobody can end them, before others are refused."""
NAME = re.compile(r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]{0,199}")
"""A file's name and no path: nothing in it leads out of its folder."""
SOUND_NAME = re.compile(r"[^/.][^/]*\.[A-Za-z0-9]{1,5}")
MOST_LISTED = 50


def admit(file: str, folder: Path | None) -> Path:
    """The file to announce: an absolute path, or a name in `folder` (None: there is none).

    Reads the disk, and waits for it no longer than `Looks` does. Raises `CannotDo` with the reason
    and the mend.
    """
    return _ADMISSIONS.take(
        lambda pulse: _admitted(file, folder, pulse), file[:200], LOOKING_SECONDS
    )


def listed(folder: Path | None) -> list[str]:
    """Names of the files in `folder` that look as if they could be announced, the first by name;
    none where it cannot be read, or its drive went away."""
    if folder is None:
        return []
    try:
        names = _LISTINGS.take(
            lambda _: [path.name for path in folder.iterdir()], str(folder), LOOKING_SECONDS
        )
    except (CannotDo, OSError):
        return []
    sounds = [name for name in sorted(names) if SOUND_NAME.fullmatch(name)]
    _tell_left_out({name for name in sounds if not _is_sayable(name)})
    return [name for name in sounds if _is_sayable(name)][:MOST_LISTED]


_ADMISSIONS, _LISTINGS = Looks(MOST_LOOKING), Looks(MOST_LOOKING)
"""Apart, for the page lists again and again."""
_left_out: set[str] = set()
"""Names that were told of, for the same reason."""


def _is_sayable(name: str) -> bool:
    """Whether a file can be asked for by its name from afar, as `device.home.commands` reads it:
    without a blank at its ends, nor what cannot be shown. Bytes that are no UTF-8 are neither."""
    return bool(NAME.fullmatch(name)) and name.isprintable() and name == name.strip()


def _tell_left_out(names: set[str]) -> None:
    fresh = sorted(names - _left_out)
    if fresh:
        _left_out.update(fresh)
        log.warning(
            "left out of the announcements: %d, such as %s; rename them, without blanks at the "
            "ends, signs that cannot be shown, or bytes that are no UTF-8",
            len(fresh),
            os.fsencode(fresh[0]),
        )


def _admitted(file: str, folder: Path | None, pulse: Pulse) -> Path:
    path = Path(file) if file.startswith("/") else named(file, folder)
    try:
        found = path.stat()
    except ValueError as error:  # a NUL, or half a character
        raise CannotDo(f"{file[:60]!r} is no file's name") from error
    except OSError as error:
        raise CannotDo(f"{path}: {error.strerror}. {_where(folder)}") from error
    if not stat.S_ISREG(found.st_mode):
        raise CannotDo(f"{path} is no file")
    if found.st_size > LARGEST_BYTES:
        raise CannotDo(f"{path} is larger than {LARGEST_BYTES >> 20} MB; announce something short")
    if not os.access(path, os.R_OK):
        raise CannotDo(f"{path} may not be read by Attune. {_where(folder)}")
    try:
        with open_sound(str(path)) as container:
            sounds, length = bool(container.streams.audio), (container.duration or 0) / 1e6
    except DAMAGED as error:
        raise CannotDo(f"{path} is no sound file ({error})") from error
    if not sounds:
        raise CannotDo(f"there is no sound in {path}")
    if length > LONGEST_SECONDS:
        raise CannotDo(f"{path} lasts {length:.0f} s; {LONGEST_SECONDS:.0f} s are the most")
    _listen_into(path, pulse)
    return path


def _listen_into(path: Path, pulse: Pulse) -> None:
    """Read as far as to the first that is more than silence. Raises `CannotDo` where nothing is,
    in what would be announced, or where it cannot be decoded up to there."""
    left = round(LONGEST_SECONDS * RATE)
    try:
        for block in decode(str(path)):
            pulse.beat(str(path))
            if np.abs(block[:left]).max(initial=0.0) > amplitude(SILENT_DBFS):
                return
            left -= len(block)
            if left <= 0:
                break
    except (CannotDecode, *DAMAGED) as error:
        raise CannotDo(f"{path} cannot be decoded ({error})") from error
    raise CannotDo(f"{path} is silent")


def named(name: str, folder: Path | None) -> Path:
    """A file of the announcements' folder. A link may lead out of it: who owns the folder made
    it. Raises `CannotDo`."""
    if folder is None:
        raise CannotDo("there is no folder of announcements; set [sound] announcements")
    if not NAME.fullmatch(name):
        raise CannotDo(f"{name[:60]!r} is no file's name in {folder}")
    return folder / name


def _where(folder: Path | None) -> str:
    """What to do about a file that the service cannot read."""
    place = f"copy it to {folder}" if folder else "copy it to a folder that all may read"
    return f"As a service, Attune sees no /tmp, and only what its user may read: {place}"


class Clip:
    """An announcement, loaded and levelled in a thread of its own; `changed` when that is done.

    One that a dead drive does not give becomes `ready`, with no sound, after `LOADING_SECONDS`.
    """

    def __init__(self, path: str, changed: Callable[[], None]) -> None:
        self.path = path
        self.sound: Samples = np.zeros((0, 2), np.float32)
        self._changed = changed
        self._lock = threading.Lock()
        self._done = False
        self._deadline = math.inf

    def load(self) -> None:
        """Begin to load: only when its turn comes, for a minute of sound takes 21 MB."""
        self._deadline = time.monotonic() + LOADING_SECONDS
        threading.Thread(target=self._load, name="announcement", daemon=True).start()

    @property
    def ready(self) -> bool:
        """Whether it can sound, or never will."""
        with self._lock:
            if not self._done and time.monotonic() >= self._deadline:
                # The thread hangs in the system, which no one can end; it ends with the read.
                self._done = True
                log.warning(
                    "cannot announce %s: it was not read within %.0f s", self.path, LOADING_SECONDS
                )
            return self._done

    def _load(self) -> None:
        sound = self.sound
        try:
            sound = levelled(self.path)
        except CannotDecode as error:
            log.warning("cannot announce %s: %s", self.path, error)
        except Exception:
            # Whatever a strange file does to the decoder is that file's trouble alone.
            log.exception("the decoder stumbled over %s", self.path)
        with self._lock:
            if self._done:
                return
            self.sound, self._done = sound, True
        self._changed()


def levelled(path: str) -> Samples:
    """The sound of a file at the loudness of announcements, cut at the longest that may be.

    Raises `CannotDecode`.
    """
    blocks, left = [], round(LONGEST_SECONDS * RATE)
    for block in decode(path):
        blocks.append(block[:left])
        left -= len(blocks[-1])
        if left == 0:
            break
    sound = np.concatenate(blocks) if blocks else np.zeros((0, 2), np.float32)
    lufs = loudness_lufs(sound)
    if lufs is None:
        raise CannotDecode("it is silent")
    sound *= np.float32(amplitude(min(TARGET_LUFS - lufs, MAXIMUM_BOOST_DB)))
    return sound


class Announcements:
    """Sounds clips one after the other, and says how far the music is to step back."""

    def __init__(self) -> None:
        self._waiting: deque[Clip] = deque()
        self._clip: Clip | None = None
        self._place = 0
        self._silence = 0  # frames before the clip begins
        self._ducked = Ramp(0.0)  # 0: the music as it is, 1: all the way down
        self._sounds = False  # in what was rendered last
        self._said = 0  # frames of that, up to the last word that ended in it

    def add(self, clip: Clip) -> None:
        """Sound a clip after those before. Raises `CannotDo` where too many wait."""
        if len(self._waiting) >= MOST_WAITING:
            raise CannotDo(f"{clip.path} is not announced: {MOST_WAITING} others wait")
        self._waiting.append(clip)
        if self._clip is None:
            self._take_next()

    def drop(self) -> None:
        """Forget all: there is nothing to sound them."""
        for clip in (self._clip, *self._waiting):
            if clip is not None:
                log.warning("%s was not announced: the sound went away", clip.path)
        self._waiting.clear()
        self._clip = None
        self._ducked = Ramp(0.0)

    def leave(self, seconds: float) -> None:
        """Fade out what is being said, and forget what was not begun."""
        self._waiting.clear()
        if self._clip is None or self._place == 0:
            self._clip = None
            return
        self._clip.sound = self._clip.sound[: self._place + round(seconds * RATE)]
        last = self._clip.sound[self._place :]
        last *= np.linspace(1.0, 0.0, len(last), dtype=np.float32)[:, None]

    @property
    def waits(self) -> bool:
        """Whether something is to be said that is not loaded yet."""
        return self._clip is not None and not self._clip.ready

    @property
    def has_work(self) -> bool:
        """Whether something is to be said now."""
        return self._clip is not None and self._clip.ready

    def render(self, frames: int, *, ducking: bool) -> Samples | None:
        """The next samples, None when nothing is said. `ducking`: there is music, which steps
        back before the first word."""
        while self._clip is not None and self._clip.ready and not len(self._clip.sound):
            self._take_next()  # it could not be loaded
        # Asked once: its thread may have it ready at any moment, and the music makes room first.
        self._sounds, self._said = self.has_work, 0
        if not self._sounds:
            return None
        if ducking and self._ducked.target == 0.0:
            self._silence = max(self._silence, round(DUCK_SECONDS * RATE))
        out: Samples = np.zeros((frames, 2), np.float32)
        offset = 0
        while self._clip is not None and self._clip.ready and offset < frames:
            waiting = min(self._silence, frames - offset)
            self._silence -= waiting
            offset += waiting
            part = self._clip.sound[self._place : self._place + frames - offset]
            out[offset : offset + len(part)] = part
            self._place += len(part)
            offset += len(part)
            if self._place == len(self._clip.sound):
                self._said = offset
                self._take_next()
        return out

    def duck_gains(self, frames: int, *, ducking: bool) -> float | Gains:
        """Gain of the music for the frames rendered last; 1.0 where nothing is said."""
        wanted = 1.0 if self._clip is not None and (self._sounds or self._ducked.value) else 0.0
        if not ducking:
            self._ducked = Ramp(wanted)
        # Not a word is said over music that is on its way back.
        until = 0 if wanted else self._said
        held = self._ducked.next(until)
        if self._ducked.target != wanted:
            self._ducked.pace(wanted, DUCK_SECONDS if wanted else RETURN_SECONDS)
        way = self._ducked.next(frames - until)
        if until:
            parts = (held, until), (way, frames - until)
            way = np.concatenate([np.broadcast_to(each, (count, 1)) for each, count in parts])
        if isinstance(way, float):
            return amplitude(-DUCK_DB * way)
        return np.asarray(10.0 ** (way * (-DUCK_DB / 20)))

    def _take_next(self) -> None:
        self._silence = round(BREATH_SECONDS * RATE) if self._clip is not None else 0
        self._clip = self._waiting.popleft() if self._waiting else None
        self._place = 0
        if self._clip is not None:
            self._clip.load()
