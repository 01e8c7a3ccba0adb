"""Pitched instruments, synthesized note by note: `Tone` in, mono or stereo signal out.

Struck and plucked ones add decaying partials, bowed and blown ones filter band-limited
waves, electronic ones do what their models did. Levels are rough: the mixer sets loudness.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Tone:
    """One note to sound: pitch, length until release, velocity 0..1, and its own chance."""

    hertz: float
    seconds: float
    velocity: float
    chance: np.random.Generator


Instrument = Callable[[Tone], Signal]


# --- struck and plucked -------------------------------------------------------------------


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


# --- bowed, blown, sung -------------------------------------------------------------------


def _course(tone: Tone, length: int, cents: float, depth: float) -> Signal:
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
        wave = saw(_course(tone, length, cents, 7.0), tone.chance.uniform())
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
    course = _course(tone, length, 0.0, 9.0)
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
    wave = saw(_course(tone, length, 0.0, 4.0), 0.0, width=0.5)
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


# --- electronic ---------------------------------------------------------------------------


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
    wave = saw(_course(tone, length, 0.0, 10.0), 0.0, width=0.25)
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


INSTRUMENTS: dict[str, Instrument] = {
    function.__name__: function
    for function in (
        grand_piano,
        felt_piano,
        nylon_guitar,
        steel_guitar,
        ukulele,
        harp,
        pizzicato,
        upright_bass,
        electric_bass,
        marimba,
        xylophone,
        glockenspiel,
        music_box,
        kalimba,
        steel_pan,
        vibraphone,
        electric_piano,
        strings,
        spiccato,
        cello,
        brass,
        flute,
        clarinet,
        accordion,
        choir,
        warm_pad,
        glass_pad,
        supersaw,
        pulse_lead,
        synth_pluck,
        synth_bass,
        reese,
        sub_bass,
        overdriven_guitar,
    )
}
