"""What every player promises: one suite for the real one and the one that tests use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from device.music.player import PygamePlayer
from device.ports import PartUnavailable, Player
from device.settings import MusicSettings, SoundSettings
from device.types import (
    Affect,
    PlayerEvent,
    PlayerState,
    Track,
    TrackEnded,
    TrackId,
    TrackStarted,
)
from tests.fakes import FakeClock
from tests.music.audio import tone
from tests.music.fakes import FakePlayer
from tests.music.real_player import RealClock

SLACK = 0.45
"""Two chunks of sound and a little: the real player's ends come early by so much."""
PATIENCE_SECONDS = 10.0
"""A busy machine may take its time; nothing here waits for so long otherwise."""


def make_track(path: Path, seconds: float) -> Track:
    affect = Affect(0.0, 0.0, 0.5, "unknown")
    return Track(TrackId(path.stem), str(path), path.stem, "", affect, seconds)


class World(Protocol):
    """A player, and hands on what is around it."""

    player: Player

    def pass_seconds(self, seconds: float) -> None: ...
    def unplug(self) -> None: ...
    def plug(self) -> None: ...


class RealWorld:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.plug()
        self.player: Player = PygamePlayer(
            SoundSettings(), MusicSettings(fade_seconds=0.1), RealClock()
        )

    def pass_seconds(self, seconds: float) -> None:
        time.sleep(seconds)

    def unplug(self) -> None:
        self._monkeypatch.setenv("SDL_AUDIODRIVER", "none-such")

    def plug(self) -> None:
        self._monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")


class FakeWorld:
    def __init__(self, broken: Path) -> None:
        self._clock = FakeClock()
        self._fake = FakePlayer(self._clock, {str(broken): "not music"})
        self.player: Player = self._fake
        self.unplug, self.plug = self._fake.unplug, self._fake.plug

    def pass_seconds(self, seconds: float) -> None:
        self._clock.now += seconds


class Tracks:
    def __init__(self, folder: Path) -> None:
        self.long = make_track(tone(folder / "long.wav", 8.0), 8.0)
        self.other = make_track(tone(folder / "other.wav", 8.0, 660.0), 8.0)
        self.short = make_track(tone(folder / "short.wav", 0.4), 0.4)
        # Long enough that its start is told before its end even where this machine is busy.
        self.brief = make_track(tone(folder / "brief.wav", 1.5), 1.5)
        broken = folder / "broken.mp3"
        broken.write_text("not music\n" * 50)
        self.broken = make_track(broken, 30.0)


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> Tracks:
    return Tracks(tmp_path_factory.mktemp("tracks"))


@pytest.fixture(params=["fake", "real"])
def world(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tracks: Tracks
) -> Iterator[World]:
    if request.param == "fake":
        world: World = FakeWorld(Path(tracks.broken.path))
    else:
        world = RealWorld(monkeypatch)
    with world.player:
        yield world


def next_events(world: World, count: int) -> list[PlayerEvent]:
    """The next events, waited for."""
    events: list[PlayerEvent] = []
    for _ in range(round(PATIENCE_SECONDS / 0.02)):
        events += world.player.poll()
        if len(events) >= count:
            break
        world.pass_seconds(0.02)
    return events


def begin(world: World, track: Track, start_seconds: float = 0.0) -> None:
    """Play, and wait until it sounds."""
    world.player.play(track, start_seconds=start_seconds)
    assert next_events(world, 1) == [started(track)]


def started(track: Track) -> TrackStarted:
    return TrackStarted(track.id)


def ended(track: Track) -> TrackEnded:
    return TrackEnded(track.id)


def test_at_first_it_is_silent(world: World) -> None:
    assert world.player.state is PlayerState.STOPPED
    assert world.player.track is None
    assert world.player.position_seconds == 0.0
    assert list(world.player.poll()) == []


def test_what_is_asked_for_shows_at_once(world: World, tracks: Tracks) -> None:
    player = world.player
    player.play(tracks.long, start_seconds=3.0)
    assert (player.state, player.track) == (PlayerState.PLAYING, tracks.long.id)
    assert player.position_seconds == pytest.approx(3.0, abs=0.1)
    player.pause()
    assert (player.state, player.track) == (PlayerState.PAUSED, tracks.long.id)
    player.resume()
    assert player.state is PlayerState.PLAYING
    player.stop()
    assert (player.state, player.track) == (PlayerState.STOPPED, None)
    assert player.position_seconds == 0.0


def test_a_track_starts_and_its_position_moves_on(world: World, tracks: Tracks) -> None:
    begin(world, tracks.long, 2.0)
    first = world.player.position_seconds
    assert first == pytest.approx(2.0, abs=SLACK)
    world.pass_seconds(0.6)
    assert world.player.position_seconds - first == pytest.approx(0.6, abs=0.3)


def test_a_track_ends_and_nothing_follows(world: World, tracks: Tracks) -> None:
    world.player.play(tracks.short)
    assert next_events(world, 2) == [started(tracks.short), ended(tracks.short)]
    assert world.player.state is PlayerState.STOPPED
    assert world.player.track is None
    assert world.player.position_seconds == 0.0


def test_a_queued_track_follows(world: World, tracks: Tracks) -> None:
    world.player.play(tracks.short)
    world.player.queue(tracks.long)
    assert next_events(world, 3) == [
        started(tracks.short),
        ended(tracks.short),
        started(tracks.long),
    ]
    assert world.player.track == tracks.long.id
    assert world.player.state is PlayerState.PLAYING
    assert world.player.position_seconds < SLACK


def test_a_queue_may_be_changed_or_forgotten(world: World, tracks: Tracks) -> None:
    world.player.play(tracks.short)
    world.player.queue(tracks.long)
    world.player.queue(tracks.other)
    assert next_events(world, 3)[-1] == started(tracks.other)
    world.player.play(tracks.short)
    world.player.queue(tracks.long)
    world.player.queue(None)
    assert next_events(world, 2) == [started(tracks.short), ended(tracks.short)]
    assert world.player.state is PlayerState.STOPPED


def test_a_pause_holds_the_position(world: World, tracks: Tracks) -> None:
    player = world.player
    begin(world, tracks.long)
    world.pass_seconds(0.3)
    player.pause()
    world.pass_seconds(1.0)
    held = player.position_seconds
    assert 0.2 < held < 1.0
    world.pass_seconds(0.3)
    assert player.position_seconds == held
    player.resume()
    world.pass_seconds(0.6)
    assert held < player.position_seconds < held + 1.0
    assert list(player.poll()) == []


def test_another_track_takes_over_and_what_was_queued_is_forgotten(
    world: World, tracks: Tracks
) -> None:
    begin(world, tracks.long)
    world.player.queue(tracks.short)
    world.player.play(tracks.short)
    assert world.player.track == tracks.short.id
    assert next_events(world, 2) == [started(tracks.short), ended(tracks.short)]
    assert world.player.state is PlayerState.STOPPED


def test_play_ends_a_pause(world: World, tracks: Tracks) -> None:
    begin(world, tracks.long)
    world.player.pause()
    world.pass_seconds(0.4)
    begin(world, tracks.other)
    assert world.player.state is PlayerState.PLAYING


def test_events_tell_only_of_what_was_asked_last(world: World, tracks: Tracks) -> None:
    begin(world, tracks.brief)
    world.pass_seconds(2.0)
    begin(world, tracks.long)
    world.player.stop()
    world.pass_seconds(0.3)
    assert list(world.player.poll()) == []


def test_a_broken_file_is_told_and_passed_over(world: World, tracks: Tracks) -> None:
    world.player.play(tracks.broken)
    (event,) = next_events(world, 1)
    assert isinstance(event, TrackEnded)
    assert event.error
    assert world.player.state is PlayerState.STOPPED
    begin(world, tracks.long)


def test_a_broken_file_in_the_queue_is_told_before_its_turn(world: World, tracks: Tracks) -> None:
    begin(world, tracks.long)
    world.player.queue(tracks.broken)
    (event,) = next_events(world, 1)
    assert isinstance(event, TrackEnded)
    assert event.track == tracks.broken.id
    assert event.error
    assert world.player.track == tracks.long.id


def test_a_start_beyond_the_end_is_an_end(world: World, tracks: Tracks) -> None:
    world.player.play(tracks.short, start_seconds=99.0)
    while not (events := next_events(world, 1)) or isinstance(events[-1], TrackStarted):
        pass
    assert events[-1] == ended(tracks.short)
    assert world.player.state is PlayerState.STOPPED


def test_what_makes_no_sense_does_no_harm(world: World, tracks: Tracks) -> None:
    player = world.player
    player.pause()
    player.resume()
    player.stop()
    player.queue(tracks.long)
    player.queue(None)
    for percent in (0, 100, 50):
        player.set_volume(percent, percent)
    world.pass_seconds(0.2)
    assert player.state is PlayerState.STOPPED
    assert list(player.poll()) == []


def test_without_an_output_it_says_so_once_and_works_again_later(
    world: World, tracks: Tracks
) -> None:
    world.unplug()
    world.player.play(tracks.long, start_seconds=3.0)
    with pytest.raises(PartUnavailable, match=r"[Pp]lug"):
        next_events(world, 1)
    assert list(world.player.poll()) == []
    assert world.player.state is PlayerState.STOPPED
    assert world.player.track is None
    world.plug()
    begin(world, tracks.long, 3.0)
    assert world.player.position_seconds == pytest.approx(3.0, abs=SLACK)


@pytest.mark.parametrize("state", list(PlayerState))
def test_an_announcement_changes_nothing_but_what_is_heard(
    world: World, tracks: Tracks, state: PlayerState
) -> None:
    player = world.player
    if state is not PlayerState.STOPPED:
        begin(world, tracks.long)
    if state is PlayerState.PAUSED:
        player.pause()
        world.pass_seconds(0.5)
    before = player.position_seconds
    player.announce(tracks.short.path)
    player.announce(tracks.broken.path)
    player.announce("/no/such/file.ogg")
    world.pass_seconds(1.5)
    assert player.state is state
    moved = 1.5 if state is PlayerState.PLAYING else 0.0
    assert player.position_seconds - before == pytest.approx(moved, abs=SLACK)
    assert list(player.poll()) == []


def test_the_main_thread_never_waits(world: World, tracks: Tracks) -> None:
    player = world.player
    took = []
    for _ in range(5):
        for ask in (
            lambda: player.play(tracks.long),
            lambda: player.queue(tracks.other),
            lambda: player.position_seconds,
            player.pause,
            lambda: player.set_volume(50, 50),
            lambda: player.announce(tracks.short.path),
            player.resume,
            player.poll,
            player.stop,
        ):
            before = time.perf_counter()
            ask()
            took.append(time.perf_counter() - before)
            world.pass_seconds(0.02)
    # A busy machine may stop any thread for a while; what waits by design waits each time.
    assert sorted(took)[-4] < 0.05
