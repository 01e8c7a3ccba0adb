"""Password, tokens and sessions: only hashes are kept, and nothing is lost."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule

from device.home.attempts import ALL, EACH, WINDOW_SECONDS, Attempts
from device.home.keyring import FILE, MOST_SESSIONS, SESSION_SECONDS, Keyring, csrf_of
from device.ports import CannotDo

PASSWORD = "correct horse battery"


def test_all_holds_after_a_restart_and_only_hashes_are_kept(tmp_path: Path) -> None:
    before = Keyring(tmp_path)
    before.set_password(PASSWORD)
    token, cookie = before.add_token("kitchen"), before.open_session()
    text = (tmp_path / FILE).read_text()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    for secret in (PASSWORD, token, token.removeprefix("attune_"), cookie, csrf_of(cookie)):
        assert secret not in text
    after = Keyring(tmp_path)
    assert after.is_password(PASSWORD)
    assert not after.is_password(PASSWORD + "!")
    assert after.token_name(token) == "kitchen"
    assert after.is_session(cookie)
    assert [each.name for each in tmp_path.iterdir()] == [FILE]


def test_the_same_password_is_hashed_differently_each_time(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    kept = set()
    for _ in range(2):
        keyring.set_password(PASSWORD)
        kept.add(json.loads((tmp_path / FILE).read_text())["password"])
    assert len(kept) == 2


def test_each_keyboards_letters_are_the_same(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    keyring.set_password("caf\u00e9 au lait")
    assert keyring.is_password("cafe\u0301 au lait")


@pytest.mark.parametrize("password", ["", "too short", "x" * 257])
def test_no_bad_password_is_set(tmp_path: Path, password: str) -> None:
    with pytest.raises(CannotDo, match="10 to 256"):
        Keyring(tmp_path).set_password(password)
    assert not Keyring(tmp_path).has_password


def test_without_a_password_none_is_right(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    assert not keyring.is_password("")
    keyring.set_password(PASSWORD)
    keyring.set_password(None)
    assert not keyring.is_password(PASSWORD)


def test_a_new_password_ends_all_sessions(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    cookie = keyring.open_session()
    keyring.set_password(PASSWORD)
    assert not keyring.is_session(cookie)


def test_sessions_end_in_time_and_are_not_hoarded(tmp_path: Path) -> None:
    now = 1e9
    keyring = Keyring(tmp_path, lambda: now)
    first = keyring.open_session()
    cookies = [keyring.open_session() for _ in range(MOST_SESSIONS)]
    assert not keyring.is_session(first)
    assert all(keyring.is_session(each) for each in cookies)
    now += SESSION_SECONDS - 1
    assert keyring.is_session(cookies[0])
    now += 1
    assert not keyring.is_session(cookies[0])


def test_a_session_opened_while_the_clock_was_ahead_ends_when_that_is_set(tmp_path: Path) -> None:
    now = 2e9
    keyring = Keyring(tmp_path, lambda: now)
    ahead = keyring.open_session()
    assert keyring.is_session(ahead)
    now = 1e9
    assert not keyring.is_session(ahead)
    fresh = keyring.open_session()
    now -= 3600.0  # as clocks are set now and then
    assert keyring.is_session(fresh)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"password": "plain"}', b"\xff", b"[" * 9999]
)
def test_a_damaged_file_lets_nobody_in_until_a_new_password_takes_its_place(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(content)
    keyring = Keyring(tmp_path)
    assert not keyring.has_password
    assert not keyring.is_password("plain")
    assert "attune password" in caplog.text
    assert (tmp_path / FILE).read_bytes() == content
    keyring.set_password(PASSWORD)
    assert Keyring(tmp_path).is_password(PASSWORD)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_what_the_disk_refuses_is_told_and_changes_nothing(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    token = keyring.add_token("one")
    (tmp_path / "page.new").mkdir()
    with pytest.raises(CannotDo, match="cannot be written"):
        keyring.add_token("two")
    with pytest.raises(CannotDo):
        keyring.remove_token("one")
    assert keyring.token_name(token) == "one"
    assert [each.name for each in Keyring(tmp_path).tokens] == ["one"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=50))
def test_names_of_tokens_are_plain(tmp_path: Path, name: str) -> None:
    keyring = Keyring(tmp_path)
    plain = re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", name) is not None
    try:
        keyring.add_token(name)
    except CannotDo:
        assert not plain
    else:
        assert plain
        keyring.remove_token(name)


# --- attempts ---------------------------------------------------------------------------------


class Guessing(RuleBasedStateMachine):
    """Whoever guesses, however they spread it over time and addresses, has few tries."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.attempts = Attempts(lambda: self.now)
        self.tried: list[tuple[float, str]] = []

    addresses = Bundle("addresses")

    @rule(target=addresses, number=st.integers(0, 40))
    def address(self, number: int) -> str:
        return f"192.0.2.{number}"

    @rule(seconds=st.floats(0.0, 2 * WINDOW_SECONDS))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(address=addresses, times=st.integers(1, 9))
    def guess(self, address: str, times: int) -> None:
        for _ in range(times):
            late = self.attempts.admit(address)
            recent = [who for at, who in self.tried if self.now - at < WINDOW_SECONDS]
            may = recent.count(address) < EACH and len(recent) < ALL
            assert (late == 0.0) is may
            assert 0.0 <= late <= WINDOW_SECONDS
            if may:
                self.tried.append((self.now, address))

    @rule(address=addresses)
    def succeed(self, address: str) -> None:
        if self.attempts.admit(address) == 0.0:
            self.attempts.forgive(address)
            self.tried = [each for each in self.tried if each[1] != address]


TestGuessing = Guessing.TestCase
TestGuessing.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)


def test_rounding_leads_to_no_longer_wait() -> None:
    attempts = Attempts(lambda: 124.47401329881782)
    waits = [attempts.admit("192.0.2.1") for _ in range(EACH + 1)]
    assert waits == [0.0] * EACH + [WINDOW_SECONDS]


def test_an_ipv6_household_is_one() -> None:
    attempts = Attempts(lambda: 0.0)
    for number in range(EACH):
        assert attempts.admit(f"2001:db8:1:2::{number}") == 0.0
    assert attempts.admit("2001:db8:1:2:ffff::1") > 0.0
    assert attempts.admit("2001:db8:1:3::1") == 0.0
    for _ in range(EACH):
        attempts.admit("::ffff:192.0.2.1")
    assert attempts.admit("192.0.2.1") > 0.0
