"""The page without a browser: its addresses, what its forms ask, what it draws and says."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import time
from pathlib import Path
from typing import Any

import flask.testing
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from device.diary import Diary, MoodSpan, Played
from device.home.appliance import Appliance
from device.home.collection import TrackPage, TrackTold
from device.home.page import forms, past, words
from device.home.page.circle import RADIUS, colour, spot
from device.lessons import Ended, ForgetTaste, TasteChanged, TasteRequest
from device.music.corrections import moods
from device.music.search import Search
from device.ports import CannotDo
from device.types import (
    Affect,
    AgeGroup,
    Command,
    Correct,
    Emotion,
    Goal,
    Health,
    LibraryScanned,
    MoodLabel,
    OverrideMood,
    Part,
    Pause,
    Play,
    Say,
    Scan,
    SetGoal,
    SetPrivacy,
    SetQuietHours,
    SetSleep,
    SetVolume,
    SkippedFile,
    Status,
    Track,
    TrackId,
)
from tests.fakes import a_status
from tests.local_api import client_of
from tests.privacy.tables import STORED

FIRST = TrackId("0123456789abcdef")
TRACKS = tuple(
    Track(
        id=TrackId(f"{number + 0x0123456789ABCDEF:016x}"),
        path=f"/music/{number}.ogg",
        title="Bright Harbour" if number == 0 else f"Песня & <b>{number}</b>",
        artist="Ensemble" if number % 2 else "",
        affect=Affect(0.7, 0.5, 0.1, "file tag") if number % 3 else Affect(0, 0, 0.5, "unknown"),
        duration_seconds=200.0,
    )
    for number in range(120)
)
PAGES = ("/", "/history", "/history?view=week", "/library", f"/library/{FIRST}", "/settings")


class Home:
    """A speaker that remembers what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.now = a_status()
        self.asked: list[Command] = []
        self.taste_asked: list[TasteRequest] = []
        self.corrections: dict[TrackId, Correct] = {}
        self.announcements: list[str] = []
        self.refusal: Exception | None = None
        self.diary: tuple[Any, ...] = ()
        self.library = LibraryScanned(TRACKS, skipped=(SkippedFile("/m/x.ogg", "broken"),))
        self.client = client_of(
            Appliance(
                status=lambda: self.now,
                command=self.command,
                taste=self.taste,
                library=lambda: self.library,
                history=self.history,
                corrections=lambda: self.corrections,
                find=Search(),
                moods=moods(),
                announcements=lambda: self.announcements,
            ),
            folder,
        )

    def command(self, command: Command) -> Status:
        if self.refusal is not None:
            raise self.refusal
        self.asked.append(command)
        return self.now

    def taste(self, request: TasteRequest) -> TasteChanged:
        self.taste_asked.append(request)
        return TasteChanged(3)

    def history(self, since: float, until: float, step_minutes: int) -> Diary:
        plays = tuple(each for each in self.diary if since <= each.at < until)
        return Diary(since, until, step_minutes, (), plays)

    def get(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.data
        return answer.get_data(as_text=True)

    def post(self, name: str, **fields: str) -> flask.testing.TestResponse:
        return self.client.post(f"/do/{name}", data=fields)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_what_may_be_announced_is_offered(home: Home) -> None:
    assert "Announce" not in home.get("/")
    home.announcements = ["door & bell.ogg"]
    assert "<option>door &amp; bell.ogg</option>" in home.get("/")


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_whole_html_without_anything_inline(home: Home, path: str) -> None:
    html = home.get(path)
    assert html.startswith("<!doctype html>")
    assert html.endswith("</html>")
    # What a strict content security policy forbids.
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script>|javascript:", html)
    assert not re.search(r"(src|href|action)=\"(?!/|#)", html), "nothing from elsewhere"
    for form in re.findall(r"<form method=\"post\".*?</form>", html, re.DOTALL):
        assert 'name="csrf"' in form


def test_names_of_files_and_tracks_are_text_and_no_html(home: Home) -> None:
    html = home.get("/library")
    assert "<b>1</b>" not in html
    assert "Песня &amp; &lt;b&gt;1&lt;/b&gt;" in html


@pytest.mark.parametrize("name", ["page.css", "page.js", "icon.svg"])
def test_what_it_is_dressed_in_is_kept_by_the_browser(home: Home, name: str) -> None:
    (address,) = set(re.findall(rf'"(/assets/{re.escape(name)}\?v=\w+)"', home.get("/")))
    answer = home.client.get(address)
    assert "immutable" in answer.headers["Cache-Control"]
    again = home.client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert home.client.get(f"/assets/{name}").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/assets/base.html", "/assets/..%2fviews.py", "/library/nope"])
def test_what_is_not_there_is_missing(home: Home, path: str) -> None:
    assert home.client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/library?q=bright%20har", "1 track for"),
        ("/library?page=3", "page 3 of 3"),
        ("/library?page=99", "page 3 of 3"),
        ("/library?page=-5", "page 1 of 3"),
        ("/library?page=x", "page 1 of 3"),
        ("/library?show=unsure", "40 tracks"),
        ("/library?show=corrected", "1 track<"),
        ("/library?q=nothing+like+it", "No track is like that"),
        ("/history?date=2026-13-77", "History"),
        ("/history?date=0001-01-01", "8 January 1970"),
        ("/history?date=9999-12-31&view=week", "History"),
        ("/?done=like", "Liked."),
        ("/?done=<script>", "Now"),
    ],
)
def test_what_is_asked_for_is_shown(home: Home, path: str, told: str) -> None:
    home.corrections = {FIRST: Correct(FIRST, 0.1, 0.1)}
    html = home.get(path)
    assert told in html
    assert "<script>" not in html


def test_now_tells_what_is_wrong(home: Home) -> None:
    home.now = a_status(sound=Part(Health.DOWN, "no card"), track=None, tracks=0, playing=False)
    html = home.get("/")
    assert ">Sound</a> does not work just now" in html
    assert "no card" in html
    assert "There is no music yet" in html
    assert "no card" in home.get("/settings")


# --- forms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fields", "command"),
    [
        ("play", {}, Play()),
        ("pause", {}, Pause()),
        ("scan", {}, Scan()),
        ("volume", {"value": "35"}, SetVolume(35)),
        ("goal", {"value": "lift"}, SetGoal(Goal.LIFT)),
        ("mood", {"value": "sadness"}, OverrideMood(Emotion.SADNESS)),
        ("mood", {"value": "auto"}, OverrideMood(None)),
        ("sleep", {"value": "45"}, SetSleep(45)),
        ("sleep", {"value": "OFF"}, SetSleep(0)),
        ("say", {"value": "door.ogg"}, Say("door.ogg")),
        ("privacy", {"value": "ON"}, SetPrivacy(on=True)),
        ("quiet", {"when": "never"}, SetQuietHours("")),
        ("quiet", {"when": "auto"}, SetQuietHours(None)),
        (
            "quiet",
            {"when": "span", "from": "22:30", "to": "06:00"},
            SetQuietHours("22:30-06:00"),
        ),
        ("uncorrect", {"track": FIRST}, Correct(FIRST)),
        ("correct", {"track": FIRST, "mood": "calm"}, Correct(FIRST, 0.45, -0.7)),
        (
            "correct",
            {"track": FIRST, "mood": "sliders", "valence": "-0.5", "arousal": "1", "skip": "yes"},
            Correct(FIRST, -0.5, 1.0, skip=True),
        ),
        (
            "correct",
            {"track": FIRST, "mood": "as-told", "explicit": "no"},
            Correct(FIRST, explicit=False),
        ),
    ],
)
def test_a_form_asks_for_a_command(
    home: Home, name: str, fields: dict[str, str], command: Command
) -> None:
    answer = home.post(name, **fields, back="/settings")
    assert answer.status_code == 303
    assert answer.headers["Location"].split("?")[0] == "/settings"
    assert home.asked == [command]


@pytest.mark.parametrize(
    ("name", "fields", "told"),
    [
        ("volume", {"value": "101"}, "volume must be 0..100"),
        ("volume", {}, "volume takes a whole number"),
        ("goal", {"value": "dance"}, "is none of match"),
        ("say", {"value": "../x.ogg"}, "file&#39;s name"),
        ("quiet", {"when": "span", "from": "22:30"}, "from when and until when"),
        ("quiet", {"when": "span", "from": "25:00", "to": "06:00"}, "quiet hours are as"),
        ("correct", {"track": FIRST, "mood": "blurp"}, "is no mood"),
        (
            "correct",
            {"track": FIRST, "mood": "sliders", "valence": "2", "arousal": "0"},
            "from -1 to 1",
        ),
        (
            "correct",
            {"track": FIRST, "mood": "sliders", "valence": "nan", "arousal": "0"},
            "from -1 to 1",
        ),
        ("forget", {"since": "all"}, "tick the box"),
        ("forget", {"since": "yesterday", "sure": "yes"}, "from when on"),
        ("explode", {}, "nothing called"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(
    home: Home, name: str, fields: dict[str, str], told: str
) -> None:
    answer = home.post(name, **fields)
    assert answer.status_code == 422
    assert told in answer.get_data(as_text=True)
    assert home.asked == []
    assert home.taste_asked == []


@given(
    name=st.sampled_from([*forms.SIMPLE, *forms.READERS]),
    fields=st.dictionaries(
        st.sampled_from(["value", "when", "from", "to", "track", "mood", "valence", "arousal"]),
        st.text(max_size=30) | st.sampled_from(["span", "sliders", "0.5", "-1", "22:00", "1e9"]),
    ),
)
def test_no_form_whatever_brings_it_down(name: str, fields: dict[str, str]) -> None:
    with contextlib.suppress(CannotDo):
        forms.command_of(name, fields, moods())


def test_forgetting(home: Home) -> None:
    assert home.post("forget", since="all", sure="yes").status_code == 303
    home.post("forget", since="day", sure="yes")
    everything, day = home.taste_asked
    assert everything == ForgetTaste(None)
    assert isinstance(day, ForgetTaste)
    assert day.since == pytest.approx(time.time() - 86_400, abs=60)


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example", "/do/play", "/library/../x", "\n/"]
)
def test_a_form_leads_nowhere_else(home: Home, back: str) -> None:
    assert home.post("play", back=back).headers["Location"] == "/"


@pytest.mark.parametrize(
    ("refusal", "code", "told"),
    [
        (CannotDo("the <disk> is full"), 422, "the &lt;disk&gt; is full"),
        (TimeoutError(), 503, "try again"),
    ],
)
def test_a_refusal_is_a_page(home: Home, refusal: Exception, code: int, told: str) -> None:
    home.refusal = refusal
    answer = home.post("play")
    assert answer.status_code == code
    assert told in answer.get_data(as_text=True)


# --- the same for programs ------------------------------------------------------------------------


def test_tracks_by_pages(home: Home) -> None:
    answer = home.client.get("/api/v1/tracks?words=bright&per_page=10")
    page = msgspec.json.decode(answer.data, type=TrackPage)
    assert (page.total, page.page, page.pages, page.tracks[0].id) == (1, 1, 1, FIRST)
    page = msgspec.json.decode(home.client.get("/api/v1/tracks?page=3").data, type=TrackPage)
    assert (page.total, page.page, page.pages, len(page.tracks)) == (120, 3, 3, 20)


def test_one_track(home: Home) -> None:
    home.corrections = {FIRST: Correct(FIRST, skip=True)}
    told = msgspec.json.decode(home.client.get(f"/api/v1/tracks/{FIRST}").data, type=TrackTold)
    assert told == TrackTold(TRACKS[0], Correct(FIRST, skip=True))
    assert home.client.get("/api/v1/tracks/nope").status_code == 404


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", 200),
        ("since=100&until=1000&step_minutes=30", 200),
        ("since=1000&until=100", 422),
        ("since=0&until=1e10", 422),
        ("since=nan", 422),
        ("step_minutes=0", 422),
        ("until=0", 422),
    ],
)
def test_history(home: Home, query: str, code: int) -> None:
    answer = home.client.get(f"/api/v1/history?{query}")
    assert answer.status_code == code, answer.data


# --- drawings -------------------------------------------------------------------------------------

unit = st.floats(-1.0, 1.0)


@given(unit, unit)
def test_every_place_has_a_spot_in_the_circle_and_a_colour(valence: float, arousal: float) -> None:
    x, y = spot(valence, arousal)
    assert x * x + y * y <= (RADIUS + 0.2) ** 2
    assert (x >= 0) == (round(valence, 3) >= 0) or abs(x) < 0.2
    assert re.fullmatch(r"#[0-9a-f]{6}", colour(valence, arousal))


def test_the_four_corners_look_apart() -> None:
    amber, red, blue, green = (
        tuple(bytes.fromhex(colour(*place)[1:]))
        for place in ((0.8, 0.5), (-0.5, 0.6), (-0.6, -0.3), (0.6, -0.6))
    )
    assert amber[0] > amber[2] + 100
    assert red[0] > max(red[1:]) + 80
    assert blue[2] > max(blue[:2]) + 50
    assert green[1] > max(green[0], green[2]) + 20


DATE = dt.date(2026, 3, 14)


def test_a_day_is_drawn_from_midnight_to_midnight() -> None:
    since, until = past.bounds(DATE)
    moods_ = (
        MoodSpan(since, 5, MoodLabel.HAPPINESS, 0.5, 0.2, 1),
        MoodSpan(since + (until - since) / 2, 3, MoodLabel.SADNESS, -1.0, -0.4, 2),
        MoodSpan(until, 5, MoodLabel.ANGER, -0.5, 0.5, 1),
    )
    play = Played(
        at=since + (until - since) / 4,
        track=FIRST,
        title="A",
        artist="B",
        goal=Goal.MATCH,
        label=MoodLabel.HAPPINESS,
        because="so",
        heard_seconds=(until - since) / 10,
        ended=Ended.FINISHED,
    )
    day = past.day(DATE, Diary(since, until + 600, 5, moods_, (play,)))
    assert [(bar.x, bar.y, bar.height) for bar in day.valence] == [(0, 250, 250), (500, 500, 500)]
    assert [(bar.x, bar.width, bar.fill) for bar in day.plays] == [(250, 100, "finished")]
    assert "most of it happy (62%)" in day.told
    assert "1 track sounded" in day.told


def test_bars_of_a_colour_are_drawn_as_one() -> None:
    bars = [past.Bar(10, 0, 2.5, 1000, fill, "") for fill in ("liked", "other", "liked")]
    assert list(past.outlines(bars)) == [
        ("liked", "M10 0h2.5v1000h-2.5zM10 0h2.5v1000h-2.5z"),
        ("other", "M10 0h2.5v1000h-2.5z"),
    ]


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({}, "other"),
        ({"ended": Ended.FINISHED}, "finished"),
        ({"ended": Ended.SKIPPED}, "skipped"),
        ({"ended": Ended.SKIPPED, "liked": True}, "liked"),
        ({"ended": Ended.FINISHED, "liked": False}, "disliked"),
        ({"ended": Ended.DISLIKED}, "disliked"),
        ({"ended": Ended.MOOD}, "other"),
    ],
)
def test_how_a_play_was_taken(changes: dict[str, Any], taken: str) -> None:
    play = Played(0.0, FIRST, "", "", Goal.MATCH, MoodLabel.NEUTRAL, "")
    assert past.taken(replace(play, **changes)) == taken


def test_a_day_of_nothing() -> None:
    assert past.told((), ()) == "Nothing was noted."


def test_the_history_lists_newest_first(home: Home) -> None:
    since, _ = past.bounds(dt.datetime.now().astimezone().date())
    home.diary = tuple(
        Played(since + number, FIRST, f"Track {number}", "B", Goal.MATCH, MoodLabel.FEAR, "so")
        for number in range(3)
    )
    html = home.get("/history").partition('class="plays"')[2]
    assert html.index("Track 2") < html.index("Track 1") < html.index("Track 0")


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0:00"), (67.9, "1:07"), (3600, "1:00:00"), (-3, "0:00")]
)
def test_clock(seconds: float, told: str) -> None:
    assert words.clock(seconds) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(5, "5 s"), (60, "1 min"), (7200, "2 h"), (12_000, "3 h 20 min"), (180_000, "2 d 2 h")],
)
def test_span(seconds: float, told: str) -> None:
    assert words.span(seconds) == told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "1 person, about 36 (30 to 42), adult"),
        ({"people": 3, "age_group": AgeGroup.CHILD}, "3 people, about 36 (30 to 42), child"),
        ({"age": None}, "1 person"),
        ({"people": 0}, "the room looks empty"),
        ({"privacy": True}, "the camera is off"),
    ],
)
def test_who(changes: dict[str, Any], told: str) -> None:
    assert words.who(a_status(**changes)) == told


TOLD = {
    "resume": "where to go on playing",
    "plays": "how much was heard",
    "feedback": "Likes and dislikes",
    "moods": "One mood a minute",
    "tracks": "index and what listening to a track told",
    "known_files": "index and what listening to a track told",
    "skipped_files": "Files that cannot be played",
    "listened": "what listening to a track told",
    "corrections": "Your word on a track",
}


def test_the_page_tells_of_every_table(home: Home) -> None:
    assert TOLD.keys() == STORED.keys()
    shown = home.get("/settings")
    for table, words_for_it in TOLD.items():
        assert words_for_it in shown, table


def test_kept() -> None:
    assert words.kept(400) == "400 days, or until you erase it"
    assert words.kept(0) == "until you erase it"


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ((0.8, 0.5), "very pleasant and lively"),
        ((-0.2, -0.9), "a little unpleasant and very quiet"),
        ((0.05, 0.0), "in the middle"),
    ],
)
def test_side(place: tuple[float, float], told: str) -> None:
    assert words.side(*place) == told
