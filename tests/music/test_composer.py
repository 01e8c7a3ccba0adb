"""The composing script's own rules: chords, voice leading, melodies, loudness."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from composer.arrange import arrange
from composer.dsp import SAMPLE_RATE, filtered, lowpass
from composer.loudness import integrated, true_peak
from composer.melody import compose, parse_motif
from composer.patterns import play, swung
from composer.pieces import PIECES
from composer.score import Piece
from composer.theory import Chord, Passage, Scale, progression, voice_led
from hypothesis import given
from hypothesis import strategies as st

SYMBOLS = ("C", "Am7", "F", "G7", "Dm", "E7", "Fmaj9", "Bdim", "C/E", "Gsus4", "Bb", "A7b9")
every_piece = pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name)


@given(st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=8), st.integers(48, 72))
def test_voices_sing_the_chord_and_move_little(symbols: list[str], center: int) -> None:
    slots = progression(" | ".join(symbols), 4)
    voicings = voice_led(slots, center, 4)
    for slot, voicing in zip(slots, voicings, strict=True):
        assert {pitch % 12 for pitch in voicing} <= set(slot.chord.tones)
        assert list(voicing) == sorted(set(voicing))
    for before, after in itertools.pairwise(voicings):
        moves = [abs(a - b) for a, b in zip(before, after, strict=False)]
        assert sum(moves) / len(moves) <= 5


def test_an_unknown_chord_is_named() -> None:
    with pytest.raises(ValueError, match="'Hm7' is no chord"):
        Chord.parse("Hm7")


def test_a_scale_bends_to_the_chord() -> None:
    minor = Scale.parse("A minor")
    assert minor.pitch(6, 57) == 67  # g
    assert minor.pitch(6, 57, Chord.parse("E7")) == 68  # g sharp


@given(st.integers(0, 2**32 - 1), st.sampled_from(["a a+ a a.", "a a- a< a,", "a _8 a a."]))
def test_long_notes_of_a_melody_belong_to_their_chords(seed: int, tune: str) -> None:
    slots = progression("C | G | Am | F | C | Dm7 | G7 | C", 4)
    passage = Passage(slots, Scale.parse("C major"), 4)
    motifs = {"a": parse_motif("4:1 5:.5 4:.5 2:1 1:1 2:.5 1:.5 0:2 r:1")}
    for note in compose(tune, motifs, passage, 72, np.random.default_rng(seed)):
        assert 55 <= note.pitch <= 89
        if note.beats >= 1:
            assert note.pitch % 12 in passage.chord(note.start).tones


def test_a_tune_that_does_not_fill_its_section_is_refused() -> None:
    passage = Passage(progression("C | G", 4), Scale.parse("C major"), 4)
    with pytest.raises(ValueError, match=r"lasts 4.0 beats, its section 8"):
        compose("a", {"a": parse_motif("0:4")}, passage, 60, np.random.default_rng(0))


def test_a_pattern_is_read_as_written() -> None:
    passage = Passage(progression("C | F", 4), Scale.parse("C major"), 4)
    notes = play("R--F|x.O-", passage, [(60, 64, 67), (60, 65, 69)], 48)
    assert [(n.start, n.beats, n.pitch) for n in notes] == [
        (0, 3, 48),
        (3, 1, 55 if abs(55 - 50) < abs(43 - 50) else 43),
        (4, 1, 60),
        (4, 1, 65),
        (4, 1, 69),
        (6, 2, 65),
    ]


@given(st.floats(0, 1000), st.floats(0, 1000), st.floats(0.5, 0.75))
def test_swing_keeps_order_and_pairs(one: float, other: float, share: float) -> None:
    early, late = sorted((one, other))
    assert swung(early, (0.5, share)) <= swung(late, (0.5, share)) + 1e-9
    assert swung(7.0, (0.5, share)) == 7.0


def test_loudness_of_the_standards_own_example() -> None:
    """A full-scale sine of 997 Hz on one channel has -3.01 LUFS (BS.1770-4, annex 1)."""
    times = np.arange(5 * SAMPLE_RATE) / SAMPLE_RATE
    sine = np.sin(2 * np.pi * 997 * times)
    assert integrated(sine) == pytest.approx(-3.01, abs=0.05)
    assert integrated(np.stack([sine, sine], axis=1)) == pytest.approx(0.0, abs=0.05)
    assert integrated(np.zeros(SAMPLE_RATE)) == float("-inf")


def test_true_peak_sees_between_samples() -> None:
    times = np.arange(SAMPLE_RATE)
    sine = np.sin(np.pi / 2 * times + np.pi / 4)  # every sample at 0.707
    assert np.abs(sine).max() == pytest.approx(0.707, abs=0.001)
    assert true_peak(sine) == pytest.approx(1.0, abs=0.01)


def test_a_lowpass_lets_lows_through() -> None:
    times = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    low, high = np.sin(2 * np.pi * 100 * times), np.sin(2 * np.pi * 8000 * times)
    assert np.abs(filtered(low, lowpass(1000))).max() == pytest.approx(1, abs=0.05)
    assert np.abs(filtered(high, lowpass(1000))[1000:-1000]).max() < 0.05


@every_piece
def test_a_piece_is_worked_out_alike_each_time(piece: Piece) -> None:
    first, again = arrange(piece), arrange(piece)
    assert first == again
    assert 50 < first.seconds < 76
    for name, sounds in first.parts.items():
        assert sounds, f"{name} never plays"
        assert all(24 <= sound.pitch <= 108 for sound in sounds), name
