"""The inbox: bounded, drops sightings when full and never anything else."""

from __future__ import annotations

import threading
import time

import pytest

from device.inbox import Asked, Inbox, ask
from device.types import Next, Pause, Play, Sighting, Status
from tests.fakes import a_status


def test_first_in_first_out_and_none_when_nothing_comes() -> None:
    inbox: Inbox[object] = Inbox()
    inbox.post(Play())
    inbox.post(Pause())
    assert [inbox.take(0), inbox.take(0), inbox.take(0.01)] == [Play(), Pause(), None]


def test_a_full_inbox_loses_its_oldest_sightings() -> None:
    inbox: Inbox[object] = Inbox(capacity=3)
    for at in range(5):
        inbox.post(Sighting(float(at)))
    assert [inbox.take(0) for _ in range(4)] == [Sighting(2.0), Sighting(3.0), Sighting(4.0), None]
    assert inbox.dropped == 2


def test_commands_push_sightings_out_and_are_never_lost() -> None:
    inbox: Inbox[object] = Inbox(capacity=2)
    for event in (Sighting(0.0), Play(), Next(), Sighting(1.0)):
        inbox.post(event)
    assert [inbox.take(0), inbox.take(0), inbox.take(0)] == [Play(), Next(), None]
    assert inbox.dropped == 2


def test_a_flood_of_commands_waits_for_room_and_all_arrive() -> None:
    inbox: Inbox[object] = Inbox(capacity=8)
    count = 2000

    def flood() -> None:
        for _ in range(count):
            inbox.post(Next())

    threads = [threading.Thread(target=flood, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    taken = sum(inbox.take(5.0) is not None for _ in range(3 * count))
    assert taken == 3 * count
    assert inbox.take(0) is None


def test_asking_returns_the_status_after_the_command() -> None:
    inbox: Inbox[Asked] = Inbox()
    answer: list[Status] = []
    asker = threading.Thread(target=lambda: answer.append(ask(inbox.post, Play(), 5.0)))
    asker.start()
    asked = inbox.take(5.0)
    assert asked is not None
    assert asked.command == Play()
    asked.reply.set_result(a_status(volume=33))
    asker.join(5.0)
    assert answer[0].volume == 33


def test_asking_somebody_who_never_answers_times_out() -> None:
    with pytest.raises(TimeoutError, match="no answer"):
        ask(Inbox[Asked]().post, Play(), 0.01)


def test_what_was_said_not_to_be_done_is_not_done() -> None:
    inbox: Inbox[Asked] = Inbox()
    with pytest.raises(TimeoutError):
        ask(inbox.post, Play(), 0.01)
    late = inbox.take(0)
    assert late is not None
    assert not late.reply.set_running_or_notify_cancel()


def test_what_is_being_done_is_waited_for() -> None:
    inbox: Inbox[Asked] = Inbox()
    answer: list[Status] = []
    asker = threading.Thread(target=lambda: answer.append(ask(inbox.post, Play(), 0.5)))
    asker.start()
    asked = inbox.take(5.0)
    assert asked is not None
    assert asked.reply.set_running_or_notify_cancel()
    time.sleep(0.6)
    asked.reply.set_result(a_status(volume=34))
    asker.join(5.0)
    assert answer[0].volume == 34
