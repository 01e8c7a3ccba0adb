"""Bowed, blown and sung instruments: band-limited waves through a body."""

from __future__ import annotations

import numpy as np

from .dsp import (
    SAMPLE_RATE,
    Signal,
    bandpass,
    envelope,
    filtered,
    highpass,
    lowpass,
    peak,
    samples,
    saw,
    scaled,
    together,
    widened,
)
from .tone import Tone


def wavering(tone: Tone, length: int, cents: float, depth: float) -> Signal:
    """Frequencies of a held note: detuned, with a vibrato that sets in late, and drift."""
    times = np.arange(length) / SAMPLE_RATE
    rate = 5.1 + tone.chance.normal(0, 0.3)
    onset = np.clip((times - 0.15) / 0.5, 0, 1)
    sway = depth * onset * np.sin(2 * np.pi * rate * times + tone.chance.uniform(0, 6.28))
    drift = 2.0 * np.sin(2 * np.pi * 0.31 * times + tone.chance.uniform(0, 6.28))
    return np.asarray(tone.hertz * 2 ** ((cents + sway + drift) / 1200))


def _section(tone: Tone, players: int, spread: float, attack: float, release: float) -> Signal:
    """Several sawtooth players side by side, (n, 2)."""
    length = samples(tone.seconds + release)
    out = np.zeros((length, 2))
    for player in range(players):
        cents = tone.chance.normal(0, spread)
        wave = saw(wavering(tone, length, cents, 7.0), tone.chance.uniform())
        late = max(0.001, attack * tone.chance.uniform(0.7, 1.2))
        wave *= envelope(length, late, tone.seconds, release)
        out += widened(wave, 1.4 * (player / max(1, players - 1) - 0.5))
    return np.asarray(out / np.sqrt(players))


def _bowed(tone: Tone, players: int, attack: float, release: float) -> Signal:
    raw = _section(tone, players, 6.0, attack, release)
    cut = min(9000.0, 900 + 2600 * tone.velocity + 1.5 * tone.hertz)
    return filtered(
        raw,
        highpass(0.8 * tone.hertz),
        lowpass(cut),
        peak(320, 3, 1.2),
        peak(1100, -2),
        peak(2600, 2.5, 1.2),
    )


def strings(tone: Tone) -> Signal:
    """A legato string section."""
    return _bowed(tone, 5, min(0.35, 0.12 + 0.3 * tone.seconds), 0.45)


def spiccato(tone: Tone) -> Signal:
    """A string section with bouncing bows."""
    short = Tone(tone.hertz, min(tone.seconds, 0.14), tone.velocity, tone.chance)
    return _bowed(short, 5, 0.012, 0.12)


def cello(tone: Tone) -> Signal:
    """One cello, close."""
    raw = _section(tone, 1, 1.0, 0.14, 0.3)
    breath = tone.chance.standard_normal(len(raw)) * np.abs(raw[:, 0]) * 0.05
    body = raw.mean(axis=1) + filtered(breath, bandpass(2200, 0.8))
    cut = 1100 + 1500 * tone.velocity + tone.hertz
    return filtered(body, lowpass(cut), peak(230, 4, 2), peak(480, 3, 2), peak(1500, -3))


def brass(tone: Tone) -> Signal:
    """Low brass: the louder, the brighter, and brightest just after the attack."""
    raw = _section(tone, 3, 4.0, 0.05, 0.18)
    dark = filtered(raw, lowpass(500 + tone.hertz))
    bright = filtered(raw, lowpass(1500 + 3500 * tone.velocity), peak(900, 4))
    times = np.arange(len(raw)) / SAMPLE_RATE
    bloom = (np.clip(times / 0.07, 0, 1) * (0.35 + 0.65 * np.exp(-times / 0.5)))[:, None]
    return np.asarray(dark * (1 - bloom) + bright * bloom)


def flute(tone: Tone) -> Signal:
    """Few harmonics and breath."""
    length = samples(tone.seconds + 0.16)
    course = wavering(tone, length, 0.0, 9.0)
    turn = 2 * np.pi * np.cumsum(course) / SAMPLE_RATE
    sharp = 0.5 + 0.7 * tone.velocity
    wave = np.sin(turn)
    for n, amplitude in ((2, 0.32), (3, 0.16), (4, 0.05), (5, 0.025)):
        wave += amplitude * sharp * np.sin(n * turn)
    air = filtered(tone.chance.standard_normal(length), bandpass(min(1.5 * tone.hertz, 6e3), 1.2))
    return np.asarray((wave + 0.09 * air) * envelope(length, 0.06, tone.seconds, 0.14))


def clarinet(tone: Tone) -> Signal:
    """Odd harmonics, woody."""
    length = samples(tone.seconds + 0.12)
    wave = saw(wavering(tone, length, 0.0, 4.0), 0.0, width=0.5)
    shaped = filtered(wave, lowpass(1000 + 1800 * tone.velocity + tone.hertz), peak(1300, -3))
    return shaped * envelope(length, 0.045, tone.seconds, 0.1)


def accordion(tone: Tone) -> Signal:
    """Two reeds, a few cents apart."""
    length = samples(tone.seconds + 0.08)
    out = np.zeros((length, 2))
    for cents, pan in ((-6.0, -0.4), (7.0, 0.4)):
        flat = np.full(length, tone.hertz * 2 ** (cents / 1200))
        out += widened(saw(flat, tone.chance.uniform(), width=0.32), pan)
    shaped = filtered(out, lowpass(5200), peak(800, 3), highpass(150))
    return np.asarray(shaped * envelope(length, 0.025, tone.seconds, 0.07)[:, None])


def choir(tone: Tone) -> Signal:
    """Voices on "ooh", opening to "ah" when louder."""
    raw = _section(tone, 5, 9.0, 0.5, 0.9)
    vowel = together(
        scaled(1.0, bandpass(350 + 350 * tone.velocity, 3.0)),
        scaled(0.5, bandpass(800 + 300 * tone.velocity, 4.0)),
        scaled(0.15, bandpass(2650, 6.0)),
        scaled(0.25, lowpass(400)),
    )
    return filtered(raw, vowel)
