"""What the plays here taught: noted as they end, told, given away, taken in and forgotten."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Generator, Sequence
from typing import TypeVar

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
from device.music.report import reason, reporting
from device.music.taste import LISTENED_SECONDS, REMEMBERED, Belief
from device.ports import CannotDo, Store
from device.types import Choice, Goal, Mood, TrackId

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
Steps = Generator[None, None, Answer]
"""Work in short steps, between which the main thread does other things."""

LATELY = 300
"""Plays that a learned reason is borne out by."""


class Learner:
    """The lessons that are remembered, and what is believed by them. Main thread alone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lessons: deque[Lesson] = deque(maxlen=REMEMBERED)
        self.belief = Belief()
        self._learned = 0  # since the start
        self._sounding: tuple[TrackId, float] | None = None  # what play began last
        for _ in self.read():
            pass

    def _newest(self, count: int) -> Steps[list[Lesson]]:
        """The newest lessons, oldest first."""
        pages = []
        for page in self._store.lessons(count):
            pages.append(page)
            yield
        return [lesson for page in reversed(pages) for lesson in page]

    def read(self) -> Steps[None]:
        """Believe what is remembered, and nothing else; what sounds teaches when it ends."""
        sounding, learned = self._sounding, self._learned
        lessons = [
            lesson
            for lesson in (yield from self._newest(REMEMBERED))
            if lesson.ended is not None or (lesson.track, lesson.wall) != sounding
        ]
        belief = Belief()
        yield from belief.teaching(lessons)
        known = list(self._lessons)
        meanwhile = known[max(0, len(known) - (self._learned - learned)) :]
        for lesson in meanwhile:
            belief.teach(lesson)
        self._lessons = deque([*lessons, *meanwhile], maxlen=REMEMBERED)
        self.belief = belief

    def answer(self, request: TasteRequest, *, learning: bool) -> Steps[TasteAnswer]:
        """Tell, give out or take in what was learned, in short steps: a diary of years would keep
        the music waiting. Raises `CannotDo`."""
        if isinstance(request, ImportTaste):
            count = yield from self._take_in(request.lessons)
            yield from self._store.add_ratings(request.ratings)
            return TasteChanged(count)
        if isinstance(request, ExportTaste):
            # First what no lesson holds: what is said between the steps is in neither.
            ratings = tuple(self._store.ratings(LONGEST_EXPORT))
            return TasteFile(2, tuple((yield from self._newest(LONGEST_EXPORT))), ratings)
        return (yield from reporting(self._lessons, self.belief, learning=learning))

    def _take_in(self, lessons: Sequence[Lesson]) -> Steps[int]:
        """Learn from plays of elsewhere; how many were not known before."""
        count, refusal = 0, None
        try:
            for added in self._store.add_lessons(lessons):
                count += added
                yield
        except CannotDo as error:
            refusal = error
        if count:
            yield from self.read()
            log.info("learned from %d imported plays", count)
        if refusal is not None:
            raise refusal
        return count

    def forget(self, request: ForgetTaste) -> int:
        """Erase what is remembered, at once; how many plays there were. `read` then unlearns
        them. Raises `CannotDo`."""
        count = self._store.forget(request.since or 0.0, request.what)
        log.info("forgot %d plays", count)
        return count

    def explained(self, choice: Choice) -> Choice:
        """A choice with what was learned that spoke for it."""
        learned = reason(traits_of(choice.track), list(self._lessons)[-LATELY:], self.belief)
        return replace(choice, because=f"{choice.because}; {learned}") if learned else choice

    def started(self, track: TrackId, wall: float) -> None:
        """A play began: what it teaches is learned when it ends."""
        self._sounding = track, max(0.0, wall)

    def learn(self, lesson: Lesson) -> None:
        """Take in how a play was taken."""
        self._lessons.append(lesson)
        self._learned += 1
        self.belief.teach(lesson)


def lesson_of(choice: Choice, goal: Goal, mood: Mood, wall: float, *, drawn: bool = True) -> Lesson:
    """What is known of a play at its start."""
    moment = Moment(
        choice.fit,
        traits_of(choice.track),
        min(1e6, max(0.0, choice.track.duration_seconds)),
        local_hour(wall),
        mood.age_group,
        drawn,
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
