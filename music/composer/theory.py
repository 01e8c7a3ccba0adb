"""Notes, scales, chords and voice leading. Pitches are MIDI numbers (60 = middle C)."""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import dataclass

_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"": 0, "#": 1, "b": -1}
_QUALITIES: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "5": (0, 7),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11),
    "9": (0, 4, 7, 10, 14),
    "m9": (0, 3, 7, 10, 14),
    "maj9": (0, 4, 7, 11, 14),
    "add9": (0, 4, 7, 14),
    "madd9": (0, 3, 7, 14),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "7sus4": (0, 5, 7, 10),
    "dim": (0, 3, 6),
    "dim7": (0, 3, 6, 9),
    "m7b5": (0, 3, 6, 10),
    "aug": (0, 4, 8),
    "7b9": (0, 4, 7, 10, 13),
    "maj7#11": (0, 4, 7, 11, 18),
}
_MODES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
}
_SYMBOL = re.compile(r"([A-G])([#b]?)([^/]*)(?:/([A-G])([#b]?))?")


@dataclass(frozen=True, slots=True)
class Chord:
    """Pitch classes from the root upwards, and the one in the bass."""

    tones: tuple[int, ...]
    bass: int

    @property
    def root(self) -> int:
        """Pitch class of the root."""
        return self.tones[0]

    @classmethod
    def parse(cls, symbol: str) -> Chord:
        """Read a symbol such as `F#m7` or `C/E`; ValueError for an unknown one."""
        match = _SYMBOL.fullmatch(symbol)
        if match is None or match[3] not in _QUALITIES:
            raise ValueError(f"{symbol!r} is no chord; known: {', '.join(_QUALITIES)}")
        root = _LETTERS[match[1]] + _ACCIDENTALS[match[2]]
        tones = tuple((root + step) % 12 for step in _QUALITIES[match[3]])
        bass = _LETTERS[match[4]] + _ACCIDENTALS[match[5]] if match[4] else root
        return cls(tones, bass % 12)


@dataclass(frozen=True, slots=True)
class Slot:
    """One chord with its place, in beats from the piece's start."""

    start: float
    beats: float
    chord: Chord


def progression(text: str, beats_per_bar: float, start: float = 0.0) -> list[Slot]:
    """Read `D A/C# | Bm7 | G`: bars between strokes, chords share their bar evenly."""
    slots: list[Slot] = []
    for number, bar in enumerate(text.split("|")):
        symbols = bar.split()
        length = beats_per_bar / len(symbols)
        for place, symbol in enumerate(symbols):
            at = start + number * beats_per_bar + place * length
            slots.append(Slot(at, length, Chord.parse(symbol)))
    return slots


@dataclass(frozen=True, slots=True)
class Scale:
    """Seven tones on a tonic."""

    tonic: int
    steps: tuple[int, ...]

    @classmethod
    def parse(cls, key: str) -> Scale:
        """Read a key such as `F# phrygian`."""
        note, mode = key.split()
        return cls((_LETTERS[note[0]] + _ACCIDENTALS[note[1:]]) % 12, _MODES[mode])

    def pitch(self, degree: int, base: int, chord: Chord | None = None) -> int:
        """Degree 0 is the tonic at `base`; a chord that alters a tone alters it here too."""
        octave, step = divmod(degree, 7)
        pitch = base + 12 * octave + self.steps[step]
        if chord is not None and pitch % 12 not in chord.tones:
            own = {(self.tonic + one) % 12 for one in self.steps}
            for shift in (1, -1):
                tone = (pitch + shift) % 12
                if tone in chord.tones and tone not in own:
                    return pitch + shift
        return pitch

    def near(self, center: float) -> int:
        """The tonic's pitch nearest to a pitch."""
        return nearest(self.tonic, center)


@dataclass(frozen=True, slots=True)
class Passage:
    """A section's chords one after the other, and the scale and metre they stand in."""

    slots: list[Slot]
    scale: Scale
    bar_beats: float

    @property
    def start(self) -> float:
        """The first beat."""
        return self.slots[0].start

    @property
    def end(self) -> float:
        """The beat after the last one."""
        return self.slots[-1].start + self.slots[-1].beats

    @property
    def bars(self) -> int:
        """How many bars it lasts."""
        return round((self.end - self.start) / self.bar_beats)

    def index(self, beat: float) -> int:
        """Which slot sounds at a beat (the last one after the end)."""
        for number, slot in enumerate(self.slots):
            if beat < slot.start + slot.beats - 1e-6:
                return number
        return len(self.slots) - 1

    def chord(self, beat: float) -> Chord:
        """The chord that sounds at a beat."""
        return self.slots[self.index(beat)].chord


def nearest(pitch_class: int, center: float) -> int:
    """The pitch of a class that lies nearest to `center`, the lower one of two."""
    below = int(center) - (int(center) - pitch_class) % 12
    return min((below, below + 12), key=lambda pitch: abs(pitch - center))


def voice_led(slots: list[Slot], center: float, voices: int) -> list[tuple[int, ...]]:
    """One voicing for each chord, so that the voices move little (Viterbi over candidates)."""
    paths: list[tuple[float, list[tuple[int, ...]]]] = []
    for slot in slots:
        candidates = _voicings(slot.chord, center, voices)
        if not paths:
            paths = [(cost, [voicing]) for voicing, cost in candidates]
            continue
        following = []
        for voicing, cost in candidates:
            total, history = min(
                ((so_far + _motion(past[-1], voicing), past) for so_far, past in paths),
                key=lambda pair: pair[0],
            )
            following.append((total + cost, [*history, voicing]))
        paths = following
    return min(paths, key=lambda pair: pair[0])[1]


@functools.cache
def _voicings(chord: Chord, center: float, voices: int) -> list[tuple[tuple[int, ...], float]]:
    """The dozen best voicings of a chord by itself, with their costs."""
    reach = range(round(center) - 10, round(center) + 11)
    pitches = [pitch for pitch in reach if pitch % 12 in chord.tones]
    scored = []
    for voicing in itertools.combinations(pitches, min(voices, len(pitches))):
        gaps = [high - low for low, high in itertools.pairwise(voicing)]
        cost = 0.3 * abs(sum(voicing) / len(voicing) - center)
        cost += 4.0 * sum(gap < 2 for gap in gaps) + 1.5 * sum(gap > 9 for gap in gaps)
        cost += 2.0 * max(0, voicing[-1] - voicing[0] - 17)
        present = [pitch % 12 for pitch in voicing]
        # Third (or its suspension) and the tones above the fifth make the colour.
        cost += sum(
            (6.0 if index == 1 or index >= 3 else 2.0)
            for index, tone in enumerate(chord.tones)
            if tone not in present
        )
        if len(chord.tones) > 2:
            cost += 1.5 * max(0, present.count(chord.tones[1]) - 1)
        scored.append((voicing, cost))
    return sorted(scored, key=lambda pair: pair[1])[:12]


@functools.cache
def _motion(before: tuple[int, ...], after: tuple[int, ...]) -> float:
    cost = float(sum(abs(a - b) for a, b in zip(before, after, strict=False)))
    cost += 0.5 * abs(after[-1] - before[-1])
    outer = (after[0] - before[0], after[-1] - before[-1])
    if outer[0] * outer[1] > 0:
        interval = (after[-1] - after[0]) % 12
        if interval in {0, 7} and interval == (before[-1] - before[0]) % 12:
            cost += 4.0  # parallel octaves or fifths between the outer voices
    return cost
