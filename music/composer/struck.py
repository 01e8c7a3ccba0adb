"""Struck and plucked instruments: decaying partials and the noise of the hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .dsp import SAMPLE_RATE, Signal, envelope, filtered, highpass, lowpass, peak, samples
from .tone import Tone


def _ringing(
    tone: Tone,
    partials: Sequence[tuple[float, float, float]],
    attack: float,
    release: float,
) -> Signal:
    """Partials as (ratio to the pitch, amplitude, decay time to 1/e), damped after the note."""
    length = samples(tone.seconds + release)
    out = np.zeros(length)
    for ratio, amplitude, decay in partials:
        hertz = tone.hertz * ratio
        if hertz > 15_000 or amplitude == 0:
            continue
        audible = min(length, samples(8 * decay))
        times = np.arange(audible) / SAMPLE_RATE
        phase = tone.chance.uniform(0, 0.6)
        out[:audible] += (
            amplitude * np.exp(-times / decay) * np.sin(2 * np.pi * hertz * times + phase)
        )
    return out * envelope(length, attack, tone.seconds, release)


def _noise(tone: Tone, seconds: float, low: float, high: float) -> Signal:
    """A short decaying burst between two frequencies: the hammer, the nail, the mallet."""
    length = samples(seconds * 5)
    burst = tone.chance.standard_normal(length) * np.exp(-np.arange(length) / SAMPLE_RATE / seconds)
    shaped = filtered(burst, highpass(low), lowpass(high)) * envelope(
        length, 0.001, seconds * 3, seconds * 2
    )
    return np.asarray(shaped / (np.abs(shaped).max() + 1e-9))


def _with_burst(body: Signal, burst: Signal, gain: float) -> Signal:
    count = min(len(body), len(burst))
    body[:count] += gain * burst[:count]
    return body


def _piano(tone: Tone, softness: float, release: float) -> Signal:
    stiffness = 0.0003 * (tone.hertz / 261.6) ** 1.3
    slope = 1.15 + softness + 1.1 * (1 - tone.velocity)
    ring = 3.2 * (261.6 / tone.hertz) ** 0.6
    partials = []
    for n in range(1, 25):
        stretch = n * np.sqrt(1 + stiffness * n * n)
        amplitude = n**-slope * (0.25 + abs(np.sin(np.pi * n / 7.3)))
        decay = ring / (1 + 0.22 * (n - 1))
        # Two strings, a breath apart: a quick first decay and a long beating second one.
        partials += [
            (stretch, 0.65 * amplitude, 0.3 * decay),
            (stretch * 1.0004, 0.35 * amplitude, decay),
        ]
    body = _ringing(tone, partials, 0.002 + 0.004 * softness, release)
    return _with_burst(body, _noise(tone, 0.012, 120, 900), 0.06 + 0.05 * tone.velocity)


def grand_piano(tone: Tone) -> Signal:
    """A bright grand."""
    return _piano(tone, softness=0.0, release=0.25)


def felt_piano(tone: Tone) -> Signal:
    """An upright with felt between hammer and string, pedal half down."""
    return _piano(tone, softness=0.9, release=0.9)


def _string_pluck(tone: Tone, place: float, brightness: float, ring: float) -> Signal:
    """`place` of the finger as a fraction of the string; higher partials die sooner."""
    slope = 1.9 - brightness * (0.5 + 0.5 * tone.velocity)
    length = ring * (220 / tone.hertz) ** 0.5
    partials = [
        (
            n * np.sqrt(1 + 6e-5 * n * n),
            n**-slope * abs(np.sin(np.pi * n * place)),
            length / (1 + 0.10 * (n - 1) * (2 - brightness)),
        )
        for n in range(1, 29)
    ]
    return _ringing(tone, partials, 0.002, 0.12)


def nylon_guitar(tone: Tone) -> Signal:
    """Fingers on nylon, a warm box."""
    body = _string_pluck(tone, 0.31, 0.35, 1.3)
    body = _with_burst(body, _noise(tone, 0.006, 200, 1800), 0.06)
    return filtered(body, peak(110, 4, 1.5), peak(220, 3, 1.5), lowpass(5200))


def steel_guitar(tone: Tone) -> Signal:
    """A plectrum on steel strings."""
    body = _string_pluck(tone, 0.13, 1.0, 1.5)
    body = _with_burst(body, _noise(tone, 0.004, 2000, 8000), 0.10 * tone.velocity)
    return filtered(body, peak(180, 2, 1.5), peak(3500, 3))


def ukulele(tone: Tone) -> Signal:
    """Short, small, cheerful."""
    body = _string_pluck(tone, 0.22, 0.8, 0.45)
    body = _with_burst(body, _noise(tone, 0.005, 600, 5000), 0.09)
    return filtered(body, highpass(180), peak(450, 4, 1.2))


def harp(tone: Tone) -> Signal:
    """Plucked mid-string, left to ring."""
    return _string_pluck(
        Tone(tone.hertz, tone.seconds + 1.2, tone.velocity, tone.chance), 0.42, 0.45, 2.0
    )


def pizzicato(tone: Tone) -> Signal:
    """A string section, plucked."""
    body = _string_pluck(tone, 0.28, 0.5, 0.22)
    return filtered(_with_burst(body, _noise(tone, 0.006, 150, 1500), 0.12), peak(300, 3))


def upright_bass(tone: Tone) -> Signal:
    """Plucked double bass."""
    body = _string_pluck(tone, 0.35, 0.35, 1.0)
    return filtered(_with_burst(body, _noise(tone, 0.010, 80, 900), 0.08), lowpass(1800))


def electric_bass(tone: Tone) -> Signal:
    """Fingered bass guitar."""
    return filtered(_string_pluck(tone, 0.2, 0.6, 1.4), peak(90, 3), lowpass(2600))


def _bar(tone: Tone, partials: Sequence[tuple[float, float, float]], knock: float) -> Signal:
    scale = (440 / tone.hertz) ** 0.5
    sharp = 0.4 + 0.6 * tone.velocity
    rows = [(r, a if r == 1 else a * sharp, d * scale) for r, a, d in partials]
    longest = max(d for _, _, d in rows)
    ringing = Tone(tone.hertz, max(tone.seconds, 3 * longest), tone.velocity, tone.chance)
    body = _ringing(ringing, rows, 0.001, 0.2)
    return _with_burst(body, _noise(tone, 0.003, 800, 6000), knock * tone.velocity)


def marimba(tone: Tone) -> Signal:
    """Rosewood bars tuned 1 : 4 : 10."""
    return _bar(tone, [(1, 1, 0.32), (3.93, 0.35, 0.08), (9.6, 0.12, 0.03)], 0.12)


def xylophone(tone: Tone) -> Signal:
    """Hard bars tuned 1 : 3 : 6."""
    return _bar(tone, [(1, 1, 0.16), (3.0, 0.5, 0.07), (6.1, 0.25, 0.03)], 0.2)


def glockenspiel(tone: Tone) -> Signal:
    """Small steel bars."""
    return _bar(tone, [(1, 1, 0.8), (2.76, 0.4, 0.35), (5.4, 0.25, 0.15), (8.9, 0.08, 0.08)], 0.1)


def music_box(tone: Tone) -> Signal:
    """A comb of steel teeth."""
    return _bar(tone, [(1, 1, 0.7), (2.0, 0.12, 0.4), (6.27, 0.22, 0.12)], 0.06)


def kalimba(tone: Tone) -> Signal:
    """Thumb piano: a round tone with a metallic edge."""
    return _bar(tone, [(1, 1, 0.6), (2.0, 0.06, 0.3), (5.8, 0.18, 0.06)], 0.10)


def steel_pan(tone: Tone) -> Signal:
    """The octave and twelfth bloom just after the strike."""
    rows = [(1.0, 1.0, 0.35), (2.003, 0.8, 0.28), (3.0, 0.35, 0.16), (4.02, 0.2, 0.1)]
    return _bar(tone, rows, 0.15)


def vibraphone(tone: Tone) -> Signal:
    """Soft mallets, motor on."""
    body = _bar(tone, [(1, 1, 1.4), (4.0, 0.18, 0.3), (10.1, 0.04, 0.1)], 0.02)
    times = np.arange(len(body)) / SAMPLE_RATE
    return np.asarray(body * (1 - 0.25 * (0.5 + 0.5 * np.sin(2 * np.pi * 4.6 * times))))


def electric_piano(tone: Tone) -> Signal:
    """A tine piano by frequency modulation (Chowning, 1973), with a slow stereo tremolo."""
    length = samples(tone.seconds + 0.35)
    times = np.arange(length) / SAMPLE_RATE
    turn = 2 * np.pi * tone.hertz * times
    body_decay = np.exp(-times / (1.9 * (261.6 / tone.hertz) ** 0.5))
    index = (0.35 + 1.1 * tone.velocity) * np.exp(-times / 0.5)
    tine = 0.10 * tone.velocity * np.exp(-times / 0.12) * np.sin(min(14.0, 9e3 / tone.hertz) * turn)
    mono = (np.sin(turn + index * np.sin(turn)) + tine) * body_decay
    mono *= envelope(length, 0.004, tone.seconds, 0.3)
    sway = 0.18 * np.sin(2 * np.pi * 3.1 * times)
    return np.stack([mono * (1 + sway), mono * (1 - sway)], axis=1)


def overdriven_guitar(tone: Tone) -> Signal:
    """The dry string of an electric guitar; the mixer's amplifier does the rest."""
    muted = tone.seconds < 0.16
    partials = [
        (
            n,
            n ** -(1.5 if muted else 0.9) * abs(np.sin(np.pi * n * 0.17)),
            (0.09 if muted else 2.8) / (1 + 0.05 * n),
        )
        for n in range(1, 25)
    ]
    body = _ringing(tone, partials, 0.002, 0.03)
    return _with_burst(body, _noise(tone, 0.003, 1500, 6000), 0.15)
