"""The values that flow between Attune's rooms.

Everything here is frozen, carries its unit in its name, and holds no pixels. Coordinates
are fractions of the frame (0..1) unless a name says otherwise, durations are seconds,
instants are seconds of the monotonic clock, valence and arousal lie in -1..1
(Russell, "A circumplex model of affect", 1980).
"""

from __future__ import annotations

import enum
import re
from typing import Annotated, NewType

import msgspec

TrackId = NewType("TrackId", str)
"""Stable name of a track: the SHA-256 (hex, first 16 digits) of the library-relative path that it
was first found at. It stays when the file is moved, renamed or tagged anew."""


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every value here: immutable, compared by content, encodable as JSON."""


def readable(text: str) -> str:
    """A text for people and JSON: bytes that are no UTF-8, as in a file's name, are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def told_bounds(low: int, high: int) -> msgspec.Meta:
    """Bounds for JSON schemas; the type itself checks them, with words of its own."""
    return msgspec.Meta(extra_json_schema={"minimum": low, "maximum": high})


class Emotion(str, enum.Enum):
    """The seven emotions of RAF-DB (Li et al., 2017); `Mood.label` adds two states of its own."""

    SURPRISE = "surprise"
    FEAR = "fear"
    DISGUST = "disgust"
    HAPPINESS = "happiness"
    SADNESS = "sadness"
    ANGER = "anger"
    NEUTRAL = "neutral"


class MoodLabel(str, enum.Enum):
    """What the room feels like: one of the seven emotions, or that it cannot be said."""

    SURPRISE = "surprise"
    FEAR = "fear"
    DISGUST = "disgust"
    HAPPINESS = "happiness"
    SADNESS = "sadness"
    ANGER = "anger"
    NEUTRAL = "neutral"
    UNCERTAIN = "uncertain"
    NOBODY = "nobody"


class AgeGroup(str, enum.Enum):
    """Coarse age, from the weighted median age of a face's track."""

    CHILD = "child"  # 0-12
    TEENAGER = "teenager"  # 13-19
    YOUNG_ADULT = "young_adult"  # 20-34
    ADULT = "adult"  # 35-54
    SENIOR = "senior"  # 55 and over

    @staticmethod
    def of(age_years: float) -> AgeGroup:
        """The group that an age in years falls into."""
        for group, below in (
            (AgeGroup.CHILD, 13),
            (AgeGroup.TEENAGER, 20),
            (AgeGroup.YOUNG_ADULT, 35),
            (AgeGroup.ADULT, 55),
        ):
            if age_years < below:
                return group
        return AgeGroup.SENIOR


class Goal(str, enum.Enum):
    """What the music should do with the mood."""

    MATCH = "match"
    LIFT = "lift"
    CALM = "calm"
    FOCUS = "focus"


# --- vision -------------------------------------------------------------------------------


class Point(Value, frozen=True):
    """A place in an image, as fractions of its width and height."""

    x: float
    y: float


class Box(Value, frozen=True):
    """A bounding box, as fractions of the image's width and height."""

    x: float
    y: float
    width: float
    height: float


class Detection(Value, frozen=True):
    """One face found in one image. Eyes are named as seen in the image: left has the smaller x
    in an upright face."""

    box: Box
    score: float
    left_eye: Point | None = None
    right_eye: Point | None = None


class FaceReading(Value, frozen=True):
    """What the models say of one face crop.

    `emotions` are calibrated probabilities that sum to 1, one for each `Emotion`.
    `age_interval_years` claims to hold the true age with 80 % probability.
    """

    emotions: dict[Emotion, float]
    age_years: float
    age_interval_years: tuple[float, float]


class Face(Value, frozen=True):
    """One tracked face in one frame. `track` is stable while the face stays in view.

    `sharpness` is 0 (blurred) .. 1 (sharp); with the box's size it weighs the reading.
    """

    track: int
    box: Box
    score: float
    sharpness: float
    reading: FaceReading


class Sighting(Value, frozen=True):
    """What vision saw at one instant; no faces means that nobody is in view."""

    at: float
    faces: tuple[Face, ...] = ()


# --- mood ---------------------------------------------------------------------------------


class Mood(Value, frozen=True):
    """The mood of the room. `since` is monotonic; ages are None while nobody is seen.

    But for `youngest_years`: who was seen last may still listen, and is at least so old. That is
    neither shown nor stored.
    """

    label: MoodLabel = MoodLabel.NOBODY
    valence: float = 0.0
    arousal: float = 0.0
    confidence: float = 0.0
    since: float = 0.0
    people: int = 0
    age_years: float | None = None
    age_interval_years: tuple[float, float] | None = None
    age_group: AgeGroup | None = None
    youngest_years: float | None = None
    oldest_years: float | None = None


# --- music --------------------------------------------------------------------------------


class Affect(Value, frozen=True):
    """Valence and arousal of a track, how sure we are (standard deviation) and who says so."""

    valence: float
    arousal: float
    deviation: float
    source: str
    """"user tag", "file tag", "playlist", "folder", "listening", "genre" or "unknown"."""


class Track(Value, frozen=True):
    """One piece of the library. `path` is absolute; None means that nothing says so.

    Loudness (integrated) and peaks (of samples, or true ones), of the track and of its album, are
    what ReplayGain or R128 tags say; where those do not, what was measured. `audio_hash` names the
    coded audio, whatever its tags. `lead_in_seconds` and `lead_out_seconds` are the silence before
    and after the music.
    """

    id: TrackId
    path: str
    title: str
    artist: str
    affect: Affect
    duration_seconds: float
    album: str | None = None
    genre: str | None = None
    year: int | None = None
    tempo_bpm: float | None = None
    loudness_lufs: float | None = None
    explicit: bool = False
    album_artist: str | None = None
    track_number: int | None = None
    disc_number: int | None = None
    peak_dbfs: float | None = None
    album_loudness_lufs: float | None = None
    album_peak_dbfs: float | None = None
    audio_hash: str | None = None
    lead_in_seconds: float = 0.0
    lead_out_seconds: float = 0.0
    voice: float | None = None  # probability of singing


class Heard(Value, frozen=True):
    """What listening to a track's sound told; None where the sound does not tell.

    Integrated loudness, its range and the true peak are those of EBU R 128, silence at both ends
    lies below -60 dBFS. `majorness` is negative for minor. `tags`: probabilities by the tagger.
    """

    loudness_lufs: float | None
    loudness_range_lu: float
    peak_dbfs: float | None
    lead_in_seconds: float
    lead_out_seconds: float
    tempo_bpm: float | None
    onset_rate: float
    brightness_hertz: float | None
    key: str | None
    majorness: float | None
    tags: dict[str, float] = {}


class Listened(Value, frozen=True):
    """A track was listened to; `heard` is None when it could not be, for the reason `error`.

    `key` names the sound: its hash, or the track's id where there is none. `version` is the
    analysis's.
    """

    key: str
    version: int
    heard: Heard | None = None
    error: str | None = None


class Choice(Value, frozen=True):
    """A track picked for a mood, with the probability it was picked with, and why, in words.

    `fit`: how near it lies to the goal's aim, 0 as near as any to -1.
    """

    track: Track
    probability: float
    because: str
    fit: float = 0.0


class PlayerState(str, enum.Enum):
    """What the player does now."""

    STOPPED = "stopped"
    PLAYING = "playing"
    PAUSED = "paused"


class TrackEnded(Value, frozen=True):
    """The player reached a track's end, where the next one may come in over its last seconds,
    or gave up on it (`error` says why)."""

    track: TrackId
    error: str | None = None


class TrackStarted(Value, frozen=True):
    """The first sample of a track was handed to the sound output."""

    track: TrackId


PlayerEvent = TrackEnded | TrackStarted


# --- commands: what HA, the page, the CLI and signals may ask -------------------------------


class Play(Value, frozen=True, tag="play"):
    """Start or go on playing, even while nobody is seen."""


class Pause(Value, frozen=True, tag="pause"):
    """Pause until asked to play."""


class Next(Value, frozen=True, tag="next"):
    """Skip to another track."""


class Previous(Value, frozen=True, tag="previous"):
    """Start the track again, or the one before within its first seconds."""


class SetVolume(Value, frozen=True, tag="volume"):
    """Set the volume in percent, 0..100."""

    percent: Annotated[int, told_bounds(0, 100)]

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= 100:
            msg = f"volume must be 0..100 percent, not {self.percent}"
            raise ValueError(msg)


class SetGoal(Value, frozen=True, tag="goal"):
    """Choose what the music should do."""

    goal: Goal


class OverrideMood(Value, frozen=True, tag="mood"):
    """Pretend a mood, or None to believe the camera again."""

    label: Emotion | None


class Like(Value, frozen=True, tag="like"):
    """The current track fits."""


class Dislike(Value, frozen=True, tag="dislike"):
    """The current track does not fit; skip it."""


class SetPrivacy(Value, frozen=True, tag="privacy"):
    """True stops the camera's sensor; False lets it look again."""

    on: bool


LONGEST_SLEEP_MINUTES = 720
HOURS = r"^(([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9])?$"
"""A span of the day, as "22:00-07:00", or nothing."""


class SetSleep(Value, frozen=True, tag="sleep"):
    """Fade the music out and pause in so many minutes; 0: do not."""

    minutes: Annotated[int, told_bounds(0, LONGEST_SLEEP_MINUTES)]

    def __post_init__(self) -> None:
        if not 0 <= self.minutes <= LONGEST_SLEEP_MINUTES:
            msg = f"sleep must be 0..{LONGEST_SLEEP_MINUTES} minutes, not {self.minutes}"
            raise ValueError(msg)


class SetQuietHours(Value, frozen=True, tag="quiet"):
    """When the volume is capped, as "22:00-07:00" by the local time; "": never; None: as
    configured."""

    hours: str | None

    def __post_init__(self) -> None:
        if self.hours is not None and not re.fullmatch(HOURS, self.hours):
            msg = f"quiet hours are as 22:00-07:00, or empty, not {self.hours!r}"
            raise ValueError(msg)


class Say(Value, frozen=True, tag="say"):
    """Announce a sound file: an absolute path, or a name in the folder of announcements."""

    file: str


class Correct(Value, frozen=True, tag="correct"):
    """The user's own word on a track, which wins over all else that is said of it.

    Valence and arousal are given together, -1..1. `explicit`: whether it is unfit for children.
    `skip`: never play it. None, or False for `skip`: nothing is said; nothing at all: take an
    earlier correction back.
    """

    track: TrackId
    valence: float | None = None
    arousal: float | None = None
    explicit: bool | None = None
    skip: bool = False

    def __post_init__(self) -> None:
        if (self.valence is None) is not (self.arousal is None):
            msg = "valence and arousal are given together"
            raise ValueError(msg)
        for name, number in (("valence", self.valence), ("arousal", self.arousal)):
            if number is not None and not -1.0 <= number <= 1.0:
                msg = f"{name} must be -1..1, not {number}"
                raise ValueError(msg)

    @property
    def says_nothing(self) -> bool:
        """Whether it only takes an earlier one back."""
        return self == Correct(self.track)


class Scan(Value, frozen=True, tag="scan"):
    """Look through the music folders again."""


class Reload(Value, frozen=True, tag="reload"):
    """Read the configuration again."""


Command = (
    Play
    | Pause
    | Next
    | Previous
    | SetVolume
    | SetGoal
    | OverrideMood
    | Like
    | Dislike
    | SetPrivacy
    | SetSleep
    | SetQuietHours
    | Say
    | Correct
    | Scan
    | Reload
)


# --- status: the one immutable picture that everybody reads ---------------------------------


class Health(str, enum.Enum):
    """How a part is: `OFF` is on purpose, `DOWN` is retried."""

    STARTING = "starting"
    UP = "up"
    DOWN = "down"
    OFF = "off"


class Part(Value, frozen=True):
    """One worker's health, and what is wrong with it in words; `progress` 0..1 while it does
    something long."""

    health: Health = Health.STARTING
    detail: str = ""
    progress: float | None = None

    def __post_init__(self) -> None:
        # Often in the words of an error, which names a file.
        msgspec.structs.force_setattr(self, "detail", readable(self.detail))


class PartChanged(Value, frozen=True):
    """A worker's news about itself."""

    name: str  # "camera", "broker", "sound", "library", "page"
    part: Part


class SkippedFile(Value, frozen=True):
    """A file or folder that was left out, printably named, and why.

    With a `stamp` it need not be opened again while that stays the same.
    """

    path: str
    reason: str
    stamp: str = ""


class KnownFile(Value, frozen=True):
    """How a track's file looked when it was last opened: need not be again while that is so.

    `missing_since`: wall time from which it was no longer found; None while it is there.
    """

    track: TrackId
    stamp: str
    missing_since: float | None = None


class LibraryScanned(Value, frozen=True):
    """The library as found in the music folders, with what makes the next scan quick.

    `missing` tracks are not there now (a drive that is unplugged, a deleted file) or are left out
    now, but not forgotten yet. `files` has one entry for each track, missing or not.
    """

    tracks: tuple[Track, ...] = ()
    missing: tuple[Track, ...] = ()
    skipped: tuple[SkippedFile, ...] = ()
    files: tuple[KnownFile, ...] = ()

    @property
    def gone(self) -> tuple[Track, ...]:
        """Missing tracks whose files were not found either."""
        found = {skipped.path for skipped in self.skipped}
        return tuple(track for track in self.missing if track.path not in found)


class Board(Value, frozen=True):
    """Health of the board, now and since it booted; None where the board does not tell."""

    temperature_celsius: float | None = None
    throttled: bool | None = None
    under_voltage: bool | None = None
    throttled_since_boot: bool | None = None
    under_voltage_since_boot: bool | None = None


class Vitals(Value, frozen=True):
    """How Attune itself does; None where that is not known yet.

    `looks_per_second`: frames taken from the camera, lately. `inference_milliseconds`: what
    searching and reading faces took, the last time. `memory_mebibytes`: resident, of this process.
    `last_error`: the newest warning or error in the log since the start, empty where there is
    none, and `last_error_at` when that was, in seconds since the epoch.
    """

    looks_per_second: float | None = None
    inference_milliseconds: float | None = None
    memory_mebibytes: float | None = None
    last_error: str = ""
    last_error_at: float | None = None


class NowPlaying(Value, frozen=True):
    """The current track as shown to people."""

    id: TrackId
    title: str
    artist: str
    path: str
    position_seconds: float
    duration_seconds: float
    because: str


class MoodNow(Value, frozen=True):
    """The mood as shown to people: `since` became an age."""

    label: MoodLabel
    valence: float
    arousal: float
    confidence: float
    since_seconds: float
    overridden: bool


class Status(Value, frozen=True):
    """Everything there is to show. Built by the speaker alone, read by anyone.

    `volume` is the wished one, `volume_now` what the music has, `volume_why` says what keeps it
    from the wished one, if anything. `sleep_minutes`: until the sleep timer ends, None: none.
    `quiet_hours`: as "22:00-07:00", empty: none.
    """

    mood: MoodNow
    people: int
    age: float | None
    age_interval: tuple[float, float] | None
    age_group: AgeGroup | None
    track: NowPlaying | None
    playing: bool
    volume: int
    volume_now: int
    volume_why: str
    sleep_minutes: int | None
    goal: Goal
    privacy: bool
    camera: Part
    broker: Part
    sound: Part
    library: Part
    tracks: int
    board: Board
    uptime_seconds: float
    dropped_sightings: int
    version: str
    vitals: Vitals = Vitals()
    quiet_hours: str = ""
    page: Part = Part()


# --- news: what happened, told once ---------------------------------------------------------


class MoodChanged(Value, frozen=True, tag="mood_changed", tag_field="event_type"):
    """The room's label changed."""

    label: MoodLabel
    valence: float
    arousal: float
    confidence: float


class AgeChanged(Value, frozen=True, tag="age_changed", tag_field="event_type"):
    """The room's age group changed."""

    age: float | None
    age_group: AgeGroup | None


class Arrived(Value, frozen=True, tag="arrival", tag_field="event_type"):
    """Somebody is in view, where nobody was."""

    people: int


class Departed(Value, frozen=True, tag="departure", tag_field="event_type"):
    """Nobody is in view any more. Not told while the camera cannot tell."""


class NowStarted(Value, frozen=True, tag="track_started", tag_field="event_type"):
    """A track started to sound."""

    title: str
    artist: str
    because: str


News = MoodChanged | AgeChanged | Arrived | Departed | NowStarted
