"""A speaker behind the page that remembers what it was asked, and the tracks it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask.testing

from device.diary import Diary
from device.home.appliance import Appliance
from device.lessons import TasteChanged, TasteRequest
from device.music.corrections import moods
from device.music.search import Search
from device.types import (
    Affect,
    Command,
    Correct,
    LibraryScanned,
    SkippedFile,
    Status,
    Track,
    TrackId,
)
from tests.fakes import a_status
from tests.local_api import client_of

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
