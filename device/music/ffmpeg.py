"""Open a sound file with FFmpeg, by whichever PyAV is there."""

from __future__ import annotations

import os
from typing import Any

import av

# From version 19 on, text that is not UTF-8 is kept as it is; before, it had to be asked for.
_LENIENT: dict[str, Any] = (
    {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "surrogateescape"}
)

DAMAGED = (av.error.FFmpegError, OSError, ValueError, LookupError, ArithmeticError, MemoryError)
"""What PyAV raises on damaged files; anything else is a mistake of ours."""

SOUND_HERTZ = range(1_000, 768_001)
"""Samples a second that recordings have. A header may claim 500 million, or 2: to bring either to
what is played, a resampler takes hundreds of megabytes."""


def open_sound(
    path: str | os.PathLike[str],
    *,
    probe_bytes: int | None = None,
    timeout_seconds: float | None = None,
    fast_seek: bool = False,
) -> Any:  # noqa: ANN401 - PyAV's classes differ by version
    """An input container, to be used in a `with`. Raises one of `DAMAGED`.

    `probe_bytes`: FFmpeg looks at so much to tell what it is, instead of up to 5 MB.
    `timeout_seconds`: opening, or reading the next packet, fails with `av.error.ExitError` after
    so long; without it, FFmpeg searches gigabytes of zeros to their end. `fast_seek`: it goes to
    where a time should be by the bit rate; without it, it may read all that lies before.
    """
    options = {} if probe_bytes is None else {"probesize": str(probe_bytes)}
    if fast_seek:
        options["fflags"] = "fastseek"
    return av.open(os.fspath(path), "r", options=options, timeout=timeout_seconds, **_LENIENT)
