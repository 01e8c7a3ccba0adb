#!/usr/bin/env python3
"""Compose the starter library: every piece from its seed to a tagged Ogg Vorbis file.

    python music/compose.py                       all of them, into music/starter
    python music/compose.py --only grey-tide --out /tmp

Needs numpy, soundfile and mutagen (`pip install -e .[dev]`).
"""

from __future__ import annotations

import argparse
import difflib
import io
import sys
import time
from pathlib import Path

import soundfile
from composer.dsp import SAMPLE_RATE, Signal
from composer.loudness import integrated, true_peak
from composer.mix import TARGET_LUFS, render
from composer.pieces import PIECES
from composer.score import Piece
from mutagen.oggvorbis import OggVorbis

STARTER = Path(__file__).resolve().parent / "starter"
YEAR = "2026"
_VORBIS_QUALITY = 0.1  # 0..1; about 80 kbit/s


def encode(signal: Signal) -> bytes:
    """An (n, 2) signal as Ogg Vorbis."""
    out = io.BytesIO()
    with soundfile.SoundFile(
        out,
        "w",
        SAMPLE_RATE,
        channels=2,
        format="OGG",
        subtype="VORBIS",
        compression_level=1 - _VORBIS_QUALITY,
    ) as file:
        # libsndfile overflows its stack when it gets a whole piece at once (issue 130 there).
        for start in range(0, len(signal), SAMPLE_RATE):
            file.write(signal[start : start + SAMPLE_RATE])
    return out.getvalue()


def tags(piece: Piece, number: int, decoded: Signal) -> dict[str, str]:
    """The file's Vorbis comments; loudness is measured on what a player will decode."""
    return {
        "TITLE": piece.title,
        "ARTIST": piece.artist,
        "ALBUM": piece.album,
        "DATE": YEAR,
        "GENRE": piece.genre,
        "TRACKNUMBER": str(number),
        "MOOD": piece.mood,
        "VALENCE": f"{piece.valence:.2f}",
        "AROUSAL": f"{piece.arousal:.2f}",
        "BPM": f"{piece.bpm:g}",
        "LICENSE": "CC0-1.0",
        "COMMENT": f"Composed by music/compose.py from seed {piece.seed}",
        "REPLAYGAIN_TRACK_GAIN": f"{TARGET_LUFS - integrated(decoded):+.2f} dB",
        "REPLAYGAIN_TRACK_PEAK": f"{true_peak(decoded):.6f}",
        "REPLAYGAIN_REFERENCE_LOUDNESS": f"{TARGET_LUFS:.2f} LUFS",
    }


def write(piece: Piece, number: int, folder: Path) -> str:
    """Render, encode and tag one piece; a line that says what came out."""
    began = time.monotonic()
    signal = render(piece)
    encoded = encode(signal)
    decoded, _ = soundfile.read(io.BytesIO(encoded), dtype="float64")
    path = folder / f"{piece.name}.ogg"
    path.write_bytes(encoded)
    comments = tags(piece, number, decoded)
    file = OggVorbis(path)  # type: ignore[no-untyped-call]  # mutagen has no types
    for key, value in comments.items():
        file[key] = value
    file.save()
    return (
        f"{path.name:28} {len(decoded) / SAMPLE_RATE:5.1f} s  {path.stat().st_size / 1e3:4.0f} kB  "
        f"{integrated(decoded):6.2f} LUFS  peak {true_peak(decoded):.3f}  "
        f"({time.monotonic() - began:.0f} s)"
    )


def _chosen(names: list[str]) -> list[Piece]:
    """The pieces of these names, all without names; ValueError names the nearest."""
    known = {piece.name: piece for piece in PIECES}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0)[0]
            raise ValueError(f"there is no piece {name!r}; did you mean {near!r}? See --list")
    return [known[name] for name in names] or list(PIECES)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 wrong use."""
    parser = argparse.ArgumentParser(
        description="Compose Attune's starter library: every piece from its seed to a tagged "
        "Ogg Vorbis file. The same seed gives the same music."
    )
    parser.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        default=[],
        help="only this piece; may be repeated",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=STARTER,
        help="folder to write to (default: %(default)s)",
    )
    parser.add_argument("--list", action="store_true", help="name the pieces and stop")
    options = parser.parse_args(arguments)
    if options.list:
        for piece in PIECES:
            sys.stdout.write(
                f"{piece.name:24} {piece.valence:+.2f} {piece.arousal:+.2f}  {piece.genre}\n"
            )
        return 0
    try:
        pieces = _chosen(options.only)
    except ValueError as error:
        parser.error(str(error))
    options.out.mkdir(parents=True, exist_ok=True)
    for count, piece in enumerate(pieces, 1):
        album = [other for other in PIECES if other.album == piece.album]
        sys.stdout.write(f"[{count}/{len(pieces)}] {piece.title} …\n")
        sys.stdout.flush()
        sys.stdout.write(f"        {write(piece, album.index(piece) + 1, options.out)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
