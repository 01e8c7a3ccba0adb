"""From an arrangement to a mastered stereo signal."""

from __future__ import annotations

import zlib

import numpy as np

from . import loudness
from .arrange import Arrangement, Sound, arrange
from .drums import DRUMS
from .dsp import (
    SAMPLE_RATE,
    Signal,
    bandpass,
    convolved,
    filtered,
    high_shelf,
    highpass,
    lowpass,
    peak,
    samples,
    widened,
)
from .instruments import INSTRUMENTS
from .score import Part, Piece, Room
from .tone import Tone

TARGET_LUFS = -18.0
_CEILING = 10 ** (-2.5 / 20)  # leaves the lossy encoder room below -1 dBFS
_TAIL_SECONDS = 3.5


def render(piece: Piece) -> Signal:
    """The piece as (n, 2) float samples, at the target loudness, with a clean end."""
    arrangement = arrange(piece)
    length = samples(arrangement.seconds + _TAIL_SECONDS)
    dry = np.zeros((length, 2))
    sent = np.zeros((length, 2))
    kicks = [hit.at for hit in arrangement.hits if "kick" in hit.drum]
    for name, part in piece.parts.items():
        stem = _stem(piece, name, part, arrangement.parts[name], length)
        if part.duck:
            stem *= _ducking(kicks, part.duck, length)[:, None]
        dry += stem
        sent += part.send * stem
    if arrangement.hits:
        stem = _drum_stem(piece, arrangement, length)
        dry += stem
        sent += piece.drum_send * stem
    room = _impulse(piece.room, piece.chance("room"))
    wet = convolved(filtered(sent, highpass(180)), room)
    return _mastered(piece, dry + piece.room.wet * 3.0 * wet, arrangement.seconds)


def _stem(piece: Piece, name: str, part: Part, sounds: list[Sound], length: int) -> Signal:
    """One part, through its amplifier and echo, at its level."""
    takes = (-0.75, 0.75) if part.double else (part.pan,)
    total = np.zeros((length, 2))
    for take, pan in enumerate(takes):
        stem = np.zeros((length, 2))
        chance = piece.chance("take", name, take)
        known: dict[tuple[int, int, int, int], Signal] = {}
        for index, sound in enumerate(sounds):
            note = _note(part, sound, (take, index % 3), known)
            late = abs(chance.normal(0, 0.004)) if part.double else 0.0
            _add(stem, note, sound.at + late, sound.velocity**1.3)
        if part.drive:
            stem = _amplified(stem, part.drive)
        total += widened(stem, pan)
    if part.echo:
        total = _echoed(total, part.echo, 45 / piece.bpm)
    return _levelled(total, part.level)


def _note(
    part: Part,
    sound: Sound,
    take: tuple[int, int],
    known: dict[tuple[int, int, int, int], Signal],
) -> Signal:
    """The sound of one note; three variants take turns, so that repeats do not sound stamped."""
    step = max(1, round(sound.seconds * 25))
    strength = max(1, round(sound.velocity * 8))
    key = (sound.pitch, step, strength, take[1])
    if key not in known:
        text = "/".join(str(one) for one in (part.instrument, take[0], *key))
        tone = Tone(
            hertz=440 * 2 ** ((sound.pitch - 69) / 12),
            seconds=step / 25,
            velocity=strength / 8,
            chance=np.random.default_rng(zlib.crc32(text.encode())),
        )
        known[key] = INSTRUMENTS[part.instrument](tone)
    return known[key]


def _add(stem: Signal, note: Signal, at: float, gain: float) -> None:
    start = round(at * SAMPLE_RATE)
    count = min(len(note), len(stem) - start)
    if count > 0:
        stem[start : start + count] += gain * (note if note.ndim == 2 else note[:, None])[:count]


def _amplified(stem: Signal, drive: float) -> Signal:
    """A distorting amplifier and its loudspeaker."""
    active = np.abs(stem) > 1e-4
    level = np.sqrt(np.mean(np.square(stem[active]))) if active.any() else 1.0
    pushed = np.tanh(drive * filtered(stem, highpass(110), peak(700, 4)) / level)
    return filtered(pushed, highpass(75), peak(120, 3), peak(2600, 5, 1.2), lowpass(6200, 0.9))


def _echoed(stem: Signal, level: float, seconds: float) -> Signal:
    """Repeats that change sides and lose their highs."""
    out = stem.copy()
    repeat = stem
    for _ in range(4):
        repeat = level * filtered(repeat, lowpass(3800), highpass(250))[:, ::-1]
        delay = samples(seconds)
        repeat = np.concatenate((np.zeros((delay, 2)), repeat[:-delay]))
        out += repeat
    return out


def _levelled(stem: Signal, level: float) -> Signal:
    measured = loudness.integrated(stem)
    if not np.isfinite(measured):
        return stem
    return stem * 10 ** ((-24 + level - measured) / 20)


def _drum_stem(piece: Piece, arrangement: Arrangement, length: int) -> Signal:
    stem = np.zeros((length, 2))
    known: dict[tuple[str, int, int], Signal] = {}
    for index, hit in enumerate(arrangement.hits):
        stroke, pan, level = DRUMS[hit.drum]
        key = (hit.drum, max(1, round(hit.velocity * 6)), index % 4)
        if key not in known:
            chance = np.random.default_rng(zlib.crc32(repr(key).encode()))
            known[key] = widened(stroke(key[1] / 6, chance), pan)
        gain = 10 ** (level / 20) * (0.5 + 0.5 * hit.velocity)
        _add(stem, known[key], hit.at, gain)
    if piece.drum_drive:
        stem = np.tanh(piece.drum_drive * stem) / piece.drum_drive
    return _levelled(stem, piece.drum_level)


def _ducking(kicks: list[float], depth: float, length: int) -> Signal:
    """The pumping of dance music: down with each kick, back in a fifth of a second."""
    gain = np.ones(length)
    count = samples(0.4)
    times = np.arange(count) / SAMPLE_RATE
    dip = 1 - depth * np.clip(times / 0.006, 0, 1) * np.exp(-times / 0.11)
    for kick in kicks:
        start = round(kick * SAMPLE_RATE)
        end = min(length, start + count)
        gain[start:end] = np.minimum(gain[start:end], dip[: end - start])
    return gain


def _impulse(room: Room, chance: np.random.Generator) -> Signal:
    """A room's answer: a few early reflections, then noise that dies sooner the higher it is."""
    length = samples(room.seconds * 1.2 + 0.1)
    times = np.arange(length) / SAMPLE_RATE
    noise = chance.standard_normal((length, 2))
    tail = np.zeros((length, 2))
    for center, q, share in ((250, 0.6, 1.1), (900, 0.6, 1.0), (2800, 0.6, 0.75), (8000, 0.6, 0.4)):
        bright = 1.0 if center < 1000 else 0.4 + 0.6 * room.brightness
        decay = np.exp(-6.9 * times / (room.seconds * share * bright))
        tail += bright * filtered(noise, bandpass(center, q)) * decay[:, None]
    swell = np.clip((times - 0.012) / 0.03, 0, 1)
    tail *= swell[:, None]
    tail *= (1 - np.clip((times - times[-1] + 0.1) / 0.1, 0, 1))[:, None]
    tail /= np.sqrt(np.square(tail).sum() / 2)
    for delay in chance.uniform(0.008, 0.06, 10):
        tail[samples(delay), chance.integers(2)] += 0.12 * chance.choice((-1, 1))
    return np.asarray(0.35 * tail)


def _mastered(piece: Piece, mix: Signal, seconds: float) -> Signal:
    """Rumble out, air in, gentle compression, target loudness, no peak above the ceiling."""
    signal = filtered(mix, highpass(32), high_shelf(3000, piece.air))
    length = len(signal)
    fade_in = np.clip(np.arange(length) / samples(0.01), 0, 1)
    left = (length - 1 - np.arange(length)) / SAMPLE_RATE
    fade_out = (
        np.sin(0.5 * np.pi * np.clip(left / (length / SAMPLE_RATE - seconds + 0.3), 0, 1)) ** 2
    )
    signal = signal * (fade_in * fade_out)[:, None]
    signal = signal * _compression(signal, piece.glue)[:, None]
    for _ in range(4):  # limiting takes a little loudness away again
        signal = signal * 10 ** ((TARGET_LUFS - loudness.integrated(signal)) / 20)
        signal = _limited(signal)
    return signal


def _compression(signal: Signal, glue: float) -> Signal:
    """Slow gain towards the signal's own average, by `glue` of the way in decibels."""
    hop = samples(0.01)
    count = len(signal) // hop + 1
    padded = np.zeros((count * hop, 2))
    padded[: len(signal)] = signal
    power = np.square(padded).reshape(count, hop * 2).mean(axis=1)
    level = 10 * np.log10(power + 1e-10)
    usual = np.median(level[level > level.max() - 30])
    wanted = -glue * np.clip(level - usual, 0, 18)
    gain = np.empty(count)
    state = 0.0
    for index, value in enumerate(wanted):
        state += (value - state) * (0.35 if value < state else 0.04)
        gain[index] = state
    places = (np.arange(count) + 0.5) * hop
    return np.asarray(10 ** (np.interp(np.arange(len(signal)), places, gain) / 20))


def _limited(signal: Signal) -> Signal:
    """Peaks turned down 3 ms ahead, smoothly: the window that smooths the gain is no wider
    than the one that takes its minimum, so that no peak slips through."""
    hop, reach = 32, 6
    count = len(signal) // hop + 1
    padded = np.zeros(count * hop)
    padded[: len(signal)] = np.abs(signal).max(axis=1)
    needed = np.minimum(1.0, _CEILING / (padded.reshape(count, hop).max(axis=1) + 1e-9))
    wide = np.pad(needed, 2 * reach, mode="edge")
    lowest = np.lib.stride_tricks.sliding_window_view(wide, 2 * reach + 3).min(axis=1)
    window = np.hanning(2 * reach + 1)
    gain = np.convolve(lowest, window / window.sum(), mode="same")
    offset = (len(gain) - count) // 2
    gain = np.minimum(gain[offset : offset + count], 1.0)
    places = (np.arange(count) + 0.5) * hop
    return np.asarray(signal * np.interp(np.arange(len(signal)), places, gain)[:, None])
