"""What comes next: drawn by mood, goal, taste and what was heard, or the next of an album; and
whether the mood has left behind what sounds."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

from msgspec.structs import replace

from device.lessons import ForgetTaste, Lesson, TasteAnswer, TasteChanged, TasteRequest
from device.music.catalogue import Catalogue, Wish
from device.music.clock import CLOCK_SET
from device.music.goals import Pace, distance_to_go
from device.music.going import Going
from device.music.learner import Learner, Steps
from device.ports import Clock, Store
from device.settings import MusicSettings
from device.types import Choice, Goal, Mood, MoodLabel, Track, TrackId

MOVED = 0.3
"""How far in valence/arousal the mood must have moved for a sounding track to be left, or for a
path to begin anew: about half of the way from neutral to any emotion of
`device.mood.circumplex`."""
SETTLED_SECONDS = 20.0
"""Only for a mood that held so long is a track left, and only such a one is reached by a path:
people who talk smile for a few seconds, and nothing would be heard out."""
UNTOLD = (MoodLabel.NOBODY, MoodLabel.UNCERTAIN)
"""Such a mood tells nothing: no track is left for it."""
RECENT_TRACKS = 1000
"""So many tracks, those played last, each choice knows of, and of more where they must rest."""
REMEMBERED_PLAYS, REMEMBERED_SECONDS = 15_000, 720.0 * 3600.0
"""What is read again at a start: `repeat_hours` at its most, of tracks of three minutes."""


class Chooser:
    """The library, and all that speaks for or against a track of it. Main thread alone."""

    def __init__(
        self, store: Store, clock: Clock, settings: MusicSettings, rng: random.Random
    ) -> None:
        self._store, self._clock, self._settings, self._random = store, clock, settings, rng
        self._catalogue = Catalogue(())
        self._feedback: Mapping[TrackId, int] = {}
        self._played: dict[TrackId, float] = {}  # when last, in the order that it was
        self._remember()
        self._learner = Learner(store)
        self._to_go: float | None = None  # from the best mood on the path to its end
        self._steps = 0

    def configure(self, settings: MusicSettings) -> None:
        """Take changed settings over."""
        self._settings = settings

    def restock(self, catalogue: Catalogue) -> None:
        """A new library."""
        self._catalogue = catalogue

    def get(self, track: TrackId) -> Track | None:
        """The track of an id, None when it is not, or no longer, in the library."""
        return self._catalogue.get(track)

    def as_known(self, going: Going | None) -> Going | None:
        """The same with what is known of its track by now; None where that is not to be had."""
        track = None if going is None else self.get(going.choice.track.id)
        if going is None or track is None:
            return None
        return going._replace(choice=replace(going.choice, track=track))

    # --- what comes next ------------------------------------------------------------------

    def choose(self, goal: Goal, mood: Mood, left: TrackId | None) -> Going | None:
        """Draw a track, but the one that is left; None when nothing may be played now."""
        self._mind_path(goal, mood)
        wish = self._wish(goal, mood, left)
        belief = self._learner.belief if self._settings.learn else None
        choice = self._catalogue.choose(wish, self._random, belief)
        if choice is None:
            return None
        if belief is not None:
            choice = self._learner.explained(choice)
        return Going(choice, mood, drawn=True)

    def after(self, going: Going, goal: Goal, mood: Mood) -> Going | None:
        """What follows a track that plays to its end: the next of its album, where wished, unless
        the mood left that behind."""
        if not self.left_behind(going, goal, mood):
            choice = self._next_on_album(going.choice.track.id, goal, mood)
            if choice is not None:
                return Going(choice, mood)
        return self.choose(goal, mood, going.choice.track.id)

    def left_behind(self, going: Going, goal: Goal, mood: Mood) -> bool:
        """Whether the mood has settled where a track that sounds does not fit."""
        return self._settled(mood) and self.misfits(going, goal, mood)

    @staticmethod
    def misfits(going: Going, goal: Goal, mood: Mood) -> bool:
        """Whether the mood is another one than a track was chosen for, and lies elsewhere; what
        brought it nearer to where the goal leads does as it should."""
        before = going.mood
        if before is None or mood.label in UNTOLD or goal is Goal.FOCUS:
            return False
        was, now = distance_to_go(goal, before), distance_to_go(goal, mood)
        if was is not None and now is not None and now < was:
            return False
        way = math.hypot(mood.valence - before.valence, mood.arousal - before.arousal)
        return mood.label is not before.label and way >= MOVED

    def _settled(self, mood: Mood) -> bool:
        """Whether the mood is more than a look in passing: it has held, or was set by hand."""
        held = self._clock.monotonic() - mood.since >= SETTLED_SECONDS
        return held or mood.confidence >= 1.0  # no camera is ever certain

    def _next_on_album(self, track: TrackId, goal: Goal, mood: Mood) -> Choice | None:
        """What follows a track on its album; None where there is nothing, or it is not wished."""
        if not self._settings.albums_together:
            return None
        following = self._catalogue.following(track, self._wish(goal, mood))
        if following is None:
            return None
        return Choice(following, 1.0, f"the next on {following.album}")

    def placed(self, choice: Choice, goal: Goal, mood: Mood) -> Choice:
        """A choice that was not drawn just now, with how near it lies to the goal's aim now."""
        fit = self._catalogue.fit_of(choice.track.id, self._wish(goal, mood))
        return replace(choice, fit=fit)

    def _wish(self, goal: Goal, mood: Mood, left: TrackId | None = None) -> Wish:
        wall = self._clock.wall()
        return Wish(
            mood=mood,
            goal=goal,
            wall=wall,
            steps=self._steps,
            recent=self._recent(wall),
            feedback=self._feedback,
            repeat_hours=self._settings.repeat_hours,
            exclude=left,
            pace=Pace(self._settings.path_step, self._settings.path_reach),
        )

    def turn(self) -> None:
        """Another goal, or other people: the path begins where they then are."""
        self._steps, self._to_go = 0, None

    def _mind_path(self, goal: Goal, mood: Mood) -> None:
        """A path begins where the person is, and again where the mood falls back behind the best
        that it has reached."""
        to_go = distance_to_go(goal, mood)
        if to_go is None:
            return
        if self._to_go is None or to_go > self._to_go + MOVED:
            self._to_go, self._steps = to_go, 0
        elif self._settled(mood):
            self._to_go = min(self._to_go, to_go)

    # --- what became of it ----------------------------------------------------------------

    def started(self, track: TrackId, wall: float) -> None:
        """A track sounds: one step on the path, and not again soon."""
        self._note(track, wall)
        self._learner.started(track, wall)
        self._steps += 1

    def avoid(self, track: TrackId) -> None:
        """A track cannot be played: leave it out like one just heard."""
        self._note(track, self._clock.wall())

    def rate(self, track: TrackId, *, liked: bool, mood: Mood, play: int | None) -> bool:
        """A track was liked or disliked, in the play of that row; False where that could not be
        stored."""
        wall = self._clock.wall()
        stored = self._store.add_feedback(track, wall, liked=liked, mood=mood, play=play)
        self._feedback = self._store.feedback()
        return stored

    def learn(self, lesson: Lesson) -> None:
        """Take in how a play was taken."""
        self._learner.learn(lesson)

    def taste(self, request: TasteRequest) -> Steps[TasteAnswer]:
        """Tell, give out or take in what was learned of taste. Raises `CannotDo`."""
        answer = yield from self._learner.answer(request, learning=self._settings.learn)
        if isinstance(answer, TasteChanged):
            yield
            self._remember()
        return answer

    def forget(self, request: ForgetTaste) -> Steps[TasteAnswer]:
        """Erase what is remembered, in the first step. Raises `CannotDo`."""
        count = self._learner.forget(request)
        yield
        self._remember()
        yield
        yield from self._learner.read()
        return TasteChanged(count)

    def _remember(self) -> None:
        self._feedback = self._store.feedback()
        self._played.clear()
        since = self._clock.wall() - REMEMBERED_SECONDS
        for track, wall in reversed(self._store.last_plays(REMEMBERED_PLAYS, since)):
            self._note(track, wall)
        self._all_before(self._clock.wall())

    def _note(self, track: TrackId, wall: float) -> None:
        self._all_before(wall)
        self._played.pop(track, None)
        self._played[track] = wall

    def _all_before(self, wall: float) -> None:
        """Nothing was played later than what comes after it: what a clock that was ahead says so
        was played now, and ages from now on. A clock that is not set tells nothing."""
        if wall < CLOCK_SET:
            return
        for track, noted in reversed(self._played.items()):
            if CLOCK_SET <= noted <= wall:
                break
            if noted > wall:
                self._played[track] = wall

    def _recent(self, wall: float) -> list[tuple[TrackId, float]]:
        """What was played and when, newest first."""
        rests_since = wall - 3600.0 * self._settings.repeat_hours
        played = list(reversed(self._played.items()))
        return played[:RECENT_TRACKS] + [
            play for play in played[RECENT_TRACKS:] if play[1] > rests_since
        ]
