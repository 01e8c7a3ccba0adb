"""Synthesizers, as their models did it."""

from __future__ import annotations

import numpy as np

from .dsp import SAMPLE_RATE, Signal, envelope, filtered, highpass, lowpass, samples, saw, widened
from .sustained import wavering
from .tone import Tone


def _swarm(tone: Tone, spread: float, attack: float, release: float) -> Signal:
    """Six detuned sawtooth waves across the stage."""
    length = samples(tone.seconds + release)
    out = np.zeros((length, 2))
    for index in range(6):
        cents = spread * (index - 2.5) / 2.5
        flat = np.full(length, tone.hertz * 2 ** (cents / 1200))
        out += widened(saw(flat, tone.chance.uniform()), (-1) ** index * 0.8 * (index + 1) / 6)
    return np.asarray(out * envelope(length, attack, tone.seconds, release)[:, None] / 2.5)


def warm_pad(tone: Tone) -> Signal:
    """Slow, dark, wide."""
    body = _swarm(tone, 9.0, min(0.9, 0.5 * tone.seconds), 1.4)
    return filtered(body, lowpass(500 + 700 * tone.velocity + 0.6 * tone.hertz))


def glass_pad(tone: Tone) -> Signal:
    """Sines that shimmer, each at a pace of its own."""
    length = samples(tone.seconds + 1.6)
    times = np.arange(length) / SAMPLE_RATE
    out = np.zeros((length, 2))
    for ratio, amplitude in ((1, 1.0), (2, 0.35), (3, 0.12), (4, 0.08), (6, 0.03)):
        rate, phase = tone.chance.uniform(0.15, 0.7), tone.chance.uniform(0, 6.28)
        shimmer = 0.7 + 0.3 * np.sin(2 * np.pi * rate * times + phase)
        wave = amplitude * shimmer * np.sin(2 * np.pi * tone.hertz * ratio * 1.0007 * times + phase)
        out += widened(wave, tone.chance.uniform(-0.7, 0.7))
    return np.asarray(
        out * envelope(length, min(0.8, 0.5 * tone.seconds), tone.seconds, 1.5)[:, None]
    )


def supersaw(tone: Tone) -> Signal:
    """The bright lead of dance music."""
    return filtered(_swarm(tone, 14.0, 0.008, 0.12), highpass(tone.hertz * 0.7), lowpass(9000))


def pulse_lead(tone: Tone) -> Signal:
    """A home computer's quarter pulse."""
    length = samples(tone.seconds + 0.04)
    wave = saw(wavering(tone, length, 0.0, 10.0), 0.0, width=0.25)
    times = np.arange(length) / SAMPLE_RATE
    fall = 0.45 + 0.55 * np.exp(-times / 0.2)
    return np.asarray(wave * envelope(length, 0.003, tone.seconds, 0.03) * fall)


def synth_pluck(tone: Tone) -> Signal:
    """A filter that shuts quickly."""
    length = samples(min(tone.seconds, 0.5) + 0.25)
    times = np.arange(length) / SAMPLE_RATE
    flat = np.full(length, tone.hertz)
    wave = saw(flat, tone.chance.uniform()) + saw(flat * 1.004, tone.chance.uniform())
    bright = filtered(wave, lowpass(7000))
    dark = filtered(wave, lowpass(900))
    shut = np.exp(-times / 0.07)
    body = (bright * shut + dark * (1 - shut)) * np.exp(-times / 0.22)
    return np.asarray(body * envelope(length, 0.002, tone.seconds, 0.2))


def synth_bass(tone: Tone) -> Signal:
    """Sawtooth and a sine below, with a growl at the start."""
    length = samples(tone.seconds + 0.06)
    times = np.arange(length) / SAMPLE_RATE
    wave = saw(np.full(length, tone.hertz), 0.25)
    shut = np.exp(-times / 0.09)
    body = filtered(wave, lowpass(2400, 1.2)) * shut + filtered(wave, lowpass(420)) * (1 - shut)
    body = body + 0.8 * np.sin(2 * np.pi * tone.hertz * times)
    return np.asarray(body * envelope(length, 0.004, tone.seconds, 0.05))


def reese(tone: Tone) -> Signal:
    """Two sawtooth waves that grind against each other."""
    length = samples(tone.seconds + 0.08)
    low = np.full(length, tone.hertz)
    wave = saw(low * 0.992, 0.1) + saw(low * 1.008, 0.6) + saw(low * 1.001, 0.3)
    return filtered(wave, lowpass(1800, 1.0)) * envelope(length, 0.01, tone.seconds, 0.07)


def sub_bass(tone: Tone) -> Signal:
    """Almost a sine."""
    length = samples(tone.seconds + 0.2)
    turn = 2 * np.pi * tone.hertz * np.arange(length) / SAMPLE_RATE
    body = np.sin(turn) + 0.18 * np.sin(2 * turn) + 0.06 * np.sin(3 * turn)
    return np.asarray(body * envelope(length, 0.03, tone.seconds, 0.18))
