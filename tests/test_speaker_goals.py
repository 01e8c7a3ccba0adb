"""Where the goals lead: on a fake clock, with a fake player and the real database.

Tracks lie so densely that what plays tells where the chooser aimed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from device.mood.circumplex import COORDINATES
from device.music.goals import DESTINATIONS, FOCUS
from device.music.session import ECHO_SECONDS
from device.types import (
    Affect,
    Emotion,
    Goal,
    LibraryScanned,
    Next,
    NowStarted,
    OverrideMood,
    Play,
    SetGoal,
    Track,
    TrackId,
)
from tests.fakes import FakeClock
from tests.house import SETTINGS, House

GRID = 0.025
NEAR = 0.075
"""The 24 tracks nearest to a place, of which one is drawn, lie within three widths of the grid."""
Place = tuple[float, float]


def everywhere() -> tuple[Track, ...]:
    """A track in each corner of the grid, named for its place."""
    steps = round(1 / GRID)
    places = [
        (valence * GRID, arousal * GRID)
        for valence in range(-steps, steps + 1)
        for arousal in range(-steps, steps + 1)
    ]
    return tuple(track(f"{valence} {arousal}", (valence, arousal)) for valence, arousal in places)


def track(name: str, place: Place, voice: float | None = None) -> Track:
    affect = Affect(*place, 0.1, "file tag")
    return Track(TrackId(name), f"/music/{name}.ogg", name, "", affect, 60.0, voice=voice)


EVERYWHERE = everywhere()


@pytest.fixture
def living(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Makes a house with such music settings, where music plays without a word from the camera."""
    houses = []

    def make(tracks: tuple[Track, ...] = EVERYWHERE, **music: object) -> House:
        asked = {"learn": False} | music
        settings = replace(SETTINGS, music=replace(SETTINGS.music, **asked))
        house = House(tmp_path, FakeClock(), settings)
        houses.append(house)
        house.speaker.handle(LibraryScanned(tracks))
        return house

    yield make
    for house in houses:
        house.close()


def begin(house: House, goal: Goal, mood: Emotion) -> None:
    house.speaker.command(SetGoal(goal))
    house.speaker.command(OverrideMood(mood))
    house.speaker.command(Play())
    house.wait(0.5)


def skip(house: House) -> None:
    house.speaker.command(Next())
    house.wait(0.5)


def heard(house: House) -> list[Place]:
    """The places of all that has sounded."""
    titles = [news.title for news in house.news(NowStarted) if isinstance(news, NowStarted)]
    places = [title.split() for title in titles]
    return [(float(valence), float(arousal)) for valence, arousal in places]


def on_path(goal: Goal, mood: Emotion, distance: float) -> Place:
    """The place at such a distance from a mood toward a goal's end."""
    start, end = COORDINATES[mood], DESTINATIONS[goal]
    share = distance / math.dist(start, end)
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def has_led(house: House, goal: Goal, mood: Emotion, *distances: float) -> bool:
    """Whether the newest tracks lie at these distances from a mood on the way to a goal's end."""
    newest = heard(house)[-len(distances) :]
    places = [on_path(goal, mood, distance) for distance in distances]
    return all(math.dist(*pair) < NEAR for pair in zip(newest, places, strict=True))


@pytest.mark.parametrize(("step", "reach"), [(0.25, 1.0), (0.1, 1.0), (0.4, 0.5)])
@pytest.mark.parametrize("goal", [Goal.LIFT, Goal.CALM])
def test_a_goal_leads_as_fast_and_as_far_as_configured(
    living: Callable[..., House], goal: Goal, step: float, reach: float
) -> None:
    house = living(path_step=step, path_reach=reach)
    begin(house, goal, Emotion.SADNESS)
    for _ in range(7):
        skip(house)
    whole = reach * math.dist(COORDINATES[Emotion.SADNESS], DESTINATIONS[goal])
    assert len(heard(house)) == 8
    distances = (min(whole, number * step) for number in range(1, 9))
    assert has_led(house, goal, Emotion.SADNESS, *distances)


def test_music_that_plays_by_itself_goes_the_same_way(living: Callable[..., House]) -> None:
    house = living()
    begin(house, Goal.LIFT, Emotion.SADNESS)
    house.wait(59.0 * 4)
    assert len(heard(house)) == 4
    assert has_led(house, Goal.LIFT, Emotion.SADNESS, 0.25, 0.5, 0.75, 1.0)


def test_another_goal_begins_where_the_mood_is(living: Callable[..., House]) -> None:
    house = living(path_step=0.1)
    begin(house, Goal.LIFT, Emotion.SADNESS)
    for _ in range(5):
        skip(house)
    house.speaker.command(SetGoal(Goal.CALM))
    skip(house)
    skip(house)
    assert has_led(house, Goal.CALM, Emotion.SADNESS, 0.1, 0.2)
    # What the mood may fall behind of is this goal's path, not the longer one before it.
    house.speaker.command(OverrideMood(Emotion.ANGER))
    skip(house)
    assert has_led(house, Goal.CALM, Emotion.ANGER, 0.1)


def test_a_mood_that_falls_back_is_met_anew(living: Callable[..., House]) -> None:
    house = living(path_step=0.1)
    begin(house, Goal.LIFT, Emotion.NEUTRAL)
    for _ in range(5):
        skip(house)
    house.speaker.command(OverrideMood(Emotion.SADNESS))
    skip(house)
    skip(house)
    assert has_led(house, Goal.LIFT, Emotion.SADNESS, 0.1, 0.2)


def led_far(house: House) -> None:
    """Led up from sadness as far as the path goes."""
    begin(house, Goal.LIFT, Emotion.SADNESS)
    for _ in range(6):
        skip(house)


def is_met_anew(house: House) -> bool:
    """Whether the path begins again where somebody is sad."""
    skip(house)
    skip(house)
    return has_led(house, Goal.LIFT, Emotion.SADNESS, 0.25, 0.5)


def test_a_mood_that_was_lifted_and_falls_back_is_met_anew(living: Callable[..., House]) -> None:
    house = living()
    led_far(house)
    house.speaker.command(OverrideMood(Emotion.HAPPINESS))
    skip(house)
    house.speaker.command(OverrideMood(Emotion.SADNESS))
    assert is_met_anew(house)


def test_a_smile_in_passing_does_not_begin_the_path_anew(living: Callable[..., House]) -> None:
    house = living(goal=Goal.LIFT)
    house.pass_time(5.0, Emotion.SADNESS)
    for _ in range(6):
        skip(house)
    house.pass_time(8.0, Emotion.HAPPINESS)
    skip(house)
    house.pass_time(8.0, Emotion.SADNESS)
    skip(house)
    assert math.dist(heard(house)[-1], DESTINATIONS[Goal.LIFT]) < NEAR


def test_a_goal_that_is_asked_for_again_begins_anew(living: Callable[..., House]) -> None:
    house = living()
    led_far(house)
    house.wait(ECHO_SECONDS + 1.0)
    house.speaker.command(SetGoal(Goal.LIFT))
    assert is_met_anew(house)


def test_an_automation_that_says_the_same_goal_again_and_again_does_not_hold_the_path(
    living: Callable[..., House],
) -> None:
    house = living()
    begin(house, Goal.LIFT, Emotion.SADNESS)
    for _ in range(4):
        house.speaker.command(SetGoal(Goal.LIFT))
        skip(house)
    assert has_led(house, Goal.LIFT, Emotion.SADNESS, 0.25, 0.5, 0.75, 1.0, 1.25)
    # It may go on so for hours, while what was heard near the path's end rests.
    for _ in range(4):
        house.wait(ECHO_SECONDS / 2)
        house.speaker.command(SetGoal(Goal.LIFT))
    skip(house)
    assert math.dist(heard(house)[-1], DESTINATIONS[Goal.LIFT]) < 0.25


def test_who_comes_back_is_met_anew(living: Callable[..., House]) -> None:
    house = living()
    led_far(house)
    house.pass_time(2.0, Emotion.SADNESS)
    house.pass_time(SETTINGS.mood.absence_seconds + 5.0)
    house.pass_time(2.0, Emotion.SADNESS)
    assert is_met_anew(house)


def test_who_comes_to_music_that_already_plays_is_met_where_he_is(
    living: Callable[..., House],
) -> None:
    house = living(goal=Goal.LIFT)
    house.pass_time(2.0)
    house.speaker.command(Play())
    for _ in range(6):
        skip(house)
    house.speaker.command(OverrideMood(Emotion.SADNESS))
    assert is_met_anew(house)


def test_a_mood_that_wavers_is_led_on(living: Callable[..., House]) -> None:
    house = living(path_step=0.1)
    begin(house, Goal.LIFT, Emotion.FEAR)
    for _ in range(5):
        skip(house)
    house.speaker.command(OverrideMood(Emotion.DISGUST))
    skip(house)
    assert has_led(house, Goal.LIFT, Emotion.DISGUST, 0.7)


@pytest.mark.parametrize("learn", [False, True])
def test_focus_stays_where_it_is_with_few_voices(living: Callable[..., House], learn: bool) -> None:
    voices = {
        f"{kind} {number}": voice
        for kind, voice in (("sung", 1.0), ("played", 0.0))
        for number in range(100)
    }
    house = living(tuple(track(name, FOCUS, voice) for name, voice in voices.items()), learn=learn)
    begin(house, Goal.FOCUS, Emotion.HAPPINESS)
    for _ in range(79):
        skip(house)
    titles = [news.title for news in house.news(NowStarted) if isinstance(news, NowStarted)]
    assert len(titles) == 80
    assert sum(voices[title] for title in titles) <= 24  # of 80; 40 if voices did not matter
