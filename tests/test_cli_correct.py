"""`attune correct` and `attune quiet`, against the real daemon."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.cli import main
from device.client import Refused
from device.system.database import FILE
from device.types import Correct, Scan, Track, TrackId
from tests.daemon import Daemon, make_music, running


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("daemon")
    make_music(folder / "music", seconds=5.0)
    with running(folder) as daemon:
        daemon.wait_for(lambda status: status.tracks == 6)
        yield daemon


def attune(daemon: Daemon, *arguments: str) -> int:
    return main([*arguments, "--socket", str(daemon.folder / "api.sock")])


def track(daemon: Daemon, title: str) -> Track:
    return next(each for each in daemon.client.library().tracks if each.title == title)


def test_what_is_said_adds_up_until_it_is_taken_back(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attune(daemon, "correct", "sad", "1", "--mood", "calm", "--skip", "yes") == 0
    assert "valence +0.45, arousal -0.70, says user tag; never played" in capsys.readouterr().out
    assert attune(daemon, "correct", "sad 1", "--explicit", "yes", "--skip", "no") == 0
    assert "arousal -0.70, says user tag; explicit\n" in capsys.readouterr().out
    assert attune(daemon, "correct", "sad 1", "--valence=-0.5", "--arousal=0.25") == 0
    said = track(daemon, "sad 1")
    assert (said.affect.valence, said.affect.arousal, said.explicit) == (-0.5, 0.25, True)
    assert attune(daemon, "correct", said.id, "--undo") == 0
    assert (track(daemon, "sad 1").affect.source, track(daemon, "sad 1").explicit) == (
        "folder",
        False,
    )


def test_what_was_said_of_a_missing_track_can_be_taken_back(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = track(daemon, "angry 2")
    assert attune(daemon, "correct", "angry 2", "--skip", "yes") == 0
    assert _said(daemon) == [gone.id]
    kept = daemon.folder / "angry 2.flac"
    Path(gone.path).rename(kept)
    daemon.client.command(Scan())
    daemon.wait_for(lambda status: status.tracks == 5)
    assert attune(daemon, "correct", "angry 2", "--skip", "no") == 1
    assert "no track is called 'angry 2'" in capsys.readouterr().err
    assert attune(daemon, "correct", "angry 2", "--undo") == 0
    assert capsys.readouterr().out == "angry 2: taken back; its file is missing\n"
    assert _said(daemon) == []
    with pytest.raises(Refused, match="there is no track"):
        daemon.client.command(Correct(gone.id))  # once is enough
    kept.rename(gone.path)
    daemon.client.command(Scan())
    daemon.wait_for(lambda status: status.tracks == 6)


def _said(daemon: Daemon) -> list[str]:
    with contextlib.closing(sqlite3.connect(daemon.folder / "state" / FILE)) as db:
        return [row[0] for row in db.execute("SELECT track FROM corrections")]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["sad 1"], 2, "say what it is like"),
        (["sad 1", "--mood", "xyzzy"], 2, "no mood that is known"),
        (["sad 1", "--valence", "0.5"], 2, "both --valence and --arousal"),
        (["sad", "--mood", "calm"], 1, "2 tracks are called so"),
        (["no such", "--mood", "calm"], 1, "no track is called 'no such'"),
    ],
)
def test_what_makes_no_sense_is_refused(
    daemon: Daemon,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    told: str,
) -> None:
    assert attune(daemon, "correct", *arguments) == code
    assert told in capsys.readouterr().err


def test_an_unknown_track_is_refused_and_the_daemon_lives(daemon: Daemon) -> None:
    with pytest.raises(Refused, match="there is no track 'nonsense'"):
        daemon.client.command(Correct(TrackId("nonsense")))
    assert daemon.client.status().tracks == 6


@pytest.mark.parametrize(
    ("said", "so"), [("22:00-07:00", "22:00-07:00"), ("off", ""), ("auto", "")]
)
def test_quiet_hours(daemon: Daemon, said: str, so: str) -> None:
    assert attune(daemon, "quiet", said) == 0
    assert daemon.client.status().quiet_hours == so


def test_hours_that_are_none(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        attune(daemon, "quiet", "late")
    assert "or off, or auto" in capsys.readouterr().err
