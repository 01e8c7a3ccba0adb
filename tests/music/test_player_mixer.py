"""Mixing, to the sample: fades, change-overs, cross-fades, volume, balance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.music.decode import RATE
from device.music.gain import loudness_gain, volume_gain
from device.music.mixer import Mixer
from device.types import PlayerState, TrackEnded, TrackId, TrackStarted
from tests.music.capture import amplitude_at, decibels, longest_silence_seconds, rms, sharpest_bend
from tests.music.sources import CHUNK, ArraySource, Hesitant, level, render, sine, track


def test_a_queued_track_follows_to_the_sample() -> None:
    mixer = Mixer(1.0, 100)
    whole = sine(440, 2.0)
    cut = 51_111
    mixer.play(track("a"), ArraySource(whole[:cut]), 0.0)
    mixer.queue(track("b"), ArraySource(whole[cut:]))
    sound = render(mixer, 2.0)
    np.testing.assert_allclose(sound[1000 : len(whole)], whole[1000 : len(sound)], atol=1e-6)
    assert mixer.events[:3] == [
        TrackStarted(TrackId("a")),
        TrackEnded(TrackId("a")),
        TrackStarted(TrackId("b")),
    ]


def test_very_short_tracks_follow_each_other_within_one_chunk() -> None:
    mixer = Mixer(1.0, 100)
    mixer.play(track("a"), ArraySource(level(0.01)), 0.0)
    mixer.queue(track("b"), ArraySource(level(0.02)))
    sound = mixer.render(CHUNK)
    assert longest_silence_seconds(sound[: round(0.03 * RATE)]) < 0.001
    assert [type(event) for event in mixer.events] == [TrackStarted, TrackEnded] * 2
    assert mixer.state is PlayerState.STOPPED


@pytest.mark.parametrize("fade", [0.5, 1.5])
def test_a_cross_fade_keeps_the_energy_within_a_decibel(fade: float) -> None:
    mixer = Mixer(fade, 100)
    mixer.play(track("a"), ArraySource(sine(440, 8)), 0.0)
    before = render(mixer, 1.0)[RATE // 2 :]
    mixer.play(track("b"), ArraySource(sine(660, 8)), 0.0)
    during = render(mixer, fade)
    after = render(mixer, 1.0)[CHUNK:]
    for part in np.array_split(during, 10):
        assert decibels(rms(part)) == pytest.approx(decibels(rms(before)), abs=1.0)
    assert amplitude_at(during[:CHUNK], 440) > amplitude_at(during[:CHUNK], 660)
    assert amplitude_at(after, 440) < 1e-3
    assert amplitude_at(after, 660) == pytest.approx(0.3, rel=0.01)


def test_the_track_before_sounds_until_the_next_is_ready() -> None:
    mixer = Mixer(0.2, 100)
    mixer.play(track("a"), ArraySource(sine(440, 9)), 0.0)
    render(mixer, 0.4)
    slow = ArraySource(sine(660, 9), ready=False)
    mixer.play(track("b"), slow, 0.0)
    assert amplitude_at(render(mixer, 1.0), 440) == pytest.approx(0.3, rel=0.01)
    slow.ready = True
    render(mixer, 0.4)
    assert amplitude_at(render(mixer, 0.4), 660) == pytest.approx(0.3, rel=0.01)


@pytest.mark.parametrize("asked", range(8))
def test_whenever_the_next_is_ready_both_fade_at_once(asked: int) -> None:
    mixer = Mixer(0.5, 100)
    mixer.play(track("a"), ArraySource(sine(440, 9)), 0.0)
    before = render(mixer, 1.0)[RATE // 2 :]
    mixer.play(track("b"), Hesitant(sine(660, 9), asked), 0.0)
    for part in np.array_split(render(mixer, 2.0), 20):
        assert decibels(rms(part)) == pytest.approx(decibels(rms(before)), abs=1.0)


def test_a_broken_track_lets_the_one_before_fade_and_the_queued_one_start() -> None:
    mixer = Mixer(0.2, 100)
    mixer.play(track("a"), ArraySource(sine(440, 9)), 0.0)
    render(mixer, 0.4)
    mixer.play(track("b"), ArraySource(level(0), error="no music"), 0.0)
    mixer.queue(track("c"), ArraySource(sine(660, 9)))
    mixer.events.clear()
    render(mixer, 0.4)
    assert mixer.events == [TrackEnded(TrackId("b"), "no music"), TrackStarted(TrackId("c"))]
    assert amplitude_at(render(mixer, 0.4), 440) < 1e-3


def test_a_broken_queued_track_is_told_early() -> None:
    mixer = Mixer(0.2, 100)
    mixer.play(track("a"), ArraySource(sine(440, 9)), 0.0)
    mixer.queue(track("b"), ArraySource(level(0), error="no music"))
    mixer.render(CHUNK)
    assert TrackEnded(TrackId("b"), "no music") in mixer.events
    assert mixer.state is PlayerState.PLAYING


def test_pause_fades_and_resume_misses_no_sample() -> None:
    mixer = Mixer(0.3, 100)
    ramp = np.linspace(0.1, 0.5, 5 * RATE, dtype=np.float32)  # its value tells its place
    mixer.play(track("a"), ArraySource(np.repeat(ramp[:, None], 2, axis=1)), 0.0)
    render(mixer, 1.0)
    mixer.pause()
    fading = render(mixer, 0.6)
    assert np.all(np.diff(fading[:, 0]) <= 1e-5)
    assert mixer.current is not None
    held = mixer.current.frames
    assert not mixer.has_work
    assert rms(mixer.render(CHUNK)) == 0.0
    mixer.resume()
    sound = render(mixer, 0.8)
    assert mixer.current.frames == held + len(sound)
    assert sound[-1, 0] == pytest.approx(ramp[mixer.current.frames - 1], rel=1e-4)
    assert np.all(np.diff(sound[:, 0]) >= -1e-6)


def test_a_pause_that_is_taken_back_halfway_turns_without_a_jump() -> None:
    mixer = Mixer(1.0, 100)
    mixer.play(track("a"), ArraySource(level(9)), 0.0)
    render(mixer, 0.4)
    mixer.pause()
    render(mixer, 0.4)
    mixer.resume()
    sound = render(mixer, 1.0)
    assert np.abs(np.diff(sound[:, 0])).max() < 1e-4
    assert sound[-1, 0] == pytest.approx(0.3)


def test_stop_fades_out_and_lets_the_files_go() -> None:
    mixer = Mixer(0.3, 100)
    playing, queued = ArraySource(level(9)), ArraySource(level(9))
    mixer.play(track("a"), playing, 0.0)
    mixer.queue(track("b"), queued)
    render(mixer, 0.4)
    mixer.stop()
    assert mixer.state is PlayerState.STOPPED
    assert queued.closed
    sound = render(mixer, 0.6)
    assert sound[0, 0] == pytest.approx(0.3, rel=0.01)
    assert sound[-1, 0] == 0.0
    assert playing.closed
    assert not mixer.has_work


def test_hasty_changes_leave_two_decks_and_no_click() -> None:
    mixer = Mixer(1.0, 100)
    sources = [ArraySource(sine(300 + 50 * n, 9, 0.2)) for n in range(8)]
    parts = []
    for n, source in enumerate(sources):
        mixer.play(track(str(n)), source, 0.0)
        parts.append(render(mixer, 0.4))
        assert sum(not s.closed for s in sources[: n + 1]) <= 2
    assert sharpest_bend(np.concatenate(parts)) < 0.01


@settings(max_examples=20, deadline=None)
@given(changes=st.lists(st.integers(0, 100), min_size=1, max_size=4))
def test_the_volume_ramps_evenly_to_where_it_was_sent(changes: list[int]) -> None:
    mixer = Mixer(0.0, 50)
    mixer.play(track("a"), ArraySource(level(9)), 0.0)
    mixer.render(CHUNK)
    for percent in changes:
        mixer.set_volume(percent, 50)
        sound = render(mixer, 0.4)[:, 0]
        steps = np.diff(sound)
        assert np.all(steps <= 1e-6) or np.all(steps >= -1e-6)
        assert np.abs(steps).max() < 2e-4
        assert sound[-1] == pytest.approx(0.3 * volume_gain(percent / 100), abs=1e-6)


def test_volumes_are_perceptual() -> None:
    assert volume_gain(0.0) == 0.0
    assert volume_gain(1.0) == 1.0
    assert decibels(volume_gain(0.5)) == pytest.approx(-18.06, abs=0.01)


@pytest.mark.parametrize(
    ("balance", "mono", "left", "right"),
    [
        (0.0, False, 0.4, 0.2),
        (0.5, False, 0.2, 0.2),
        (1.0, False, 0.0, 0.2),
        (-1.0, False, 0.4, 0.0),
        (-0.25, False, 0.4, 0.15),
        (0.0, True, 0.3, 0.3),
        (0.5, True, 0.15, 0.3),
    ],
)
def test_balance_and_mono(balance: float, mono: bool, left: float, right: float) -> None:
    mixer = Mixer(0.0, 100, mono=mono, balance=balance)
    both = np.repeat(np.array([[0.4, 0.2]], np.float32), 2 * RATE, axis=0)
    mixer.play(track("a"), ArraySource(both), 0.0)
    assert render(mixer, 1.0)[-1] == pytest.approx([left, right])


def test_tracks_are_brought_to_one_loudness() -> None:
    assert decibels(loudness_gain(-10.0)) == pytest.approx(-8.0)
    assert decibels(loudness_gain(-18.0)) == pytest.approx(0.0)
    assert decibels(loudness_gain(-50.0)) == pytest.approx(6.0)
    assert loudness_gain(None) < 1.0


def test_a_start_halfway_fades_in_and_a_beginning_keeps_its_attack() -> None:
    for start, expected in ((0.0, 0.3), (30.0, 0.3 * np.sin(np.pi / 4))):
        mixer = Mixer(0.4, 100)
        mixer.play(track("a"), ArraySource(level(9)), start)
        sound = render(mixer, 0.4)
        assert sound[round(0.2 * RATE), 0] == pytest.approx(expected, rel=0.01)
        assert sound[0, 0] < 0.01


def test_what_is_queued_after_nothing_is_forgotten() -> None:
    mixer = Mixer(1.0, 100)
    source = ArraySource(level(1))
    mixer.queue(track("a"), source)
    assert source.closed
    assert not mixer.has_work


def test_a_deck_that_lags_behind_is_waited_for() -> None:
    mixer = Mixer(0.2, 100)
    source = ArraySource(level(9), ready=False)
    mixer.play(track("a"), source, 0.0)
    assert mixer.state is PlayerState.PLAYING
    assert not mixer.has_work
    assert rms(mixer.render(CHUNK)) == 0.0
    assert mixer.events == []
    source.ready = True
    assert mixer.has_work
    assert rms(mixer.render(CHUNK)) > 0.1
