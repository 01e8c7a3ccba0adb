"""The appliance itself: events and time in, music and news out. Knows ports, no adapter."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from device import __version__
from device.holdings import Holdings
from device.lessons import Ended, ForgetTaste, Memory, TasteAnswer, TasteRequest
from device.mood.circumplex import COORDINATES
from device.mood.room import Room
from device.music.ages import child_may_listen
from device.music.clock import follow_time_zone
from device.music.learner import Steps
from device.music.listened import Work
from device.music.session import Session
from device.music.volume import Sleep, Volume, VolumeKeeper, cap_of
from device.ports import Bus, CannotDo, Clock, Player, Resume, Store
from device.settings import MusicSettings, Settings
from device.types import (
    AgeChanged,
    Arrived,
    Board,
    Command,
    Correct,
    Departed,
    Dislike,
    Emotion,
    Health,
    LibraryScanned,
    Like,
    Listened,
    Mood,
    MoodChanged,
    MoodLabel,
    MoodNow,
    Next,
    OverrideMood,
    Part,
    PartChanged,
    Pause,
    Play,
    Previous,
    Say,
    Scan,
    SetGoal,
    SetPrivacy,
    SetQuietHours,
    SetSleep,
    SetVolume,
    Sighting,
    Status,
    TrackId,
    Vitals,
)

log = logging.getLogger(__name__)

NOTE_SECONDS = 60.0
"""So often the time zone is looked at, and it is written where we are and what the mood is, both at
once: any moment at which something is written costs an SD card some 16 kB, ext4's journal included.
A power cut leads back to within half of it of where we were, for what is saved is where we shall be
by then."""
DAY_SECONDS, SETTLED_SECONDS = 86_400.0, 600.0
"""What is old is erased so often, and first so long after a start, when the clock is set."""

REMEMBERED = (SetVolume, SetSleep, SetQuietHours, SetGoal, SetPrivacy)
"""What is set by hand holds until it is set otherwise, also after a restart."""


class Actions(NamedTuple):
    """What the speaker asks of the workers; each returns at once."""

    set_privacy: Callable[[bool], None]
    scan: Callable[[], None]
    listen: Callable[[Sequence[Work], int], None]
    settled: Callable[[LibraryScanned], None]


class Speaker:
    """Owns all state; called from the main thread alone."""

    def __init__(
        self,
        settings: Settings,
        *,
        player: Player,
        store: Store,
        bus: Bus,
        clock: Clock,
        actions: Actions,
    ) -> None:
        self._settings, self._player, self._store = settings, player, store
        self._bus, self._clock, self._actions = bus, clock, actions
        now = clock.monotonic()
        self._started = now
        self._room = Room(settings.mood, now)
        self._session = Session(player, store, clock, settings.music, bus.tell)
        self._parts = {name: Part() for name in ("camera", "broker", "library", "listener", "page")}
        self._board = Board()
        self._vitals = Vitals()
        self._somebody = False  # as last told
        self._override: Emotion | None = None
        self._override_since = now
        self._volume_by_hand: int | None = None
        self._quiet_by_hand: str | None = None
        self._volume_keeper = VolumeKeeper()
        self._volume_now = Volume(-1.0, -1.0, "")  # the player was told of none yet
        self._sleep: Sleep | None = None
        self._asleep = False  # the timer ended; silent until somebody wishes for music
        self._privacy = False
        self._seen_at = now
        self._insisted = False
        self._paused_by_hand = False
        self._noted_at = now
        self._saved_track: TrackId | None = None
        self._expired_at = now - DAY_SECONDS + SETTLED_SECONDS
        self.dropped_sightings = 0
        self.holdings = Holdings(
            store,
            clock,
            listen=actions.listen,
            choose_from=self._session.restock,
            settled=actions.settled,
        )
        self._wake()

    # --- events ---------------------------------------------------------------------------

    def handle(
        self, event: Sighting | PartChanged | LibraryScanned | Listened | Board | Vitals
    ) -> None:
        """Take in what a worker posted."""
        if isinstance(event, Sighting):
            self._see(event)
        elif isinstance(event, PartChanged):
            self._parts[event.name] = event.part
            if event.name == "camera" and event.part.health in (Health.DOWN, Health.OFF):
                self._follow(lambda: self._room.lose_sight(self._clock.monotonic()))
        elif isinstance(event, LibraryScanned):
            self.holdings.scanned(event)
            self._session.scanned()
        elif isinstance(event, Listened):
            self.holdings.heard(event)
        elif isinstance(event, Board):
            self._board = event
        else:
            self._vitals = event

    def command(self, command: Command) -> Status:  # noqa: C901, PLR0912 - one branch a command
        """Do what somebody asked; returns the status that it led to.

        Raises `CannotDo`, also for what is done but could not be stored.
        """
        session, stored = self._session, True
        if isinstance(command, Play):
            self._by_hand(session.play)
        elif isinstance(command, Pause):
            session.wanted, self._paused_by_hand = False, True
        elif isinstance(command, Next):
            self._by_hand(lambda: session.next(self.mood))
        elif isinstance(command, Previous):
            self._by_hand(lambda: session.previous(self.mood))
        elif isinstance(command, SetVolume):
            self._volume_by_hand = command.percent
            self._volume_keeper.somebody_asks()
        elif isinstance(command, SetSleep):
            now = self._clock.monotonic()
            self._sleep = Sleep.after(command.minutes, now) if command.minutes else None
        elif isinstance(command, SetQuietHours):
            self._quiet_by_hand = command.hours
        elif isinstance(command, Correct):
            self._correct(command)
        elif isinstance(command, Say):
            session.say(command.file)
        elif isinstance(command, SetGoal):
            session.set_goal(command.goal)
        elif isinstance(command, OverrideMood):
            self._follow(lambda: self._set_override(command.label))
        elif isinstance(command, Like):
            stored = session.rate(liked=True, mood=self.mood)
        elif isinstance(command, Dislike):
            stored = session.rate(liked=False, mood=self.mood)
            if session.now is not None:
                session.leave(Ended.DISLIKED)
        elif isinstance(command, SetPrivacy):
            self._set_privacy(command.on)
        elif isinstance(command, Scan):
            library = self._parts["library"]
            self._parts["library"] = Part(library.health, "a scan was asked for", progress=0.0)
            self._actions.scan()
        log.info("done: %s", type(command).__name__)
        self.tick()
        saved = self._save()
        if not stored or (isinstance(command, REMEMBERED) and not saved):
            raise CannotDo(
                "done, but it could not be stored: a restart may undo it; "
                "make room, or check the disk"
            )
        return self.status()

    def taste(self, request: TasteRequest) -> Steps[TasteAnswer]:
        """Tell, give out, take in or erase what was learned of taste. Raises `CannotDo`."""
        if isinstance(request, ForgetTaste) and Memory.BY_HAND in request.what:
            self._forget_what_was_set()  # first, or it would be saved anew between the steps
        return (yield from self._session.taste(request))

    def configure(self, settings: Settings) -> None:
        """Take changed settings over; what was changed by hand stays."""
        self._settings = settings
        self._room.configure(settings.mood)
        self._session.configure(settings.music)
        self._mind_volume(self._clock.monotonic())

    def tick(self) -> None:
        """Let time pass: absence, music, memory, the home. Several times a second."""
        now = self._clock.monotonic()
        self._room.pass_time(now)
        self._mind_absence(now)
        self._mind_sleep(now)
        self._mind_volume(now)
        self._session.tick(self.mood)
        self.holdings.pass_time(now)
        if now - self._noted_at >= NOTE_SECONDS:
            self._noted_at = now
            follow_time_zone()
            self._save()
            if self.mood.people:
                self._store.add_mood(self._clock.wall(), self.mood)
        elif self._track != self._saved_track:
            self._save()
        if now - self._expired_at >= DAY_SECONDS and self._settings.state.keep_days:
            self._store.expire(self._settings.state.keep_days)
            self._expired_at = now
        self._bus.show(self.status())

    def close(self) -> None:
        """Write down where we are. The player is stopped by whoever opened it."""
        self._save(ahead_seconds=0.0)
        self._session.close()

    # --- what is so -----------------------------------------------------------------------

    @property
    def mood(self) -> Mood:
        """The mood that music is chosen for: the room's, or the one set by hand."""
        mood = self._room.mood
        if self._override is None:
            return mood
        valence, arousal = COORDINATES[self._override]
        return Mood(
            label=MoodLabel(self._override.value),
            valence=valence,
            arousal=arousal,
            confidence=1.0,
            since=self._override_since,
            people=mood.people,
            age_years=mood.age_years,
            age_interval_years=mood.age_interval_years,
            age_group=mood.age_group,
            youngest_years=mood.youngest_years,
            oldest_years=mood.oldest_years,
        )

    def status(self) -> Status:
        """Everything there is to show."""
        now, mood = self._clock.monotonic(), self.mood
        return Status(
            mood=MoodNow(
                label=mood.label,
                valence=round(mood.valence, 3),
                arousal=round(mood.arousal, 3),
                confidence=round(mood.confidence, 3),
                since_seconds=round(now - mood.since, 1),
                overridden=self._override is not None,
            ),
            people=mood.people,
            age=None if mood.age_years is None else round(mood.age_years, 1),
            age_interval=mood.age_interval_years
            and (round(mood.age_interval_years[0], 1), round(mood.age_interval_years[1], 1)),
            age_group=mood.age_group,
            track=self._session.now,
            playing=self._session.playing,
            volume=self._volume,
            volume_now=round(self._volume_now.music),
            volume_why=self._volume_now.why,
            sleep_minutes=self._sleep and self._sleep.minutes_left(now),
            goal=self._session.goal,
            privacy=self._privacy,
            camera=self._parts["camera"],
            broker=self._parts["broker"],
            sound=self._session.sound,
            library=self._library,
            tracks=len(self.holdings.library.tracks),
            board=self._board,
            uptime_seconds=round(now - self._started, 1),
            dropped_sightings=self.dropped_sightings,
            version=__version__,
            vitals=self._vitals,
            page=self._parts["page"],
            quiet_hours=self._music.quiet_hours,
        )

    # --- how ------------------------------------------------------------------------------

    @property
    def _track(self) -> TrackId | None:
        now = self._session.now
        return None if now is None else now.id

    @property
    def _volume(self) -> int:
        """What was chosen by hand, else what is configured."""
        by_hand = self._volume_by_hand
        return self._settings.music.volume if by_hand is None else by_hand

    @property
    def _music(self) -> MusicSettings:
        """The configured music, with the quiet hours that were chosen by hand."""
        music, by_hand = self._settings.music, self._quiet_by_hand
        return music if by_hand is None else replace(music, quiet_hours=by_hand)

    def _wake(self) -> None:
        """Come back where an earlier run stopped."""
        resume = self._store.load_resume()
        if resume is not None:
            track = self.holdings.known(resume.track) if resume.track else None
            self._session.resume(resume, track)
            self._paused_by_hand = resume.paused_by_hand
            self._volume_by_hand = resume.volume
            self._quiet_by_hand = resume.quiet_hours
            self._privacy = resume.privacy
            if resume.sleep_minutes:
                self._sleep = Sleep.resumed(resume.sleep_minutes, self._started)
        self._mind_volume(self._started)
        self._actions.set_privacy(self._privacy)

    def _correct(self, correction: Correct) -> None:
        """Take the user's word on a track; what shall never play ends at once."""
        self.holdings.correct(correction)
        now = self._session.now
        if correction.skip and now is not None and self.holdings.is_unwanted(now.id):
            self._session.leave(Ended.DISLIKED)

    @property
    def _library(self) -> Part:
        """The library's health, and, unless it is being scanned, how far it was listened to."""
        library, listener = self._parts["library"], self._parts["listener"]
        if library.health is not Health.UP or library.progress is not None:
            return library
        if listener.health is not Health.UP or not listener.detail:
            return library
        return Part(library.health, f"{library.detail}; {listener.detail}")

    def _see(self, sighting: Sighting) -> None:
        self._follow(lambda: self._room.see(sighting))
        if self._room.mood.people:
            self._seen_at, self._insisted = sighting.at, False
            self._session.held = False
            if self._settings.music.autoplay and not self._paused_by_hand:
                self._session.wanted = True

    def _mind_absence(self, now: float) -> None:
        """Hold the music when nobody is there, until somebody comes or asks for it; not when the
        camera cannot tell, nor against somebody who asked for music from elsewhere."""
        mood, patience = self._room.mood, self._settings.mood.absence_seconds
        blind = mood.label is MoodLabel.UNCERTAIN and not mood.people
        if blind or self._insisted:
            self._seen_at = now
        elif mood.label is MoodLabel.NOBODY and now - self._seen_at >= patience:
            self._session.held = True

    def _mind_sleep(self, now: float) -> None:
        """Pause, as by hand, when the sleep timer ends."""
        if self._session.wishes_to_play:
            self._asleep = False
        if self._sleep is not None and now >= self._sleep.ends_at:
            log.info("the sleep timer ended")
            self._sleep, self._asleep = None, True
            self._session.wanted, self._paused_by_hand = False, True

    def _mind_volume(self, now: float) -> None:
        """Bring the player to the volume that holds now."""
        wall, child = self._clock.wall(), child_may_listen(self.mood)
        cap = cap_of(self._music, wall, child=child)
        share = 0.0 if self._asleep else 1.0 if self._sleep is None else self._sleep.share(now)
        volume = self._volume_keeper.update(now, self._volume, cap, share)
        if volume[:2] != self._volume_now[:2]:
            self._player.set_volume(volume.music, volume.announced)
        self._volume_now = volume

    def _by_hand(self, act: Callable[[], None]) -> None:
        """Somebody asked for music: it plays although nobody may be in view."""
        self._paused_by_hand, self._insisted = False, True
        self._volume_keeper.somebody_asks()
        act()

    def _forget_what_was_set(self) -> None:
        """As at the first start, but what plays goes on, and the camera stays on or off."""
        self._volume_by_hand = self._sleep = self._quiet_by_hand = None
        self._session.set_goal(None)
        self._follow(lambda: self._set_override(None))
        self.tick()

    def _set_privacy(self, on: bool) -> None:
        if on is not self._privacy:
            self._privacy = on
            self._actions.set_privacy(on)

    def _save(self, ahead_seconds: float = NOTE_SECONDS / 2) -> bool:
        """Remember where we shall be so much later, or half of the way to the end, if that is
        sooner; False where it could not be stored."""
        now, later = self._session.now, self._clock.monotonic() + ahead_seconds
        self._saved_track = self._track
        position = now.position_seconds if now else 0.0
        if now is not None and self._session.playing:
            to_come = max(0.0, now.duration_seconds - position)
            position += min(ahead_seconds, to_come / 2)
        resume = Resume(
            track=now.id if now else None,
            position_seconds=position,
            playing=self._session.wanted,
            paused_by_hand=self._paused_by_hand,
            volume=self._volume_by_hand,
            goal=self._session.goal_by_hand,
            privacy=self._privacy,
            sleep_minutes=self._sleep and self._sleep.minutes_to_resume(later),
            quiet_hours=self._quiet_by_hand,
            held=self._session.held,
        )
        return self._store.save_resume(resume)

    def _follow(self, change: Callable[[], object]) -> None:
        """Let the mood change, and tell whoever cares what became of it."""
        before = self.mood
        change()
        after = self.mood
        if after.label is not before.label:
            self._bus.tell(MoodChanged(after.label, after.valence, after.arousal, after.confidence))
            self._session.react(after)
        if after.age_group is not before.age_group:
            self._bus.tell(AgeChanged(after.age_years, after.age_group))
        self._mind_presence(self._room.mood)

    def _mind_presence(self, mood: Mood) -> None:
        """Tell of arrivals and departures; a camera that saw nothing for a while tells of none."""
        if mood.people and not self._somebody:
            self._bus.tell(Arrived(mood.people))
        elif self._somebody and mood.label is MoodLabel.NOBODY:
            self._bus.tell(Departed())
        else:
            return
        self._somebody = not self._somebody

    def _set_override(self, label: Emotion | None) -> None:
        self._override, self._override_since = label, self._clock.monotonic()
