"""What the app may ask of the appliance: everything that it serves comes through here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from device.diary import Diary
from device.lessons import TasteAnswer, TasteRequest
from device.settings import Settings
from device.types import Command, Correct, LibraryScanned, Status, Track, TrackId


def never() -> bool:
    """Where nobody stops."""
    return False


def nothing_noted(since: float, until: float, step_minutes: int) -> Diary:
    """Where no diary is kept."""
    return Diary(since, until, step_minutes)


def find_all(tracks: Sequence[Track], _words: str) -> Sequence[Track]:
    """Where nothing can be searched."""
    return tracks


class Appliance(NamedTuple):
    """Safe to call from any thread.

    `status`, `library` and `settings` return at once. `command` returns the status after a
    command, `taste` the answer to a request; both wait for the main thread, raise `CannotDo`
    where it refuses, and `TimeoutError` where it does not answer. `stopping`: the daemon goes
    down, so that nothing may go on for longer than half a second.

    `history` reads moods and plays of wall times `since` to `until`, moods by steps of so many
    minutes, and raises `CannotDo` where they cannot be read. `corrections`: the user's own word on
    tracks. `find`: the tracks in which such words are. `moods`: words for what a track feels like,
    and where in valence and arousal they lie. `announcements`: names of files that may be
    announced; reads the disk, for some seconds at most.
    """

    status: Callable[[], Status]
    command: Callable[[Command], Status]
    taste: Callable[[TasteRequest], TasteAnswer]
    library: Callable[[], LibraryScanned] = LibraryScanned
    settings: Callable[[], Settings] = Settings
    stopping: Callable[[], bool] = never
    history: Callable[[float, float, int], Diary] = nothing_noted
    corrections: Callable[[], Mapping[TrackId, Correct]] = dict
    find: Callable[[Sequence[Track], str], Sequence[Track]] = find_all
    moods: Mapping[str, tuple[float, float]] = MappingProxyType({})
    announcements: Callable[[], Sequence[str]] = tuple
