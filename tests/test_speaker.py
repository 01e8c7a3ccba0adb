"""The appliance's behaviour, on a fake clock, with a fake player and the real database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from device.music.listen import VERSION
from device.music.listened import Work
from device.settings import MoodSettings, MusicSettings, Settings
from device.speaker import Actions, Speaker
from device.system.database import FILE
from device.system.store import SqliteStore
from device.types import (
    Affect,
    AgeChanged,
    AgeGroup,
    Dislike,
    Emotion,
    Goal,
    Health,
    Heard,
    LibraryScanned,
    Like,
    Listened,
    MoodChanged,
    MoodLabel,
    Next,
    NowStarted,
    OverrideMood,
    Part,
    PartChanged,
    Pause,
    Play,
    PlayerState,
    Previous,
    Say,
    Scan,
    SetGoal,
    SetPrivacy,
    SetSleep,
    SetVolume,
    Track,
    TrackId,
)
from tests.fakes import FakeClock, RecordingBus, face, sighting
from tests.music.fakes import FakePlayer

SETTINGS = Settings(
    mood=MoodSettings(absence_seconds=20.0),
    music=MusicSettings(random_seed=1, minimum_play_seconds=10.0, volume=55),
)
PLACES = {"happy": (0.7, 0.6), "angry": (-0.6, 0.6), "sad": (-0.6, -0.5), "calm": (0.5, -0.6)}


def library(per_mood: int = 5, seconds: float = 60.0) -> tuple[Track, ...]:
    return tuple(
        Track(
            id=TrackId(f"{mood}-{number}"),
            path=f"/music/{mood}/{number}.ogg",
            title=f"{mood} {number}",
            artist=f"Artist {mood} {number}",
            affect=Affect(*place, 0.1, "file tag"),
            duration_seconds=seconds,
        )
        for mood, place in PLACES.items()
        for number in range(per_mood)
    )


class House:
    """A speaker and everything around it."""

    def __init__(self, folder: Path, clock: FakeClock, settings: Settings = SETTINGS) -> None:
        self.clock = clock
        self.player = FakePlayer(clock)
        self.bus = RecordingBus()
        self.store = SqliteStore(folder, clock).__enter__()
        self.privacy: list[bool] = []
        self.scans = 0
        self.offered: list[tuple[list[str], int]] = []
        self.silent_ticks = 0
        self.speaker = Speaker(
            settings,
            player=self.player,
            store=self.store,
            bus=self.bus,
            clock=clock,
            actions=Actions(self.privacy.append, self._scan, self._listen),
        )

    def _listen(self, work: Sequence[Work], total: int) -> None:
        self.offered.append(([each.key for each in work], total))

    def _scan(self) -> None:
        self.scans += 1

    def pass_time(self, seconds: float, *emotions: Emotion, age: float = 35.0) -> None:
        """Let time pass while such people are in view (none: an empty room)."""
        for _ in range(round(seconds * 10)):
            self.clock.now += 0.1
            people = [face(e, age=age, track=i) for i, e in enumerate(emotions)]
            self.speaker.handle(sighting(self.clock.now, *people))
            self.speaker.tick()
            if self.news(NowStarted) and self.player.state is not PlayerState.PLAYING:
                self.silent_ticks += 1

    def wait(self, seconds: float) -> None:
        """Let time pass without a word from the camera."""
        for _ in range(round(seconds * 10)):
            self.clock.now += 0.1
            self.speaker.tick()

    def power_cut(self) -> None:
        self.store.__exit__(None, None, None)

    def close(self) -> None:
        self.speaker.close()
        self.store.__exit__(None, None, None)

    def news(self, kind: type) -> list[object]:
        return [news for news in self.bus.news if isinstance(news, kind)]

    def open_rows(self) -> int:
        """Plays in the diary whose end is not written yet."""
        sql = "SELECT count(*) FROM plays WHERE finished IS NULL"
        return int(self.store._db.execute(sql).fetchone()[0])

    @property
    def mood_of_track(self) -> str:
        return (self.player.track or "none").split("-")[0]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    yield house
    house.close()


def test_an_empty_room_stays_silent(house: House) -> None:
    house.pass_time(60)
    assert house.player.state is PlayerState.STOPPED
    assert house.speaker.status().mood.label is MoodLabel.NOBODY


def test_somebody_happy_comes_and_fitting_music_starts(house: House) -> None:
    house.pass_time(3)
    house.pass_time(3, Emotion.HAPPINESS)
    status = house.speaker.status()
    assert house.mood_of_track == "happy"
    assert status.playing
    assert status.track is not None
    assert status.track.because
    assert (status.people, status.age_group) == (1, AgeGroup.ADULT)
    assert [n.label for n in house.news(MoodChanged)] == [MoodLabel.NOBODY, MoodLabel.HAPPINESS]
    assert house.news(AgeChanged)[-1].age_group is AgeGroup.ADULT
    assert house.news(NowStarted)[0].title == status.track.title
    assert house.bus.shown[-1].mood.label is MoodLabel.HAPPINESS


def test_a_changed_mood_changes_the_music_after_a_decent_time(house: House) -> None:
    house.pass_time(6, Emotion.HAPPINESS)
    house.pass_time(4, Emotion.SADNESS)
    assert house.mood_of_track == "happy"  # not before `minimum_play_seconds`
    house.pass_time(10, Emotion.SADNESS)
    assert house.mood_of_track == "sad"


def test_focus_does_not_jump_with_the_mood(house: House) -> None:
    house.speaker.command(SetGoal(Goal.FOCUS))
    house.pass_time(15, Emotion.HAPPINESS)
    track = house.player.track
    house.pass_time(20, Emotion.SADNESS)
    assert house.player.track == track


def test_music_goes_on_without_a_gap(house: House) -> None:
    house.pass_time(200, Emotion.HAPPINESS)
    started = house.news(NowStarted)
    assert len(started) == 4
    assert len({n.title for n in started}) == 4
    assert house.silent_ticks == 0


def test_absence_pauses_and_return_goes_on_where_it_was(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    track = house.player.track
    house.pass_time(19)
    assert house.player.state is PlayerState.PLAYING
    house.pass_time(5)
    assert house.player.state is PlayerState.PAUSED
    position = house.player.position_seconds
    house.pass_time(100)
    house.pass_time(1, Emotion.HAPPINESS)
    assert (house.player.state, house.player.track) == (PlayerState.PLAYING, track)
    assert house.player.position_seconds == pytest.approx(position, abs=1.5)


def test_paused_by_hand_stays_paused_whoever_comes(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    house.speaker.command(Pause())
    house.pass_time(30)
    house.pass_time(10, Emotion.HAPPINESS)
    assert house.player.state is PlayerState.PAUSED
    house.speaker.command(Play())
    assert house.player.state is PlayerState.PLAYING


def test_asked_to_play_it_plays_for_an_empty_room(house: House) -> None:
    house.pass_time(5)
    status = house.speaker.command(Play())
    assert status.track is not None
    house.pass_time(50)
    assert house.player.state is PlayerState.PLAYING


def test_a_lost_camera_claims_nothing_and_stops_nothing(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    house.speaker.handle(PartChanged("camera", Part(Health.DOWN, "unplugged")))
    house.wait(100)
    status = house.speaker.status()
    assert (status.mood.label, status.people) == (MoodLabel.UNCERTAIN, 0)
    assert status.playing
    assert status.camera == Part(Health.DOWN, "unplugged")


def test_next_previous_and_volume(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    first = house.player.track
    house.speaker.command(Next())
    house.wait(1)
    second = house.player.track
    assert second != first
    house.speaker.command(Previous())
    house.wait(1)
    assert house.player.track == first
    house.wait(8)
    house.speaker.command(Previous())
    house.wait(1)
    assert house.player.track == first
    assert house.player.position_seconds < 2
    assert house.speaker.command(SetVolume(20)).volume == 20
    assert house.player.volume == 20


def test_an_override_beats_the_camera_until_it_is_lifted(house: House) -> None:
    house.pass_time(5, Emotion.HAPPINESS)
    status = house.speaker.command(OverrideMood(Emotion.SADNESS))
    assert (status.mood.label, status.mood.overridden) == (MoodLabel.SADNESS, True)
    house.pass_time(10, Emotion.HAPPINESS)
    assert house.mood_of_track == "sad"
    house.speaker.command(OverrideMood(None))
    assert house.speaker.status().mood.label is MoodLabel.HAPPINESS


def test_likes_and_dislikes_are_remembered_and_a_dislike_skips(house: House) -> None:
    house.pass_time(5, Emotion.HAPPINESS)
    liked = house.player.track
    house.speaker.command(Like())
    house.speaker.command(Next())
    house.wait(1)
    disliked = house.player.track
    house.speaker.command(Dislike())
    house.wait(1)
    assert house.player.track not in (disliked, liked)
    assert house.store.feedback() == {liked: 1, disliked: -1}


def test_likes_without_a_track_do_nothing(house: House) -> None:
    house.speaker.command(Like())
    house.speaker.command(Dislike())
    assert house.store.feedback() == {}


def test_privacy_reaches_the_camera_and_is_remembered(tmp_path: Path) -> None:
    clock = FakeClock()
    house = House(tmp_path, clock)
    assert house.speaker.command(SetPrivacy(on=True)).privacy
    house.close()
    again = House(tmp_path, clock)
    assert (house.privacy, again.privacy) == ([False, True], [True])
    again.close()


def test_privacy_outlives_a_database_that_was_damaged(tmp_path: Path) -> None:
    clock = FakeClock()
    house = House(tmp_path, clock)
    house.speaker.command(SetPrivacy(on=True))
    house.close()
    (tmp_path / FILE).write_bytes(b"not a database at all " * 100)
    again = House(tmp_path, clock)
    assert (again.privacy, again.speaker.status().privacy) == ([True], True)
    again.speaker.command(SetPrivacy(on=False))
    again.close()
    (tmp_path / FILE).write_bytes(b"not a database at all " * 100)
    last = House(tmp_path, clock)
    assert last.privacy == [False]
    last.close()


def test_scan_is_passed_on(house: House) -> None:
    house.speaker.command(Scan())
    assert house.scans == 1


def test_sound_is_not_called_up_before_it_was_tried(house: House) -> None:
    house.pass_time(3)
    assert house.speaker.status().sound.health is Health.OFF
    house.pass_time(3, Emotion.HAPPINESS)
    assert house.speaker.status().sound.health is Health.UP


def test_lost_sound_is_retried_and_goes_on_where_it_was(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    track, position = house.player.track, house.player.position_seconds
    house.player.unplug()
    house.pass_time(5, Emotion.HAPPINESS)
    status = house.speaker.status()
    assert status.sound.health is Health.DOWN
    assert not status.playing
    house.player.plug()
    house.pass_time(10, Emotion.HAPPINESS)
    assert house.speaker.status().sound.health is Health.UP
    assert house.player.track == track
    assert house.player.position_seconds >= position


def test_a_power_cut_just_after_a_track_leads_not_back_to_it(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(15, Emotion.HAPPINESS)
    house.speaker.command(Next())
    house.pass_time(5, Emotion.HAPPINESS)
    first = house.player.track
    for _ in range(1000):
        house.pass_time(0.5, Emotion.HAPPINESS)
        if house.player.track != first:
            break
    house.pass_time(0.3, Emotion.HAPPINESS)
    track = house.player.track
    house.power_cut()
    again = House(tmp_path, FakeClock(50.0))
    again.wait(0.3)
    assert again.player.track == track
    assert again.player.position_seconds < 31  # it saves where it will be half a minute later
    again.close()


def test_stopped_in_good_order_it_goes_on_just_where_it_was(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(15, Emotion.HAPPINESS)
    track, position = house.player.track, house.player.position_seconds
    house.close()
    again = House(tmp_path, FakeClock(50.0))
    again.wait(0.3)
    assert again.player.track == track
    assert again.player.position_seconds == pytest.approx(position, abs=0.7)
    again.close()


@pytest.mark.parametrize("seconds", [0.2, 24.0, 26.0, 50.0, 61.0, 90.0])
def test_a_power_cut_leads_back_to_within_half_a_minute(tmp_path: Path, seconds: float) -> None:
    clock = FakeClock()
    house = House(tmp_path, clock)
    house.speaker.handle(LibraryScanned(library(seconds=180.0)))
    house.pass_time(33.3, Emotion.HAPPINESS)
    track, position = house.player.track, house.player.position_seconds
    house.speaker.command(SetVolume(41))
    house.speaker.command(SetGoal(Goal.CALM))
    house.pass_time(seconds, Emotion.HAPPINESS)
    assert house.player.track == track
    house.power_cut()
    again = House(tmp_path, FakeClock(50.0))  # the machine booted: another monotonic clock
    again.wait(0.3)
    status = again.speaker.status()
    assert again.player.track == track
    assert again.player.position_seconds == pytest.approx(position + seconds, abs=31.0)
    assert (status.volume, status.goal, status.playing) == (41, Goal.CALM, True)
    again.close()


def test_paused_for_absence_it_wakes_up_silent_and_waits(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(10, Emotion.HAPPINESS)
    track = house.player.track
    house.pass_time(40)
    house.close()
    again = House(tmp_path, FakeClock(5.0))
    again.pass_time(5)
    assert again.player.state is PlayerState.STOPPED
    again.pass_time(2, Emotion.HAPPINESS)
    assert again.player.track == track
    again.close()


def test_unplayable_tracks_are_left_out_and_a_broken_library_is_given_a_rest(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.player.broken = {track.path: "not audio" for track in library()}
    house.pass_time(30, Emotion.HAPPINESS)
    assert "tracks in a row could not be played" in caplog.text
    tried = caplog.text.count("cannot play")
    house.pass_time(20, Emotion.HAPPINESS)
    assert caplog.text.count("cannot play") == tried
    house.player.broken = {}
    house.pass_time(40, Emotion.HAPPINESS)
    assert house.speaker.status().playing


def test_one_broken_track_is_skipped(house: House) -> None:
    house.player.broken = {t.path: "not audio" for t in library() if t.id.endswith("0")}
    house.pass_time(400, Emotion.HAPPINESS)
    assert len(house.news(NowStarted)) >= 6
    assert house.silent_ticks == 0


def test_an_empty_library_is_quiet_and_sane(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.pass_time(5, Emotion.HAPPINESS)
    for command in (Play(), Next(), Previous(), Like(), Dislike(), Pause()):
        assert house.speaker.command(command).track is None
    house.close()


def test_moods_are_stored_once_a_minute(house: House) -> None:
    house.pass_time(190, Emotion.HAPPINESS)
    rows = house.store._db.execute("SELECT count(*) FROM moods").fetchone()[0]
    assert 3 <= rows <= 4


def test_a_library_of_one_track_notes_every_round(house: House) -> None:
    house.speaker.handle(LibraryScanned(library(1)[:1]))
    house.pass_time(200, Emotion.HAPPINESS)
    assert len(house.news(NowStarted)) == 4
    assert house.open_rows() == 1
    assert house.silent_ticks == 0


def test_failures_with_music_in_between_are_not_in_a_row(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    for turn in range(10):
        house.player.broken = {track.path: "not audio" for track in library()}
        house.speaker.command(Next())
        house.player.broken = {}
        house.wait(20)
        assert house.player.state is PlayerState.PLAYING, turn
    assert "in a row" not in caplog.text


def test_what_cannot_follow_is_not_tried_ten_times_a_second(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.pass_time(30, Emotion.HAPPINESS)
    house.player.broken = {track.path: "not audio" for track in library()}
    house.pass_time(29, Emotion.HAPPINESS)
    assert caplog.text.count("cannot play") <= 8


def test_a_track_that_was_forgotten_too_late_is_left(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    while house.player.queued is None:
        house.pass_time(0.1, Emotion.HAPPINESS)
    first = house.player.track
    while house.player.track == first:  # the player goes over between two ticks
        house.clock.now += 0.05
    house.speaker.command(SetGoal(Goal.CALM))
    house.pass_time(1, Emotion.HAPPINESS)
    track = house.speaker.status().track
    assert track is not None
    assert track.id == house.player.track
    assert house.open_rows() == 1


def test_the_track_of_an_earlier_run_stays_while_the_mood_does(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library(seconds=200.0)))
    house.pass_time(20, Emotion.HAPPINESS)
    track = house.player.track
    house.power_cut()
    again = House(tmp_path, FakeClock(50.0))
    again.pass_time(60, Emotion.HAPPINESS)
    assert again.player.track == track
    again.pass_time(20, Emotion.SADNESS)
    assert again.player.track != track
    again.close()


def test_a_track_asked_for_again_is_not_left_for_a_mood_that_was_there_before(
    house: House,
) -> None:
    house.pass_time(12, Emotion.SADNESS)
    first = house.player.track
    house.speaker.command(Next())
    house.pass_time(7, Emotion.HAPPINESS)  # less than `minimum_play_seconds`
    house.speaker.command(Previous())
    house.speaker.command(Previous())
    house.pass_time(30, Emotion.HAPPINESS)
    assert house.player.track == first


def test_what_is_shown_after_a_restart_can_be_liked(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(10, Emotion.HAPPINESS)
    house.speaker.command(Pause())
    house.close()
    again = House(tmp_path, FakeClock(50.0))
    again.wait(1)
    shown = again.speaker.command(Like()).track
    assert shown is not None
    assert again.store.feedback() == {shown.id: 1}
    again.close()


def test_what_was_disliked_while_paused_does_not_come_back(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    disliked = house.player.track
    house.speaker.command(Pause())
    house.speaker.command(Dislike())
    assert house.player.state is not PlayerState.PLAYING
    house.speaker.command(Play())
    assert house.player.state is PlayerState.PLAYING
    assert house.player.track != disliked


def test_an_explicit_track_is_not_for_a_child_that_came_later(house: House) -> None:
    explicit = tuple(replace(track, explicit=True) for track in library())
    house.speaker.handle(LibraryScanned(explicit[:-1] + library()[-1:]))
    clean = library()[-1].id
    house.pass_time(20, Emotion.HAPPINESS, age=45)
    assert house.player.track != clean
    house.pass_time(5, Emotion.HAPPINESS, age=6)
    assert house.player.track == clean


def test_nothing_but_explicit_tracks_is_silence_for_a_child(house: House) -> None:
    house.speaker.handle(
        LibraryScanned(tuple(replace(track, explicit=True) for track in library()))
    )
    house.pass_time(20, Emotion.HAPPINESS, age=45)
    assert house.player.state is PlayerState.PLAYING
    house.pass_time(5, Emotion.HAPPINESS, age=6)
    assert house.player.state is PlayerState.STOPPED
    house.pass_time(60, Emotion.HAPPINESS, age=45)
    assert house.player.state is PlayerState.PLAYING


def test_the_configured_volume_and_goal_count_until_changed_by_hand(tmp_path: Path) -> None:
    def changed(volume: int, goal: Goal) -> Settings:
        music = MusicSettings(random_seed=1, volume=volume, goal=goal)
        return Settings(mood=SETTINGS.mood, music=music)

    house = House(tmp_path, FakeClock())
    house.pass_time(5)
    house.speaker.configure(changed(33, Goal.LIFT))
    assert (house.player.volume, house.speaker.status().volume) == (33, 33)
    assert house.speaker.status().goal is Goal.LIFT
    house.close()
    again = House(tmp_path, FakeClock(), changed(44, Goal.CALM))
    assert (again.player.volume, again.speaker.status().goal) == (44, Goal.CALM)
    again.speaker.command(SetVolume(70))
    again.speaker.command(SetGoal(Goal.FOCUS))
    again.speaker.configure(changed(33, Goal.LIFT))
    assert (again.player.volume, again.speaker.status().goal) == (70, Goal.FOCUS)
    again.close()
    third = House(tmp_path, FakeClock(), changed(33, Goal.LIFT))
    assert (third.player.volume, third.speaker.status().goal) == (70, Goal.FOCUS)
    third.close()


def test_a_try_without_sound_does_not_look_like_music(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    house.player.unplug()
    house.pass_time(1, Emotion.HAPPINESS)
    before = len(house.bus.shown)
    house.pass_time(30, Emotion.HAPPINESS)
    assert len(house.player.played) > 3
    assert not any(status.playing for status in house.bus.shown[before:])


def test_asked_to_play_a_sound_output_that_is_back_is_tried_at_once(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    house.player.unplug()
    house.pass_time(20, Emotion.HAPPINESS)
    tries = len(house.player.played)
    while len(house.player.played) == tries:  # one more, whose failure is not heard of yet
        house.pass_time(0.1, Emotion.HAPPINESS)
    house.player.plug()
    house.speaker.command(Play())
    house.wait(0.3)
    assert house.speaker.status().playing


def test_the_sleep_timer_fades_and_pauses_whoever_is_there(house: House) -> None:
    house.pass_time(5, Emotion.HAPPINESS)
    status = house.speaker.command(SetSleep(2))
    assert (status.sleep_minutes, status.volume_now) == (2, 55)
    house.pass_time(90, Emotion.HAPPINESS)
    status = house.speaker.status()
    assert status.volume == 55
    assert status.volume_now == pytest.approx(55 / 2, abs=1)
    assert house.player.announced_volume == 55  # what is announced does not sleep
    assert "sleep" in status.volume_why
    house.pass_time(31, Emotion.HAPPINESS)
    assert house.player.state is PlayerState.PAUSED
    assert house.player.volume == 0
    assert house.speaker.status().sleep_minutes is None
    house.pass_time(30)
    house.pass_time(10, Emotion.HAPPINESS)
    assert house.player.state is PlayerState.PAUSED
    house.speaker.command(Play())
    house.wait(0.2)
    assert (house.player.state, house.player.volume) == (PlayerState.PLAYING, 55)


def test_the_sleep_timer_may_be_taken_back(house: House) -> None:
    house.pass_time(5, Emotion.HAPPINESS)
    house.speaker.command(SetSleep(1))
    house.pass_time(50, Emotion.HAPPINESS)
    status = house.speaker.command(SetSleep(0))
    assert (status.sleep_minutes, status.volume_now, status.volume_why) == (None, 55, "")
    house.pass_time(30, Emotion.HAPPINESS)
    assert house.player.state is PlayerState.PLAYING


def test_the_sleep_timer_outlives_a_power_cut(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(5, Emotion.HAPPINESS)
    house.speaker.command(SetSleep(30))
    house.pass_time(600, Emotion.HAPPINESS)
    house.power_cut()
    again = House(tmp_path, FakeClock(50.0))
    assert again.speaker.status().sleep_minutes == pytest.approx(20, abs=1)
    again.pass_time(22 * 60, Emotion.HAPPINESS)
    assert again.player.state is PlayerState.PAUSED
    again.close()


def test_children_cap_the_volume_gently_and_are_told_of(house: House) -> None:
    house.speaker.command(SetVolume(90))
    house.pass_time(5, Emotion.HAPPINESS)
    assert house.player.volume == 90
    house.pass_time(3, Emotion.HAPPINESS, age=6.0)
    assert house.player.volume is not None
    assert 70 < house.player.volume < 90
    house.pass_time(20, Emotion.HAPPINESS, age=6.0)
    status = house.speaker.status()
    assert (status.volume, status.volume_now) == (90, 70)
    assert "child" in status.volume_why
    assert house.speaker.command(SetVolume(20)).volume_why == ""


def test_what_is_said_reaches_the_player_and_changes_nothing_else(house: House) -> None:
    house.pass_time(5, Emotion.HAPPINESS)
    before = house.player.track
    house.speaker.command(Pause())
    house.speaker.command(Say("/x/bell.ogg"))
    house.wait(1)
    assert house.player.announced == ["/x/bell.ogg"]
    assert (house.player.state, house.player.track) == (PlayerState.PAUSED, before)


def test_a_sound_that_is_gone_when_something_is_said_heals(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    track, position = house.player.track, house.player.position_seconds
    house.speaker.command(Pause())
    house.player.unplug()
    house.speaker.command(Say("/x/bell.ogg"))
    house.wait(2)
    house.player.plug()
    house.speaker.command(Play())
    house.wait(1)
    assert house.player.track == track
    assert house.player.position_seconds == pytest.approx(position, abs=2.0)


def test_the_diary_stays_true_through_cross_fades(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.player.crossfade_seconds = 3.0
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(200, Emotion.HAPPINESS)
    sql = "SELECT heard_seconds, finished FROM plays WHERE finished IS NOT NULL"
    rows = house.store._db.execute(sql).fetchall()
    assert len(rows) == 3
    for heard, finished in rows:
        assert finished
        assert heard == pytest.approx(57.0, abs=0.3)
    assert len({n.title for n in house.news(NowStarted)}) == 4
    assert house.silent_ticks == 0
    house.close()


# --- listening ----------------------------------------------------------------------------


def heard(majorness: float) -> Heard:
    return Heard(-9.0, 5.0, -0.2, 0.0, 1.0, 110.0, 4.0, 1500.0, "C major", majorness)


def test_what_is_not_yet_heard_is_offered_to_the_listener(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    two = library(1)[:2]
    house.speaker.handle(LibraryScanned(two))
    house.speaker.handle(Listened("happy-0", VERSION, heard(0.3)))
    house.speaker.handle(Listened("angry-0", VERSION, error="damaged"))
    house.speaker.handle(LibraryScanned(library(1)[:3]))
    assert house.offered[-2:] == [(["happy-0", "angry-0"], 2), (["sad-0"], 3)]
    house.close()


def test_what_was_heard_is_remembered_and_counts_in_a_while(tmp_path: Path) -> None:
    clock = FakeClock()
    house = House(tmp_path, clock)
    unknown = replace(library(1)[0], affect=Affect(0.0, 0.0, 0.5, "unknown"))
    house.speaker.handle(LibraryScanned((unknown,)))
    house.speaker.handle(Listened("happy-0", VERSION, heard(1.0)))
    house.wait(31.0)
    house.speaker.command(Play())
    assert house.player.current is not None
    assert house.player.current.affect == Affect(0.4, 0.0, 0.42, "listening")
    assert house.player.current.loudness_lufs == -9.0
    assert house.store.tracks() == [unknown]  # the library itself stays as it was scanned
    house.close()

    again = House(tmp_path, clock)
    assert again.offered == [([], 1)]
    again.speaker.command(Play())
    assert again.player.current is not None
    assert again.player.current.affect.source == "listening"
    again.close()


def test_in_a_large_library_what_was_heard_counts_later(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library(500)))  # 2,000 tracks
    house.speaker.handle(Listened("happy-0", VERSION, heard(1.0)))

    def counts() -> bool:
        return house.speaker.library.tracks[0].loudness_lufs is not None

    house.wait(50.0)
    assert not counts()
    house.wait(15.0)
    assert counts()
    house.close()


def test_the_library_tells_how_far_it_was_listened_to(house: House) -> None:
    house.speaker.handle(PartChanged("library", Part(Health.UP, "16 tracks")))
    house.speaker.handle(PartChanged("listener", Part(Health.UP, "listened to 3 of 16")))
    assert house.speaker.status().library.detail == "16 tracks; listened to 3 of 16"
    # A scan tells its own progress, whoever waits for its end.
    scanning = Part(Health.UP, "scanning 3 of 9", progress=0.3)
    house.speaker.handle(PartChanged("library", scanning))
    assert house.speaker.status().library == scanning
    house.speaker.handle(PartChanged("library", Part(Health.DOWN, "no music")))
    assert house.speaker.status().library == Part(Health.DOWN, "no music")
