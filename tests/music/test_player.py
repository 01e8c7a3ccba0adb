"""The real player, measured in what it really sounded: SDL's disk driver writes it down."""

from __future__ import annotations

import math
import os
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from device.music import announce, deck
from device.music.capture import capture_environment, raw_to_wav
from device.music.decode import RATE, Samples, decode
from device.music.player import PygamePlayer
from device.settings import MusicSettings, SoundSettings
from device.types import Affect, Track, TrackId, TrackStarted
from tests.music.audio import tone
from tests.music.capture import (
    Sound,
    amplitude_at,
    audible,
    decibels,
    dominant_hertz,
    longest_silence_seconds,
    read_raw,
    rms,
    sharpest_bend,
    windows,
)
from tests.music.real_player import (
    AMPLITUDE,
    FADE,
    RealClock,
    begin,
    make_track,
    new_player,
    until,
    wait_until,
)


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "heard.raw"
    for name, value in capture_environment(path).items():
        monkeypatch.setenv(name, value)
    return path


def steady_bend(hertz: float, amplitude: float = AMPLITUDE) -> float:
    """Second difference of a sine, with a little room for 16-bit rounding."""
    return amplitude * (2 * math.pi * hertz / RATE) ** 2 * 1.2 + 3 / 32768


def test_a_tone_sounds_as_it_was_made_without_gap_click_or_clipping(raw: Path, low: Track) -> None:
    with new_player() as player:
        begin(player, low)
        time.sleep(1.2)
    sound = audible(read_raw(raw))
    assert dominant_hertz(sound) == pytest.approx(440.0, abs=2.0)
    assert longest_silence_seconds(sound) < 0.005
    assert sharpest_bend(sound[1000:-1000]) < steady_bend(440.0)
    assert np.abs(sound).max() == pytest.approx(AMPLITUDE, rel=0.01)


def test_a_change_cross_fades_from_one_track_to_the_other(
    raw: Path, low: Track, high: Track
) -> None:
    with new_player() as player:
        begin(player, low)
        time.sleep(0.9)
        begin(player, high)
        time.sleep(1.5)
    sound = audible(read_raw(raw))
    sound = sound[: -round(0.4 * RATE)]  # the fade at the end of it all
    assert dominant_hertz(sound[: RATE // 4]) == pytest.approx(440.0, abs=4.0)
    assert dominant_hertz(sound[-RATE // 4 :]) == pytest.approx(880.0, abs=4.0)
    for part in windows(sound[RATE // 20 :], 0.05):
        assert decibels(rms(part)) == pytest.approx(decibels(AMPLITUDE / math.sqrt(2)), abs=1.0)
    both = [part for part in windows(sound, 0.05) if min(tones(part)) > 0.1 * AMPLITUDE]
    assert len(both) * 0.05 == pytest.approx(FADE, abs=0.15)


def tones(part: Sound) -> tuple[float, float]:
    return amplitude_at(part, 440.0), amplitude_at(part, 880.0)


@pytest.mark.parametrize("kind", ["flac", "mp3"])
def test_a_queued_track_follows_without_a_gap(
    raw: Path, tmp_path: Path, high: Track, kind: str
) -> None:
    first = make_track(tmp_path / f"first.{kind}", 440.0, 0.8)
    with new_player() as player:
        player.play(first)
        player.queue(high)
        until(player, lambda events: TrackStarted(high.id) in events)
        time.sleep(0.7)
    sound = audible(read_raw(raw))
    assert dominant_hertz(sound[: RATE // 2]) == pytest.approx(440.0, abs=4.0)
    assert dominant_hertz(sound[RATE : RATE + RATE // 4]) == pytest.approx(880.0, abs=4.0)
    assert longest_silence_seconds(sound, 0.02 * AMPLITUDE) < 0.050
    # Full level on both sides of the seam: nothing faded here.
    level = [rms(part) for part in windows(sound[2000 : round(1.2 * RATE)], 0.05)]
    assert min(level) > 0.5 * AMPLITUDE / math.sqrt(2)


def test_a_pause_is_silent_and_goes_on_where_it_was(raw: Path, tmp_path: Path) -> None:
    # A tone that rises by 200 Hz each second: what is heard tells the place.
    seconds = np.arange(8 * RATE) / RATE
    rising = AMPLITUDE * np.sin(2 * np.pi * (400 * seconds + 100 * seconds**2))
    path = tmp_path / "rising.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((rising * 32767).astype("<i2").tobytes())
    affect = Affect(0.0, 0.0, 0.5, "unknown")
    rise = Track(TrackId("rise"), str(path), "rise", "", affect, 8.0, loudness_lufs=-18.0)
    with new_player(fade_seconds=0.2) as player:
        begin(player, rise, start_seconds=1.0)
        time.sleep(0.8)
        player.pause()
        time.sleep(1.3)
        held = player.position_seconds
        player.resume()
        time.sleep(0.9)
    sound = audible(read_raw(raw))
    assert dominant_hertz(sound[RATE // 10 : RATE // 5]) == pytest.approx(400 + 200 * 1.15, abs=25)
    quiet = np.abs(sound).max(axis=1) < 1e-3
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet.astype(int), [0]])))
    start, end = max(zip(edges[::2], edges[1::2], strict=True), key=lambda run: run[1] - run[0])
    assert 0.4 < (end - start) / RATE < 1.6
    assert start / RATE + 1.0 == pytest.approx(held, abs=0.05)
    after = sound[end + round(0.15 * RATE) : end + round(0.25 * RATE)]
    assert dominant_hertz(after) == pytest.approx(400 + 200 * (held + 0.2), abs=25)
    assert sharpest_bend(sound) < steady_bend(1300.0)


def test_the_position_is_what_is_heard(raw: Path, low: Track) -> None:
    with new_player() as player:
        begin(player, low, start_seconds=2.0)
        last, jumps = player.position_seconds, []
        for _ in range(60):
            time.sleep(0.02)
            now = player.position_seconds
            jumps.append(now - last)
            last = now
        heard = raw.stat().st_size / 4 / RATE  # how much the device took up to now
    assert min(jumps) >= 0.0
    assert last - 2.0 == pytest.approx(heard, abs=0.35)
    assert max(jumps) < 0.3


def test_the_volume_ramps_without_a_click(raw: Path, low: Track) -> None:
    with new_player(volume=80) as player:
        begin(player, low)
        time.sleep(0.6)
        player.set_volume(30, 30)
        time.sleep(0.9)
    sound = audible(read_raw(raw))[: -round(0.5 * RATE)]
    level = np.array([rms(part) for part in windows(sound[RATE // 50 :], 0.025)])
    assert np.all(np.diff(level) < 0.01 * level[0])
    assert level[0] / level[-1] == pytest.approx((0.8 / 0.3) ** 3, rel=0.05)
    falling = np.flatnonzero((level < 0.97 * level[0]) & (level > 1.03 * level[-1]))
    assert len(falling) * 0.025 >= 0.1
    assert sharpest_bend(sound[200:]) < steady_bend(440.0)


def test_loud_tracks_over_each_other_never_reach_full_scale(raw: Path, tmp_path: Path) -> None:
    loud = [make_track(tmp_path / f"{n}.wav", 300.0 + n, 9.0, lufs=-60.0) for n in range(2)]
    with new_player(fade_seconds=1.0) as player:
        begin(player, loud[0])
        time.sleep(0.3)
        begin(player, loud[1])
        time.sleep(0.8)
    sound = read_raw(raw)
    assert 0.5 < np.abs(sound).max() < 0.9  # -1 dB, and nothing is clipped


def test_leaving_fades_out(raw: Path, low: Track) -> None:
    with new_player() as player:
        begin(player, low)
        time.sleep(0.4)
    sound = audible(read_raw(raw))
    assert sharpest_bend(sound[200:]) < steady_bend(440.0)
    ends = [rms(part) for part in windows(sound[-round(0.25 * RATE) :], 0.05)]
    assert ends == sorted(ends, reverse=True)


def test_leaving_fades_what_is_being_said_and_forgets_what_waits(
    raw: Path, tmp_path: Path, low: Track
) -> None:
    bell = tone(tmp_path / "bell.flac", 12.0, 1500.0, rate=RATE)
    with new_player() as player:
        begin(player, low)
        for _ in range(2):
            player.announce(str(bell))
        wait_until(lambda: player._mixer._announcements.has_work)
        time.sleep(1.5)
        left = time.monotonic()
    assert time.monotonic() - left < 1.5
    assert not any(thread.name == "player" for thread in threading.enumerate())
    sound = audible(read_raw(raw))
    said = amplitude_at(sound[-RATE : -RATE // 2], 1500.0)
    assert said > 0.1
    assert sharpest_bend(sound[-RATE // 2 :]) < 1.2 * steady_bend(1500.0, said)
    ends = [rms(part) for part in windows(sound[-round(0.25 * RATE) :], 0.05)]
    assert ends == sorted(ends, reverse=True)


def test_a_capture_becomes_a_wav_file(raw: Path, tmp_path: Path, low: Track) -> None:
    with new_player() as player:
        begin(player, low)
        time.sleep(0.3)
    raw_to_wav(raw, tmp_path / "heard.wav")
    with wave.open(str(tmp_path / "heard.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
        assert file.getnframes() == raw.stat().st_size // 4
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.array_equal(frames, np.fromfile(raw, "<i2"))


def test_an_announcement_on_a_dead_drive_keeps_nobody_waiting(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "LOADING_SECONDS", 0.5)
    os.mkfifo(tmp_path / "dead")
    bell = tone(tmp_path / "bell.flac", 1.0, 1500.0, rate=RATE)
    with new_player() as player:
        for path in (tmp_path / "dead", bell):
            player.announce(str(path))
        time.sleep(3.0)
    said = [part for part in windows(audible(read_raw(raw)), 0.1) if amplitude_at(part, 1500) > 0.1]
    assert len(said) == pytest.approx(10, abs=2)


def test_an_announcement_is_heard_over_music_that_goes_on(
    raw: Path, tmp_path: Path, low: Track
) -> None:
    bell = tone(tmp_path / "bell.flac", 1.0, 1500.0, rate=RATE)
    with new_player() as player:
        begin(player, low)
        time.sleep(0.4)
        player.announce(str(bell))
        time.sleep(3.2)
    parts = windows(audible(read_raw(raw))[: -round(0.4 * RATE)], 0.1)
    music = [amplitude_at(part, 440.0) / AMPLITUDE for part in parts]
    said = [n for n, part in enumerate(parts) if amplitude_at(part, 1500.0) > 0.05]
    assert len(said) == pytest.approx(10, abs=2)
    assert max(music[n] for n in said[1:-2]) < 0.25
    assert music[2] == pytest.approx(1.0, abs=0.05)
    assert music[-1] == pytest.approx(1.0, abs=0.05)


def test_a_cross_fade_is_heard_where_two_tracks_meet(
    raw: Path, tmp_path: Path, high: Track
) -> None:
    first = make_track(tmp_path / "first.flac", 440.0, 3.0)
    music = MusicSettings(fade_seconds=FADE, crossfade_seconds=1.0, volume=100)
    with PygamePlayer(SoundSettings(), music, RealClock()) as player:
        player.play(first)
        player.queue(high)
        until(player, lambda events: TrackStarted(high.id) in events)
        assert player.position_seconds < 0.5
        time.sleep(1.8)
    sound = audible(read_raw(raw))[: -round(0.4 * RATE)]
    for part in windows(sound[RATE // 20 :], 0.05):
        assert decibels(rms(part)) == pytest.approx(decibels(AMPLITUDE / math.sqrt(2)), abs=1.0)
    both = [part for part in windows(sound, 0.05) if min(tones(part)) > 0.1 * AMPLITUDE]
    assert len(both) * 0.05 == pytest.approx(0.9, abs=0.15)


def test_a_decoder_that_pauses_right_after_the_start_is_not_heard(
    raw: Path, low: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(path: str, start_seconds: float) -> Iterator[Samples]:
        sound = np.concatenate(list(decode(path, start_seconds)))
        yield sound[: round(0.6 * RATE)]
        time.sleep(0.2)
        yield sound[round(0.6 * RATE) :]

    monkeypatch.setattr(deck, "decode", slow)
    with new_player() as player:
        begin(player, low)
        time.sleep(1.2)
    sound = audible(read_raw(raw))
    assert sharpest_bend(sound[200:]) < steady_bend(440.0)
