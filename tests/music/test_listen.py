"""What listening measures, against FFmpeg's meter, the scores of the starter library, and sums."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pytest
import soundfile
from composer.pieces import PIECES

from device.inference import ModelError, available_runtimes
from device.music.decode import RATE, CannotDecode
from device.music.listen.analyse import listen
from device.music.listen.spectrum import MONO_RATE, mel_bank
from device.music.listen.tagger import PATCH, Patches, Tagger
from device.music.loudness import CHUNK, Loudness
from device.settings import HOME
from device.types import Heard

STARTER = HOME / "music" / "starter"
MODELS = HOME / "models_tflite"


def ebur128(path: Path) -> dict[str, float]:
    """What FFmpeg's own filter says at the end of a file."""
    said: dict[str, str] = {}
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        graph = av.filter.Graph()
        source = graph.add_abuffer(template=stream)
        meter = graph.add("ebur128", "peak=true:metadata=1")
        sink = graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        graph.configure()
        for frame in [*container.decode(stream), None]:
            source.push(frame)
            while True:
                try:
                    said |= sink.pull().metadata
                except (av.error.BlockingIOError, av.error.EOFError):
                    break
    return {name.rpartition(".")[2]: float(value) for name, value in said.items()}


def write(path: Path, samples: Any, rate: int = RATE) -> Path:
    soundfile.write(path, np.asarray(samples, np.float32), rate, subtype="FLOAT")
    return path


def noise(seconds: float, level: float = 0.1, seed: int = 0) -> Any:
    return level * np.random.default_rng(seed).standard_normal((round(seconds * RATE), 2))


def clicks(bpm: float, seconds: float = 40.0) -> Any:
    """A click of 20 ms on every beat."""
    sound = np.zeros(round(seconds * RATE))
    click = np.random.default_rng(1).standard_normal(RATE // 50) * np.linspace(0.6, 0, RATE // 50)
    for beat in np.arange(0.2, seconds - 1.0, 60.0 / bpm):
        sound[round(beat * RATE) :][: len(click)] += click
    return np.stack([sound, sound], axis=1)


@pytest.fixture(scope="module")
def starter() -> dict[str, Heard]:
    return {piece.name: listen(str(STARTER / f"{piece.name}.ogg"), 60.0) for piece in PIECES}


def meets_the_filter(path: Path, heard: Heard) -> dict[str, float]:
    """What FFmpeg's filter says, where what was heard agrees with it."""
    reference = ebur128(path)
    assert heard.loudness_lufs == pytest.approx(reference["I"], abs=0.1)
    assert heard.peak_dbfs is not None
    assert heard.peak_dbfs == pytest.approx(20 * math.log10(reference["true_peak"]), abs=0.2)
    return reference


def test_loudness_and_peak_are_ffmpegs_on_music(starter: dict[str, Heard]) -> None:
    for piece in PIECES[::3]:
        heard = starter[piece.name]
        reference = meets_the_filter(STARTER / f"{piece.name}.ogg", heard)
        assert heard.loudness_range_lu == pytest.approx(reference["LRA"], abs=0.2)


@pytest.mark.parametrize("hertz", [60, 997, 5000, 12_000])
def test_loudness_and_peak_are_ffmpegs_on_sines(tmp_path: Path, hertz: int) -> None:
    time = np.arange(8 * RATE) / RATE
    fade = np.minimum(1.0, np.minimum(time, time[::-1]) / 0.5)
    one = 0.4 * fade * np.sin(2 * np.pi * hertz * time + 0.7)
    path = write(tmp_path / "a.wav", np.stack([one, 0.3 * one], axis=1))
    meets_the_filter(path, listen(str(path), 8.0))


def test_silence_between_does_not_count_for_loudness(tmp_path: Path) -> None:
    loud = noise(6.0)
    path = write(tmp_path / "a.wav", np.concatenate([loud, np.zeros_like(loud), 0.01 * loud, loud]))
    meets_the_filter(path, listen(str(path), 24.0))


def test_the_interpolated_peak_is_that_of_every_place() -> None:
    spectrum = np.fft.rfft(noise(3.0), axis=0)
    spectrum[3 * 15_000 :] = 0.0  # music has next to nothing above 15 kHz
    samples = np.fft.irfft(spectrum, axis=0).astype(np.float32)
    meter = Loudness()
    for start in range(0, len(samples), CHUNK):
        meter.feed(samples[start : start + CHUNK])
    fine = 0.0
    for channel in samples.T:  # the whole signal at once, by FFT
        spectrum = np.fft.rfft(channel)
        fine = max(fine, float(np.abs(4 * np.fft.irfft(spectrum, 4 * len(channel))).max()))
    assert meter.peak_dbfs == pytest.approx(20 * math.log10(fine), abs=0.1)


def test_nothing_but_silence_has_no_loudness_tempo_or_key(tmp_path: Path) -> None:
    heard = listen(str(write(tmp_path / "a.wav", np.zeros((3 * RATE, 2)))), 3.0)
    assert heard == Heard(None, 0.0, None, 3.0, 0.0, None, 0.0, None, None, None)


def test_the_faint_noise_of_a_silent_file_has_no_key(tmp_path: Path) -> None:
    dither = np.random.default_rng(0).integers(-1, 2, (4 * RATE, 2)) / 32768
    heard = listen(str(write(tmp_path / "a.wav", dither)), 4.0)
    assert heard.key is None
    assert heard.majorness is None
    time = np.arange(8 * RATE) / RATE
    chord = sum(0.1 * np.sin(2 * np.pi * hertz * time) for hertz in (261.6, 329.6, 392.0))
    alone = listen(str(write(tmp_path / "b.wav", np.stack([chord] * 2, 1))), 8.0)
    within = np.concatenate([dither, np.stack([chord] * 2, 1), dither])
    assert alone.key == listen(str(write(tmp_path / "c.wav", within)), 16.0).key == "C major"


@pytest.mark.parametrize("rate", [8000, 22_050, 96_000, 192_000])
def test_one_channel_at_any_rate_is_heard_like_two_at_ours(tmp_path: Path, rate: int) -> None:
    def swelling(rate: int) -> Any:
        time = np.arange(8 * rate) / rate
        return 0.3 * np.sin(2 * np.pi * 440 * time) * (1 + np.sin(4 * np.pi * time)) / 2

    usual = listen(str(write(tmp_path / "a.wav", np.stack([swelling(RATE)] * 2, 1))), 8.0)
    heard = listen(str(write(tmp_path / "b.wav", swelling(rate), rate)), 8.0)
    assert usual.loudness_lufs is not None
    # Spread over both sides at equal power, one channel is 3 dB softer than twice itself.
    assert heard.loudness_lufs == pytest.approx(usual.loudness_lufs - 3.01, abs=0.05)
    assert heard.tempo_bpm == pytest.approx(usual.tempo_bpm, rel=0.01)
    assert heard.brightness_hertz == pytest.approx(usual.brightness_hertz, rel=0.01)
    assert heard.key == usual.key


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [1, 2, 300, 4000, RATE // 2])
def test_next_to_nothing_is_heard_all_the_same(tmp_path: Path, count: int) -> None:
    sound = 0.3 * np.sin(np.arange(count) / 10)
    heard = listen(str(write(tmp_path / "a.wav", sound)), count / RATE)
    assert heard.tempo_bpm is None
    assert heard.loudness_range_lu == 0.0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("wild", [1e30, -1e30, math.nan, math.inf])
def test_a_sample_beyond_all_reason_harms_nothing_else(tmp_path: Path, wild: float) -> None:
    time = np.arange(8 * RATE) / RATE
    sound = 0.3 * np.sin(2 * np.pi * 440 * time)
    sound[100_000] = wild
    heard = listen(str(write(tmp_path / "a.wav", sound)), 8.0)
    assert heard.key is not None
    assert all(
        math.isfinite(number)
        for number in msgspec.structs.astuple(heard)
        if isinstance(number, float)
    )


def test_silence_at_both_ends_is_measured(tmp_path: Path) -> None:
    quiet = np.zeros((RATE, 2))
    path = write(tmp_path / "a.wav", np.concatenate([quiet, noise(2.3), quiet, quiet]))
    heard = listen(str(path), 5.3)
    assert heard.lead_in_seconds == pytest.approx(1.0, abs=0.01)
    assert heard.lead_out_seconds == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("bpm", [62.0, 90.0, 120.0, 133.0, 174.0])
def test_the_tempo_of_clicks_is_found_but_for_the_octave(tmp_path: Path, bpm: float) -> None:
    heard = listen(str(write(tmp_path / "a.wav", clicks(bpm))), 40.0)
    assert heard.tempo_bpm is not None
    ratio = heard.tempo_bpm / bpm
    assert min(abs(ratio - octave) for octave in (0.5, 1.0, 2.0)) < 0.01
    assert heard.onset_rate == pytest.approx(bpm / 60, rel=0.1)


def test_steady_noise_has_neither_tempo_nor_onsets(tmp_path: Path) -> None:
    heard = listen(str(write(tmp_path / "a.wav", noise(30.0))), 30.0)
    assert heard.tempo_bpm is None
    assert heard.onset_rate < 0.5


def test_the_tempo_of_music_is_that_of_its_score(starter: dict[str, Heard]) -> None:
    """Up to the octave, and some of that. One piece of held chords shows no tempo, one in 7/8 shows
    a third of its bar."""
    right = exact = 0
    for piece in PIECES:
        tempo = starter[piece.name].tempo_bpm
        felt = piece.bpm * 2 / 3 if piece.name == "paper-lantern-parade" else piece.bpm
        if tempo is not None:
            right += min(abs(tempo / felt - octave) for octave in (0.5, 1.0, 2.0)) < 0.02
            exact += abs(tempo / felt - 1.0) < 0.02
    assert right >= 14
    assert exact >= 10


def test_the_key_of_music_is_that_of_its_score(starter: dict[str, Heard]) -> None:
    """The mode of all, the tonic of all but a few; church modes count as what they are nearest
    to."""
    tonics = 0
    for piece in PIECES:
        tonic, mode = piece.key.split()
        name = starter[piece.name].key
        assert name is not None
        minor = mode in ("minor", "phrygian")
        assert name.endswith("minor") is minor
        majorness = starter[piece.name].majorness
        assert majorness is not None
        assert (majorness < 0) is minor
        tonics += name.rpartition(" ")[0] == tonic.replace("#", " sharp")
    assert tonics >= 13


def test_a_bright_sound_is_brighter(tmp_path: Path) -> None:
    time = np.arange(4 * RATE) / RATE
    found = []
    for hertz in (300, 1000, 4000):
        one = 0.3 * np.sin(2 * np.pi * hertz * time)
        found.append(
            listen(str(write(tmp_path / "a.wav", np.stack([one, one], 1))), 4.0).brightness_hertz
        )
    assert found == [pytest.approx(hertz, rel=0.1) for hertz in (300, 1000, 4000)]


def test_what_is_no_sound_cannot_be_listened_to(tmp_path: Path) -> None:
    (tmp_path / "a.ogg").write_bytes(b"nothing of the kind")
    with pytest.raises(CannotDecode):
        listen(str(tmp_path / "a.ogg"), 10.0)


def test_the_mel_filters_are_slaneys() -> None:
    """Area 1 each; centres linear to 1 kHz, then log: from his formula, not our code's."""
    bank = mel_bank(96, 8192, MONO_RATE).astype(float)
    step = MONO_RATE / 8192
    assert np.allclose(bank.sum(axis=0) * step, 1.0, atol=0.02)
    top = 15 + 27 * math.log(8) / math.log(6.4)
    for band in (5, 30, 60, 90):
        mel = top * (band + 1) / 97
        hertz = mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)
        assert bank[:, band].argmax() * step == pytest.approx(hertz, abs=2 * step)


def test_patches_are_spread_and_whole() -> None:
    mels = np.arange(4000, dtype=np.float32)[:, None] * np.ones(96, np.float32)
    patches = Patches(4000 / 62.5)
    for start in range(0, 4000, 77):
        patches.feed(mels[start : start + 77])
    starts = [int(patch[0, 0]) for patch in patches.all()]
    assert len(starts) == 6
    assert all(patch.shape == (PATCH, 96) for patch in patches.all())
    assert starts == sorted(starts)
    assert np.ptp(np.diff(starts)) <= 1


@pytest.mark.parametrize("seconds", [1.0, 600.0])
def test_what_is_short_or_lies_about_its_length_is_looked_at_all_the_same(seconds: float) -> None:
    patches = Patches(seconds)
    patches.feed(np.ones((50, 96), np.float32))
    (patch,) = patches.all()
    assert patch.shape == (PATCH, 96)


@pytest.mark.parametrize("runtime", available_runtimes())
def test_the_tagger_tells_dance_music_from_the_ambient(runtime: str) -> None:
    tagger = Tagger(MODELS, runtime=runtime)
    dance, ambient = (
        listen(str(STARTER / f"{name}.ogg"), 60.0, tagger).tags
        for name in ("seven-bicycles", "moss-and-morning")
    )
    assert dance["dance"] > 3 * ambient["dance"]
    assert ambient["ambient"] > 3 * dance["ambient"]
    assert all(0 <= value <= 1 for tags in (dance, ambient) for value in tags.values())


def test_a_tagger_whose_labels_are_another_ones_is_refused(tmp_path: Path) -> None:
    for name in ("music.tflite", "music.json"):
        shutil.copy(MODELS / name, tmp_path)
    sidecar = json.loads((tmp_path / "music.json").read_text())
    sidecar["labels"].pop()
    (tmp_path / "music.json").write_text(json.dumps(sidecar))
    with pytest.raises(ModelError, match=r"music\.tflite gives 50 tags, its sidecar names 49"):
        Tagger(tmp_path)
