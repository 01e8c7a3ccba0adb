"""From a piece to notes in seconds: every part's line, expression and the drum strokes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from . import melody, patterns
from .grooves import GROOVES
from .score import Note, Piece, Section
from .theory import Passage, Scale, progression, voice_led


@dataclass(frozen=True, slots=True)
class Sound:
    """One note to render: seconds instead of beats, expression included."""

    at: float
    seconds: float
    pitch: int
    velocity: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One drum stroke to render."""

    at: float
    drum: str
    velocity: float


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Everything that is played."""

    seconds: float  # until the last beat ends
    parts: dict[str, list[Sound]]
    hits: list[Hit]


class _Clock:
    """Beats to seconds: swing, and a slowing down at the end."""

    def __init__(self, piece: Piece, beats: float) -> None:
        self._swing = piece.swing
        self._beats = np.arange(0, beats + 8, 1 / 16)
        slowing = np.zeros(len(self._beats))
        if piece.slowing_beats:
            into = (self._beats - (beats - piece.slowing_beats)) / piece.slowing_beats
            slowing = 0.45 * np.clip(into, 0, 1) ** 1.5
        seconds = np.cumsum(1 + slowing) * 60 / piece.bpm / 16
        self._seconds = np.concatenate(([0.0], seconds[:-1]))

    def seconds(self, beat: float) -> float:
        moved = patterns.swung(max(beat, 0.0), self._swing)
        return float(np.interp(moved, self._beats, self._seconds))


@dataclass(frozen=True, slots=True)
class _Scene:
    """One section in its place."""

    section: Section
    passage: Passage

    def loudness(self, beat: float) -> float:
        """Velocity factor as the section grows or fades."""
        progress = (beat - self.passage.start) / (self.passage.end - self.passage.start)
        first, last = self.section.energy
        return 0.35 + 0.65 * (first + (last - first) * progress)


def arrange(piece: Piece) -> Arrangement:
    """Play every section of the form through."""
    scale = Scale.parse(piece.key)
    scenes: list[_Scene] = []
    beat = 0.0
    for section in piece.form:
        slots = progression(section.chords, piece.bar_beats, beat)
        scenes.append(_Scene(section, Passage(slots, scale, piece.bar_beats)))
        beat = scenes[-1].passage.end
    clock = _Clock(piece, beat)
    parts = {name: _part(piece, name, scenes, clock) for name in piece.parts}
    return Arrangement(clock.seconds(beat), parts, _drums(piece, scenes, clock))


def _part(piece: Piece, name: str, scenes: list[_Scene], clock: _Clock) -> list[Sound]:
    """One part through the whole piece: its chords are led across the sections' borders."""
    part = piece.parts[name]
    slots = [slot for scene in scenes for slot in scene.passage.slots]
    voicings = voice_led(slots, part.center, part.voices)
    chance = piece.chance("expression", name)
    sounds: list[Sound] = []
    first = 0
    for scene in scenes:
        count = len(scene.passage.slots)
        for note in _line(piece, name, scene, voicings[first : first + count]):
            at, until = clock.seconds(note.start), clock.seconds(note.start + note.beats)
            # As a player gives it: never quite on time, never twice as loud.
            late = abs(chance.normal(0, piece.looseness_seconds))
            velocity = note.velocity * scene.loudness(note.start) * chance.uniform(0.92, 1.06)
            length = max(0.04, (until - at) * part.gate)
            sounds.append(Sound(at + late, length, note.pitch, min(1.0, velocity)))
        first += count
    return sounds


def _line(piece: Piece, name: str, scene: _Scene, voicings: patterns.Voicings) -> list[Note]:
    """What one part plays in one section, in beats."""
    section, passage = scene.section, scene.passage
    if name not in section.layers:
        return []
    role, *shift = section.layers[name].split()
    if role not in {"tune", "below", "above"}:
        return patterns.play(role, passage, voicings, piece.parts[name].center)
    motifs = {key: melody.parse_motif(text) for key, text in piece.motifs.items()}
    plain = section.tune.replace("~", "")
    # The same tune over the same chords comes out the same: that is what makes a form heard.
    chance = piece.chance("tune", plain, section.chords)
    notes = melody.compose(plain, motifs, passage, piece.tune_center, chance)
    if "~" in section.tune:
        notes = melody.ornamented(notes, passage, piece.chance("ornament", section.tune))
    if role == "below":
        notes = melody.beside(notes, passage, range(-9, -2))
    if role == "above":
        notes = melody.beside(notes, passage, range(3, 10))
    return [replace(note, pitch=note.pitch + int(shift[0] if shift else 0)) for note in notes]


def _drums(piece: Piece, scenes: list[_Scene], clock: _Clock) -> list[Hit]:
    chance = piece.chance("drums")
    hits = []
    for scene in scenes:
        if "drums" not in scene.section.layers:
            continue
        groove = GROOVES[scene.section.layers["drums"]]
        strokes = patterns.drum_hits(groove, scene.passage, scene.section.fill, chance)
        for beat, drum, velocity in strokes:
            late = abs(chance.normal(0, piece.looseness_seconds * 0.6))
            hits.append(Hit(clock.seconds(beat) + late, drum, velocity * scene.loudness(beat)))
    return hits
