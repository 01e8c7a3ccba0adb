"""The page without a browser: its addresses, what its forms ask, and the same for programs."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.diary import Played
from device.home.collection import TrackPage, TrackTold
from device.home.page import forms, past
from device.lessons import ForgetTaste
from device.music.corrections import moods
from device.ports import CannotDo
from device.types import (
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
)
from tests.fakes import a_status
from tests.home.asked import FIRST, TRACKS, Home
from tests.privacy.tables import STORED

PAGES = ("/", "/history", "/history?view=week", "/library", f"/library/{FIRST}", "/settings")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_what_may_be_announced_is_offered(home: Home) -> None:
    assert "Announce" not in home.get("/")
    home.announcements = ["door &  bell.ogg"]
    # A browser sends the text of an option without its second blank.
    assert '<option value="door &amp;  bell.ogg">' in home.get("/")


def test_what_is_offered_is_announced_however_long_its_name(home: Home) -> None:
    name = "The door is open, says the bell, and somebody waits there: go and see.ogg"
    assert home.post("say", value=name).status_code == 303
    assert home.asked == [Say(name)]


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


def test_the_history_lists_newest_first(home: Home) -> None:
    since, _ = past.bounds(dt.datetime.now().astimezone().date())
    home.diary = tuple(
        Played(since + number, FIRST, f"Track {number}", "B", Goal.MATCH, MoodLabel.FEAR, "so")
        for number in range(3)
    )
    html = home.get("/history").partition('class="plays"')[2]
    assert html.index("Track 2") < html.index("Track 1") < html.index("Track 0")


def test_a_track_of_the_history_that_is_missing_has_its_page(home: Home) -> None:
    """Its drive went away."""
    since, _ = past.bounds(dt.datetime.now().astimezone().date())
    home.diary = (Played(since, FIRST, "Bright", "B", Goal.MATCH, MoodLabel.FEAR, "so"),)
    home.library = LibraryScanned(TRACKS[1:], missing=TRACKS[:1])
    assert f'href="/library/{FIRST}"' in home.get("/history")
    html = home.get(f"/library/{FIRST}")
    assert "Bright Harbour" in html
    assert "cannot be found or played just now" in html
    assert 'action="/do/correct"' not in html, "which is refused"
    assert "cannot be found" not in home.get(f"/library/{TRACKS[1].id}")


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
