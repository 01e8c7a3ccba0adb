"""Announcements: over the music, which is given back to the sample; and files that are refused."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from device.home.commands import parse_command
from device.music import announce
from device.music.announce import DUCK_DB, DUCK_SECONDS, TARGET_LUFS, Clip, admit, levelled, listed
from device.music.decode import RATE, CannotDecode
from device.music.loudness import loudness_lufs
from device.music.mixer import Mixer
from device.ports import CannotDo
from device.types import PlayerState, Say
from tests.music.audio import tone
from tests.music.capture import amplitude_at, decibels, sharpest_bend
from tests.music.drives import held_up
from tests.music.meter import measured
from tests.music.sources import CHUNK, ArraySource, level, noise, render, sine, track


class LoadedClip(Clip):
    """A clip that lies in memory."""

    def __init__(self, seconds: float, *, broken: bool = False) -> None:
        super().__init__("/clip", lambda: None)
        self._seconds, self._broken = seconds, broken

    def load(self) -> None:
        if not self._broken:
            self.sound = sine(1000.0, self._seconds)
        self._done = True


class HesitantClip(LoadedClip):
    """A clip that its thread has loaded just after somebody asked for the n-th time."""

    def __init__(self, asked: int) -> None:
        super().__init__(1.0)
        self._left = asked

    @property
    def ready(self) -> bool:
        self._left -= 1
        return self._left < 0


def playing() -> Mixer:
    mixer = Mixer(0.3, 100, normalising="off")
    mixer.play(track("a"), ArraySource(sine(440, 30)), 0.0)
    render(mixer, 1.0)
    return mixer


def test_the_music_steps_back_and_is_given_back_to_the_sample() -> None:
    mixer, plain = playing(), playing()
    mixer.announce(LoadedClip(2.0))
    sound, without = render(mixer, 6.0), render(plain, 6.0)
    beneath = sound[round(1.0 * RATE) : round(2.0 * RATE)]
    assert decibels(amplitude_at(beneath, 440) / 0.3) == pytest.approx(-DUCK_DB, abs=0.1)
    assert amplitude_at(beneath, 1000) == pytest.approx(0.3, rel=0.01)
    back = round(4.2 * RATE)
    assert np.array_equal(sound[back:], without[back:])
    assert mixer.current is not None
    assert plain.current is not None
    assert mixer.current.frames == plain.current.frames
    for ramp in (sound[: round(0.39 * RATE)], sound[round(2.41 * RATE) :]):
        assert sharpest_bend(ramp) < 0.3 * (2 * np.pi * 440 / RATE) ** 2 * 1.05


@pytest.mark.parametrize("asked", range(8))
def test_whenever_it_is_loaded_no_word_is_said_over_music_that_did_not_step_back(
    asked: int,
) -> None:
    mixer = playing()
    mixer.announce(HesitantClip(asked))
    sound = render(mixer, 3.0)
    windows = [sound[start : start + RATE // 50] for start in range(0, len(sound), RATE // 50)]
    said = [window for window in windows if amplitude_at(window, 1000) > 0.1]
    assert len(said) == pytest.approx(50, abs=1)
    for window in said[1:-1]:  # the first holds music before, the last music after
        assert decibels(amplitude_at(window, 440) / 0.3) < -DUCK_DB + 0.2


def test_several_are_said_one_after_the_other_and_the_music_waits_below() -> None:
    mixer = playing()
    for _ in range(2):
        mixer.announce(LoadedClip(1.0))
    sound = render(mixer, 6.0)
    spoken = [
        amplitude_at(sound[start : start + RATE // 10], 1000) > 0.2
        for start in range(0, len(sound) - RATE // 10, RATE // 10)
    ]
    changes = np.flatnonzero(np.diff(np.array(spoken, int)))
    assert len(changes) == 4
    between = sound[round((0.4 + 1.1) * RATE) : round((0.4 + 1.4) * RATE)]
    assert decibels(amplitude_at(between, 440) / 0.3) == pytest.approx(-DUCK_DB, abs=0.5)


def test_over_silence_it_begins_at_once_and_leaves_silence() -> None:
    mixer = Mixer(0.3, 100)
    mixer.announce(LoadedClip(0.5))
    assert mixer.has_work
    sound = render(mixer, 2.0)
    assert amplitude_at(sound[: RATE // 2], 1000) > 0.25
    assert not mixer.has_work
    assert mixer.state is PlayerState.STOPPED
    mixer.play(track("a", -18.0), ArraySource(level(9)), 0.0)
    assert render(mixer, 0.5)[-1, 0] == pytest.approx(0.3)  # and ducks nothing later


@pytest.mark.parametrize("broken", [True, False])
def test_whatever_the_music_does_meanwhile(broken: bool) -> None:
    for act in (
        lambda m: m.pause(),
        lambda m: m.stop(),
        lambda m: m.play(track("b"), ArraySource(sine(660, 30)), 0.0),
        lambda m: m.queue(track("b"), ArraySource(sine(660, 30))),
        lambda m: m.cut(),
    ):
        mixer = playing()
        mixer.announce(LoadedClip(2.0, broken=broken))
        render(mixer, 1.0)
        act(mixer)
        after = mixer.state
        render(mixer, 5.0)
        assert mixer.state is after
        if after is PlayerState.PAUSED:
            mixer.resume()
        if after is not PlayerState.STOPPED:
            sound = render(mixer, 1.0)[-RATE // 2 :]
            assert max(amplitude_at(sound, 440), amplitude_at(sound, 660)) > 0.29
        else:
            assert not mixer.has_work


def test_leaving_fades_the_word_and_forgets_what_was_not_begun() -> None:
    for said_seconds, fading_seconds in ((1.0, 0.3), (0.2, 0.3)):  # the music first steps back
        mixer = playing()
        for _ in range(2):
            mixer.announce(LoadedClip(5.0))
        render(mixer, said_seconds)
        mixer.leave(fading_seconds)
        sound = render(mixer, 1.0)
        said = amplitude_at(sound[: RATE // 10], 1000)
        assert said > 0.15 if said_seconds > DUCK_SECONDS else said < 1e-3
        assert sharpest_bend(sound) < 0.3 * (2 * np.pi * 1000 / RATE) ** 2 * 1.1
        assert not sound[round(fading_seconds * RATE) :].any()
        assert not mixer.has_work


def test_a_track_that_ends_beneath_is_followed_as_ever() -> None:
    mixer = Mixer(0.3, 100, normalising="off")
    whole = noise(6, 1)
    mixer.play(track("a"), ArraySource(whole[: 2 * RATE]), 0.0)
    mixer.queue(track("b"), ArraySource(whole[2 * RATE :]))
    mixer.render(CHUNK)
    mixer.announce(LoadedClip(2.0))
    sound = render(mixer, 5.5)
    start = len(sound) - RATE // 2
    assert np.array_equal(sound[start:], whole[CHUNK:][start : len(sound)])


def test_announcements_have_a_volume_of_their_own() -> None:
    mixer = playing()
    mixer.set_volume(0, 50)
    mixer.announce(LoadedClip(2.0))
    sound = render(mixer, 2.0)[RATE:]
    assert amplitude_at(sound, 440) < 1e-3
    assert amplitude_at(sound, 1000) == pytest.approx(0.3 / 8, rel=0.01)


def test_no_more_wait_than_can_be_said() -> None:
    mixer = Mixer(0.3, 100)
    for _ in range(announce.MOST_WAITING + 1):
        mixer.announce(LoadedClip(0.1))
    for _ in range(2):
        with pytest.raises(CannotDo, match="8 others wait"):
            mixer.announce(LoadedClip(0.1))


@pytest.mark.parametrize("amplitude", [0.05, 0.9])
def test_a_file_is_levelled(tmp_path: Path, amplitude: float) -> None:
    path = tone(tmp_path / "a.ogg", 3.0, 800.0, amplitude=amplitude)
    assert measured(levelled(str(path))).lufs == pytest.approx(TARGET_LUFS, abs=0.3)


def test_our_meter_agrees_with_ffmpegs() -> None:
    for sound in (noise(12, 3), sine(1000, 5), np.concatenate([noise(5, 4), level(5, 0.0)])):
        assert loudness_lufs(sound) == pytest.approx(measured(sound).lufs, abs=0.1)
    assert loudness_lufs(level(0.1, 0.0)) is None
    # Shorter than the meter's block: as loud as the same sound at length.
    assert loudness_lufs(sine(1000, 0.1)) == pytest.approx(loudness_lufs(sine(1000, 1)), abs=0.5)


def test_a_long_file_is_cut_and_a_silent_one_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "LONGEST_SECONDS", 1.0)
    assert len(levelled(str(tone(tmp_path / "a.wav", 3.0)))) == RATE
    with pytest.raises(CannotDecode, match="silent"):
        levelled(str(tone(tmp_path / "b.wav", 0.5, amplitude=0.0)))


def test_files_that_may_be_announced(tmp_path: Path) -> None:
    bell = tone(tmp_path / "the bell.ogg", 0.5)
    assert admit(str(bell), None) == bell
    assert admit("the bell.ogg", tmp_path) == bell


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("none.ogg", "No such file.*copy it to"),
        ("../bell.ogg", "no file's name"),
        ("a/bell.ogg", "no file's name"),
        (".hidden.ogg", "no file's name"),
        ("", "no file's name"),
        ("text.ogg", "no sound file"),
        ("folder", "is no file"),
        ("pipe", "is no file"),
        ("long.wav", "lasts 61 s; 60 s"),
        ("large.wav", "larger than 20 MB"),
        ("silent.ogg", "silent"),
        ("torn.flac", "cannot be decoded"),
        ("x" * 300, "no file's name"),
    ],
)
def test_files_that_may_not_say_why(tmp_path: Path, file: str, words: str) -> None:
    (tmp_path / "text.ogg").write_text("not music")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    tone(tmp_path / "long.wav", 61.0, rate=8000)
    tone(tmp_path / "silent.ogg", 0.5, amplitude=0.0)
    torn = tone(tmp_path / "torn.flac", 0.5).read_bytes()
    (tmp_path / "torn.flac").write_bytes(torn[:200])
    with (tmp_path / "large.wav").open("wb") as large:
        large.truncate(announce.LARGEST_BYTES + 1)
    with pytest.raises(CannotDo, match=words):
        admit(file, tmp_path)


def test_a_drive_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "LOOKING_SECONDS", 0.2)
    bell = tone(tmp_path / "bell.ogg", 0.5)
    with held_up(bell):
        for _ in range(announce.MOST_LOOKING):
            with pytest.raises(CannotDo, match=r"did not answer within 0\.2 s"):
                admit(str(bell), None)
        with pytest.raises(CannotDo, match="earlier ones still hang"):
            admit(str(bell), None)
    deadline = time.monotonic() + 10.0
    while True:  # the drive is back
        try:
            assert admit("bell.ogg", tmp_path) == bell
        except CannotDo:
            assert time.monotonic() < deadline
        else:
            return


def test_what_may_be_announced_is_listed(tmp_path: Path) -> None:
    for name in (
        "b.ogg",
        "a bell.flac",
        ".hidden.ogg",
        "no ending",
        os.fsdecode(b"b\xe4r.ogg"),  # nobody can ask for it by MQTT or on the page
        *map("z{}.wav".format, range(60)),
    ):
        (tmp_path / name).touch()
    names = listed(tmp_path)
    assert names[:3] == ["a bell.flac", "b.ogg", "z0.wav"]
    assert len(names) == announce.MOST_LISTED
    assert listed(None) == listed(tmp_path / "none") == []


def test_a_name_that_is_no_text_is_left_out_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As a memory stick of an old system has it."""
    (tmp_path / os.fsdecode(b"gr\xfcn.flac")).touch()
    (tmp_path / "bell.ogg").touch()
    for _ in range(3):  # as a page does that somebody looks at
        assert listed(tmp_path) == ["bell.ogg"]
    assert caplog.text.count(r"gr\xfcn.flac") == 1


def test_what_is_listed_can_be_asked_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    may = ["é" * 125 + ".ogg", "The door is open, says the bell, and somebody waits there.ogg"]
    may += ["a  bell.flac", "Gruß & Kuß; «hier».opus"]
    may_not = [" bell.ogg", "\N{NO-BREAK SPACE}bell.ogg", "be\nll.ogg", "be\\ll.ogg", "b\x7f.ogg"]
    may_not += ["a" * 210 + ".ogg"]
    for name in (*may, *may_not):
        (tmp_path / name).touch()
    names = listed(tmp_path)
    assert names == sorted(may)
    for name in names:
        assert parse_command("say", name.encode()) == Say(name)
        assert announce.named(name, tmp_path) == tmp_path / name
    assert "left out of the announcements: 6" in caplog.text


def test_a_drive_that_lists_nothing_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell = tone(tmp_path / "bell.ogg", 0.5)
    back = threading.Event()

    def hang(folder: Path) -> Iterator[Path]:
        back.wait()
        return iter([folder / bell.name])

    monkeypatch.setattr(announce, "LOOKING_SECONDS", 0.2)
    monkeypatch.setattr(Path, "iterdir", hang)
    began = time.monotonic()
    for _ in range(announce.MOST_LOOKING + 20):  # as a page does that somebody looks at
        assert listed(tmp_path) == []
    assert time.monotonic() - began < 3.0
    monkeypatch.setattr(announce, "LOOKING_SECONDS", 5.0)
    assert admit("bell.ogg", tmp_path) == bell  # what is on a drive that answers is announced
    back.set()
    deadline = time.monotonic() + 10.0
    while listed(tmp_path) != [bell.name]:
        assert time.monotonic() < deadline


def test_one_that_is_never_read_holds_the_others_up_no_longer_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(announce, "LOADING_SECONDS", 0.3)
    os.mkfifo(tmp_path / "dead")  # to open it hangs until somebody writes
    mixer = playing()
    dead = Clip(str(tmp_path / "dead"), lambda: None)
    mixer.announce(dead)
    mixer.announce(LoadedClip(1.0))
    assert mixer.waits_for_file
    assert amplitude_at(render(mixer, 1.0), 1000) < 1e-3
    time.sleep(0.3)
    assert amplitude_at(render(mixer, 2.0)[RATE : 3 * RATE // 2], 1000) > 0.25
    assert caplog.text.count("it was not read within") == 1
    (tmp_path / "dead").write_bytes(b"")  # its thread ends, and changes nothing
    assert dead.ready
    assert not len(dead.sound)


def test_without_a_folder_no_name_is_known() -> None:
    with pytest.raises(CannotDo, match=r"set \[sound\] announcements"):
        admit("bell.ogg", None)


@pytest.mark.parametrize("file", ["/a\0b", "/\ud800"])
def test_a_name_that_no_file_can_have_is_refused(file: str) -> None:
    with pytest.raises(CannotDo, match="no file's name"):
        admit(file, None)
