"""Which files may be music, by the endings of their names."""

from __future__ import annotations

from pathlib import Path

ENDINGS = (
    ".mp3 .mp2 .flac .ogg .oga .opus .m4a .m4b .mp4 .aac .wma .asf .wav .wave .aiff .aif .aifc "
    ".alac .ape .wv .mpc .tta .mka .webm .ac3 .dts .dsf .dff .amr .au .caf .spx .w64 .tak"
)
"""Files with these endings are looked into; others (covers, notes) are no music."""
_ENDINGS = frozenset(ENDINGS.split())


def is_sound(name: str) -> bool:
    """Whether a file of this name may be music."""
    return Path(name).suffix.lower() in _ENDINGS
