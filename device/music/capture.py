"""Sound without a sound card: SDL writes what would be heard to a file, in real time."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

from device.music.decode import RATE


def capture_environment(raw: Path) -> dict[str, str]:
    """Environment variables that send the sound to a file; set them before the sound opens.

    `raw` then holds 16-bit little-endian stereo at `device.music.decode.RATE`. It starts anew
    each time that the output is opened.
    """
    return {"SDL_AUDIODRIVER": "disk", "SDL_DISKAUDIOFILE": str(raw)}


def raw_to_wav(raw: Path, wav: Path, rate: int = RATE, channels: int = 2) -> None:
    """Make a captured file playable. Raises `OSError` when there is none."""
    with raw.open("rb") as source, wave.open(str(wav), "wb") as target:
        target.setnchannels(channels)
        target.setsampwidth(2)
        target.setframerate(rate)
        target.setnframes(raw.stat().st_size // (2 * channels))
        shutil.copyfileobj(source, _Writer(target))


class _Writer:
    def __init__(self, target: wave.Wave_write) -> None:
        self._target = target

    def write(self, data: bytes) -> None:
        self._target.writeframesraw(data)
