"""The music session: what sounds, what follows it, and why.

Two flags say what is wished: `wanted` (music was asked for) and `held` (nobody is there to
hear it). `tick` brings the player to that wish, so that every failure heals the same way:
by trying again.
"""

from __future__ import annotations

import logging
import math
import random
from collections import deque
from collections.abc import Callable

from msgspec.structs import replace

from device.lessons import Ended, ForgetTaste, Memory, TasteAnswer, TasteRequest
from device.music.ages import child_may_listen
from device.music.catalogue import Catalogue
from device.music.chooser import UNTOLD, Chooser
from device.music.follow import longest_lead_seconds
from device.music.going import Going, begun, shown, taken
from device.music.learner import Steps
from device.music.retries import WELL_SECONDS, Retries
from device.ports import CannotDo, Clock, PartUnavailable, Player, Resume, Store
from device.settings import MusicSettings
from device.types import (
    Choice,
    Goal,
    Health,
    Mood,
    MoodLabel,
    NowPlaying,
    NowStarted,
    Part,
    PlayerState,
    Track,
    TrackEnded,
    TrackId,
    TrackStarted,
)

log = logging.getLogger(__name__)

AHEAD_SECONDS = 10.0
"""What follows is chosen so long before it may come in: time to open it, not to change the mood."""
RESTART_SECONDS = 5.0
"""`previous` within so long of a track's start goes to the track before, later to its own start."""
ECHO_SECONDS = 1800.0
"""The same goal said again so soon is no new wish, but an automation or a retained message."""


class Session:
    """Plays on, fittingly. Main thread alone."""

    def __init__(
        self,
        player: Player,
        store: Store,
        clock: Clock,
        settings: MusicSettings,
        tell: Callable[[NowStarted], None],
    ) -> None:
        self._player, self._store, self._clock, self._tell = player, store, clock, tell
        self._settings = settings
        rng = random.Random(settings.random_seed)  # noqa: S311 - taste, not secrets
        self._chooser = Chooser(store, clock, settings, rng)
        self._retries = Retries(clock, rng)
        self._mood = Mood()
        self._past: deque[Choice] = deque(maxlen=50)
        self._going: Going | None = None
        self._queued: Going | None = None
        self._pending: Going | None = None
        self._position = 0.0
        self.goal_by_hand: Goal | None = None
        self._goal_said = -math.inf
        self.wanted = False
        self.held = False

    # --- what may be asked ----------------------------------------------------------------

    def configure(self, settings: MusicSettings) -> None:
        """Take changed settings over."""
        before, self._settings = self.goal, settings
        self._chooser.configure(settings)
        self._turn_from(before)

    def restock(self, catalogue: Catalogue) -> None:
        """A new library, or another word on it; what sounds goes on, though its drive be gone."""
        self._chooser.restock(catalogue)
        self._retries.tracks_play()
        self._going = self._chooser.as_known(self._going) or self._going
        self._pending = self._chooser.as_known(self._pending) or self._pending
        queued = self._chooser.as_known(self._queued)
        if queued is None:
            self._forget_queued()
        self._queued = queued

    def scanned(self) -> None:
        """The music folders were looked through: what is not there now is missing."""
        self._retries.scanned()

    def resume(self, resume: Resume, track: Track | None) -> None:
        """Go on where an earlier run stopped, with a track whose drive may be away."""
        self._retries.await_drives()
        self.wanted, self.held = resume.playing, resume.held
        self.goal_by_hand = resume.goal
        if track is not None:
            choice = Choice(track, 1.0, "going on where the music stopped")
            self._pending = Going(choice, None, resume.position_seconds)
            self._position = resume.position_seconds

    def set_goal(self, goal: Goal | None) -> None:
        """Walk a path from the next choice on, the same one anew, too, unless that was said just
        now; None: the one that is configured, unless it is walked already."""
        before, self.goal_by_hand = self.goal, goal
        now = self._clock.monotonic()
        if goal is not None and now - self._goal_said > ECHO_SECONDS:
            self._turn()
        else:
            self._turn_from(before)
        self._goal_said = now

    def play(self) -> None:
        """Play, or go on; sound that was lost is tried at once."""
        self._safely(self._hear_player)  # an earlier failure must not put this try off
        self.wanted, self.held = True, False
        self._retries.at_once()

    def next(self, mood: Mood) -> None:
        """Go over to another track."""
        self.play()
        self._safely(lambda: self._start(self._choose(mood), ended=Ended.SKIPPED))

    def previous(self, mood: Mood) -> None:
        """Start the track again, or the one before within its first seconds."""
        self.play()
        self._safely(lambda: self._step_back(mood))

    def react(self, mood: Mood) -> None:
        """The label of the mood changed: what was queued no longer fits."""
        if mood.label is not MoodLabel.NOBODY:
            self._forget_queued()

    def rate(self, *, liked: bool, mood: Mood) -> bool:
        """Like or dislike the current track, if there is one; False where that could not be
        stored."""
        going = self._going or self._pending
        if going is None:
            return True
        track = going.choice.track.id
        stored = self._chooser.rate(track, liked=liked, mood=mood, play=going.row or None)
        if going.lesson is not None and going is self._going:
            self._going = going._replace(lesson=replace(going.lesson, liked=liked))
        return stored

    def say(self, file: str) -> None:
        """Announce a file. Raises `CannotDo` where that is refused, and where it is tried, but
        sound was down when the music last tried, which was within a minute."""
        self._player.announce(file)
        if self.sound.health is Health.DOWN and self.wishes_to_play:
            raise CannotDo(f"it may not be heard: {self.sound.detail}")

    def taste(self, request: TasteRequest) -> Steps[TasteAnswer]:
        """Tell, give out, take in or erase what was learned of taste. Raises `CannotDo`."""
        if not isinstance(request, ForgetTaste):
            return (yield from self._chooser.taste(request))
        steps = self._chooser.forget(request)
        next(steps)
        if Memory.TASTE in request.what:
            self._past.clear()
            going, since = self._going, request.since or 0.0
            if going is not None and going.row is not None and not going.began_before(since):
                # It was forgotten, too.
                self._going = going._replace(row=0, lesson=None, drawn=False)
        return (yield from steps)

    def leave(self, ended: Ended) -> None:
        """End the current track; another one follows as soon as music is wished."""
        self._remember()
        self._end_row(ended)
        self._going = self._queued = self._pending = None
        self._player.stop()

    # --- time -----------------------------------------------------------------------------

    def tick(self, mood: Mood) -> None:
        """Bring the player to what is wished, and choose what follows. Several times a second."""
        self._mood = mood
        self._safely(self._hear_player)
        if child_may_listen(mood):
            self._drop_explicit()
        self._safely(lambda: self._drive(mood))
        going = self._going
        if going is not None and self._player.track == going.choice.track.id:
            self._position = self._player.position_seconds

    def close(self) -> None:
        """Write down how the current track went."""
        self._end_row(Ended.STOPPED)

    @property
    def goal(self) -> Goal:
        """What was chosen by hand, else what is configured."""
        return self.goal_by_hand or self._settings.goal

    @property
    def now(self) -> NowPlaying | None:
        """The current track as shown to people."""
        going = self._going or self._pending
        return None if going is None else shown(going, self._position)

    @property
    def sound(self) -> Part:
        """How the sound output is."""
        return self._retries.sound

    @property
    def playing(self) -> bool:
        """Whether a track sounds; not while a lost output is only tried again."""
        return self._player.state is PlayerState.PLAYING and self.sound.health is not Health.DOWN

    @property
    def wishes_to_play(self) -> bool:
        """Whether music should sound, as far as it can."""
        return self.wanted and not self.held

    # --- how ------------------------------------------------------------------------------

    def _safely(self, act: Callable[[], None]) -> None:
        """Do something with the player; a lost sound output is retried later."""
        try:
            act()
        except PartUnavailable as error:
            self._retries.lose_sound(error)
            self._end_row(Ended.FAILED)
            self._hold_on()
            self._queued = None

    def _hear_player(self) -> None:
        for event in self._player.poll():
            if isinstance(event, TrackStarted):
                self._started(event)
            else:
                self._ended(event)

    def _drive(self, mood: Mood) -> None:
        state = self._player.state
        if self.held:
            self._chooser.turn()  # a path begins with whoever comes next
        if not self.wishes_to_play:
            if state is PlayerState.PLAYING:
                self._player.pause()
            return
        if state is PlayerState.STOPPED:
            if self._retries.due:
                self._start(self._next_up(mood))
        elif self._is_astray or self._moved_on(mood):
            self._start(self._choose(mood), ended=Ended.MOOD)
        elif state is PlayerState.PAUSED:
            self._player.resume()
        else:
            self._queue_ahead(mood)

    def _next_up(self, mood: Mood) -> Going | None:
        """What sounds where nothing does; nothing while the drive of what goes on may yet come."""
        pending = self._pending
        if pending is not None:
            if self._chooser.as_known(pending) is not None:
                return pending
            if self._retries.mounting:
                return None
        return self._choose(mood)

    @property
    def _is_astray(self) -> bool:
        """Whether the player went over to a queued track just before it was to be forgotten."""
        return self._going is None and self._queued is None

    def _moved_on(self, mood: Mood) -> bool:
        """Whether the mood left the sounding track behind, and may end it now."""
        going = self._going
        if going is None or mood.label in UNTOLD:
            return False
        if going.mood is None or (going.mood.label in UNTOLD and not going.drawn):
            self._going = going._replace(mood=mood)
            return False
        # What is paused is not torn: whoever comes to it in another mood need not wait.
        paused = self._player.state is PlayerState.PAUSED
        left = self._chooser.misfits if paused else self._chooser.left_behind
        return (
            self._settings.change_with_mood
            and self._position - going.start_seconds >= self._settings.minimum_play_seconds
            and left(going, self.goal, mood)
        )

    def _choose(self, mood: Mood) -> Going | None:
        left = self._going.choice if self._going else self._past[-1] if self._past else None
        return self._chooser.choose(self.goal, mood, left.track.id if left else None)

    def _start(
        self, going: Going | None, *, remember: bool = True, ended: Ended = Ended.FAILED
    ) -> None:
        if going is None:
            return
        if remember:
            self._remember()
        self._end_row(ended)
        self._going, self._queued, self._pending = None, None, going
        self._position = going.start_seconds
        self._player.play(going.choice.track, start_seconds=going.start_seconds)
        self._going, self._pending = going, None

    def _step_back(self, mood: Mood) -> None:
        going = self._going or self._pending
        early = going is None or self._position < RESTART_SECONDS
        back = self._last_heard(mood) if early else None
        if back is not None:
            self._start(back, remember=False, ended=Ended.RETURNED)
        elif going is not None:
            again = replace(going.choice, because="started again")
            self._start(Going(again, mood), remember=False, ended=Ended.REPLAYED)

    def _remember(self) -> None:
        """What leaves now can be gone back to, if it began to sound."""
        if self._going is not None and self._going.row is not None:
            self._past.append(self._going.choice)

    def _last_heard(self, mood: Mood) -> Going | None:
        """What is gone back to; what is no more in the library is passed by."""
        while self._past:
            choice = replace(self._past.pop(), because="gone back to")
            back = self._chooser.as_known(Going(choice, mood))
            if back is not None:
                return back
        return None

    def _queue_ahead(self, mood: Mood) -> None:
        going, queued = self._going, self._queued
        if (
            going
            and queued
            and not queued.drawn
            and self._chooser.left_behind(going, self.goal, mood)
        ):
            self._forget_queued()  # an album would go on, but the mood has settled elsewhere
        if going is None or going.row is None or self._queued is not None:
            return  # before its start is heard of, a track that follows itself could not be told
        if not self._retries.due:
            return
        track = going.choice.track
        ahead = AHEAD_SECONDS + longest_lead_seconds(track, self._settings.crossfade_seconds)
        if track.duration_seconds - self._position <= ahead:
            self._queued = self._chooser.after(going, self.goal, mood)
            if self._queued is not None:
                self._player.queue(self._queued.choice.track)

    def _turn_from(self, before: Goal) -> None:
        if self.goal is not before:
            self._turn()

    def _turn(self) -> None:
        self._chooser.turn()
        self._forget_queued()

    def _drop_explicit(self) -> None:
        """A child is there, who may have come after the choice."""
        current = self._going or self._pending
        if current is not None and current.choice.track.explicit:
            self.leave(Ended.CHILD)
        elif self._queued is not None and self._queued.choice.track.explicit:
            self._forget_queued()

    def _forget_queued(self) -> None:
        if self._queued is not None:
            self._queued = None
            self._player.queue(None)

    def _started(self, event: TrackStarted) -> None:
        if self._queued is not None and event.track == self._queued.choice.track.id:
            self._remember()
            self._end_row(Ended.FINISHED)
            self._going, self._queued, self._position = self._queued, None, 0.0
        going = self._going
        if going is None or event.track != going.choice.track.id or going.row is not None:
            return
        self._retries.sound_works()
        if not going.drawn:
            choice = self._chooser.placed(going.choice, self.goal, going.mood or Mood())
            going = going._replace(choice=choice)
        wall = self._clock.wall()
        self._going = begun(self._store, going, self.goal, wall)
        self._chooser.started(event.track, wall)
        track = going.choice.track
        log.info("playing %s: %s", track.title, going.choice.because)
        self._tell(NowStarted(track.title, track.artist, going.choice.because))

    def _ended(self, event: TrackEnded) -> None:
        going, queued = self._going, self._queued
        current = going is not None and event.track == going.choice.track.id
        if event.error is None:
            self._retries.tracks_play()
        elif current and queued is None and self._is_missing(event.track):
            self._put_off(event.error)
            return
        else:
            self._give_up_on(event.track, event.error)
        following = queued is not None and event.track == queued.choice.track.id
        if following and not (current and event.error is None):
            self._queued = None
        elif going is not None and current:
            self._remember()
            self._end_row(Ended.FINISHED if event.error is None else Ended.FAILED)
            self._going = None

    def _is_missing(self, track: TrackId) -> bool:
        """Whether a track that cannot be played may be on a drive that is not mounted."""
        return self._retries.unsure or self._chooser.get(track) is None

    def _put_off(self, reason: str) -> None:
        """Go on with the sounding track once its drive is there."""
        log.info("not there yet: %s", reason)
        self._end_row(Ended.FAILED)
        self._hold_on()
        self._retries.await_scan()

    def _hold_on(self) -> None:
        """What sounded goes on later, from where it is now."""
        if self._going is not None:
            self._pending = self._going._replace(start_seconds=self._position, drawn=False)
        self._going = None

    def _give_up_on(self, track: TrackId, reason: str) -> None:
        """Leave an unplayable track out like one just heard."""
        self._chooser.avoid(track)
        known = self._chooser.get(track)
        log.warning("cannot play %s: %s", known.path if known else track, reason)
        self._retries.track_failed()

    def _end_row(self, ended: Ended) -> None:
        going = self._going
        if going is not None and going.row is not None:
            heard = max(0.0, self._position - going.start_seconds)
            if heard >= WELL_SECONDS:
                self._retries.tracks_play()
            lesson = taken(going, ended, heard, self._mood)
            self._store.end_play(
                going.row,
                heard_seconds=heard,
                ended=ended,
                moved=lesson.moved if lesson else None,
            )
            if lesson is not None:
                self._chooser.learn(lesson)
            self._going = going._replace(row=None, lesson=None)
