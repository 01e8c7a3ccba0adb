"""What a piece is made of: parts, sections and notes. Beats are quarter notes."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, slots=True)
class Note:
    """One note of one part; `start` in beats from the piece's start, velocity 0..1."""

    start: float
    beats: float
    pitch: int
    velocity: float


@dataclass(frozen=True, slots=True)
class Part:
    """Who plays, where and how. `level` is loudness in decibels against the other parts."""

    instrument: str
    level: float = 0.0
    center: float = 60  # MIDI pitch around which it plays
    pan: float = 0.0
    send: float = 0.25  # share that goes into the room
    voices: int = 4
    gate: float = 1.0  # length of notes against what is written
    drive: float = 0.0  # amplifier gain; 0 is clean
    double: bool = False  # played twice, left and right
    echo: float = 0.0  # level of the dotted-eighth echo
    duck: float = 0.0  # how far the kick pushes it down


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of the form.

    `chords`: see `theory.progression`. `layers`: part name -> pattern (see `patterns`), where
    `tune`, `below` and `above` follow the melody; `drums` names a groove. `tune`: see `melody`.
    `energy` runs from the first value to the second.
    """

    chords: str
    layers: Mapping[str, str]
    tune: str = ""
    energy: tuple[float, float] = (0.8, 0.8)
    fill: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """Reverberation: time to fall by 60 dB, share of wet sound, 0 dark .. 1 bright."""

    seconds: float
    wet: float = 0.3
    brightness: float = 0.6


@dataclass(frozen=True, slots=True)
class Piece:
    """Everything that the composer decided; the rest follows from it and the seed."""

    name: str
    title: str
    artist: str
    album: str
    genre: str
    mood: str
    valence: float
    arousal: float
    bpm: float  # quarter notes a minute
    key: str
    seed: int
    motifs: Mapping[str, str]
    parts: Mapping[str, Part]
    form: tuple[Section, ...]
    bar_beats: float = 4.0
    tune_center: float = 72
    swing: tuple[float, float] = (0.5, 0.5)  # grid in beats, share of the first of two steps
    slowing_beats: float = 0.0  # at the end
    looseness_seconds: float = 0.004
    room: Room = field(default_factory=lambda: Room(1.2))
    drum_send: float = 0.12
    drum_level: float = 0.0
    drum_drive: float = 0.0
    air: float = 0.0  # decibels above 3 kHz
    glue: float = 0.3  # share of the master compressor

    def chance(self, *names: object) -> np.random.Generator:
        """A generator of its own for everything that is named, from the piece's seed."""
        text = "/".join(str(name) for name in (self.seed, *names))
        return np.random.default_rng(zlib.crc32(text.encode()))
