"""What the appliance needs from the world, as Protocols; adapters live in the other rooms.

Every adapter is a context manager: entering acquires, leaving releases. A part that is
missing (camera unplugged, broker down, sound card busy) raises `PartUnavailable`: it is
retried, never fatal. Anything else that is raised is a bug and ends the process.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    import numpy.typing as npt
    from typing_extensions import Self

    from device.lessons import Ended, Lesson, Memory, Moment, Rating
    from device.types import (
        Choice,
        Correct,
        Detection,
        FaceReading,
        Goal,
        LibraryScanned,
        Listened,
        Mood,
        News,
        PlayerEvent,
        PlayerState,
        Status,
        Track,
        TrackId,
    )

    Image = npt.NDArray[np.uint8]
    """Pixels, RGB, shape (height, width, 3). Never leaves `device.vision`."""


class PartUnavailable(Exception):  # noqa: N818 - a state of the world, not a programming error
    """A part of the appliance is missing for now; the message says what and names the mend."""


class CannotDo(Exception):  # noqa: N818 - an answer to whoever asked
    """What was asked cannot be done; the message says why and names the mend."""


class Resource(Protocol):
    """Acquired on enter, released on leave."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Clock(Protocol):
    """Time, so that tests may own it."""

    def monotonic(self) -> float:
        """Seconds that never jump; compare these."""
        ...

    def wall(self) -> float:
        """Seconds since the epoch; only for stored rows, for many boards have no clock chip."""
        ...


class WorkerContext(Protocol):
    """What a worker's body gets from the supervisor (`device.system.supervise`).

    A body is `def run(self, context: WorkerContext) -> None`, runs in a thread of its own and
    returns when `stopping`. It raises `PartUnavailable` when its part is missing: the supervisor
    then calls it again after 1 -> 60 s (doubling, with jitter; reset by `up`), logs once down and
    once up, and posts `PartChanged`. Whatever else it raises ends the process.
    """

    def beat(self) -> None:
        """Progress was made: feeds the watchdog. A body must beat or wait at least every 20 s."""
        ...

    def up(self, detail: str = "") -> None:
        """The part works."""
        ...

    def off(self, detail: str) -> None:
        """The part rests on purpose (privacy, switched off in the configuration)."""
        ...

    def wait(self, seconds: float) -> bool:
        """Sleep, legitimately idle, until `seconds` are over or `wake`; True when stopping."""
        ...

    def wake(self) -> None:
        """End a `wait` early; may be called from any thread."""
        ...

    @property
    def stopping(self) -> bool:
        """The daemon is going down: return soon."""
        ...


class Frame(NamedTuple):
    """One capture. `detect` is what faces are searched in, `full` what crops are cut from;
    both show the same view and may be the same array. `at` is monotonic."""

    detect: Image
    full: Image
    at: float


class Camera(Resource, Protocol):
    """A source of frames. Entering opens the sensor, leaving stops it."""

    def read(self, timeout_seconds: float) -> Frame | None:
        """The newest frame; None when the source came to its end (a file that does not loop).

        Raises `PartUnavailable` when nothing came in time or the source is gone.
        """
        ...


class FaceDetector(Protocol):
    """Finds faces."""

    def detect(self, image: Image) -> Sequence[Detection]:
        """Faces in an RGB image of any size, best first, overlapping ones merged."""
        ...


class FaceReader(Protocol):
    """Reads emotion and age from a face."""

    def read(self, image: Image, face: Detection) -> FaceReading:
        """Crop `face` out of an RGB image, align it, run the models."""
        ...


class Player(Resource, Protocol):
    """Sounds tracks. Called from the main thread alone; never blocks longer than 50 ms."""

    def play(self, track: Track, *, start_seconds: float = 0.0) -> None:
        """Fade the current track out (if any), and `track` in from `start_seconds`."""
        ...

    def queue(self, track: Track | None) -> None:
        """What follows the current track, without a gap or over its last seconds; None forgets
        what was queued. The track that goes has ended, and the next one started, as soon as both
        sound."""
        ...

    def pause(self) -> None:
        """Fade out and hold the position."""
        ...

    def resume(self) -> None:
        """Fade in where it was paused."""
        ...

    def stop(self) -> None:
        """Fade out and forget the track and the queue."""
        ...

    def set_volume(self, percent: float, announced_percent: float) -> None:
        """Ramp to a volume of the music, and to one of announcements, in percent, 0..100, on a
        perceptual scale."""
        ...

    def announce(self, path: str) -> None:
        """Sound a file over the music, or over silence, after those asked for before. The music
        goes on beneath, softer for so long; what is wrong with the file is logged. Raises
        `CannotDo` where too many wait."""
        ...

    def poll(self) -> Sequence[PlayerEvent]:
        """What happened since the last call, oldest first. Raises `PartUnavailable` when the
        sound output went away; `play` then works again once the output is back."""
        ...

    @property
    def state(self) -> PlayerState:
        """Playing, paused or stopped."""
        ...

    @property
    def track(self) -> TrackId | None:
        """The track that sounds or is paused."""
        ...

    @property
    def position_seconds(self) -> float:
        """Where in the current track we are."""
        ...


class Bus(Protocol):
    """Tells the home. Safe to call from the main thread; never blocks."""

    def show(self, status: Status) -> None:
        """The newest status; only the latest survives while offline."""
        ...

    def tell(self, news: News) -> None:
        """Something happened; lost while offline."""
        ...


class Play(NamedTuple):
    """A row of the diary: a track that was started, why, and how it went on."""

    track: TrackId
    wall: float
    goal: Goal
    mood: Mood
    choice: Choice
    moment: Moment | None = None


class Resume(NamedTuple):
    """Where to go on after a restart: `playing` says whether music was wished, `held` that it
    waited for somebody to come, `paused_by_hand` that nobody's arrival may start it. `volume`,
    `goal` and `quiet_hours`: None until changed by hand. `sleep_minutes`: what is left of the sleep
    timer."""

    track: TrackId | None
    position_seconds: float
    playing: bool
    paused_by_hand: bool
    volume: int | None
    goal: Goal | None
    privacy: bool
    sleep_minutes: int | None = None
    quiet_hours: str | None = None
    held: bool = False


class Store(Resource, Protocol):
    """What is remembered; each call is durable when it returns. Main thread alone.

    What a full or failing disk refuses is logged and lost: the music goes on."""

    def load_resume(self) -> Resume | None:
        """Where to go on, None at the very first start."""
        ...

    def save_resume(self, resume: Resume) -> bool:
        """Remember where to go on; False where the disk refused."""
        ...

    def tracks(self) -> Sequence[Track]:
        """The library as last scanned."""
        ...

    def library(self) -> LibraryScanned:
        """All of the last scan, missing tracks and skipped files too."""
        ...

    def replace_library(self, library: LibraryScanned) -> None:
        """The library as scanned just now."""
        ...

    def remembered(self) -> set[TrackId]:
        """Tracks that have a history: were played, liked, disliked or corrected."""
        ...

    def listened(self) -> Sequence[Listened]:
        """All that was listened to, and what could not be."""
        ...

    def add_listened(self, listened: Listened) -> None:
        """A track was listened to, or could not be."""
        ...

    def corrections(self) -> dict[TrackId, Correct]:
        """The user's own word on tracks."""
        ...

    def correct(self, *words: Correct) -> None:
        """Remember the user's word on tracks, instead of earlier ones, all or nothing.

        Raises `CannotDo` where the disk refuses.
        """
        ...

    def add_play(self, play: Play) -> int:
        """A track was started; returns the row to end it by."""
        ...

    def end_play(
        self,
        row: int,
        *,
        heard_seconds: float,
        ended: Ended,
        moved: float | None,
    ) -> None:
        """A started track ended: how much was heard, and see `Lesson`."""
        ...

    def add_feedback(
        self, track: TrackId, wall: float, *, liked: bool, mood: Mood, play: int | None = None
    ) -> bool:
        """A like or dislike in such a mood, of the play of that row; False where the disk
        refused."""
        ...

    def lessons(self, count: int) -> Iterator[Sequence[Lesson]]:
        """The newest plays that taste is learned from: the newest page first, each oldest first.

        A page is quickly read, so that the main thread may do other things in between.
        """
        ...

    def add_lessons(self, lessons: Sequence[Lesson]) -> Iterator[int]:
        """Plays of elsewhere, taken for older than all others: some at a time, and how many of
        them were not known yet.

        Raises `CannotDo` where the disk refuses; what was written before stays.
        """
        ...

    def ratings(self, count: int) -> Sequence[Rating]:
        """Likes and dislikes that none of so many of the newest plays holds, oldest first; the
        newest so many."""
        ...

    def add_ratings(self, ratings: Sequence[Rating]) -> Iterator[None]:
        """Likes and dislikes of elsewhere, but for those that are known: some at a time.

        Raises `CannotDo` where the disk refuses; what was written before stays.
        """
        ...

    def forget(self, since: float, what: Collection[Memory]) -> int:
        """Erase what is remembered from a wall time on; how many plays there were.

        Raises `CannotDo` where the disk refuses.
        """
        ...

    def expire(self, keep_days: int) -> None:
        """Erase some of the plays and moods that are older; to be called once a day."""
        ...

    def add_mood(self, wall: float, mood: Mood) -> None:
        """A mood, at most one a minute."""
        ...

    def last_plays(self, count: int, since: float = 0.0) -> Sequence[tuple[TrackId, float]]:
        """The newest plays, newest first, with their wall time: of so many, those since then."""
        ...

    def feedback(self) -> dict[TrackId, int]:
        """Likes minus dislikes of each track that has any; of each play the last word."""
        ...
