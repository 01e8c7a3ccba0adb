"""The speaker under whatever may come: hypothesis looks for the order of events that breaks it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from device.music.ages import child_may_listen
from device.settings import MoodSettings, MusicSettings, Settings
from device.types import (
    Command,
    Dislike,
    Emotion,
    Face,
    Goal,
    Health,
    LibraryScanned,
    Like,
    Next,
    OverrideMood,
    Part,
    PartChanged,
    Pause,
    Play,
    PlayerState,
    Previous,
    Scan,
    SetGoal,
    SetPrivacy,
    SetSleep,
    SetVolume,
    Status,
    Track,
)
from tests.fakes import FakeClock, face, sighting
from tests.house import House, library

PEOPLE = st.lists(
    st.tuples(st.sampled_from(Emotion), st.sampled_from([4.0, 15.0, 30.0, 80.0])), max_size=3
)
COMMANDS = st.one_of(
    st.sampled_from([Play(), Pause(), Next(), Previous(), Like(), Dislike(), Scan()]),
    st.builds(SetVolume, st.integers(0, 100)),
    st.builds(SetGoal, st.sampled_from(Goal)),
    st.builds(OverrideMood, st.none() | st.sampled_from(Emotion)),
    st.builds(SetPrivacy, st.booleans()),
    st.builds(SetSleep, st.sampled_from([0, 1, 3])),
)
SETTINGS = st.builds(
    Settings,
    mood=st.builds(MoodSettings, absence_seconds=st.sampled_from([0.0, 5.0, 30.0])),
    music=st.builds(
        MusicSettings,
        goal=st.sampled_from(Goal),
        volume=st.integers(0, 100),
        autoplay=st.booleans(),
        change_with_mood=st.booleans(),
        minimum_play_seconds=st.sampled_from([0.0, 10.0]),
        repeat_hours=st.sampled_from([0.0, 2.0]),
        random_seed=st.integers(0, 3),
    ),
)
TRACKS = tuple(
    replace(track, explicit=track.id.endswith("1")) for track in library(per_mood=2, seconds=25.0)
)


class JumpingClock(FakeClock):
    """Its wall time may be set."""

    ahead = 0.0

    def wall(self) -> float:
        return super().wall() + self.ahead


class SpeakerMachine(RuleBasedStateMachine):
    """One house, and all that may happen in and to it."""

    @initialize(settings=SETTINGS)
    def move_in(self, settings: Settings) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="attune-machine-"))
        self.settings = settings
        self.clock = JumpingClock()
        self.people: list[Face] = []
        self.paused_by_hand = False
        self.boot()
        self.house.speaker.handle(LibraryScanned(TRACKS))

    def boot(self) -> None:
        self.house = House(self.folder, self.clock, self.settings)
        self.open_before = self.house.open_rows()

    def teardown(self) -> None:
        if hasattr(self, "house"):
            self.house.close()
            shutil.rmtree(self.folder)

    # --- what may happen ------------------------------------------------------------------

    @rule(command=COMMANDS)
    def ask(self, command: Command) -> None:
        status = self.house.speaker.command(command)
        if isinstance(command, Pause):
            self.paused_by_hand = True
        elif isinstance(command, Play | Next | Previous):
            self.paused_by_hand = False
        elif isinstance(command, SetVolume):
            assert status.volume == command.percent
            assert self.house.player.volume is not None
            assert self.house.player.volume <= command.percent
        elif isinstance(command, SetGoal):
            assert status.goal is command.goal

    @rule(people=PEOPLE)
    def others_are_in_view(self, people: list[tuple[Emotion, float]]) -> None:
        self.people = [face(e, age=age, track=i) for i, (e, age) in enumerate(people)]

    @rule(seconds=st.sampled_from([0.2, 1.0, 4.0, 9.0, 30.0, 100.0]), blind=st.booleans())
    def time_passes(self, seconds: float, blind: bool) -> None:
        step = min(seconds, 0.5)
        for _ in range(round(seconds / step)):
            self.clock.now += step
            if not blind:
                self.house.speaker.handle(sighting(self.clock.now, *self.people))
            self.tick()

    @rule(seconds=st.sampled_from([30.0, 3600.0]))
    def it_hangs_for_a_while(self, seconds: float) -> None:
        self.clock.now += seconds
        self.tick()

    @rule(seconds=st.sampled_from([-1.8e9, -3600.0, 3600.0, 1e9]))
    def the_wall_clock_is_set(self, seconds: float) -> None:
        self.clock.ahead = seconds

    @rule(
        name=st.sampled_from(["camera", "broker", "library"]),
        health=st.sampled_from(Health),
    )
    def a_part_changes(self, name: str, health: Health) -> None:
        self.house.speaker.handle(PartChanged(name, Part(health, "for a reason")))

    @rule(tracks=st.lists(st.sampled_from(TRACKS), unique=True), explicit=st.booleans())
    def the_library_is_scanned(self, tracks: list[Track], explicit: bool) -> None:
        found = tuple(replace(track, explicit=explicit or track.explicit) for track in tracks)
        self.house.speaker.handle(LibraryScanned(found))
        self.tick()

    @rule(paths=st.sets(st.sampled_from([track.path for track in TRACKS])))
    def files_break(self, paths: set[str]) -> None:
        self.house.player.broken = dict.fromkeys(paths, "not audio")

    @rule()
    def sound_goes(self) -> None:
        self.house.player.unplug()

    @rule()
    def sound_comes(self) -> None:
        self.house.player.plug()

    @rule(settings=SETTINGS)
    def the_configuration_changes(self, settings: Settings) -> None:
        self.settings = settings
        self.house.speaker.configure(settings)

    @rule(clean=st.booleans())
    def it_starts_anew(self, clean: bool) -> None:
        before = self.house.speaker.status()
        if clean:
            self.house.close()
        else:
            self.house.speaker.tick()
            self.house.speaker.command(Scan())  # a command saves; what follows may be lost
            self.house.power_cut()
        broken = self.house.player.broken
        self.boot()
        self.house.player.broken = broken
        after = self.house.speaker.status()
        assert (after.volume, after.goal, after.privacy) == (
            before.volume,
            before.goal,
            before.privacy,
        )

    @rule()
    def all_is_well(self) -> None:
        """Whatever was before: with sound, sound files and a word, music plays."""
        self.house.player.plug()
        self.house.player.broken = {}
        self.house.speaker.handle(LibraryScanned(TRACKS))
        self.house.speaker.command(Play())
        self.paused_by_hand = False
        for _ in range(10):
            self.clock.now += 0.1
            self.tick()
        status = self.house.speaker.status()
        assert status.playing
        assert status.track is not None
        assert status.sound.health is Health.UP

    # --- what must hold -------------------------------------------------------------------

    def tick(self) -> None:
        speaker, player = self.house.speaker, self.house.player
        speaker.tick()
        status = speaker.status()
        if status.playing:
            assert player.state is PlayerState.PLAYING
            assert status.track is not None
            assert status.track.id == player.track
        if player.state is PlayerState.PLAYING:
            assert not self.paused_by_hand
        assert player.volume is not None
        assert player.volume <= (player.announced_volume or 0) <= status.volume
        if child_may_listen(speaker.mood):
            for track in (player.current, player.queued):
                assert track is None or not track.explicit

    @invariant()
    def it_is_sane(self) -> None:
        if not hasattr(self, "house"):
            return
        status = self.house.speaker.status()
        assert msgspec.json.decode(msgspec.json.encode(status), type=Status) == status
        assert 0 <= status.volume <= 100
        assert self.house.open_rows() - self.open_before <= 1


SpeakerMachine.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestSpeakerMachine = SpeakerMachine.TestCase
