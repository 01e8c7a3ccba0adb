"""Melodies: short motifs, developed over a progression.

A motif is written `4:1 5:.5 r:.5 …`: scale degree (0 = tonic, 7 = its octave, r = rest) and
beats. A tune is a line of slots, each a motif's name and how it comes:

    a   as written      a+  as a sequence, moved   a-  inverted
    a~  ornamented      a<  its head, twice        a.  its head, then rest on the tonic chord
    a,  its head, then wait on a chord tone        _4  four beats of silence

Where each slot lies in the scale is searched: strong notes want chord tones, joints want
small steps, the whole wants to stay in register.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from .score import Note
from .theory import Passage

Motif = list[tuple[float, int | None]]  # (beats, degree or rest)


def parse_motif(text: str) -> Motif:
    """Read `4:1 r:.5 …`."""
    pairs = (token.split(":") for token in text.split())
    return [(float(beats), None if degree == "r" else int(degree)) for degree, beats in pairs]


def compose(
    tune: str,
    motifs: dict[str, Motif],
    passage: Passage,
    center: float,
    chance: np.random.Generator,
) -> list[Note]:
    """The melody over a section, around a pitch; its slots must fill the section exactly."""
    search = _Search(passage, passage.scale.near(center - 5), center, chance)
    beat = passage.start
    notes: list[Note] = []
    for token in tune.split():
        if token[0] == "_":
            beat += float(token[1:])
            continue
        shape = _shaped(motifs[token[0]], token[1:])
        notes += search.placed(shape, token[1:], beat, notes)
        beat += sum(beats for beats, _ in shape)
    if abs(beat - passage.end) > 1e-6:
        length = passage.end - passage.start
        raise ValueError(f"tune {tune!r} lasts {beat - passage.start} beats, its section {length}")
    return notes


def _head(motif: Motif, beats: float) -> Motif:
    head: Motif = []
    for length, degree in motif:
        if beats <= 1e-6:
            break
        head.append((min(length, beats), degree))
        beats -= length
    return head


def _shaped(motif: Motif, how: str) -> Motif:
    """The motif's rhythm and contour after its development; as long as before."""
    total = sum(beats for beats, _ in motif)
    if how == "-":
        first = next(degree for _, degree in motif if degree is not None)
        return [(b, None if d is None else 2 * first - d) for b, d in motif]
    if how == "<":
        half = _head(motif, total / 2)
        return [*half, *((b, None if d is None else d + 1) for b, d in half)]
    if how in {".", ","}:
        head = _head(motif, total / 2)
        last = [degree for _, degree in head if degree is not None][-1]
        return [*head, (total / 2, last)]
    return motif


@dataclass(frozen=True, slots=True)
class _Search:
    """Where a shape best lies over a passage; `base` is the pitch of degree 0."""

    passage: Passage
    base: int
    center: float
    chance: np.random.Generator

    def placed(self, shape: Motif, how: str, beat: float, before: list[Note]) -> list[Note]:
        """The best of the shape's transpositions, as notes."""
        written = [degree for _, degree in shape if degree is not None]
        ranked: list[tuple[float, int, list[Note]]] = []
        for offset in range(-5, 6):
            if how == "+" and offset == 0:
                continue
            notes, moved = self._fitted(shape, offset, beat)
            cost = 2.0 * moved + self._strangeness(notes, before, how)
            cost += 1.2 * abs(_repeats([note.pitch for note in notes]) - _repeats(written))
            cost += 0.2 * abs(abs(offset) - 1.5) if how == "+" else 0.45 * abs(offset)
            ranked.append((cost + self.chance.uniform(0, 0.5), offset, notes))
        return min(ranked)[2]

    def _strangeness(self, notes: list[Note], before: list[Note], how: str) -> float:
        """How far from register, from the note before, and from a fitting end."""
        average = sum(note.pitch for note in notes) / len(notes)
        cost = 0.35 * max(0.0, abs(average - self.center) - 3)
        if how == "." and notes[-1].pitch % 12 != self.passage.slots[-1].chord.root:
            cost += 4.0  # a cadence ends on the root where it can
        if before:
            leap = abs(notes[0].pitch - before[-1].pitch)
            cost += 0.15 * leap + (0.6 if leap == 0 else 0.0) + (2.0 if leap > 9 else 0.0)
        return cost

    def _fitted(self, shape: Motif, offset: int, beat: float) -> tuple[list[Note], int]:
        """Notes of a transposed shape, strong ones on chord tones; and how many long ones
        had to move for that."""
        notes: list[Note] = []
        moved = 0
        for beats, degree in shape:
            if degree is not None:
                chord = self.passage.chord(beat)
                pitch = self.passage.scale.pitch(degree + offset, self.base, chord)
                place = (beat - self.passage.start) % (self.passage.bar_beats / 2)
                if (beats >= 1 or place < 1e-6) and pitch % 12 not in chord.tones:
                    before = notes[-1].pitch if notes else pitch
                    pitch = _chord_tone(pitch, chord.tones, before)
                    moved += beats >= 1
                accent = 0.08 if abs(beat - round(beat)) < 1e-6 else 0.0
                notes.append(Note(beat, beats, pitch, 0.72 + accent))
            beat += beats
        return self._without_stray_leaps(notes), moved

    def _without_stray_leaps(self, notes: list[Note]) -> list[Note]:
        """Non-chord tones are left by step; one that would leap becomes a chord tone."""
        out = list(notes)
        for index, note in enumerate(notes[:-1]):
            tones = self.passage.chord(note.start).tones
            if note.pitch % 12 not in tones and abs(notes[index + 1].pitch - note.pitch) > 2:
                out[index] = replace(note, pitch=_chord_tone(note.pitch, tones, note.pitch))
        return out


def _repeats(line: list[int]) -> int:
    """How often a line stays where it is."""
    return sum(one == other for one, other in itertools.pairwise(line))


def _chord_tone(pitch: int, tones: tuple[int, ...], avoided: int) -> int:
    """The nearest pitch of a chord, rather not the avoided one."""
    near = [other for other in range(pitch - 6, pitch + 7) if other % 12 in tones]
    costs = [(abs(other - pitch) + (other == avoided), other) for other in near]
    return min(costs)[1]


def ornamented(notes: list[Note], passage: Passage, chance: np.random.Generator) -> list[Note]:
    """Passing notes inside thirds, a turn on long notes: the tune when it comes back."""
    base = passage.scale.near(60)
    ladder = [passage.scale.pitch(degree, base) for degree in range(-28, 35)]
    out: list[Note] = []
    for index, note in enumerate(notes):
        following = notes[index + 1] if index + 1 < len(notes) else None
        passing = _passing(note, following, ladder)
        upper = min(pitch for pitch in ladder if pitch > note.pitch)
        if passing and chance.uniform() < 0.75:
            out += passing
        elif note.beats >= 1.5 and index % 2 == 0 and chance.uniform() < 0.7:
            out += [
                replace(note, beats=0.25),
                Note(note.start + 0.25, 0.25, upper, 0.6),
                Note(note.start + 0.5, note.beats - 0.5, note.pitch, 0.7),
            ]
        else:
            out.append(note)
    return out


def _passing(note: Note, following: Note | None, ladder: list[int]) -> list[Note]:
    """The note and a step between it and its neighbour a third away; nothing where none fits."""
    if following is None or note.beats < 0.75 or abs(following.pitch - note.pitch) not in {3, 4}:
        return []
    if following.start - note.start - note.beats > 0.01:
        return []
    low, high = sorted((note.pitch, following.pitch))
    between = [pitch for pitch in ladder if low < pitch < high]
    if not between:
        return []
    first = note.beats / 2 if note.beats < 2 else note.beats - 0.5
    step = Note(note.start + first, note.beats - first, between[0], 0.62)
    return [replace(note, beats=first), step]


def beside(notes: list[Note], passage: Passage, reach: range) -> list[Note]:
    """A second voice at a third or so: chord tones under long notes, scale tones under short.

    `reach` holds the intervals allowed, in semitones.
    """
    own = {(passage.scale.tonic + step) % 12 for step in passage.scale.steps}
    out: list[Note] = []
    for note in notes:
        allowed = set(passage.chord(note.start).tones) if note.beats >= 1 else own
        fits = [note.pitch + step for step in reach if (note.pitch + step) % 12 in allowed]
        if fits:
            last = out[-1].pitch if out else fits[0]
            pitch = min((abs(other - last), other) for other in fits)[1]
            out.append(replace(note, pitch=pitch, velocity=note.velocity * 0.85))
    return out
