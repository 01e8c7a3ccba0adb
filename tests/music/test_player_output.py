"""Sound cards and drives that are missing, hang or rest, under the real player."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.music import deck, output
from device.music import player as player_module
from device.music.capture import capture_environment
from device.music.decode import RATE
from device.music.output import list_outputs
from device.ports import PartUnavailable
from device.types import PlayerState, Track, TrackEnded, TrackId
from tests.music.audio import tone
from tests.music.real_player import begin, new_player, until, wait_until


def test_an_unknown_sound_card_is_named_with_the_mend(
    monkeypatch: pytest.MonkeyPatch, low: Track
) -> None:
    monkeypatch.setenv("SDL_AUDIODRIVER", "alsa")
    with new_player(device="No Such Card") as player:
        player.play(low)
        with pytest.raises(PartUnavailable, match=r"'No Such Card'.*attune doctor"):
            until(player, bool)
        assert player.state is PlayerState.STOPPED


def test_sound_takes_no_library_along_that_nothing_here_needs() -> None:
    pytest.importorskip("pkg_resources", reason="what pygame would take along is not installed")
    program = (
        "import sys, device.music.output; print('pkg_resources' in sys.modules);"
        "import pkg_resources; print(pkg_resources is sys.modules['pkg_resources'])"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["False", "True"]


def test_a_missing_sound_card_is_told_by_us_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from device.music.output import list_outputs as l; print(l())"],
        env={**os.environ, "SDL_AUDIODRIVER": "alsa", "ALSA_CONFIG_PATH": os.devnull},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("()\n", "")


def test_a_sound_card_that_is_pulled_out_is_noticed(
    monkeypatch: pytest.MonkeyPatch, low: Track
) -> None:
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    monkeypatch.setattr(output, "LOOK_SECONDS", 0.1)
    with new_player() as player:
        begin(player, low)
        monkeypatch.setattr(output.sdl_audio, "get_audio_device_names", lambda _: [])
        with pytest.raises(PartUnavailable, match="is gone"):
            until(player, lambda _: False)
        assert player.state is PlayerState.STOPPED
        player.play(low)
        until(player, bool)


def test_a_drive_that_does_not_answer_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, low: Track
) -> None:
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    monkeypatch.setattr(deck, "PATIENCE_SECONDS", 0.2)
    silent = tmp_path / "silent.mp3"
    os.mkfifo(silent)
    stuck = Track(TrackId("x"), str(silent), "x", "", low.affect, 9.0)
    with new_player() as player:
        player.play(stuck)
        (event,) = until(player, bool)
        assert event == TrackEnded(TrackId("x"), "its drive gave nothing for 0 s")
        monkeypatch.setattr(deck, "PATIENCE_SECONDS", 10.0)  # for a busy machine
        begin(player, low)
    os.close(os.open(silent, os.O_WRONLY | os.O_NONBLOCK))  # lets the thread go


@pytest.fixture
def stuck_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A device that takes what a pipe holds, and then no more until it is read from."""
    path = tmp_path / "device.fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    for name, value in capture_environment(path).items():
        monkeypatch.setenv(name, value)
    yield reader
    os.close(reader)


def test_a_device_that_takes_no_more_sound_is_noticed_and_comes_back(
    stuck_device: int, monkeypatch: pytest.MonkeyPatch, low: Track
) -> None:
    monkeypatch.setattr(output, "STALL_SECONDS", 1.0)
    with new_player() as player:
        begin(player, low)
        with pytest.raises(PartUnavailable, match="took no sound"):
            until(player, lambda _: False)
        assert player.state is PlayerState.STOPPED
        player.play(low)
        with pytest.raises(PartUnavailable, match="hangs"):
            until(player, lambda _: False)
        os.set_blocking(stuck_device, True)
        drain = threading.Thread(
            target=lambda: all(iter(lambda: os.read(stuck_device, 65536), b""))
        )
        drain.start()
        time.sleep(0.3)  # it is closed at last
        drain.join(timeout=5)
        assert not drain.is_alive()


def test_nothing_runs_while_nothing_sounds(monkeypatch: pytest.MonkeyPatch, low: Track) -> None:
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    with new_player(fade_seconds=0.1) as player:
        begin(player, low)
        player.pause()
        time.sleep(0.8)
        before = time.process_time()
        time.sleep(1.0)
        assert time.process_time() - before < 0.02


def test_outputs_are_listed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    assert len(list_outputs()) >= 1
    monkeypatch.setenv("SDL_AUDIODRIVER", "none-such")
    assert list(list_outputs()) == []


def test_an_idle_output_is_let_go_and_taken_again(
    monkeypatch: pytest.MonkeyPatch, low: Track, tmp_path: Path
) -> None:
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    monkeypatch.setattr(player_module, "RELEASE_SECONDS", 0.3)
    bell = tone(tmp_path / "bell.wav", 0.3, rate=RATE)
    with new_player(fade_seconds=0.1) as player:
        begin(player, low)
        player.pause()
        wait_until(lambda: output.pygame.mixer.get_init() is None)
        held = player.position_seconds
        player.resume()
        wait_until(lambda: output.pygame.mixer.get_init() is not None)
        wait_until(lambda: player.position_seconds > held + 0.1)
        player.stop()
        wait_until(lambda: output.pygame.mixer.get_init() is None)
        player.announce(str(bell))
        wait_until(lambda: output.pygame.mixer.get_init() is not None)
        wait_until(lambda: output.pygame.mixer.get_init() is None)
