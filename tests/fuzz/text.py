"""Edges that take text: configuration, REST bodies, labels, playlists, a taste."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from urllib.parse import quote_from_bytes

import msgspec
import numpy as np

from device import config, lessons
from device.config import ConfigError
from device.config_text import default_toml, shown_toml
from device.diary import Diary
from device.home.appliance import Appliance
from device.lessons import ForgetTaste, TasteFile
from device.music.announce import admit
from device.music.catalogue import Catalogue, Wish
from device.music.features import x_of
from device.music.labels import Label, read_labels
from device.music.learner import Learner
from device.music.playlists import BadPlaylist, read_playlist, spelled
from device.settings import Settings
from device.system.diary import read_diary
from device.system.store import SqliteStore
from device.types import (
    Affect,
    AgeGroup,
    Command,
    Emotion,
    Goal,
    Mood,
    MoodLabel,
    Say,
    Status,
    Track,
    TrackId,
)
from tests.fakes import FakeClock, a_status, finished
from tests.fuzz.edge import Attack, Seeds
from tests.local_api import client_of
from tests.system.stored import MOOD, a_play

# --- configuration ---------------------------------------------------------------------------


def config_seeds(folder: Path) -> Seeds:
    """The default file, with its settings in force, and small ones."""
    default = default_toml()
    live = "\n".join(
        line.removeprefix("#") if line.startswith("#") and " = " in line else line
        for line in default.splitlines()
    )
    small = (
        '[camera]\nsource = "rtsp://me:secret@10.0.0.1/cam"\nrotate = 90\nface_hertz = 8.0\n'
        '[music]\nfolders = ["~/music", "../m"]\ngoal = "lift"\nquiet_hours = "22:00-07:00"\n'
        'random_seed = 7\n[mqtt]\nenabled = true\nhost = "hub"\nusername = "u"\npassword = "p"\n'
        f'tls = true\nca_file = "{folder}/case"\nid = "kitchen"\n[log]\nlevel = "debug"\n'
    )
    return {"toml": [default.encode(), live.encode(), small.encode()]}


CONFIG_WORDS = (
    b"[camera]", b"[[music]]", b"[mqtt", b"=", b'"""', b"'''", b"\\u0000", b"\\U00110000", b"[[",
    b"{", b"}", b"1979-05-27T07:32:00Z", b"inf", b"nan", b"true", b"a.b.c = 1", b"#", b"slideshow:",
    b"gst:", b"/dev/video0", b"\\", b"0x", b"1_0", b"password", b"volume", b"= [", b", ", b"\n",
)  # fmt: skip


@contextlib.contextmanager
def config_attack(folder: Path) -> Iterator[Attack]:
    """Load, and where that is good, show and compare."""
    path = folder / "attune.toml"
    usual = Settings()

    def attack(_kind: str, data: bytes) -> bool:
        path.write_bytes(data)
        try:
            settings = config.load(path, {"ATTUNE_MQTT_PASSWORD": "hidden"})
        except ConfigError as error:
            assert str(error)
            assert "hidden" not in str(error)
            settings = error.settings  # what `attune status` looks for its socket with
            taken = False
        else:
            taken = True
        for line in (*config.diff(usual, settings), shown_toml(settings)):
            assert "hidden" not in line.encode("utf-8", "replace").decode()
        config.socket_path(settings, {})
        return taken

    yield attack


# --- REST ------------------------------------------------------------------------------------

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
ROUTES = ("command", "taste", "status", "library", "health", "tracks", "tracks/0", "history")
ROUTES += ("events", "../..", "%00")


def rest_seeds(_folder: Path) -> Seeds:
    """Each command and request, to each route, by each method, as JSON and not; queries."""
    commands = [
        b'{"type":"play"}', b'{"type":"volume","percent":40}', b'{"type":"goal","goal":"lift"}',
        b'{"type":"mood","label":null}', b'{"type":"mood","label":"anger"}',
        b'{"type":"privacy","on":true}', b'{"type":"sleep","minutes":30}',
        b'{"type":"quiet","hours":"22:00-07:00"}', b'{"type":"correct","track":"0","skip":true}',
        b'{"type":"correct","track":"0","valence":0.5,"arousal":-0.2}',
        b'{"type":"say","file":"/no/such.ogg"}', b'{"type":"say","file":"bell.ogg"}',
    ]  # fmt: skip
    requests = [b'{"type":"show"}', b'{"type":"forget","since":1e9}', b'{"type":"forget"}']
    requests += [b'{"type":"forget","what":["moods","by_hand"]}']
    requests += [b'{"type":"import","lessons":[%s]}' % lesson for lesson in a_taste_json()[1]]
    bodies = {"command": commands, "taste": requests}
    queries = [b"words=caf%C3%A9&page=2&per_page=7", b"since=1&until=9e5&step_minutes=5", b""]
    forms = [b"value=40", b"percent=40&goal=lift", b"label=anger"]
    seeds: Seeds = {
        f"{method} /api/v1/{route} {kind}": bodies.get(route, commands)
        for method, route, kind in product(("POST", "PUT"), ROUTES, (JSON, FORM))
    }
    seeds |= {f"GET /api/v1/{route} {JSON}": queries for route in ROUTES}
    seeds |= {
        f"GET /history {FORM} {n}": [b"view=week", b"view=day&date=2026-05-31", b""]
        for n in range(4)
    }
    seeds |= {f"POST /do/{name} {FORM}": forms for name in ("volume", "goal", "mood", "forget")}
    # The two that read a body are what most cases shall go to.
    often = {
        f"POST /api/v1/{route} {JSON} {n}": bodies[route] for route in bodies for n in range(20)
    }
    return seeds | often


REST_WORDS = (b'"type"', b'"say"', b'"file"', b"null", b"{}", b"\\u0000", b"\\ud800", b"1e999")


@contextlib.contextmanager
def rest_attack(folder: Path) -> Iterator[Attack]:
    """A request, answered by the real app, which looks at a file to announce as the daemon does."""
    now = a_status()
    taken: list[Command] = []

    def ask(command: Command) -> Status:
        if isinstance(command, Say):
            admit(command.file, folder)
        taken.append(command)
        return now

    def ask_taste(request: lessons.TasteRequest) -> lessons.TasteAnswer:
        return asked(learner, store, request)

    def history(since: float, until: float, step_minutes: int) -> Diary:
        # Others forget what was lived: it is noted anew, and by chance damaged.
        row = store.add_play(a_play("ab", since))
        store.end_play(row, heard_seconds=9.0, ended=lessons.Ended.SKIPPED, moved=None)
        store.add_mood(since, MOOD)
        column = ("goal", "label", "ended", "because")[row % 4]
        store._db.execute(f"UPDATE plays SET {column} = 'decayed' WHERE id = ?", (row,))  # noqa: S608
        return read_diary(folder / "state", since, until, step_minutes)

    with SqliteStore(folder / "state", FakeClock()) as store:
        learner = Learner(store)
        appliance = Appliance(lambda: now, ask, ask_taste, history=history, stopping=lambda: True)
        client = client_of(appliance, folder)

        def attack(kind: str, data: bytes) -> bool:
            method, path, mimetype, *_ = kind.split()
            query = quote_from_bytes(data, "&=%") if method == "GET" else ""
            with client.open(
                path, method=method, data=data, content_type=mimetype, query_string=query
            ) as answer:
                code, content, kind_of_it = answer.status_code, answer.data, answer.mimetype
            assert code < 500, content
            if code >= 400 and path.startswith("/api/"):
                assert kind_of_it == "application/problem+json"
                assert msgspec.json.decode(content)["status"] == code
            elif b'"import"' in data:
                ask_taste(ForgetTaste())
            return code < 400

        yield attack


# --- labels and playlists --------------------------------------------------------------------

NAMES = ("song.mp3", "É.flac", "a b.ogg", ".attune.toml", "mood.txt", "Mood.TXT")


def label_seeds(_folder: Path) -> Seeds:
    """Both of the user's own files."""
    toml = (
        '["*"]\nmood = "calm"\n["song.mp3"]\nvalence = -0.2\narousal = 0.7\nskip = true\n'
        '["É.flac"]\ngenre = "jazz"\nyear = 1971\nexplicit = false\n'
    ).encode()
    text = "# mine\ncalm\nsong.mp3: sad\nÉ: happy\na b.ogg: angry\n".encode()
    return {
        ".attune.toml": [toml],
        "mood.txt": [text, text.decode().encode("utf-16"), text.decode().encode("cp1252")],
    }


LABEL_WORDS = (
    b'["*"]', b"mood", b"valence", b"=", b": ", b"#", b"nan", b"inf", b"calm", b"skip = true",
    b"[[", b"1e999", b"\x85", b"\x0c", b"\xe2\x80\xa8", b'"""', b"\\u0000",
)  # fmt: skip


@contextlib.contextmanager
def label_attack(folder: Path) -> Iterator[Attack]:
    """The labels of a folder; what is wrong is told, nothing is raised."""

    def attack(kind: str, data: bytes) -> bool:
        for name in (".attune.toml", "mood.txt"):
            (folder / name).unlink(missing_ok=True)
        (folder / kind).write_bytes(data)
        names = [name for name in NAMES if name not in (".attune.toml", "mood.txt")] + [kind]
        names = [name for name in names if name != "Mood.TXT"]
        labels, problems = read_labels(folder, names, Label())
        for problem in problems:
            assert problem.reason
        for name in names:
            label = labels.of(name)
            for number in (label.valence, label.arousal):
                assert number is None or -1.0 <= number <= 1.0
        return not problems

    yield attack


def playlist_seeds(_folder: Path) -> Seeds:
    """Each format, in the encodings that players write."""
    m3u = "#EXTM3U\n#EXTINF:123,A - B\n../x/É.mp3\nC:\\m\\b.mp3\nfile:///m/c%20d.ogg\nhttp://w/e\n"
    xspf = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<playlist version="1" xmlns="http://xspf.org/ns/0/"><title>t</title><trackList>'
        "<track><location>file:///m/a%20b.mp3</location><title>A &amp; B</title></track>"
        "<track><location>c/d.ogg</location></track></trackList></playlist>"
    )
    lists = [m3u.encode(), m3u.encode("cp1252"), m3u.encode("utf-16"), m3u.encode("utf-8-sig")]
    return {"m3u": lists, "m3u8": lists, "xspf": [xspf.encode(), xspf.encode("utf-16")]}


PLAYLIST_WORDS = (
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"<!ENTITY", b"&b;", b"&#0;", b"&#xD800;", b"<![CDATA[",
    b"]]>", b"<track>", b"</trackList>", b"<location>", b"encoding='utf-7'", b"file://", b"%00",
    b"//[", b"http://[::1", b"\\\\server\\share", b"<?xml", b"#EXTM3U", b"..", b"xmlns=''", b"x:",
)  # fmt: skip


@contextlib.contextmanager
def playlist_attack(folder: Path) -> Iterator[Attack]:
    """What a playlist names."""

    def attack(kind: str, data: bytes) -> bool:
        path = folder / f"happy.{kind}"
        path.write_bytes(data)
        try:
            entries = read_playlist(path, spelled([str(folder / "a b.mp3")]))
        except BadPlaylist as error:
            assert str(error)
            return False
        assert all(entry.startswith("/") and "\0" not in entry for entry in entries)
        return True

    yield attack


# --- a taste ---------------------------------------------------------------------------------


def a_lesson(number: int) -> lessons.Lesson:
    """A play as a taste holds it."""
    traits = lessons.Traits(
        0.3,
        0.4,
        120.0,
        -14.0,
        0.6,
        explicit=False,
        year=1984,
        genre="Rock",
        artist=f"Band {number}",
    )
    moment = lessons.Moment(-0.2, traits, 200.0, 20.5, AgeGroup.ADULT)
    return lessons.Lesson(
        TrackId(f"{number:016x}"), 1.7e9 + number, Goal.MATCH, 0.2, MoodLabel.HAPPINESS, 0.7, 0.4,
        2, moment, 120.0, lessons.Ended.FINISHED, 0.1, liked=bool(number % 2),
    )  # fmt: skip


def a_taste_json() -> tuple[bytes, list[bytes]]:
    """An exported file, and the plays in it."""
    plays = [a_lesson(number) for number in range(4)]
    said = tuple(lessons.Rating(TrackId(f"{n:016x}"), 1.7e9 + n, bool(n % 2)) for n in range(4))
    whole = TasteFile(2, tuple(plays), said)
    return msgspec.json.encode(whole), [msgspec.json.encode(p) for p in plays]


def taste_seeds(_folder: Path) -> Seeds:
    """Files as exported, as by hand, and of one play each."""
    whole, plays = a_taste_json()
    each = [b'{"type":"file","attune_taste":1,"lessons":[%s]}' % play for play in plays]
    return {"json": [whole, msgspec.json.format(whole), *each, *each]}


TASTE_WORDS = (
    b'"type":"file"', b'"attune_taste":1', b'"lessons"', b'"moment"', b'"traits"', b"null",
    b"1e308",     b"5e-324", b"[]", b"{}", b'"liked":true', b'"disliked"', b'"probability":',
    b"\\u0000", b"-1", b'"attune_taste":2', b'"ratings"', b'"wall":',
)  # fmt: skip


def asked(
    learner: Learner, store: SqliteStore, request: lessons.TasteRequest
) -> lessons.TasteAnswer:
    """The answer to a request, all of whose steps are done at once."""
    if isinstance(request, ForgetTaste):
        count = store.forget(request.since or 0.0, request.what)
        for _ in learner.read():
            pass
        return lessons.TasteChanged(count)
    return finished(learner.answer(request, learning=True))


@contextlib.contextmanager
def taste_attack(folder: Path) -> Iterator[Attack]:
    """`attune taste import`, a real database, what is learned from it, and a choice by that."""
    tracks = [
        Track(TrackId(f"{n:016x}"), f"/m/{n}.ogg", "t", f"Band {n}",
              Affect(0.2 * n - 0.4, 0.1 * n, 0.3, "genre"), 200.0, genre="Rock", year=1980 + n)
        for n in range(5)
    ]  # fmt: skip
    catalogue, dice = Catalogue(tracks), random.Random(1)
    mood = Mood(MoodLabel(Emotion.HAPPINESS.value), 0.7, 0.4, 0.9, 0.0, 1)
    with SqliteStore(folder / "state", FakeClock()) as store:
        learner = Learner(store)

        def attack(_kind: str, data: bytes) -> bool:
            try:
                taste = msgspec.json.decode(data, type=TasteFile)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return False
            asked(learner, store, lessons.ImportTaste(taste.lessons, taste.ratings))
            report = asked(learner, store, lessons.ShowTaste())
            assert b"null,null" not in msgspec.json.encode(report)
            assert np.isfinite(learner.belief.mean).all()
            assert np.isfinite(x_of(taste.lessons)).all()
            choice = catalogue.choose(Wish(mood), dice, learner.belief)
            assert choice is not None
            assert 0 < choice.probability <= 1
            exported = asked(learner, store, lessons.ExportTaste())
            again = msgspec.json.decode(msgspec.json.encode(exported), type=TasteFile)
            assert {lesson.track for lesson in again.lessons} == {
                lesson.track for lesson in taste.lessons
            }
            assert {rating.track for rating in again.ratings} <= {
                rating.track for rating in taste.ratings
            }
            asked(learner, store, ForgetTaste())
            return True

        yield attack
