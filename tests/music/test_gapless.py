"""A sine split over two files joins again: what each format allows, measured at the seam."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import mutagen
import numpy as np
import pytest
import soundfile

from device.music.decode import RATE, Samples, decode
from tests.music.audio import SOUNDFILE, sine

HERTZ, AMPLITUDE, SECONDS = 441.0, 0.25, 4.0
ENCODERS = {"opus": ("ogg", "libopus"), "m4a": ("ipod", "aac"), "alac": ("ipod", "alac")}
"""By FFmpeg: libsndfile's Opus loses the last 6 ms, and it writes no MP4."""

INTEGERS = {"s16": (2**15 - 1, "i2"), "s32": (2**31 - 1, "i4")}


def encode(path: Path, samples: Samples, rate: int, **options: str) -> None:
    """As encoders do: with the delay and the padding told in the container."""
    container, encoder = ENCODERS[path.suffix[1:].replace("mp4", "alac")]
    with av.open(str(path), "w", format=container, options=options) as output:
        stream: Any = output.add_stream(encoder, rate=rate, layout="stereo")
        if encoder != "alac":
            stream.bit_rate = 192_000
        kind = stream.codec_context.format.name
        scale, integer = INTEGERS.get(kind[:3], (1, "f4"))
        numbers = (samples.astype("f8") * scale).astype(integer)
        size = stream.codec_context.frame_size or 1024
        for start in range(0, len(numbers), size):
            block = numbers[start : start + size]
            shaped = block.T if kind.endswith("p") else block.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(shaped), format=kind, layout="stereo"
            )
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def write(path: Path, samples: Samples, rate: int, **options: str) -> None:
    kind = path.suffix[1:]
    if kind in ("flac", "ogg", "mp3"):
        container, encoding = SOUNDFILE[kind]
        with soundfile.SoundFile(path, "w", rate, 2, encoding, format=container) as output:
            for start in range(0, len(samples), 4096):
                output.write(samples[start : start + 4096])
    else:
        encode(path, samples, rate, **options)


def decoded(path: Path) -> Samples:
    return np.concatenate(list(decode(str(path))))


def halves(folder: Path, kind: str, rate: int, cut: int, **options: str) -> tuple[Samples, Samples]:
    whole = sine(SECONDS, HERTZ, amplitude=AMPLITUDE, rate=rate)
    for name, part in (("a", whole[:cut]), ("b", whole[cut:])):
        write(folder / f"{name}.{kind}", part, rate, **options)
    return decoded(folder / f"a.{kind}"), decoded(folder / f"b.{kind}")


@pytest.mark.parametrize(
    ("kind", "rate", "error", "options"),
    [
        ("flac", 44_100, 0.0001, {}),
        ("mp4", 44_100, 0.0001, {"movie_timescale": "44100"}),  # ALAC
        ("ogg", 44_100, 0.01, {}),
        ("mp3", 44_100, 0.04, {}),
        ("m4a", 44_100, 0.03, {"movie_timescale": "44100"}),
        ("opus", 48_000, 0.04, {}),
        ("flac", 48_000, 0.02, {}),
    ],
    ids=lambda value: str(value) if isinstance(value, (str, int)) else "",
)
def test_a_split_sine_joins_to_the_sample(
    tmp_path: Path, kind: str, rate: int, error: float, options: dict[str, str]
) -> None:
    """`error` is what an encoder loses at its edges, and resampling at the file's: 1 to 9 ms of
    a sine at 0.25; a sample too many or too few would be 0.016 for good."""
    cut = 75_093 if rate == RATE else 81_600
    first, second = halves(tmp_path, kind, rate, cut, **options)
    assert len(first) == round(cut * RATE / rate)
    assert len(first) + len(second) == round(SECONDS * RATE)
    joined = np.concatenate([first, second])
    wrong = np.abs(joined - sine(SECONDS, HERTZ, amplitude=AMPLITUDE, rate=RATE)).max(axis=1)
    assert wrong[len(first) - 2000 : len(first) + 2000].max() < error
    assert np.median(wrong[: len(first)]) < 0.008
    assert np.median(wrong[len(first) :]) < 0.008


def test_a_coarse_time_scale_costs_half_a_millisecond_at_most(tmp_path: Path) -> None:
    first, _ = halves(tmp_path, "m4a", RATE, 75_093)  # FFmpeg's own: thousandths of a second
    assert abs(len(first) - 75_093) <= 22


def test_itunes_own_count_of_samples_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    write(path, sine(1.0, rate=RATE), RATE)
    assert len(decoded(path)) == pytest.approx(RATE, abs=22)
    file = mutagen.File(path)
    count = b" 00000000 00000400 000003BC %016X 00000000 00000000" % (RATE - 5)
    file["----:com.apple.iTunes:iTunSMPB"] = [count]
    file.save()
    assert len(decoded(path)) == RATE - 5


@pytest.mark.parametrize(
    "count", [b"", b" 0 0 0 zzz", b" 00000000 00000400 000003BC 0000000000000010"]
)
def test_a_count_that_cannot_be_true_costs_no_music(tmp_path: Path, count: bytes) -> None:
    path = tmp_path / "a.m4a"
    write(path, sine(1.0, rate=RATE), RATE)
    file = mutagen.File(path)
    file["----:com.apple.iTunes:iTunSMPB"] = [count]
    file.save()
    assert len(decoded(path)) >= RATE - 22


def test_a_start_halfway_ends_at_the_same_place(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    write(path, sine(2.0, rate=RATE), RATE, movie_timescale="44100")
    rest = np.concatenate(list(decode(str(path), 1.25)))
    assert len(rest) == pytest.approx(0.75 * RATE, abs=2)
