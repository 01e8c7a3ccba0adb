"""What older versions and settings left at the broker goes away; real mosquitto throughout."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from device.home.discovery import discovery, farewell
from device.home.former import FILE, FormerTopics, Kept
from device.home.topics import topics
from device.settings import MqttSettings
from device.types import Health
from tests.fakes import a_status
from tests.home.bridged import Door, Speaker, Start, settings_for
from tests.home.broker import Listener

NOW = discovery(MqttSettings(), "2")
GHOSTS = {
    "weather": {"p": "sensor", "unique_id": "attune_weather", "name": "Weather"},
    "mood": {"p": "binary_sensor", "unique_id": "attune_mood", "name": "Mood"},
}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    speakers: list[Speaker] = []

    def start(settings: MqttSettings) -> Speaker:
        speakers.append(Speaker(settings, tmp_path))
        speakers[-1].bridge.show(a_status())
        speakers[-1].start()
        speakers[-1].part(Health.UP)
        return speakers[-1]

    yield start
    for speaker in speakers:
        speaker.stop()


def kept(shared: Door, names: Iterable[str], *speakers: Speaker) -> dict[str, Any]:
    """What the broker keeps on these topics once these speakers have said what they had to say."""
    with Listener(shared.port) as latecomer:
        for speaker in speakers:
            speaker.has_said_all(latecomer)
        # In order: what is cleared meanwhile comes as empty.
        last = {m.topic: m.payload for m in latecomer.heard if m.topic in names}
    return {topic: payload for topic, payload in last.items() if payload}


# --- entities that an older version had --------------------------------------------------------


def test_farewell_names_what_is_gone_by_its_platform_alone() -> None:
    before = NOW | {"cmps": NOW["cmps"] | GHOSTS}
    message = farewell(msgspec.json.encode(before), NOW)
    assert message is not None
    assert message["cmps"]["weather"] == {"p": "sensor"}
    assert message["cmps"]["mood"] == {"p": "binary_sensor"}  # a sensor now
    assert message["cmps"]["valence"] == NOW["cmps"]["valence"]
    assert {**message, "cmps": {}} == {**NOW, "cmps": {}}


def test_farewell_is_needless_where_nothing_is_gone() -> None:
    assert farewell(msgspec.json.encode(NOW), NOW) is None
    fewer = {key: NOW["cmps"][key] for key in ("mood", "people")}
    assert farewell(msgspec.json.encode(NOW | {"cmps": fewer}), NOW) is None


@pytest.mark.parametrize(
    "published",
    [b"", b"\xff", b"[]", b"{}", b'{"cmps": []}', b'{"cmps": {"a": {}}}', b"[" * 3000],
)
def test_farewell_refuses_what_is_no_discovery_message(published: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        farewell(published, NOW)


def test_entities_of_an_older_version_are_removed_once(shared: Door, start: Start) -> None:
    where = topics(settings := settings_for(shared.port))
    now = discovery(settings, "1.2.3")
    with Listener(shared.port) as home:
        old = now | {"cmps": now["cmps"] | GHOSTS}
        home.say(where.discovery, msgspec.json.encode(old), retain=True)
        home.hear(where.discovery)
        speaker = start(settings)
        told = [msgspec.json.decode(home.hear(where.discovery).payload) for _ in range(3)]
        assert told[0] == told[2] == now
        assert told[1]["cmps"]["weather"] == {"p": "sensor"}
        heard = len(home.heard)
        speaker.has_said_all(home)
        assert where.discovery not in {m.topic for m in home.heard[heard:]}
    found = kept(shared, where, speaker)
    assert msgspec.json.decode(found[where.discovery]) == now


def test_what_is_no_message_of_ours_is_replaced(
    shared: Door, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    where = topics(settings := settings_for(shared.port))
    with Listener(shared.port) as home, caplog.at_level(logging.INFO, "device.home"):
        home.say(where.discovery, b"\x00 rubbish", retain=True)
        home.hear(where.discovery)
        speaker = start(settings)
        speaker.has_said_all(home)
    assert any("no message of ours" in message for message in caplog.messages)
    found = kept(shared, where, speaker)
    assert msgspec.json.decode(found[where.discovery]) == discovery(settings, "1.2.3")


# --- topics of an earlier id or prefix ----------------------------------------------------------


@pytest.mark.parametrize(
    "change", [{"id": "attune-elsewhere"}, {"base_topic": "house"}, {"discovery_prefix": "hub"}]
)
def test_what_was_left_under_another_name_is_cleared(
    shared: Door, start: Start, change: dict[str, str]
) -> None:
    before = settings_for(shared.port)
    after = msgspec.structs.replace(before, **change)
    old, new = Kept(*_three(before)), Kept(*_three(after))
    former = start(before)
    former.stop()
    assert set(kept(shared, old, former)) == set(old)
    moved = start(after)
    found = kept(shared, (*old, *new), moved)
    assert set(found) == set(new)
    assert found[new.availability] == b"online"
    moved.stop()
    renamed = start(msgspec.structs.replace(after, name="Another name"))
    assert set(kept(shared, new, renamed)) == set(new)  # the same topics: nothing to clear


def test_topics_that_another_speaker_took_over_stay(shared: Door, start: Start) -> None:
    mine, theirs = settings_for(shared.port), settings_for(shared.port)
    start(mine).stop()
    other = Speaker(mine)  # took the name that we gave up
    other.bridge.show(a_status())
    other.start()
    other.part(Health.UP)
    try:
        ours = start(theirs)
        found = kept(shared, (*_three(mine), *_three(theirs)), other, ours)
        assert set(found) == {*_three(mine), *_three(theirs)}
        assert found[topics(mine).availability] == b"online"
        ours.stop()
        again = start(theirs)
        assert set(kept(shared, _three(mine), other, again)) == set(_three(mine))
    finally:
        other.stop()


def _three(settings: MqttSettings) -> Kept:
    where = topics(settings)
    return Kept(where.discovery, where.state, where.availability)


def test_the_topics_are_written_when_they_change_alone(tmp_path: Path) -> None:
    here, there = topics(MqttSettings()), topics(MqttSettings(id="elsewhere"))
    former = FormerTopics(tmp_path)
    assert former.left(here) is None
    written = (tmp_path / FILE).stat()
    assert former.left(here) is None
    assert (tmp_path / FILE).stat().st_mtime_ns == written.st_mtime_ns
    left = FormerTopics(tmp_path).left(there)
    assert left == _three(MqttSettings())
    former.remember(there)
    assert former.left(there) is None
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}", b'["a"]', b'["a", "b", 3]'])
def test_a_damaged_file_is_begun_anew(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(content)
    here = topics(MqttSettings())
    assert FormerTopics(tmp_path).left(here) is None
    assert FILE in caplog.text
    caplog.clear()
    assert FormerTopics(tmp_path).left(here) is None
    assert not caplog.text


def test_a_disk_that_refuses_is_told_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert FormerTopics(Path("/proc/no-such-folder")).left(topics(MqttSettings())) is None
    assert "cannot write" in caplog.text
