"""Decoding: any format, from any place, and bad files that are nobody else's trouble."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from device.music.decode import RATE, CannotDecode, Samples, decode
from device.music.probe import Unplayable, probe
from tests.music.audio import FORMATS, sine, tone
from tests.music.capture import dominant_hertz

LOSSLESS = ("wav", "aiff", "flac")


def decoded(path: Path, start_seconds: float = 0.0) -> Samples:
    return np.concatenate(list(decode(str(path), start_seconds)) or [np.zeros((0, 2), np.float32)])


def ladder(path: Path) -> Path:
    """Eight seconds, the n-th of them at 400 + 100 n Hz, 100 ms of silence before each."""
    steps = [np.pad(sine(0.9, 400 + 100 * n, rate=48_000), ((4_800, 0), (0, 0))) for n in range(8)]
    plain = path.with_suffix(".wav")
    soundfile.write(plain, np.concatenate(steps), 48_000)
    if path.suffix != ".wav":
        samples, _ = soundfile.read(plain, dtype="float32")
        with soundfile.SoundFile(path, "w", 48_000, 2) as output:
            for start in range(0, len(samples), 4096):
                output.write(samples[start : start + 4096])
    return path


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_sounds_as_it_was_made(tmp_path: Path, kind: str) -> None:
    samples = decoded(tone(tmp_path / f"a.{kind}", 1.5, 523.0))
    assert samples.dtype == np.float32
    assert samples.shape[1] == 2
    assert len(samples) == pytest.approx(1.5 * RATE, abs=0.06 * RATE)
    assert dominant_hertz(samples) == pytest.approx(523.0, abs=2.0)
    assert np.abs(samples[RATE // 2 : RATE]).max() == pytest.approx(0.25, rel=0.1)


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("start", [0.05, 2.5, 5.25])
def test_a_start_is_met_within_a_tenth_of_a_second(tmp_path: Path, kind: str, start: float) -> None:
    samples = decoded(ladder(tmp_path / f"ladder.{kind}"), start)
    # The next whole second begins with silence: its place tells where decoding began.
    level = np.abs(samples[: 2 * RATE]).max(axis=1)
    quiet = np.convolve(level, np.ones(400) / 400, "valid") < 0.02
    expected = (0.0 if start < 0.1 else np.ceil(start)) - start
    found = np.flatnonzero(quiet[: int(1.05 * RATE)])
    assert len(found) > 0
    assert found[0] / RATE == pytest.approx(max(0.0, expected), abs=0.1)
    assert len(samples) / RATE == pytest.approx(8.0 - start, abs=0.1)


def test_lossless_starts_are_exact_to_the_sample(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    noise = rng.uniform(-0.5, 0.5, (3 * RATE, 2)).astype(np.float32)
    soundfile.write(tmp_path / "noise.flac", noise, RATE, subtype="PCM_24")
    samples = decoded(tmp_path / "noise.flac", 1.234)
    np.testing.assert_allclose(samples, noise[round(1.234 * RATE) :], atol=1e-6)


def test_mono_spreads_over_both_sides_at_equal_power(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "mono.wav", sine(0.5)[:, 0], 48_000)
    samples = decoded(tmp_path / "mono.wav")
    assert np.array_equal(samples[:, 0], samples[:, 1])
    assert np.abs(samples).max() == pytest.approx(0.25 / np.sqrt(2), rel=0.01)


def test_a_start_beyond_the_end_is_an_end_not_an_error(tmp_path: Path) -> None:
    for kind in ("wav", "flac", "ogg", "mp3"):
        assert len(decoded(tone(tmp_path / f"a.{kind}", 0.5), 9.0)) == 0


def test_a_picture_in_a_file_is_not_its_sound(tmp_path: Path) -> None:
    path = tone(tmp_path / "silent.mp3", 0.2)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500))
    with pytest.raises(CannotDecode):
        decoded(path)


@pytest.mark.parametrize("content", [b"", b"not music at all\n" * 200, bytes(5000)])
@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.ogg", "a.wav"])
def test_what_is_no_music_is_refused_with_a_reason(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CannotDecode, match=r"\w"):
        decoded(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotDecode, match="No such file"):
        decoded(tmp_path / "gone.flac")


def test_a_truncated_flac_plays_as_far_as_it_goes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = ladder(tmp_path / "cut.flac")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with caplog.at_level(logging.WARNING):
        samples = decoded(path)
    assert 2 * RATE < len(samples) < 6 * RATE
    assert "cut.flac" in caplog.text


@pytest.mark.parametrize("kind", ["flac", "mp3", "ogg"])
def test_a_hole_in_a_file_costs_little_more_than_the_hole(tmp_path: Path, kind: str) -> None:
    path = ladder(tmp_path / f"hole.{kind}")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = np.random.default_rng(2).bytes(2000)
    path.write_bytes(content)
    samples = decoded(path)
    assert np.isfinite(samples).all()
    assert len(samples) > 5 * RATE


def test_numbers_that_are_none_become_silence(tmp_path: Path) -> None:
    wave = sine(0.5)
    wave[1000:1100] = np.nan
    wave[2000] = np.inf
    soundfile.write(tmp_path / "nan.wav", wave, 48_000, subtype="FLOAT")
    assert np.isfinite(decoded(tmp_path / "nan.wav")).all()


def test_a_name_that_is_no_text_is_no_trouble(tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    tone(tmp_path / "a.wav", 0.2).rename(os.fsdecode(odd))
    assert len(decoded(Path(os.fsdecode(odd)))) > 0


def test_sound_that_there_is_no_decoder_for_is_told(tmp_path: Path) -> None:
    path = tone(tmp_path / "x.wma", 0.3)
    data = path.read_bytes()
    place = data.index(b"\x61\x01\x02\x00")  # WMA 2 in stereo, as ASF names it
    path.write_bytes(data[:place] + b"\xfe\x7f" + data[place + 2 :])
    with pytest.raises(CannotDecode, match="no decoder"):
        list(decode(str(path)))
    with pytest.raises(Unplayable, match="no decoder"):
        probe(path)


@pytest.mark.parametrize("hertz", [2, 544_501_094])
def test_a_rate_that_no_sound_has_is_refused_by_player_and_scan_alike(
    tmp_path: Path, hertz: int
) -> None:
    path = tone(tmp_path / "a.wav", 0.5)
    sound = bytearray(path.read_bytes())
    sound[24:28] = hertz.to_bytes(4, "little")  # the resampler took 0.8 and 1.6 GB
    path.write_bytes(sound)
    with pytest.raises(CannotDecode, match=f"{hertz} samples a second"):
        list(decode(str(path)))
    with pytest.raises(Unplayable, match=f"{hertz} samples a second"):
        probe(path)


def test_nothing_is_lost_where_the_rate_changes_midway(tmp_path: Path) -> None:
    parts = [tone(tmp_path / f"{rate}.flac", 1.0, rate=rate) for rate in (48_000, 32_000)]
    (tmp_path / "both.flac").write_bytes(b"".join(part.read_bytes() for part in parts))
    assert len(decoded(tmp_path / "both.flac")) == 2 * RATE
