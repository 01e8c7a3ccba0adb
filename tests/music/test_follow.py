"""What follows: joined within an album, else music over music for as long as is wished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from device.music.decode import RATE, decode
from device.music.follow import JOINED, Passage, joins, longest_lead_seconds, passage
from device.music.gain import LIMITED_DB, MAXIMUM_BOOST_DB, loudness_gain
from device.music.heard import enrich
from device.music.listen import VERSION
from device.music.listen.analyse import listen
from device.music.mixer import Mixer
from device.music.stock import Stock
from device.settings import HOME
from device.types import Listened, PlayerState, TrackEnded, TrackId, TrackStarted
from tests.music.capture import amplitude_at, decibels, rms, windows
from tests.music.meter import measured
from tests.music.sources import CHUNK, ArraySource, level, limited, noise, render, sine, track

STARTER = HOME / "music" / "starter"
ALBUM: dict[str, Any] = {"album": "Live", "album_artist": "Band", "disc_number": 1}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, True),
        ({}, {"track_number": 5}, False),
        ({}, {"track_number": 3}, False),
        ({}, {"track_number": None}, False),
        ({"track_number": None}, {"track_number": None}, False),
        ({}, {"disc_number": 2}, False),
        ({}, {"album": "Other"}, False),
        ({"album": None}, {"album": None}, False),
        ({"album": ""}, {"album": ""}, False),
        ({}, {"album_artist": "Another"}, False),
        ({"album_artist": None}, {"album_artist": None}, True),
    ],
)
def test_only_the_albums_next_track_joins(
    before: dict[str, Any], after: dict[str, Any], expected: bool
) -> None:
    third = track("a", **{**ALBUM, "track_number": 3, **before})
    fourth = track("b", **{**ALBUM, "track_number": 4, **after})
    assert joins(third, fourth) is expected
    assert (passage(third, fourth, 3.0) == JOINED) is expected


@pytest.mark.parametrize(
    ("before", "after", "crossfade", "expected"),
    [
        ((60, 0, 0), (60, 0, 0), 3.0, Passage(3, 0, 0)),
        ((60, 0, 0), (60, 0, 0), 0.0, JOINED),
        ((6, 0, 0), (60, 0, 0), 3.0, Passage(2, 0, 0)),
        ((60, 0, 0), (3, 0, 0), 3.0, Passage(1, 0, 0)),
        ((60, 1, 2.5), (60, 0.5, 9), 3.0, Passage(3, 2.5, 0.5)),
        ((60, 0, 30), (60, 0, 0), 3.0, Passage(3, 10, 0)),  # a deck holds no more
        ((60, 55, 40), (60, 0, 0), 3.0, Passage(3, 0, 0)),  # nonsense
        ((0, 0, 0), (60, 0, 0), 3.0, Passage(0, 0, 0)),
        ((60, -1, -1), (60, 0, 0), 3.0, Passage(3, 0, 0)),
    ],
)
def test_the_way_from_one_track_to_another(
    before: tuple[float, ...], after: tuple[float, ...], crossfade: float, expected: Passage
) -> None:
    one, other = (
        track(name, seconds=length, lead_in_seconds=lead_in, lead_out_seconds=lead_out)
        for name, (length, lead_in, lead_out) in (("a", before), ("b", after))
    )
    found = passage(one, other, crossfade)
    assert found == pytest.approx(expected)
    assert found.lead_seconds <= longest_lead_seconds(one, crossfade)


def crossfading(mixer: Mixer, first: Any, second: Any, seconds: float, **fields: Any) -> Passage:
    one = track("a", seconds=len(first) / RATE, **fields)
    other = track("b", seconds=len(second) / RATE)
    way = passage(one, other, seconds)
    mixer.play(one, ArraySource(first), 0.0)
    mixer.queue(other, ArraySource(second[round(way.unheard_start_seconds * RATE) :]), way)
    return way


@pytest.mark.parametrize("seconds", [0.5, 3.0, 12.0])
def test_energy_stays_within_a_decibel_through_a_cross_fade(seconds: float) -> None:
    mixer = Mixer(0.0, 100)
    crossfading(mixer, noise(40, 1), noise(40, 2), seconds)
    sound = render(mixer, 60.0)
    levels = [decibels(rms(part)) for part in windows(sound, 0.1)]
    assert levels == pytest.approx([decibels(0.1)] * len(levels), abs=1.0)
    assert mixer.events == [
        TrackStarted(TrackId("a")),
        TrackEnded(TrackId("a")),
        TrackStarted(TrackId("b")),
    ]


def test_a_cross_fade_is_as_long_as_was_asked_and_ends_with_the_file() -> None:
    mixer = Mixer(0.0, 100)
    crossfading(mixer, sine(440, 20), sine(880, 20), 4.0)
    sound = render(mixer, 30.0)
    both = [
        n * 0.1
        for n, part in enumerate(windows(sound, 0.1))
        if min(amplitude_at(part, 440), amplitude_at(part, 880)) > 0.02
    ]
    assert both[0] == pytest.approx(16.1, abs=0.15)
    assert both[-1] == pytest.approx(19.8, abs=0.15)
    assert len(both) * 0.1 == pytest.approx(both[-1] - both[0] + 0.1)


def test_the_fade_meets_the_music_not_the_silence() -> None:
    mixer = Mixer(0.0, 100)
    first = np.concatenate([noise(20, 1), level(4, 0.0)])
    second = np.concatenate([level(3, 0.0), noise(20, 2)])
    one = track("a", seconds=24.0, lead_out_seconds=4.0)
    other = track("b", seconds=23.0, lead_in_seconds=3.0)
    way = passage(one, other, 3.0)
    mixer.play(one, ArraySource(first), 0.0)
    mixer.queue(other, ArraySource(second[3 * RATE :]), way)
    levels = [decibels(rms(part)) for part in windows(render(mixer, 35.0), 0.1)]
    assert levels == pytest.approx([decibels(0.1)] * len(levels), abs=1.0)
    assert mixer.current is not None
    rendered = round(35.0 * RATE / CHUNK) * CHUNK / RATE
    assert mixer.current.position_seconds == pytest.approx(rendered - 17.0 + 3.0, abs=0.001)


def test_a_file_that_is_shorter_than_it_claims_fades_over_what_there_is() -> None:
    mixer = Mixer(0.0, 100)
    way = passage(track("a", seconds=90.0), track("b", seconds=90.0), 3.0)
    mixer.play(track("a", seconds=90.0), ArraySource(noise(2.0, 1)), 0.0)
    mixer.queue(track("b", seconds=90.0), ArraySource(noise(30, 2)), way)
    levels = [decibels(rms(part)) for part in windows(render(mixer, 6.0), 0.1)]
    assert min(levels) > decibels(0.1) - 1.0


def test_the_next_one_late_comes_in_over_what_is_left_or_after_it() -> None:
    for late, quiet in ((18.5, False), (21.0, True)):
        mixer = Mixer(0.0, 100)
        slow = ArraySource(noise(30, 2), ready=False)
        way = passage(track("a", seconds=20.0), track("b"), 3.0)
        mixer.play(track("a", seconds=20.0), ArraySource(noise(20, 1)), 0.0)
        mixer.queue(track("b"), slow, way)
        before = render(mixer, late)
        slow.ready = True
        levels = [rms(part) for part in windows(np.concatenate([before, render(mixer, 6.0)]), 0.1)]
        assert (min(levels) < 0.01) is quiet
        assert levels[-1] == pytest.approx(0.1, rel=0.1)
        assert mixer.events[-1] == TrackStarted(TrackId("b"))


def test_a_pause_in_a_cross_fade_is_soon_silent_and_goes_on_with_the_one_that_came() -> None:
    mixer = Mixer(0.3, 100)
    crossfading(mixer, sine(440, 20), sine(880, 20), 6.0)
    render(mixer, 17.0)
    mixer.pause()
    render(mixer, 0.4)
    assert mixer.state is PlayerState.PAUSED
    assert not mixer.has_work
    assert mixer.current is not None
    assert mixer.current.id == "b"
    held = mixer.current.frames
    mixer.resume()
    sound = render(mixer, 2.0)
    assert mixer.current.frames == held + len(sound)
    assert amplitude_at(sound[RATE:], 880) == pytest.approx(0.3, rel=0.02)
    assert amplitude_at(sound[RATE:], 440) < 1e-3


def test_a_pause_just_before_puts_the_cross_fade_off() -> None:
    mixer = Mixer(0.3, 100)
    crossfading(mixer, sine(440, 20), sine(880, 20), 3.0)
    render(mixer, 16.8)
    mixer.pause()
    render(mixer, 1.0)
    assert TrackEnded(TrackId("a")) not in mixer.events
    mixer.resume()
    render(mixer, 2.0)
    assert mixer.events[-1] == TrackStarted(TrackId("b"))


def test_a_skip_in_a_cross_fade_leaves_no_third_deck() -> None:
    mixer = Mixer(1.0, 100)
    first, third = ArraySource(sine(440, 20)), ArraySource(sine(660, 20))
    mixer.play(track("a", seconds=20.0), first, 0.0)
    mixer.queue(track("b"), ArraySource(sine(880, 20)), Passage(6.0, 0.0, 0.0))
    render(mixer, 15.0)
    mixer.play(track("c"), third, 0.0)
    mixer.render(CHUNK)
    assert first.closed
    assert mixer.current is not None
    assert mixer.current.id == "c"


@settings(max_examples=12, deadline=None)  # each sounds for 18 seconds
@given(
    lengths=st.tuples(st.floats(0.05, 8.0), st.floats(0.05, 8.0)),
    crossfade=st.floats(0.0, 12.0),
    silences=st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 3.0)),
    start=st.floats(0.0, 8.0),
)
def test_whatever_the_lengths_each_track_starts_and_ends_once(
    lengths: tuple[float, float],
    crossfade: float,
    silences: tuple[float, float],
    start: float,
) -> None:
    mixer = Mixer(0.2, 100)
    one = track("a", seconds=lengths[0], lead_out_seconds=silences[0])
    other = track("b", seconds=lengths[1], lead_in_seconds=silences[1])
    way = passage(one, other, crossfade)
    mixer.play(one, ArraySource(level(max(0.01, lengths[0] - start))), start)
    heard = max(0.01, lengths[1] - way.unheard_start_seconds)
    mixer.queue(other, ArraySource(level(heard)), way)
    sound = render(mixer, 18.0)
    a, b = TrackId("a"), TrackId("b")
    assert mixer.events == [TrackStarted(a), TrackEnded(a), TrackStarted(b), TrackEnded(b)]
    assert mixer.state is PlayerState.STOPPED
    assert not mixer.has_work
    assert np.abs(sound).max() <= 0.3 * np.sqrt(2) + 1e-6


# --- loudness --------------------------------------------------------------------------------


def test_consecutive_tracks_are_equally_loud() -> None:
    mixer = Mixer(0.0, 100)
    quiet, loud = noise(20, 1, 0.07), noise(20, 2, 0.4)
    mixer.play(track("a", measured(quiet).lufs, 20.0), ArraySource(quiet), 0.0)
    mixer.queue(track("b", measured(loud).lufs, 20.0), ArraySource(loud), Passage(3.0, 0.0, 0.0))
    sound = render(mixer, 37.0)
    before, after = (measured(part).lufs for part in (sound[: 17 * RATE], sound[-17 * RATE :]))
    assert before == pytest.approx(after, abs=1.5)
    assert before == pytest.approx(-18.0, abs=0.5)


def test_pieces_that_were_listened_to_are_equally_loud_but_for_one_too_quiet_to_raise(
    tmp_path: Path,
) -> None:
    """Four of the starter library's, without tags, mastered as loud or quiet as others' music."""
    masters = {
        "redline-stairwell": 9.0,
        "bright-harbour": 0.0,
        "november-window": -5.0,
        "lamplight-tea": -14.0,
    }
    pieces, tracks = [], []
    for number, (name, decibel) in enumerate(masters.items()):
        piece = np.concatenate(list(decode(str(STARTER / f"{name}.ogg"))))
        mastered = limited(piece[: 30 * RATE] * np.float32(10 ** (decibel / 20)))
        soundfile.write(path := tmp_path / f"{number}.flac", mastered, RATE)
        heard = Listened("", VERSION, listen(str(path), 30.0))
        pieces.append(mastered)
        tracks.append(enrich(track(name, None, 30.0), {"": heard}, ""))
    assert [measured(piece).lufs for piece in pieces] == pytest.approx(
        [-10.5, -18, -23, -32], abs=1.5
    )
    mixer, sounds = Mixer(0.0, 100), []
    mixer.play(tracks[0], ArraySource(pieces[0]), 0.0)
    for piece, following in zip(pieces[1:], tracks[1:], strict=True):
        mixer.queue(following, ArraySource(piece), JOINED)
        sounds.append(render(mixer, 30.2))  # into the one that follows
    sounds.append(render(mixer, 30.0))
    whole = limited(np.concatenate(sounds))
    levels = [measured(part).lufs for part in np.split(whole[: 120 * RATE], 4)]
    assert levels[:3] == pytest.approx([-18.0] * 3, abs=0.75)  # so within 1.5 of each other
    assert levels[3] == pytest.approx(measured(pieces[3]).lufs + MAXIMUM_BOOST_DB, abs=0.3)


@pytest.mark.parametrize(
    ("normalising", "levels"),
    [("track", [0.1, 0.1]), ("album", [0.1, 0.05]), ("off", [0.1, 0.05])],
)
def test_within_an_album_its_own_differences_stay(normalising: Any, levels: list[float]) -> None:
    mixer = Mixer(0.0, 100, normalising=normalising)
    album = {**ALBUM, "album_loudness_lufs": -18.0}
    loud = track("a", -18.0, 10.0, track_number=1, **album)
    soft = track("b", -18.0 + decibels(0.5), 10.0, track_number=2, **album)
    mixer.play(loud, ArraySource(level(10, 0.1)), 0.0)
    mixer.queue(soft, ArraySource(level(10, 0.05)))
    sound = render(mixer, 18.0)[:, 0]
    assert [sound[9 * RATE], sound[11 * RATE]] == pytest.approx(levels, rel=0.01)


def test_a_track_glides_to_its_albums_gain_before_the_next_one_joins() -> None:
    mixer = Mixer(0.0, 100, normalising="album")
    album = {**ALBUM, "album_loudness_lufs": -14.0}
    mixer.play(track("a", -18.0, 10.0, track_number=1, **album), ArraySource(level(10)), 0.0)
    mixer.queue(track("b", -14.0, 10.0, track_number=2, **album), ArraySource(level(10)))
    sound = render(mixer, 18.0)[1000:, 0]
    assert np.abs(np.diff(sound)).max() < 1e-4
    assert sound[-1] == pytest.approx(0.3 * 10 ** (-4 / 20), rel=0.01)
    mixer.queue(track("b", -14.0, 10.0, track_number=3, **album), ArraySource(level(10)))
    mixer.queue(None)
    assert mixer.current is not None


@pytest.mark.parametrize(
    ("lufs", "peak", "decibel"),
    [
        (-10.0, 0.0, -8.0),
        (-22.0, -10.0, 4.0),
        (-24.0, -1.0, 4.0),  # the limiter takes the last 3 dB
        (-24.0, 1.0, 2.0),
        (-40.0, -30.0, 6.0),
        (-40.0, 5.0, 0.0),
    ],
)
def test_a_boost_minds_the_peak(lufs: float, peak: float, decibel: float) -> None:
    assert decibels(loudness_gain(lufs, peak)) == pytest.approx(decibel, abs=0.01)


@pytest.mark.parametrize("normalising", ["album", "track"])
def test_a_quiet_tracks_boost_is_not_its_loud_successors(normalising: Any) -> None:
    """Where nothing is known of the album but its two tracks."""
    mixer = Mixer(0.0, 100, normalising=normalising)
    soft, loud = noise(20, 1, 0.02), noise(20, 2, 0.25)
    tracks = [
        track(name, heard.lufs, 20.0, peak_dbfs=heard.true_peak_db, track_number=number, **ALBUM)
        for number, (name, heard) in enumerate(
            (("a", measured(soft)), ("b", measured(loud))), start=1
        )
    ]
    mixer.play(tracks[0], ArraySource(soft), 0.0)
    before = render(mixer, 14.0)
    mixer.queue(tracks[1], ArraySource(loud), passage(*tracks, 3.0))
    after = render(mixer, 25.0)[round(6.1 * RATE) :]
    boosted = measured(soft).lufs + MAXIMUM_BOOST_DB
    assert measured(before).lufs == pytest.approx(boosted, abs=0.3)
    assert measured(after).lufs == pytest.approx(-18.0, abs=0.3)


def test_a_track_too_short_to_glide_ends_without_a_step() -> None:
    """The rest of the way is gone in the one that follows."""
    mixer = Mixer(0.0, 100, normalising="album")
    album = {**ALBUM, "album_loudness_lufs": -10.0}
    mixer.play(track("a", -18.0, 2.0, track_number=1, **album), ArraySource(level(2)), 0.0)
    render(mixer, 1.8)
    mixer.queue(track("b", -8.0, 10.0, track_number=2, **album), ArraySource(level(10)))
    sound = render(mixer, 5.0)[:, 0]
    assert np.abs(np.diff(sound)).max() < 1e-4
    assert sound[-1] == pytest.approx(0.3 * 10 ** (-8 / 20), rel=0.01)


def test_an_album_is_played_with_its_own_differences_though_no_tag_says_how_loud_it_is() -> None:
    """As it comes out of the stock: a quiet beginning is not levelled, nor what follows boosted."""
    mixer = Mixer(0.0, 100, normalising="album")
    pieces = [noise(20, number, size) for number, size in enumerate((0.02, 0.1, 0.25), start=1)]
    heard = [measured(piece) for piece in pieces]
    tracks = Stock().lay_out(
        [
            track(str(n), each.lufs, 20.0, peak_dbfs=each.true_peak_db, track_number=n, **ALBUM)
            for n, each in enumerate(heard)
        ],
        {},
        {},
    )
    mixer.play(tracks[0], ArraySource(pieces[0]), 0.0)
    sounds = []
    for piece, following in zip(pieces[1:], tracks[1:], strict=True):
        mixer.queue(following, ArraySource(piece))
        sounds.append(render(mixer, 20.1))  # into the one that follows
    whole = np.concatenate([*sounds, render(mixer, 19.0)])
    levels = [
        measured(whole[start * RATE : end * RATE]).lufs for start, end in ((21, 39), (41, 59))
    ]
    assert levels[1] - levels[0] == pytest.approx(heard[2].lufs - heard[1].lufs, abs=0.2)
    together = measured(np.concatenate(pieces)).lufs
    assert levels[1] == pytest.approx(heard[2].lufs - 18.0 - together, abs=0.3)
    assert np.abs(whole).max() < 10 ** (LIMITED_DB / 20)
