"""What volume holds, and why: caps by the clock and by age, gently; and the way to sleep."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.music.volume import GLIDE_PERCENT, Cap, Sleep, VolumeKeeper, cap_of
from device.settings import MusicSettings

NIGHT = MusicSettings(quiet_hours="22:00-07:00", quiet_volume=30, child_volume=70)
NOON = MusicSettings(quiet_hours="12:00-14:30", quiet_volume=30)
ALL_DAY = MusicSettings(quiet_hours="00:00-00:00", quiet_volume=30)


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


def at(clock: str, day: str = "2026-03-10") -> float:
    """The wall time of a local clock's."""
    return time.mktime(time.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M"))


@pytest.mark.parametrize(
    ("settings", "clock", "quiet"),
    [
        (NIGHT, "21:59", False),
        (NIGHT, "22:00", True),
        (NIGHT, "00:00", True),
        (NIGHT, "06:59", True),
        (NIGHT, "07:00", False),
        (NIGHT, "12:00", False),
        (NOON, "11:59", False),
        (NOON, "12:00", True),
        (NOON, "14:29", True),
        (NOON, "14:30", False),
        (NOON, "02:00", False),
        (ALL_DAY, "15:15", True),
        (MusicSettings(), "03:00", False),
    ],
)
def test_quiet_hours(settings: MusicSettings, clock: str, quiet: bool) -> None:
    for day in ("2026-03-10", "2026-07-10", "2026-03-29"):  # winter, summer, the night between
        if (clock, day) != ("02:00", "2026-03-29"):
            cap = cap_of(settings, at(clock, day), child=False)
            assert (cap.percent == 30) is quiet
            assert ("quiet hours" in cap.why) is quiet


def test_the_end_of_quiet_hours_is_told() -> None:
    cap = cap_of(NIGHT, at("23:00"), child=False)
    assert cap.why == "at most 30 % until 07:00: quiet hours"


@pytest.mark.parametrize("child", [True, False])
def test_a_clock_that_was_never_set_keeps_no_hours_and_says_so(child: bool) -> None:
    cap = cap_of(NIGHT, 1234.0, child=child)
    assert cap.percent == (70 if child else 100)
    assert ("child" if child else "never set") in cap.why


@pytest.mark.parametrize(
    ("clock", "child", "percent", "word"),
    [("12:00", True, 70, "child"), ("23:00", True, 30, "quiet"), ("12:00", False, 100, "")],
)
def test_the_lowest_cap_holds(clock: str, child: bool, percent: int, word: str) -> None:
    cap = cap_of(NIGHT, at(clock), child=child)
    assert cap.percent == percent
    assert word in cap.why


def test_at_the_start_a_cap_holds_at_once_and_later_gently() -> None:
    keeper = VolumeKeeper()
    night, day = Cap(30, "night"), Cap()
    assert keeper.update(0.0, 60, night) == (30, 30, "night")
    assert keeper.update(5.0, 60, day).music == pytest.approx(30 + 5 * GLIDE_PERCENT)
    assert keeper.update(60.0, 60, day) == (60, 60, "")
    # From 100 down to the wished 60 nothing is heard: that takes no time.
    assert keeper.update(61.0, 60, night).music == pytest.approx(60 - GLIDE_PERCENT)
    assert keeper.update(90.0, 60, night).music == 30
    assert keeper.update(90.0, 10, night) == (10, 10, "")


@given(
    wishes=st.lists(
        st.tuples(
            st.integers(0, 100), st.integers(0, 100), st.floats(0.0, 30.0), st.floats(0.0, 1.0)
        ),
        min_size=1,
        max_size=20,
    )
)
def test_no_volume_is_over_the_wished_one_and_caps_never_jump(
    wishes: list[tuple[int, int, float, float]],
) -> None:
    keeper, now, before = VolumeKeeper(), 0.0, None
    for wished, percent, seconds, share in wishes:
        now += seconds
        volume = keeper.update(now, wished, Cap(percent, "why"), share)
        assert 0.0 <= volume.music <= volume.announced <= wished
        assert volume.music <= volume.announced * share + 1e-6
        if before is not None and before[0] == wished:
            assert abs(volume.announced - before[1]) <= GLIDE_PERCENT * seconds + 1e-6
            # A cap may go while the sleep timer's share comes back.
            assert volume.music - before[2] <= 2 * GLIDE_PERCENT * seconds + 1e-6
        for _ in range(2):
            now += 60.0
            settled = keeper.update(now, wished, Cap(percent, "why"), share)
        assert settled.announced == min(wished, percent)
        assert settled.music == pytest.approx(settled.announced * share)
        before = (wished, settled.announced, settled.music)


def test_what_the_sleep_timer_took_comes_back_gently_unless_somebody_asks() -> None:
    keeper = VolumeKeeper()
    assert keeper.update(0.0, 50, Cap(), 0.1).music == 5  # at the start at once
    assert keeper.update(1.0, 50, Cap(), 0.0).music == 0  # and down as the timer says
    back = keeper.update(6.0, 50, Cap())
    assert back.music == pytest.approx(50 * 5 * GLIDE_PERCENT / 100)
    assert back.why == "the music comes back after the sleep timer's fade"
    keeper.somebody_asks()
    assert keeper.update(6.2, 50, Cap()) == (50, 50, "")


@given(minutes=st.integers(1, 720), passed=st.floats(0.0, 1.0))
def test_sleep_comes_slowly_and_surely(minutes: int, passed: float) -> None:
    sleep = Sleep.after(minutes, 100.0)
    now = 100.0 + passed * minutes * 60.0
    assert sleep.share(100.0) == 1.0
    assert sleep.share(sleep.ends_at) == 0.0
    assert sleep.share(now) >= sleep.share(now + 1.0)
    assert sleep.share(now) == 1.0 or sleep.ends_at - now <= min(300.0, minutes * 30.0) + 1e-6
    assert sleep.minutes_left(now) * 60.0 >= sleep.ends_at - now - 1e-6
    assert sleep.minutes_left(100.0) == minutes
