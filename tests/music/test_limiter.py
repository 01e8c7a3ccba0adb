"""The limiter: never too loud, not even between samples, and not there where it is not needed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.music.decode import RATE, Samples
from device.music.limiter import CEILING_DB, DELAY, RELEASE_DB, Limiter
from tests.music.capture import decibels, sharpest_bend
from tests.music.meter import measured
from tests.music.sources import CHUNK, level, limited, noise, sine


def chord(gain: float) -> Samples:
    tones = [sine(hertz, 4.0, 0.25) for hertz in (55.0, 220.0, 659.3, 1760.0, 9000.0)]
    return np.asarray(gain * np.sum(tones, axis=0), np.float32)


@pytest.mark.parametrize(
    "sound",
    [
        chord(3.0),
        sine(RATE / 4, 2.0, 1.4) * np.hanning(2 * RATE)[:, None].astype(np.float32),
        np.concatenate([level(1.0, 0.1), level(0.001, 5.0), level(1.0, 0.1)]),
    ],
    ids=["chord", "quarter of the rate", "click"],
)
def test_no_peak_is_beyond_the_ceiling_by_ffmpegs_meter(sound: Samples) -> None:
    assert measured(sound).true_peak_db > 2.0
    assert measured(limited(sound)).true_peak_db < CEILING_DB + 0.1


@pytest.mark.parametrize("sound", [noise(4.0, 1, 0.5), np.sign(sine(100.0, 2.0)) * 1.5])
def test_edges_that_no_music_has_are_half_a_decibel_over_at_worst(sound: Samples) -> None:
    """Close to half the rate, no two meters' filters agree on what is between samples."""
    assert measured(limited(sound)).true_peak_db < CEILING_DB + 0.5


def test_peaks_between_samples_alone_are_seen() -> None:
    time = np.arange(2 * RATE)
    wave = 1.3 * np.sin(np.pi / 2 * time + np.pi / 4)  # sampled beside its peaks
    sound = np.stack([wave, wave], axis=1).astype(np.float32)
    assert np.abs(sound).max() < 0.93
    middle = limited(sound)[RATE // 2 : -RATE // 2]
    assert decibels(np.abs(middle).max() * np.sqrt(2)) == pytest.approx(CEILING_DB, abs=0.1)


@pytest.mark.parametrize("peak", [0.4, 0.88])
def test_what_is_not_too_loud_passes_to_the_bit(peak: float) -> None:
    sound = sine(333.0, 3.0, peak)
    assert np.array_equal(limited(sound)[: -RATE // 10], sound[: -RATE // 10])


def test_after_a_peak_it_is_transparent_again() -> None:
    sound = np.concatenate([level(0.2, 0.3), level(0.01, 1.5), sine(440.0, 2.0, 0.3)])
    out = limited(sound)
    back = round((0.21 + 6.0 / RELEASE_DB + 0.05) * RATE)
    assert np.array_equal(out[back:-CHUNK], sound[back:-CHUNK])


def test_the_gain_moves_smoothly() -> None:
    steps = np.concatenate([sine(100.0, 1.0, 0.5), sine(100.0, 1.0, 2.0), sine(100.0, 1.0, 0.5)])
    out = limited(steps)
    own = 0.9 * (2 * np.pi * 100.0 / RATE) ** 2
    assert sharpest_bend(out[2000 : RATE - 2000]) < own
    assert sharpest_bend(out[RATE + 2000 : 2 * RATE - 2000]) < 1.5 * own


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9000), min_size=3, max_size=12),
    amplitude=st.floats(0.0, 50.0),
    seed=st.integers(0, 99),
)
def test_chunks_of_any_size_give_the_same(sizes: list[int], amplitude: float, seed: int) -> None:
    sound = noise(sum(sizes) / RATE, seed, amplitude)
    limiter, parts, start = Limiter(), [], 0
    for size in sizes:
        parts.append(limiter.process(sound[start : start + size]))
        start += size
    out = np.concatenate(parts)
    whole = Limiter().process(sound[:start])
    np.testing.assert_allclose(out, whole, atol=1e-5)
    assert np.abs(out).max(initial=0.0) <= 10 ** (CEILING_DB / 20)


def test_it_gives_back_all_that_it_took() -> None:
    limiter = Limiter()
    limiter.process(level(0.1))
    assert limiter.holds_sound
    rest = limiter.process(np.zeros((CHUNK, 2), np.float32))
    assert np.all(rest[:DELAY] == np.float32(0.3))
    assert not limiter.holds_sound
