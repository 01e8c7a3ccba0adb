"""The worker that scans: what it tells on the way, and that it looks again when it should."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.music import librarian
from device.music.librarian import Librarian, share, words
from device.music.library import Progress, scan
from device.ports import PartUnavailable
from device.types import Health, LibraryScanned, PartChanged
from tests.music.audio import tone


class Bench:
    """A `WorkerContext` whose waits are acted upon by the test."""

    def __init__(self, acts: list[object]) -> None:
        self._acts = acts
        self.posted: list[LibraryScanned | PartChanged] = []
        self.ups: list[str] = []
        self.stopping = False

    def beat(self) -> None: ...
    def wake(self) -> None: ...
    def off(self, detail: str) -> None: ...

    def up(self, detail: str = "") -> None:
        self.ups.append(detail)

    def wait(self, _seconds: float) -> bool:
        if not self._acts:
            self.stopping = True
            return True
        act = self._acts.pop(0)
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
    both = scan([tmp_path / "music", tmp_path / "music2"])
    assert both is not None
    (tmp_path / "music" / "b.wav").unlink()
    context = Bench([])
    Librarian([tmp_path / "music"], context.posted.append, both.library).run(context)
    assert context.ups == ["1 tracks, 1 missing, not forgotten"]


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
