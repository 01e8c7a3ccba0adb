"""What the plays here taught: noted as they end, told, given away, taken in and forgotten."""

from __future__ import annotations

import logging
from collections import deque

from msgspec.structs import replace

from device.lessons import (
    LONGEST_EXPORT,
    ExportTaste,
    ForgetTaste,
    ImportTaste,
    Lesson,
    Moment,
    TasteAnswer,
    TasteChanged,
    TasteFile,
    TasteRequest,
)
from device.music.clock import local_hour
from device.music.features import traits_of
from device.music.goals import distance_to_go
from device.music.report import reason, report
from device.music.taste import LISTENED_SECONDS, REMEMBERED, Belief
from device.ports import Store
from device.types import Choice, Goal, Mood

log = logging.getLogger(__name__)

LATELY = 300
"""Plays that a learned reason is borne out by."""


class Learner:
    """The lessons that are remembered, and what is believed by them. Main thread alone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read()

    def _read(self) -> None:
        """Believe what is remembered, and nothing else."""
        self._lessons: deque[Lesson] = deque(self._store.lessons(REMEMBERED), maxlen=REMEMBERED)
        self.belief = Belief()
        self.belief.teach_all(self._lessons)

    def answer(self, request: TasteRequest, *, learning: bool) -> TasteAnswer:
        """Tell, give out, take in or erase what was learned. Raises `CannotDo`."""
        if isinstance(request, ForgetTaste):
            count = self._store.forget(request.since or 0.0, request.what)
            self._read()
            log.info("forgot %d plays", count)
            return TasteChanged(count)
        if isinstance(request, ImportTaste):
            count = self._store.add_lessons(request.lessons)
            self._read()
            log.info("learned from %d imported plays", count)
            return TasteChanged(count)
        if isinstance(request, ExportTaste):
            return TasteFile(1, tuple(self._store.lessons(LONGEST_EXPORT)))
        return report(self._lessons, self.belief, learning=learning)

    def explained(self, choice: Choice) -> Choice:
        """A choice with what was learned that spoke for it."""
        learned = reason(traits_of(choice.track), list(self._lessons)[-LATELY:], self.belief)
        return replace(choice, because=f"{choice.because}; {learned}") if learned else choice

    def learn(self, lesson: Lesson) -> None:
        """Take in how a play was taken."""
        self._lessons.append(lesson)
        self.belief.teach(lesson)


def lesson_of(choice: Choice, goal: Goal, mood: Mood, wall: float) -> Lesson:
    """What is known of a play at its start."""
    moment = Moment(
        choice.fit,
        traits_of(choice.track),
        min(1e6, max(0.0, choice.track.duration_seconds)),
        local_hour(wall),
        mood.age_group,
    )
    return Lesson(
        choice.track.id, max(0.0, wall), goal, choice.probability, mood.label,
        mood.valence, mood.arousal, mood.people, moment,
    )  # fmt: skip


def moved(goal: Goal, before: Mood, after: Mood, heard_seconds: float) -> float | None:
    """How much nearer the mood came to where the goal leads while a track sounded.

    None where nobody was seen, the mood is pretended, or the track was too short for it.
    """
    if heard_seconds < LISTENED_SECONDS:
        return None
    if 1.0 in (before.confidence, after.confidence) or not (before.people and after.people):
        return None
    was, now = distance_to_go(goal, before), distance_to_go(goal, after)
    return None if was is None or now is None else was - now
