"""How long a file lasts, where its header does not say, or says what is not so."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from device.music import probe as prober
from device.music.decode import decode
from device.music.probe import Unplayable, probe
from tests.music.audio import RATE, sine, tone

STREAMED = {
    "flac": ("flac", "flac"),
    "webm": ("webm", "libopus"),
    "wav": ("wav", "pcm_s16le"),
    "mp3": ("mp3", "libmp3lame"),
    "ogg": ("ogg", "libopus"),
}
"""Ending -> FFmpeg's container and encoder."""


class Pipe:
    """What is written to it cannot be written over, so no header tells a length afterwards."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, data: bytes) -> int:
        self.content += data
        return len(data)


def streamed(
    container: str, encoder: str, seconds: float, *, bit_rate: int | None = None, **options: str
) -> bytes:
    """A sine as a program writes it to a pipe."""
    pipe = Pipe()
    _encode(pipe, container, encoder, seconds, bit_rate=bit_rate, options=options)
    return bytes(pipe.content)


def _encode(
    file: Pipe | Path,
    container: str,
    encoder: str,
    seconds: float,
    *,
    bit_rate: int | None = None,
    options: dict[str, str] | None = None,
) -> None:
    with av.open(file, "w", format=container, options=options or {}) as output:
        stream = output.add_stream(encoder, rate=RATE)
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(sine(seconds).T.copy(), format="fltp", layout="stereo")
        frame.sample_rate = RATE
        kind = stream.codec_context.codec.audio_formats[0].name
        for part in av.AudioResampler(kind, "stereo", RATE, frame_size=RATE // 10).resample(frame):
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))


def frames(seconds: float, bit_rate: int) -> bytes:
    """MP3 of one bit rate, without a header that tells how many frames there are."""
    return streamed(
        "mp3", "libmp3lame", seconds, bit_rate=bit_rate, write_xing="0", id3v2_version="0"
    )


@pytest.mark.parametrize("kind", STREAMED)
def test_what_was_written_to_a_pipe_is_as_long_as_it_is(tmp_path: Path, kind: str) -> None:
    (tmp_path / f"a.{kind}").write_bytes(streamed(*STREAMED[kind], 10.0))
    assert probe(tmp_path / f"a.{kind}").seconds == pytest.approx(10.0, abs=0.1)


@pytest.mark.parametrize("kind", ["flac", "webm", "wav"])
def test_a_very_long_one_is_not_read_to_its_end(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"a.{kind}").write_bytes(streamed(*STREAMED[kind], 10.0))
    monkeypatch.setattr(prober, "WALKED_BYTES", 70_000)
    assert probe(tmp_path / f"a.{kind}").seconds == pytest.approx(10.0, rel=0.05)


@pytest.mark.parametrize(("first", "then"), [(320_000, 64_000), (64_000, 320_000)])
def test_an_mp3_of_varying_bit_rate_is_as_long_as_its_frames(
    tmp_path: Path, first: int, then: int
) -> None:
    (tmp_path / "a.mp3").write_bytes(frames(12.0, first) + frames(36.0, then))
    assert probe(tmp_path / "a.mp3").seconds == pytest.approx(48.0, abs=0.3)


def test_an_mp3_of_one_bit_rate_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.mp3").write_bytes(frames(20.0, 128_000))
    tone(tmp_path / "b.mp3", 20.0)
    tone(tmp_path / "c.flac", 20.0)
    monkeypatch.setattr(prober, "_walked", lambda _: pytest.fail("it was read"))
    for name in ("a.mp3", "b.mp3", "c.flac"):
        assert probe(tmp_path / name).seconds == pytest.approx(20.0, abs=0.1)


def test_an_mp3_that_is_cut_off_is_as_long_as_what_is_there(tmp_path: Path) -> None:
    quiet = np.random.default_rng(1).standard_normal((60 * RATE, 2)) * 0.1
    quiet[: 40 * RATE] *= 0.01  # so that a second has more bytes at the end
    soundfile.write(
        tmp_path / "whole.mp3", quiet, RATE, format="MP3", subtype="MPEG_LAYER_III",
        bitrate_mode="VARIABLE", compression_level=0.5,
    )  # fmt: skip
    content = (tmp_path / "whole.mp3").read_bytes()
    (tmp_path / "half.mp3").write_bytes(content[: len(content) // 2])
    whole, half = probe(tmp_path / "whole.mp3"), probe(tmp_path / "half.mp3")
    assert whole.seconds == pytest.approx(60.0, abs=0.1)
    there = sum(len(block) for block in decode(str(tmp_path / "half.mp3"))) / 44_100
    assert half.seconds == pytest.approx(there, abs=0.2)
    assert half.audio_hash != whole.audio_hash  # what is heard in it does not count for the whole


@pytest.mark.parametrize(("container", "encoder"), [("wv", "wavpack"), ("tta", "tta")])
def test_what_states_its_length_is_there_or_cut_off(
    tmp_path: Path, container: str, encoder: str
) -> None:
    path = tmp_path / f"a.{container}"
    _encode(path, container, encoder, 20.0)
    assert probe(path).seconds == pytest.approx(20.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Unplayable, match="cut off: not all of its 20 seconds are there"):
        probe(path)
