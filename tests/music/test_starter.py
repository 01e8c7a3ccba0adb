"""The starter library: files that are sound, tagged and of one loudness, and quadrants of
valence and arousal that differ to the ear, as far as figures can say so."""

from __future__ import annotations

import dataclasses
import functools
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from composer.loudness import integrated, true_peak
from composer.mix import render
from composer.pieces import PIECES
from composer.score import Piece
from composer.theory import Scale
from mutagen.oggvorbis import OggVorbis

from device.music.library import scan
from device.music.walk import roots

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "music" / "starter"
RATE = 44_100
FRAME, HOP = 2048, 512

Samples = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Facts:
    """What was measured of one file; levels are of every tenth of a second, in decibels."""

    channels: int
    seconds: float
    loudness_lufs: float
    peak: float
    first: float  # highest sample of the first 16
    last: float  # and of the last hundredth of a second
    offset: float
    jump: float  # between neighbouring samples
    click: float  # bend of the wave against its own hundredth of a second
    levels_db: Samples
    centroid_hertz: float
    flux: float  # spectral change per second: how much begins, and how sharply
    onsets_per_second: float
    ripple_db: float  # mean change of level from one fiftieth of a second to the next
    strongest: npt.NDArray[np.int64]  # bin of every frame
    chroma: Samples  # share of the twelve semitones above C, 100 Hz to 1 kHz


@functools.cache
def facts(name: str) -> Facts:
    samples, rate = soundfile.read(STARTER / f"{name}.ogg", dtype="float64")
    assert rate == RATE
    mono = samples.mean(axis=1)
    frames = np.lib.stride_tricks.sliding_window_view(mono, FRAME)[::HOP]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(FRAME), axis=1))
    power = np.square(spectrum)
    loud = power[power.sum(axis=1) > 1e-3]
    flux = np.maximum(np.diff(np.log1p(100 * spectrum), axis=0), 0).mean(axis=1)
    bend = blocks(np.abs(np.diff(mono, 2)), 441)
    return Facts(
        channels=samples.shape[1],
        seconds=len(mono) / RATE,
        loudness_lufs=integrated(samples),
        peak=true_peak(samples),
        first=float(np.abs(samples[:16]).max()),
        last=float(np.abs(samples[-RATE // 100 :]).max()),
        offset=float(np.abs(samples.mean(axis=0)).max()),
        jump=float(np.abs(np.diff(samples, axis=0)).max()),
        click=float((bend.max(axis=1) / (np.sqrt(np.square(bend).mean(axis=1)) + 1e-4)).max()),
        levels_db=levels_db(mono, 0.1),
        centroid_hertz=float(np.median(loud @ np.fft.rfftfreq(FRAME, 1 / RATE) / loud.sum(axis=1))),
        flux=float(flux.mean() * RATE / HOP),
        onsets_per_second=onsets(flux) / (len(mono) / RATE),
        ripple_db=float(np.abs(np.diff(levels_db(mono, 0.02))).mean()),
        strongest=spectrum[:, 5:200].argmax(axis=1),
        chroma=chroma(mono),
    )


def blocks(signal: Samples, length: int) -> Samples:
    return signal[: len(signal) // length * length].reshape(-1, length)


def levels_db(mono: Samples, seconds: float) -> Samples:
    power = np.square(blocks(mono, round(seconds * RATE))).mean(axis=1)
    return np.asarray(10 * np.log10(power + 1e-7))


def onsets(flux: Samples) -> int:
    """Peaks of spectral flux that stand out of their surroundings."""
    around = np.lib.stride_tricks.sliding_window_view(np.pad(flux, 20, mode="edge"), 41)
    peaks = (flux[1:-1] > flux[:-2]) & (flux[1:-1] >= flux[2:])
    peaks &= flux[1:-1] > 1.5 * np.median(around, axis=1)[1:-1] + 0.02
    return int(peaks.sum())


def chroma(mono: Samples) -> Samples:
    size = 16_384
    frames = np.lib.stride_tricks.sliding_window_view(mono, size)[:: size // 2]
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)).mean(axis=0)
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    used = (hertz > 100) & (hertz < 1000)
    pitch = np.round(69 + 12 * np.log2(hertz[used] / 440)).astype(int)
    total = np.bincount(pitch % 12, magnitude[used], 12)
    return np.asarray(total / total.sum())


def typical(measure: str, *, valence: int, arousal: int) -> float:
    """Median of one of the facts over the pieces with these signs."""
    return statistics.median(
        getattr(facts(piece.name), measure)
        for piece in PIECES
        if piece.valence * valence > 0 and piece.arousal * arousal > 0
    )


every_piece = pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name)


def test_four_pieces_lie_in_each_quadrant_and_nothing_else_lies_there() -> None:
    signs = [(piece.valence > 0, piece.arousal > 0) for piece in PIECES]
    assert {sign: signs.count(sign) for sign in signs} == dict.fromkeys(set(signs), 4)
    assert len(set(signs)) == 4
    files = {path.name for path in STARTER.iterdir()}
    assert files == {f"{piece.name}.ogg" for piece in PIECES} | {"LICENSE"}


def test_together_they_stay_small() -> None:
    assert sum(path.stat().st_size for path in STARTER.iterdir()) < 11_000_000


def test_artists_are_many_enough_to_be_spaced() -> None:
    assert len({piece.artist for piece in PIECES}) >= 4
    for valence in (-1, 1):
        for arousal in (-1, 1):
            group = [p for p in PIECES if p.valence * valence > 0 and p.arousal * arousal > 0]
            assert len({piece.artist for piece in group}) >= 2


@every_piece
def test_file_is_as_long_and_as_loud_as_it_should_be(piece: Piece) -> None:
    file = facts(piece.name)
    assert file.channels == 2
    assert 50 < file.seconds < 80
    assert file.loudness_lufs == pytest.approx(-18, abs=0.5)
    assert file.peak < 10 ** (-1 / 20)


@every_piece
def test_file_begins_and_ends_in_silence_and_has_no_holes(piece: Piece) -> None:
    file = facts(piece.name)
    assert file.first < 0.01
    assert file.last < 0.002
    assert file.levels_db[5:-50].min() > -55


@every_piece
def test_file_has_no_clicks_and_no_offset(piece: Piece) -> None:
    file = facts(piece.name)
    assert file.offset < 1e-3
    assert file.jump < 0.9
    assert file.click < 16


@every_piece
def test_music_moves(piece: Piece) -> None:
    """No drone: the strongest tone changes, and loudness rises and falls."""
    file = facts(piece.name)
    assert len(np.unique(file.strongest)) >= 10
    assert np.count_nonzero(np.diff(file.strongest)) / file.seconds > 0.3
    assert file.levels_db[:-50].std() > 1.0


@every_piece
def test_tags_say_what_the_piece_is(piece: Piece) -> None:
    file = OggVorbis(STARTER / f"{piece.name}.ogg")  # type: ignore[no-untyped-call]
    said = {key.upper(): values[0] for key, values in file.items()}
    assert said["TITLE"] == piece.title
    assert said["ARTIST"] == piece.artist
    assert said["ALBUM"] == piece.album
    assert said["GENRE"] == piece.genre
    assert said["DATE"] == "2026"
    assert said["MOOD"] == piece.mood
    assert float(said["VALENCE"]) == pytest.approx(piece.valence)
    assert float(said["AROUSAL"]) == pytest.approx(piece.arousal)
    assert float(said["BPM"]) == pytest.approx(piece.bpm)
    assert said["LICENSE"] == "CC0-1.0"
    gain = float(said["REPLAYGAIN_TRACK_GAIN"].removesuffix(" dB"))
    assert gain == pytest.approx(-18 - facts(piece.name).loudness_lufs, abs=0.02)
    peak = float(said["REPLAYGAIN_TRACK_PEAK"])
    assert peak == pytest.approx(facts(piece.name).peak, rel=0.01)


def test_the_scan_finds_them_all_where_they_say_they_are() -> None:
    found = scan(roots([STARTER]))
    assert found is not None
    places = {
        Path(t.path).stem: (t.affect.valence, t.affect.arousal, t.affect.source)
        for t in found.tracks
    }
    assert places == {p.name: (p.valence, p.arousal, "file tag") for p in PIECES}


@pytest.mark.parametrize("valence", [-1, 1])
def test_lively_pieces_begin_more_notes_and_are_brighter_than_still_ones(valence: int) -> None:
    for measure, times in (("onsets_per_second", 1.5), ("flux", 1.5), ("centroid_hertz", 1.4)):
        lively = typical(measure, valence=valence, arousal=1)
        still = typical(measure, valence=valence, arousal=-1)
        assert lively > times * still, measure


@every_piece
def test_pleasant_pieces_have_the_major_third_and_unpleasant_ones_the_minor(piece: Piece) -> None:
    above_tonic = np.roll(facts(piece.name).chroma, -Scale.parse(piece.key).tonic)
    assert (above_tonic[4] > above_tonic[3]) == (piece.valence > 0)


def test_happy_pieces_spring_and_sad_ones_flow() -> None:
    """Plucked and struck notes leave gaps; distortion fills them, bows and pedals join them."""
    happy = typical("ripple_db", valence=1, arousal=1)
    assert happy > 1.2 * typical("ripple_db", valence=-1, arousal=1)
    assert happy > 1.5 * typical("ripple_db", valence=-1, arousal=-1)


def test_tense_pieces_press_and_sad_ones_breathe() -> None:
    """Driving pieces keep their level, slow ones swell and sink over whole phrases."""
    spread = {piece.name: float(np.std(facts(piece.name).levels_db[:-60])) for piece in PIECES}
    tense = [spread[p.name] for p in PIECES if p.valence < 0 < p.arousal]
    sad = [spread[p.name] for p in PIECES if p.valence < 0 and p.arousal < 0]
    assert statistics.median(sad) > 1.2 * statistics.median(tense)


def test_lively_pieces_are_quicker() -> None:
    assert min(p.bpm for p in PIECES if p.arousal > 0) > max(p.bpm for p in PIECES if p.arousal < 0)


def excerpt(name: str, **changes: object) -> Samples:
    piece = next(piece for piece in PIECES if piece.name == name)
    return render(dataclasses.replace(piece, form=piece.form[:1], **changes))  # type: ignore[arg-type]


def test_one_seed_gives_one_music() -> None:
    once, again = excerpt("iron-weather"), excerpt("iron-weather")
    assert np.array_equal(once, again)
    other = excerpt("iron-weather", seed=1)
    assert once.shape != other.shape or not np.array_equal(once, other)


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "music" / "compose.py", "--only", "gray-tide"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "did you mean 'grey-tide'" in run.stderr
