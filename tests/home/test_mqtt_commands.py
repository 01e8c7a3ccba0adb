from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.home.commands import LONGEST_PAYLOAD_BYTES, PARSERS, parse_command
from device.types import (
    Command,
    Dislike,
    Emotion,
    Goal,
    Like,
    Next,
    OverrideMood,
    Pause,
    Play,
    Previous,
    Say,
    SetGoal,
    SetPrivacy,
    SetSleep,
    SetVolume,
)

VALID: list[tuple[str, bytes, Command]] = [
    ("play", b"PRESS", Play()),
    ("pause", b"press", Pause()),
    ("playing", b"ON", Play()),
    ("playing", b" off\n", Pause()),
    ("next", b"PRESS", Next()),
    ("previous", b"PRESS", Previous()),
    ("like", b"PRESS", Like()),
    ("dislike", b"PRESS", Dislike()),
    ("volume", b"0", SetVolume(0)),
    ("volume", b"100", SetVolume(100)),
    ("volume", b"60.0", SetVolume(60)),
    ("sleep", b"30", SetSleep(30)),
    ("sleep", b"off", SetSleep(0)),
    ("say", b"the door.ogg", Say("the door.ogg")),
    ("say", f"{'é' * 98}.ogg".encode(), Say(f"{'é' * 98}.ogg")),
    ("goal", b"calm", SetGoal(Goal.CALM)),
    ("goal", b"Lift", SetGoal(Goal.LIFT)),
    ("mood", b"sadness", OverrideMood(Emotion.SADNESS)),
    ("mood", b"auto", OverrideMood(None)),
    ("privacy", b"ON", SetPrivacy(on=True)),
    ("privacy", b"OFF", SetPrivacy(on=False)),
]


@pytest.mark.parametrize(("name", "payload", "command"), VALID)
def test_valid(name: str, payload: bytes, command: Command) -> None:
    assert parse_command(name, payload) == command


def test_every_command_has_a_valid_case() -> None:
    assert {name for name, _, _ in VALID} == set(PARSERS)


@pytest.mark.parametrize(
    ("name", "payload", "words"),
    [
        ("volume", b"101", "0..100"),
        ("volume", b"-1", "0 to 100"),
        ("volume", b"999999999999999999999999", "0 to 100"),
        ("volume", b"nan", "0 to 100"),
        ("volume", b"1e1", "0 to 100"),
        ("volume", b"60.5", "0 to 100"),
        ("volume", "٣".encode(), "0 to 100"),
        ("volume", b"", "0 to 100"),
        ("sleep", b"721", "0..720"),
        ("sleep", b"-3", "0 to 720"),
        ("say", b"", "file's name"),
        ("say", b"bell", "file's name"),
        ("say", b"/etc/passwd", "file's name"),
        ("say", b"../secret.ogg", "file's name"),
        ("say", b"a/b.ogg", "file's name"),
        ("say", b".hidden.ogg", "file's name"),
        ("say", b"a\x00.ogg", "file's name"),
        ("say", b"a" * 252 + b".ogg", "256 bytes are too many, 255 is the most"),
        ("goal", b"party", "match, lift, calm, focus"),
        ("mood", b"uncertain", "auto"),
        ("mood", b"\xff\xfe", "UTF-8"),
        ("privacy", b"maybe", "ON or OFF"),
        ("next", b"", "PRESS"),
        ("next", b"x" * (LONGEST_PAYLOAD_BYTES + 1), "too many"),
        ("explode", b"PRESS", "there is no command 'explode'"),
    ],
)
def test_invalid_says_why(name: str, payload: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_command(name, payload)


@given(
    name=st.sampled_from(sorted(PARSERS)) | st.text(max_size=20),
    payload=st.binary(max_size=200)
    | st.text(max_size=20).map(str.encode)
    | st.floats().map(lambda number: str(number).encode())
    | st.integers().map(lambda number: str(number).encode()),
)
def test_whatever_comes_is_a_command_or_words(name: str, payload: bytes) -> None:
    try:
        outcome: object = parse_command(name, payload)
    except ValueError as error:
        outcome = str(error)
    if isinstance(outcome, str):
        assert outcome.isprintable()  # one line in the log, nothing that steers a terminal
    else:
        assert isinstance(outcome, get_args(Command))
