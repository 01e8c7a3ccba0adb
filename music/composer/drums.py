"""Drums and other percussion, synthesized stroke by stroke, mono."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .dsp import SAMPLE_RATE, Signal, bandpass, filtered, highpass, lowpass, peak, samples

Stroke = Callable[[float, np.random.Generator], Signal]  # velocity 0..1, chance


def _times(seconds: float) -> Signal:
    return np.arange(samples(seconds)) / SAMPLE_RATE


def _faded(signal: Signal) -> Signal:
    """Rounded ends, so that no stroke clicks."""
    count = min(len(signal) // 4, samples(0.02))
    signal[-count:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(count) / count)
    rise = min(len(signal), 24)
    signal[:rise] *= np.arange(rise) / rise
    return signal


def _sweep(seconds: float, start: float, end: float, fall: float, decay: float) -> Signal:
    """A sine that drops from one frequency to another and dies away: a skin."""
    times = _times(seconds)
    hertz = end + (start - end) * np.exp(-times / fall)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE) * np.exp(-times / decay))


def _hiss(seconds: float, decay: float, chance: np.random.Generator) -> Signal:
    times = _times(seconds)
    return np.asarray(chance.standard_normal(len(times)) * np.exp(-times / decay))


def _kick(velocity: float, chance: np.random.Generator) -> Signal:
    body = _sweep(0.4, 160, 52, 0.03, 0.13)
    body += 0.12 * filtered(_hiss(0.4, 0.004, chance), lowpass(4500))
    return _faded(body * (0.6 + 0.4 * velocity))


def _hard_kick(velocity: float, chance: np.random.Generator) -> Signal:
    body = np.tanh(2.5 * _sweep(0.35, 260, 50, 0.022, 0.14))
    body += 0.35 * filtered(_hiss(0.35, 0.006, chance), bandpass(3500, 0.8))
    return _faded(body * velocity)


def _soft_kick(velocity: float, _chance: np.random.Generator) -> Signal:
    return _faded(filtered(_sweep(0.35, 95, 55, 0.03, 0.12), lowpass(400)) * velocity)


def _snare(velocity: float, chance: np.random.Generator) -> Signal:
    skin = _sweep(0.3, 260, 185, 0.02, 0.08)
    wires = filtered(_hiss(0.3, 0.08, chance), highpass(1400), lowpass(9500))
    return _faded((0.6 * skin + (0.35 + 0.35 * velocity) * wires) * velocity)


def _hard_snare(velocity: float, chance: np.random.Generator) -> Signal:
    skin = _sweep(0.35, 330, 190, 0.02, 0.1)
    wires = filtered(_hiss(0.35, 0.11, chance), highpass(900), peak(4000, 4))
    return _faded(np.tanh(1.8 * (0.8 * skin + 0.7 * wires)) * velocity)


def _brush(velocity: float, chance: np.random.Generator) -> Signal:
    times = _times(0.28)
    sweep = np.sin(np.pi * np.clip(times / 0.28, 0, 1)) ** 2 * np.exp(-times / 0.1)
    hiss = filtered(chance.standard_normal(len(times)), bandpass(3200, 0.6))
    return _faded(1.6 * hiss * sweep * velocity)


def _rim(velocity: float, chance: np.random.Generator) -> Signal:
    times = _times(0.12)
    wood = np.sin(2 * np.pi * 1720 * times) + 0.6 * np.sin(2 * np.pi * 820 * times)
    return _faded((wood * np.exp(-times / 0.012) + 0.2 * _hiss(0.12, 0.006, chance)) * velocity)


def _clap(velocity: float, chance: np.random.Generator) -> Signal:
    times = _times(0.3)
    hands = np.zeros(len(times))
    for delay, level in ((0.0, 0.7), (0.011, 0.8), (0.023, 1.0)):
        after = np.clip(times - delay, 0, None)
        hands += level * (times >= delay) * np.exp(-after / (0.008 if delay < 0.02 else 0.06))
    return _faded(
        filtered(hands * chance.standard_normal(len(times)), bandpass(1500, 0.7)) * velocity
    )


def _hat(velocity: float, chance: np.random.Generator) -> Signal:
    return _faded(filtered(_hiss(0.12, 0.022, chance), highpass(7000), peak(9500, 4)) * velocity)


def _open_hat(velocity: float, chance: np.random.Generator) -> Signal:
    return _faded(filtered(_hiss(0.45, 0.14, chance), highpass(6500), peak(9500, 4)) * velocity)


def _metal(seconds: float, decay: float, low: float, chance: np.random.Generator) -> Signal:
    """Noise with a cloud of inharmonic partials: a cymbal."""
    times = _times(seconds)
    cloud = np.zeros(len(times))
    for hertz in chance.uniform(2500, 9500, 14):
        cloud += np.sin(2 * np.pi * hertz * times + chance.uniform(0, 6.28))
    mix = 0.12 * cloud + 0.7 * chance.standard_normal(len(times))
    return filtered(mix * np.exp(-times / decay), highpass(low))


def _ride(velocity: float, chance: np.random.Generator) -> Signal:
    ping = np.sin(2 * np.pi * 4600 * _times(0.9)) * np.exp(-_times(0.9) / 0.05)
    return _faded((0.5 * _metal(0.9, 0.25, 4500, chance) + 0.5 * ping) * velocity)


def _crash(velocity: float, chance: np.random.Generator) -> Signal:
    return _faded(_metal(2.4, 0.7, 2500, chance) * velocity)


def _shaker(velocity: float, chance: np.random.Generator) -> Signal:
    times = _times(0.11)
    grain = np.sin(np.pi * np.clip(times / 0.09, 0, 1)) ** 1.5
    return _faded(
        filtered(chance.standard_normal(len(times)), bandpass(6200, 1.0)) * grain * velocity
    )


def _tambourine(velocity: float, chance: np.random.Generator) -> Signal:
    jingles = filtered(_metal(0.25, 0.06, 5500, chance), peak(8200, 6, 2))
    return _faded(jingles * velocity)


def _skin(start: float, end: float, decay: float, slap: float) -> Stroke:
    def stroke(velocity: float, chance: np.random.Generator) -> Signal:
        body = _sweep(decay * 4, start, end, 0.04, decay)
        hand = filtered(_hiss(decay * 4, 0.008, chance), bandpass(min(8 * end, 4000), 0.8))
        return _faded((body + slap * hand) * (0.3 + 0.7 * velocity))

    return stroke


def _clave(hertz: float) -> Stroke:
    def stroke(velocity: float, _chance: np.random.Generator) -> Signal:
        times = _times(0.15)
        wave = np.sin(2 * np.pi * hertz * times) + 0.3 * np.sin(2 * np.pi * 2.7 * hertz * times)
        return _faded(wave * np.exp(-times / 0.022) * velocity)

    return stroke


def _anvil(velocity: float, chance: np.random.Generator) -> Signal:
    times = _times(0.6)
    ring = np.zeros(len(times))
    for ratio in (1.0, 1.47, 2.09, 2.56, 3.91, 5.3):
        decay = 0.16 / ratio
        ring += np.sin(2 * np.pi * 540 * ratio * times) * np.exp(-times / decay)
    return _faded((0.3 * ring + 0.4 * _hiss(0.6, 0.02, chance)) * velocity)


# name -> (stroke, pan, level in decibels)
DRUMS: dict[str, tuple[Stroke, float, float]] = {
    "kick": (_kick, 0.0, -2.0),
    "hard_kick": (_hard_kick, 0.0, -1.0),
    "soft_kick": (_soft_kick, 0.0, -1.0),
    "snare": (_snare, 0.05, -1.0),
    "hard_snare": (_hard_snare, 0.05, 0.0),
    "brush": (_brush, 0.15, -6.0),
    "rim": (_rim, -0.25, -9.0),
    "clap": (_clap, 0.1, -1.0),
    "hat": (_hat, 0.3, -9.0),
    "open_hat": (_open_hat, 0.3, -10.0),
    "ride": (_ride, 0.4, -10.0),
    "crash": (_crash, -0.3, -8.0),
    "shaker": (_shaker, 0.45, -8.0),
    "tambourine": (_tambourine, -0.4, -9.0),
    "conga_low": (_skin(230, 180, 0.11, 0.25), -0.3, -6.0),
    "conga_high": (_skin(340, 290, 0.07, 0.45), 0.3, -7.0),
    "tom_low": (_skin(150, 85, 0.16, 0.25), -0.35, -3.0),
    "tom_high": (_skin(230, 140, 0.13, 0.25), 0.35, -4.0),
    "taiko": (_skin(120, 58, 0.28, 0.4), 0.0, 0.0),
    "timpani": (_skin(80, 73.4, 0.6, 0.12), -0.2, -2.0),
    "woodblock": (_clave(980), -0.5, -13.0),
    "clave": (_clave(2100), 0.5, -15.0),
    "anvil": (_anvil, 0.4, -9.0),
}
