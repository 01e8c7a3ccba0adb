"""Accompaniment: patterns of one character a step, each bar divided by its length.

    . rest   - hold on          x X  the whole chord, X accented   u  its upper three voices
    0-5  one voice of the chord, from the bottom                    D U  strum down, up
    R F O T  bass: root, fifth, octave, third; A leads to the next root
    p P  power chord, p short and muted                             a-h  scale steps from the root
Bars are divided by `|` and come round again; `hold` keeps each chord, common tones tied.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .score import Note
from .theory import Passage, nearest

Voicings = list[tuple[int, ...]]


def play(pattern: str, passage: Passage, voicings: Voicings, center: float) -> list[Note]:
    """The notes of one part over one section; `voicings` has one for each slot."""
    if pattern == "hold":
        return _held(passage, voicings)
    notes: list[Note] = []
    for at, beats, symbol in _steps(pattern, passage):
        if symbol not in ".-":
            index = passage.index(at)
            notes += _Step(at, beats, passage, index, voicings[index], center).sounded(symbol)
    return notes


def _steps(pattern: str, passage: Passage) -> list[tuple[float, float, str]]:
    """(beat, beats, symbol), with `-` added to what it prolongs."""
    bars = pattern.split("|")
    steps: list[tuple[float, float, str]] = []
    for number in range(passage.bars):
        bar = bars[number % len(bars)]
        step = passage.bar_beats / len(bar)
        for place, symbol in enumerate(bar):
            if symbol == "-" and steps:
                begun, beats, before = steps[-1]
                steps[-1] = (begun, beats + step, before)
            else:
                at = passage.start + number * passage.bar_beats + place * step
                steps.append((at, step, symbol))
    return steps


def _held(passage: Passage, voicings: Voicings) -> list[Note]:
    """Each voicing for its chord's length; what two neighbours share is not struck again."""
    notes: list[Note] = []
    sounding: dict[int, float] = {}
    for index, (slot, voicing) in enumerate(zip(passage.slots, voicings, strict=True)):
        following = voicings[index + 1] if index + 1 < len(voicings) else ()
        for pitch in voicing:
            sounding.setdefault(pitch, slot.start)
            # A tie over two bars at most: longer ones sound like an organ point.
            if pitch not in following or slot.start - sounding[pitch] > 4:
                begun = sounding.pop(pitch)
                notes.append(Note(begun, slot.start + slot.beats - begun, pitch, 0.6))
    return notes


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of a pattern where it stands."""

    at: float
    beats: float
    passage: Passage
    index: int  # of the chord
    voicing: tuple[int, ...]
    center: float

    def sounded(self, symbol: str) -> list[Note]:
        """The notes of one symbol."""
        accent = 0.08 if abs(self.at - round(self.at)) < 1e-6 else 0.0
        if symbol in "xXu":
            velocity = {"x": 0.62 + accent, "X": 0.85, "u": 0.55}[symbol]
            struck = self.voicing[-3:] if symbol == "u" else self.voicing
            return [Note(self.at, self.beats, pitch, velocity) for pitch in struck]
        if symbol in "DU":
            return self._strum(symbol, accent)
        if symbol in "pP":
            velocity, length = (0.6, min(self.beats, 0.22)) if symbol == "p" else (0.9, self.beats)
            return [Note(self.at, length, self._root() + up, velocity) for up in (0, 7, 12)]
        if symbol.isdigit():
            octave, voice = divmod(int(symbol), len(self.voicing))
            pitch = self.voicing[voice] + 12 * octave
        else:
            pitch = self._bass(symbol) if symbol in "RFOTA" else self._above(symbol)
        return [Note(self.at, self.beats, pitch, 0.66 + accent)]

    def _strum(self, symbol: str, accent: float) -> list[Note]:
        struck = self.voicing if symbol == "D" else self.voicing[:-4:-1]
        velocity = 0.72 + accent if symbol == "D" else 0.5
        return [
            Note(self.at + 0.022 * order, self.beats - 0.022 * order, pitch, velocity)
            for order, pitch in enumerate(struck)
        ]

    def _root(self) -> int:
        return nearest(self.passage.slots[self.index].chord.bass, self.center)

    def _bass(self, symbol: str) -> int:
        chord = self.passage.slots[self.index].chord
        root = self._root()
        if symbol == "F":
            return nearest(chord.tones[min(2, len(chord.tones) - 1)], self.center + 2)
        if symbol == "A":
            following = self.passage.slots[(self.index + 1) % len(self.passage.slots)]
            goal = nearest(following.chord.bass, self.center)
            return goal - 1 if goal >= root else goal + 2
        return root + {"R": 0, "O": 12, "T": (chord.tones[1] - chord.bass) % 12}[symbol]

    def _above(self, symbol: str) -> int:
        """The n-th scale tone above the root, leaning to the chord's own alterations."""
        scale, tones = self.passage.scale, self.passage.slots[self.index].chord.tones
        own = {(scale.tonic + step) % 12 for step in scale.steps}
        foreign = set(tones) - own
        pitch = self._root()
        kept = {tone for tone in own if not {(tone + 1) % 12, (tone - 1) % 12} & foreign}
        classes = kept | foreign | {pitch % 12}
        for _ in range(ord(symbol) - ord("a")):
            pitch += 1
            while pitch % 12 not in classes:
                pitch += 1
        return pitch


def swung(beat: float, swing: tuple[float, float]) -> float:
    """A beat moved by swing: `(grid, share)` gives the first of two grid steps that share."""
    grid, share = swing
    pair, rest = divmod(beat, 2 * grid)
    early = 2 * grid * share
    if rest < grid:
        return float(pair * 2 * grid + rest * early / grid)
    return float(pair * 2 * grid + early + (rest - grid) * (2 * grid - early) / grid)


def drum_hits(
    groove: dict[str, str], passage: Passage, fill: bool, chance: np.random.Generator
) -> list[tuple[float, str, float]]:
    """Strokes (beat, drum, velocity) of a groove: `x` normal, `X` loud, `o` soft."""
    levels = {"x": 0.75, "X": 1.0, "o": 0.4}
    turn = passage.end - 0.5 * passage.bar_beats  # from here on a fill takes over
    hits = []
    for drum, line in groove.items():
        for beat, _, symbol in _steps(line, passage):
            filled = fill and beat >= turn and drum not in {"kick", "hard_kick"}
            if symbol in levels and not filled:
                hits.append((beat, drum, levels[symbol] * chance.uniform(0.9, 1.0)))
    if fill:
        hits += _fill(groove, turn, passage.bar_beats / 2, chance)
    return sorted(hits)


def _fill(
    groove: dict[str, str], start: float, beats: float, chance: np.random.Generator
) -> list[tuple[float, str, float]]:
    """Half a bar down the drums, growing."""
    snare = next((drum for drum in groove if drum in {"snare", "hard_snare", "clap"}), "tom_high")
    steps = round(beats * 4)
    order = [snare if place < steps / 2 else "tom_high" for place in range(steps)]
    order[-max(1, steps // 4) :] = ["tom_low"] * max(1, steps // 4)
    return [
        (start + place * beats / steps, drum, 0.5 + 0.45 * place / steps)
        for place, drum in enumerate(order)
        if place % 2 == 0 or chance.uniform() < 0.7
    ]
