"""What becomes of a track's history when its file is copied and the original deleted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from device.music.library import scan
from device.music.walk import roots
from device.types import Correct, LibraryScanned, Mood, Track
from tests.house import House
from tests.music.audio import tone


class Shelf:
    """A folder of real music that the appliance of a house is told of, as the worker tells it."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house, self.folder = house, folder
        self._known = LibraryScanned()

    def look(self) -> dict[str, Track]:
        """Tracks that the appliance has after another scan, by their paths in the folder."""
        result = scan(roots([self.folder]), self._known)
        assert result is not None
        self._known = result.library
        self.house.speaker.handle(result.library)
        tracks = self.house.speaker.holdings.library.tracks
        return {str(Path(track.path).relative_to(self.folder)): track for track in tracks}

    def copy(self, name: str, to: str) -> None:
        """Copy a file, with the folder that it shall lie in."""
        (self.folder / to).parent.mkdir(exist_ok=True)
        shutil.copy(self.folder / name, self.folder / to)


@pytest.fixture
def shelf(house: House, tmp_path: Path) -> Shelf:
    tone(tmp_path / "m" / "old" / "s.flac", 0.3)
    tone(tmp_path / "m" / "other.flac", 0.3, 700.0)
    return Shelf(house, tmp_path / "m")


def test_what_was_copied_and_then_deleted_keeps_its_history(shelf: Shelf) -> None:
    house = shelf.house
    old = shelf.look()["old/s.flac"].id
    house.store.add_feedback(old, 1.0, liked=True, mood=Mood())
    house.speaker.command(Correct(old, explicit=True))
    shelf.copy("old/s.flac", "new/s.flac")
    both = shelf.look()
    assert both["old/s.flac"].id == old != both["new/s.flac"].id
    assert house.settled == []
    (shelf.folder / "old" / "s.flac").unlink()
    for _ in range(2):  # the worker may not have heard yet that the id went over
        after = shelf.look()
        assert set(after) == {"new/s.flac", "other.flac"}
        assert after["new/s.flac"].id == old
        assert after["new/s.flac"].explicit
        assert house.speaker.holdings.library.missing == ()
    known = house.settled[-1]
    assert scan(roots([shelf.folder]), known).library == known  # type: ignore[union-attr]
    assert house.store.library() == known


def test_a_word_on_a_track_holds_for_a_copy_that_is_found_later(shelf: Shelf) -> None:
    house = shelf.house
    house.speaker.command(Correct(shelf.look()["old/s.flac"].id, skip=True, explicit=True))
    shelf.copy("old/s.flac", "new/s.flac")
    copy = shelf.look()["new/s.flac"]
    assert copy.explicit
    assert house.speaker.holdings.known(copy.id) is None


def test_a_copy_with_a_history_of_its_own_keeps_that(shelf: Shelf) -> None:
    house = shelf.house
    old = shelf.look()["old/s.flac"].id
    shelf.copy("old/s.flac", "new/s.flac")
    new = shelf.look()["new/s.flac"].id
    for track in (old, new):
        house.store.add_feedback(track, 1.0, liked=True, mood=Mood())
    (shelf.folder / "old" / "s.flac").unlink()
    assert shelf.look()["new/s.flac"].id == new
    assert [track.id for track in house.speaker.holdings.library.missing] == [old]


def test_each_of_two_deleted_tracks_gives_its_history_to_another_copy(shelf: Shelf) -> None:
    house = shelf.house
    shelf.copy("old/s.flac", "old/t.flac")
    before = shelf.look()
    olds = {name: before[f"old/{name}"].id for name in ("s.flac", "t.flac")}
    for track in olds.values():
        house.store.add_feedback(track, 1.0, liked=True, mood=Mood())
    for name in ("a.flac", "t.flac", "s.flac"):
        shelf.copy("old/s.flac", f"new/{name}")
    shelf.look()
    shutil.rmtree(shelf.folder / "old")
    after = shelf.look()
    assert {name: after[f"new/{name}"].id for name in olds} == olds
    assert after["new/a.flac"].id not in olds.values()


def test_a_track_that_is_left_out_but_there_gives_nothing_away(shelf: Shelf, house: House) -> None:
    old = shelf.look()["old/s.flac"].id
    house.store.add_feedback(old, 1.0, liked=True, mood=Mood())
    shelf.copy("old/s.flac", "new/s.flac")
    new = shelf.look()["new/s.flac"].id
    (shelf.folder / "old" / ".attune.toml").write_text('["*"]\nskip = true\n')
    assert shelf.look()["new/s.flac"].id == new
