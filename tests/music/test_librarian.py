"""The worker that scans: what it tells on the way, and that it looks again when it should."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.music import librarian, walk
from device.music.labels import OWN_TAGS
from device.music.librarian import Librarian, share, words
from device.music.library import Progress, scan
from device.music.walk import roots
from device.ports import PartUnavailable
from device.system.supervise import Supervisor
from device.types import Health, LibraryScanned, PartChanged
from tests.fakes import FakeClock
from tests.music.audio import tone
from tests.music.drives import Share, held_up


class Bench:
    """A `WorkerContext` whose waits are acted upon by the test."""

    def __init__(self, acts: list[object]) -> None:
        self.acts = acts
        self.posted: list[LibraryScanned | PartChanged] = []
        self.ups: list[str] = []
        self.stopping = False

    def beat(self) -> None: ...
    def wake(self) -> None: ...
    def off(self, detail: str) -> None: ...

    def up(self, detail: str = "") -> None:
        self.ups.append(detail)

    def wait(self, _seconds: float) -> bool:
        if not self.acts:
            self.stopping = True
            return True
        act = self.acts.pop(0)
        if callable(act):
            act()
        return False

    def libraries(self) -> list[int]:
        return [len(post.tracks) for post in self.posted if isinstance(post, LibraryScanned)]


@pytest.mark.parametrize(
    ("progress", "seconds", "told", "done"),
    [
        (Progress(12_000), 0.0, "looking through the folders: 12,000 files", 0.0),
        (Progress(5000, 3, 5000), 1.0, "scanning 3 of 5,000", 0.001),
        (Progress(6000, 1240, 5000), 6.2, "scanning 1,240 of 5,000, 19 s left", 0.248),
        (Progress(6000, 100, 60_000), 10.0, "scanning 100 of 60,000, 100 min left", 0.002),
    ],
)
def test_progress_in_words(progress: Progress, seconds: float, told: str, done: float) -> None:
    assert words(progress, seconds) == told
    assert share(progress) == done


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1e6))
def test_any_progress_can_be_told(opened: int, more: int, seconds: float) -> None:
    progress = Progress(opened + more, opened, opened + more)
    assert words(progress, seconds)
    assert 0.0 <= share(progress) <= 1.0


def test_a_playlist_that_says_nothing_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    tone(tmp_path / "a.wav", 0.1)
    (tmp_path / "Road trip.m3u8").write_text("a.wav\n")
    bench = Bench([])
    librarian = Librarian([tmp_path], bench.posted.append, LibraryScanned())
    another = tmp_path / "Mine.m3u8"
    bench.acts += [librarian.scan, librarian.scan, lambda: another.write_text("a.wav\n")]
    librarian.run(bench)
    assert len(bench.libraries()) == 4
    told = [record.getMessage() for record in caplog.records if "not used" in record.getMessage()]
    assert told == [
        f"not used: {tmp_path}/{name}.m3u8: its name is no mood and no genre"
        for name in ("Road trip", "Mine")
    ]


def test_it_looks_again_when_asked_or_when_a_folder_changes(tmp_path: Path) -> None:
    tone(tmp_path / "a.wav", 0.1)
    asked: list[Librarian] = []
    context = Bench(
        [
            lambda: None,
            lambda: tone(tmp_path / "b.wav", 0.1, 500.0),
            lambda: tone(tmp_path / "c" / "c.wav", 0.1, 600.0),
            lambda: asked[0].scan(),  # noqa: PLW0108 - not made yet
        ]
    )
    asked.append(Librarian([tmp_path], context.posted.append, LibraryScanned()))
    asked[0].run(context)
    assert context.libraries() == [1, 2, 3, 3]


def test_an_album_that_is_being_copied_is_found_once_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(librarian, "RESTLESS_SECONDS", 0.0)
    tone(tmp_path / "a.wav", 0.1)
    album = tmp_path / "artist" / "album"
    whole = [tone(album / f"{n}.flac", 10.0, 300.0 + n).read_bytes() for n in (1, 2)]
    (album / "1.flac").write_bytes(whole[0][: len(whole[0]) // 2])
    (album / "2.flac").unlink()
    context = Bench([])

    def post(event: LibraryScanned | PartChanged) -> None:
        context.posted.append(event)
        if context.libraries() == [1]:  # after the first look the rest of it comes
            for number, content in enumerate(whole, 1):
                (album / f"{number}.flac").write_bytes(content)
            for path in tmp_path.rglob("*"):
                os.utime(path, (0.0, 0.0))

    os.utime(tmp_path, (0.0, 0.0))  # its top does not change any more
    Librarian([tmp_path], post, LibraryScanned()).run(context)
    assert context.libraries() == [1, 3, 3]  # and then it rests


def test_without_its_drive_nothing_is_chosen_and_nothing_forgotten(tmp_path: Path) -> None:
    tone(tmp_path / "usb" / "a.wav", 0.1)
    context = Bench([lambda: (tmp_path / "usb").rename(tmp_path / "away")])
    worker = Librarian([tmp_path / "usb"], context.posted.append, LibraryScanned())
    with pytest.raises(PartUnavailable, match="is not there"):
        worker.run(context)
    assert context.libraries() == [1, 0]
    last = context.posted[-1]
    assert isinstance(last, PartChanged)
    assert (last.part.health, last.part.progress) == (Health.DOWN, None)
    (tmp_path / "away").rename(tmp_path / "usb")
    worker.run(context)
    first, _, third = (post for post in context.posted if isinstance(post, LibraryScanned))
    assert first == third


def test_what_a_folder_no_longer_named_held_is_not_missed(tmp_path: Path) -> None:
    tone(tmp_path / "music" / "a.wav", 0.1)
    tone(tmp_path / "music" / "b.wav", 0.1, 500.0)
    tone(tmp_path / "music2" / "c.wav", 0.1, 600.0)
    both = scan(roots([tmp_path / "music", tmp_path / "music2"]))
    assert both is not None
    (tmp_path / "music" / "b.wav").unlink()
    context = Bench([])
    Librarian([tmp_path / "music"], context.posted.append, both.library).run(context)
    assert context.ups == ["1 tracks, 1 missing, not forgotten"]


def test_what_is_left_out_is_not_missed(tmp_path: Path) -> None:
    tone(tmp_path / "music" / "a.wav", 0.1)
    tone(tmp_path / "music2" / "b.wav", 0.1, 500.0)
    places = roots([tmp_path / "music", tmp_path / "music2"])
    both = scan(places)
    assert both is not None
    (tmp_path / "music2" / OWN_TAGS).write_text('["*"]\nskip = true\n')
    context = Bench([])
    folders = [root.path for root in places]
    Librarian(folders, context.posted.append, both.library).run(context)
    assert context.ups == ["1 tracks, 1 skipped (see `attune library`)"]


def test_how_far_it_is_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(librarian, "TELL_SECONDS", 0.0)
    for number in range(3):
        tone(tmp_path / f"{number}.wav", 0.1)
    context = Bench([])
    Librarian([tmp_path], context.posted.append, LibraryScanned()).run(context)
    parts = [post.part for post in context.posted if isinstance(post, PartChanged)]
    assert [part.progress for part in parts] == [0.0, 0.0, 0.333, 0.667, None]
    assert parts[2].detail == "scanning 1 of 3"
    assert parts[-1].detail == "3 tracks"


# --- shares that fall silent -----------------------------------------------------------------


class House:
    """A librarian in a real supervisor, with music here and on a share."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folders = [folder / "here", folder / "share"]
        tone(folder / "here" / "a.wav", 0.1)
        self.far = tone(folder / "share" / "b.flac", 0.1, 500.0)
        self.share = Share(folder / "share", monkeypatch)
        self.clock = FakeClock()
        self.posted: list[object] = []
        self.supervisor = Supervisor(self.posted.append, self.clock, random.Random(1))
        self.librarian = Librarian(self.folders, self.posted.append, LibraryScanned())

    def start(self) -> None:
        self.supervisor.start("library", self.librarian.run)

    def libraries(self) -> list[LibraryScanned]:
        return [post for post in self.posted if isinstance(post, LibraryScanned)]

    def names(self) -> list[str]:
        """What may be played."""
        found = self.libraries()
        return [Path(track.path).name for track in found[-1].tracks] if found else []

    def said(self) -> str:
        parts = [post.part for post in self.posted if isinstance(post, PartChanged)]
        return parts[-1].detail if parts else ""

    def hangs(self) -> bool:
        return self.supervisor.stalled(self.clock.monotonic()) is not None


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(librarian, "GLANCE_SECONDS", 0.05)
    house = House(tmp_path, monkeypatch)
    yield house
    stopped = house.supervisor.stop(2.0)
    house.share.comes_back()
    assert stopped == ()


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def test_a_share_that_falls_silent_is_missed_and_taken_up_again(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(walk, "PATIENCE_SECONDS", 2.0)
    house.start()
    until(lambda: house.said() == "2 tracks")
    with caplog.at_level(logging.WARNING):
        house.share.goes()
        until(lambda: "missing" in house.said())
        assert house.names() == ["a.wav"]
        assert [track.path for track in house.libraries()[-1].missing] == [str(house.far)]
        assert house.said() == (
            f"1 tracks, 1 missing, not forgotten; {house.folders[1]} does not answer: is its "
            "server up, its drive awake? Its tracks are remembered"
        )
        house.librarian.scan()
        time.sleep(1.0)  # many glances
    assert house.share.asked == 1
    assert len([line for line in caplog.messages if f"{house.folders[1]}: its" in line]) == 1
    house.share.comes_back()
    until(lambda: house.said() == "2 tracks")
    assert house.libraries()[-1] == house.libraries()[0]


def test_the_watchdog_is_fed_while_a_share_is_waited_for(house: House) -> None:
    house.start()
    until(lambda: house.said() == "2 tracks")
    house.share.goes()
    until(lambda: house.share.asked == 1)
    for _ in range(3):
        house.clock.now += 20.0
        time.sleep(1.2)
        assert not house.hangs()


def test_a_share_that_was_silent_from_the_start_keeps_nothing_else_waiting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "PATIENCE_SECONDS", 2.0)
    house.share.goes()
    house.start()
    until(lambda: house.names() == ["a.wav"])
    house.share.comes_back()
    until(lambda: house.names() == ["a.wav", "b.flac"])


def test_a_share_that_is_silent_alone_is_no_bug(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "PATIENCE_SECONDS", 2.0)
    house.librarian = Librarian(house.folders[1:], house.posted.append, LibraryScanned())
    house.share.goes()
    house.start()
    until(lambda: bool(house.libraries()))
    until(lambda: "does not answer" in house.said())
    assert not house.hangs()
    house.share.comes_back()
    until(lambda: house.names() == ["b.flac"])


def test_a_share_that_shows_its_files_and_gives_none_counts_as_silent(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "PATIENCE_SECONDS", 2.0)
    tone(house.folders[1] / "a first.flac", 0.1)
    with held_up(house.far):
        house.start()
        until(lambda: house.names() == ["a.wav"])
        until(lambda: "share does not answer" in house.said())
    until(lambda: house.names() == ["a.wav", "a first.flac", "b.flac"])
