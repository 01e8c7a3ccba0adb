"""Playing, at length: `./setup.sh test -m benchmark -s tests/benchmarks/test_playing.py`.

Each figure is printed, and bounded by what Attune promises.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from device.music.announce import Clip
from device.music.capture import capture_environment
from device.music.decode import RATE, decode
from device.music.follow import passage
from device.music.limiter import CEILING_DB
from device.music.mixer import Mixer
from device.music.player import PygamePlayer
from device.settings import HOME, MusicSettings, SoundSettings
from device.types import Affect, Track, TrackId, TrackStarted
from tests.music.audio import tone
from tests.music.capture import audible, decibels, longest_silence_seconds, read_raw, rms, windows
from tests.music.meter import measured
from tests.music.real_player import RealClock
from tests.music.sources import ArraySource, limited, noise, render, track

pytestmark = pytest.mark.benchmark

LONG_SECONDS = 600.0
PICTURE = HOME / "docs" / "playing.png"


@contextlib.contextmanager
def busy_cores() -> Iterator[None]:
    """Every core has something else to do."""
    burn = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(burn) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def tones(folder: Path, seconds: float) -> list[Track]:
    affect = Affect(0.0, 0.0, 0.5, "unknown")
    tracks = []
    for hertz in (330.0, 440.0, 554.0):
        path = tone(folder / f"{hertz:.0f}.mp3", seconds, hertz, amplitude=0.3, rate=RATE)
        name = TrackId(path.stem)
        tracks.append(Track(name, str(path), name, "", affect, seconds, loudness_lufs=-18.0))
    return tracks


def play_on(player: PygamePlayer, tracks: list[Track], seconds: float) -> int:
    """Play tracks round and round; returns how many were started."""
    player.play(tracks[0])
    started, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        for event in player.poll():
            if isinstance(event, TrackStarted):
                started += 1
                player.queue(tracks[started % len(tracks)])
        time.sleep(0.1)
    return started


@pytest.mark.timeout(LONG_SECONDS + 120)
def test_no_dropout_in_10_minutes_with_every_core_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in capture_environment(tmp_path / "heard.raw").items():
        monkeypatch.setenv(name, value)
    tracks = tones(tmp_path, 45.0)
    with busy_cores():
        music = MusicSettings(crossfade_seconds=4.0, volume=100)
        with PygamePlayer(SoundSettings(), music, RealClock()) as player:
            started = play_on(player, tracks, LONG_SECONDS)
    sound = audible(read_raw(tmp_path / "heard.raw"))[: -round(0.4 * RATE)]
    levels = [decibels(rms(part)) for part in windows(sound[RATE // 10 :], 0.05)]
    middle = float(np.median(levels))
    print(
        f"\n{len(sound) / RATE:.0f} s heard, {started} tracks, load {os.getloadavg()[0]:.1f}: "
        f"longest silence {1000 * longest_silence_seconds(sound):.1f} ms, energy "
        f"{min(levels) - middle:+.2f} to {max(levels) - middle:+.2f} dB through all cross-fades, "
        f"highest sample {np.abs(sound).max():.3f}"
    )
    assert started >= LONG_SECONDS / 45
    assert longest_silence_seconds(sound) < 0.005
    assert max(abs(level - middle) for level in levels) < 1.0
    assert np.abs(sound).max() < 1.0


@pytest.mark.parametrize(("volume", "amplitude"), [(60, 0.1), (100, 0.35)])
def test_playing_takes_4_percent_of_a_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, volume: int, amplitude: float
) -> None:
    """MP3s with a cross-fade in between; the loud ones keep the limiter busy."""
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    affect = Affect(0.0, 0.0, 0.5, "unknown")
    tracks = []
    for seed in (1, 2):
        path = tmp_path / f"{seed}.mp3"
        with soundfile.SoundFile(path, "w", RATE, 2, "MPEG_LAYER_III", format="MP3") as file:
            file.write(noise(15.0, seed, amplitude))
        name = TrackId(str(seed))
        tracks.append(Track(name, str(path), name, "", affect, 15.0, loudness_lufs=-18.0))
    with PygamePlayer(SoundSettings(), MusicSettings(volume=volume), RealClock()) as player:
        play_on(player, tracks, 2.0)
        began = time.process_time()
        play_on(player, tracks, 30.0)
        share = (time.process_time() - began) / 30.0
    print(f"\nplaying at volume {volume}, load {os.getloadavg()[0]:.1f}: {share:.1%} of one core")
    assert share <= 0.04


class ClipAtOnce(Clip):
    """Loaded before it goes on, for the mixer is asked faster than sound is heard."""

    def load(self) -> None:
        self._load()


def test_what_a_cross_fade_and_an_announcement_look_like(tmp_path: Path) -> None:
    """The starter library's own music, rendered; writes `docs/playing.png` to look at."""
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="matplotlib is not installed")
    pyplot.switch_backend("Agg")
    files = sorted((HOME / "music").rglob("*.ogg"))[:2]
    parts = [np.concatenate(list(decode(str(file))))[: 20 * RATE] for file in files]
    one, other = (
        track(file.stem, measured(part).lufs, 20.0) for file, part in zip(files, parts, strict=True)
    )
    mixer = Mixer(0.0, 100)
    mixer.play(one, ArraySource(parts[0]), 0.0)
    mixer.queue(other, ArraySource(parts[1]), passage(one, other, 4.0))
    before = render(mixer, 25.0)
    bell = tone(tmp_path / "bell.wav", 3.0, 2000.0, rate=RATE)
    mixer.announce(ClipAtOnce(str(bell), lambda: None))
    sound = limited(np.concatenate([before, render(mixer, 8.0)]).astype(np.float32))
    found = measured(sound)
    loud = [measured(part).lufs for part in (sound[: 16 * RATE], sound[20 * RATE : 25 * RATE])]
    print(
        f"\ntwo starter tracks: {loud[0]:.1f} and {loud[1]:.1f} LUFS, true peak "
        f"{found.true_peak_db:.2f} dBTP"
    )
    figure, (top, bottom) = pyplot.subplots(2, 1, figsize=(9, 4.5), sharex=True)
    mono = sound.mean(axis=1)
    few = pyplot.get_cmap("magma", 10)  # colours: a file fit to be passed around
    top.specgram(mono + 1e-9, NFFT=2048, Fs=RATE, noverlap=1024, vmin=-130, cmap=few)
    top.set_ylim(0, 8000)
    top.set_ylabel("Hz")
    top.set_title("cross-fade at 16 to 20 s; an announcement (2 kHz) at 25.4 to 28.4 s")
    levels = [decibels(rms(part)) for part in windows(sound.astype(float), 0.1)]
    bottom.plot(np.arange(len(levels)) * 0.1, levels, linewidth=0.8)
    bottom.set_ylabel("dB, RMS of 100 ms")
    bottom.set_xlabel("seconds")
    bottom.set_ylim(-60, 0)
    bottom.set_xlim(0, len(sound) / RATE)
    figure.tight_layout()
    figure.savefig(PICTURE, dpi=60)
    assert PICTURE.stat().st_size < 150_000
    assert found.true_peak_db < CEILING_DB + 0.1
    assert np.abs(sound).max() < 1.0
