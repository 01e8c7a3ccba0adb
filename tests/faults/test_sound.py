"""A sound card that is busy, goes away or hangs: SDL's disk driver writes where the test says."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from device.settings import HOME
from device.types import Health, Play, Status
from tests.daemon import Daemon
from tests.faults.promises import Record
from tests.faults.witness import Witness, alive, plays, remembered, until

if TYPE_CHECKING:
    from typing_extensions import Self

HERE = Path(__file__).resolve().parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Card:
    """The other end of the pipe; `hang` stops it from taking sound until `go_on`."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._path = path
        self._runs, self._over = threading.Event(), False
        self._runs.set()
        self.hang, self.go_on = self._runs.clear, self._runs.set
        threading.Thread(target=self._run, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True

    def _run(self) -> None:
        with self._path.open("rb", buffering=0) as pipe:
            while not self._over:
                self._runs.wait()
                if not pipe.read(1 << 16):
                    time.sleep(0.05)


def is_down(status: Status) -> bool:
    return status.sound.health is Health.DOWN


def sounds(status: Status) -> bool:
    return status.sound.health is Health.UP and status.playing


def test_a_card_that_is_busy_is_tried_again(tmp_path: Path, music: Path, record: Record) -> None:
    card = tmp_path / "card"
    with alive(
        tmp_path / "d",
        {"SDL_DISKAUDIOFILE": str(card / "sound.raw")},
        music={"folders": [str(music)]},
    ) as daemon:
        daemon.client.command(Play())
        told = until(daemon, is_down)
        time.sleep(10)
        card.mkdir()
        recovery = until(daemon, sounds)
        with Witness(daemon) as witness:
            time.sleep(5)
        record("sound-busy", recovery, f"told after {told:.1f} s; {witness.kept_up()}")


def test_a_card_that_is_pulled_out_and_plugged_in_goes_on_where_it_was(
    tmp_path: Path, music: Path, record: Record
) -> None:
    card, cards = tmp_path / "card", tmp_path / "cards"
    card.mkdir()
    cards.write_text("Loudspeaker\n")
    environment = {
        "SDL_DISKAUDIOFILE": str(card / "sound.raw"),
        "FAULTS_CARDS": str(cards),
        "PYTHONPATH": f"{HERE / 'cards'}:{HOME}",
    }

    def pull_out() -> None:
        card.rename(tmp_path / "drawer")
        cards.write_text("")

    def plug_in() -> None:
        (tmp_path / "drawer").rename(card)
        cards.write_text("Loudspeaker\n")

    with alive(tmp_path / "d", environment, music={"folders": [str(music)]}) as daemon:
        goes_on(daemon, record, "sound-gone", pull_out, plug_in)


def test_a_card_that_takes_nothing_is_told_and_goes_on_where_it_was(
    tmp_path: Path, music: Path, record: Record
) -> None:
    pipe = tmp_path / "card"
    with (
        Card(pipe) as card,
        alive(
            tmp_path / "d", {"SDL_DISKAUDIOFILE": str(pipe)}, music={"folders": [str(music)]}
        ) as daemon,
    ):
        goes_on(daemon, record, "sound-hangs", card.hang, card.go_on)


def goes_on(
    daemon: Daemon,
    record: Record,
    name: str,
    break_it: Callable[[], None],
    mend_it: Callable[[], None],
) -> None:
    """What is promised of a card that stops in mid-track."""
    plays(daemon)
    until(daemon, lambda s: s.track is not None and s.track.position_seconds > 5)
    with Witness(daemon) as witness:
        break_it()
        told = until(daemon, is_down)
        before = daemon.client.status().track
        time.sleep(5)
        mend_it()
        recovery = until(daemon, sounds)
        after = daemon.client.status().track
    assert before is not None
    assert after is not None
    assert before.id == after.id
    jump = after.position_seconds - before.position_seconds
    assert -1.0 <= jump <= 3.0
    assert remembered(daemon) == (witness.likes, witness.volume)
    record(
        name,
        recovery,
        f"told after {told:.1f} s; went on {abs(jump):.1f} s from there; longest wait for an "
        f"answer {witness.longest_wait_seconds:.1f} s, {witness.likes} of {witness.likes} "
        "likes kept",
    )
