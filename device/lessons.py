"""What taste is learned from, and what is told of what was learned.

A lesson is a play with all that the model needs of it, so that it teaches although the track
may be gone. It names no person: who listened is an age group.

Years of plays are tens of thousands of values that hold no cycles: `gc=False` keeps Python's
collector from looking through them all, for which everything else would wait.
"""

from __future__ import annotations

import enum
from typing import Annotated, Literal

from msgspec import Meta

from device.types import AgeGroup, Goal, MoodLabel, TrackId, Value

LONGEST_EXPORT = 20_000
"""Lessons in one file: years of listening, and about 8 MB of JSON."""

Unit = Annotated[float, Meta(ge=-1.0, le=1.0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Name = Annotated[str, Meta(max_length=300)]


class Ended(str, enum.Enum):
    """How a play ended. Only the first five say anything of taste."""

    FINISHED = "finished"  # its end was reached
    SKIPPED = "skipped"  # somebody asked for another one
    DISLIKED = "disliked"  # or never to be played again
    REPLAYED = "replayed"  # somebody started it again
    RETURNED = "returned"  # somebody went back to the track before
    MOOD = "mood"  # the mood moved on, and the music with it
    CHILD = "child"  # a child came to an explicit track
    STOPPED = "stopped"  # Attune was stopped
    FAILED = "failed"  # the file or the sound output


class Traits(Value, frozen=True, gc=False):
    """What of a track taste may depend on; None where it is not known."""

    valence: Unit | None = None
    arousal: Unit | None = None
    tempo_bpm: Annotated[float, Meta(ge=1.0, le=1000.0)] | None = None
    loudness_lufs: Annotated[float, Meta(ge=-120.0, le=30.0)] | None = None
    voice: Share | None = None
    explicit: bool = False
    year: Annotated[int, Meta(ge=0, le=9999)] | None = None
    genre: Name | None = None
    artist: Name = ""


class Moment(Value, frozen=True, gc=False):
    """A play's circumstances as the model saw them, and what it weighed.

    `fit`: how near the track lay to the goal's aim, 0 as near as any to -1. `hour`: local time of
    day, None where the clock was not set. `drawn`: whether `probability` was that of a draw; else
    the play followed on an album, went on, or was started again, and an estimate that divides by
    the probability must leave it out.
    """

    fit: Annotated[float, Meta(ge=-1.0, le=0.0)]
    traits: Traits
    duration_seconds: Annotated[float, Meta(ge=0.0, le=1e6)]
    hour: Annotated[float, Meta(ge=0.0, lt=24.0)] | None = None
    age_group: AgeGroup | None = None
    drawn: bool = True


class Lesson(Value, frozen=True, gc=False):
    """One play, why it was chosen, and how it was taken.

    `heard_seconds` and `ended` are None where a power cut came between. `moved`: how much nearer
    the mood came to where the goal leads while the track sounded, None where that is not known.
    """

    track: Annotated[TrackId, Meta(min_length=1, max_length=64)]
    wall: Annotated[float, Meta(ge=0.0, le=1e11)]
    goal: Goal
    probability: Annotated[float, Meta(gt=0.0, le=1.0)]
    label: MoodLabel
    valence: Unit
    arousal: Unit
    people: Annotated[int, Meta(ge=0, le=1000)]
    moment: Moment
    heard_seconds: Annotated[float, Meta(ge=0.0, le=1e6)] | None = None
    ended: Ended | None = None
    moved: Annotated[float, Meta(ge=-4.0, le=4.0)] | None = None
    liked: bool | None = None


class Rating(Value, frozen=True, gc=False):
    """A like or dislike that no lesson holds: of a track that did not sound just then, or of a play
    that is remembered no longer."""

    track: Annotated[TrackId, Meta(min_length=1, max_length=64)]
    wall: Annotated[float, Meta(ge=0.0, le=1e11)]
    liked: bool


class TasteFile(Value, frozen=True, tag="file"):
    """What `attune taste export` writes and `import` reads; the first format had no ratings."""

    attune_taste: Literal[1, 2]
    lessons: Annotated[tuple[Lesson, ...], Meta(max_length=LONGEST_EXPORT)]
    ratings: Annotated[tuple[Rating, ...], Meta(max_length=LONGEST_EXPORT)] = ()


# --- what may be asked about it ----------------------------------------------------------------


class ShowTaste(Value, frozen=True, tag="show"):
    """What was learned."""


class ExportTaste(Value, frozen=True, tag="export"):
    """All that it was learned from."""


class ImportTaste(Value, frozen=True, tag="import"):
    """Learn from these, too; those already known are left out."""

    lessons: Annotated[tuple[Lesson, ...], Meta(max_length=LONGEST_EXPORT)]
    ratings: Annotated[tuple[Rating, ...], Meta(max_length=LONGEST_EXPORT)] = ()


class Memory(str, enum.Enum):
    """What Attune remembers of people."""

    TASTE = "taste"  # plays, likes and dislikes
    MOODS = "moods"  # at most one a minute
    BY_HAND = "by_hand"  # where to go on, and what was set by hand, but for the privacy switch


class ForgetTaste(Value, frozen=True, tag="forget"):
    """Erase what was noted from a wall time on (seconds since the epoch); None: everything.

    What was set by hand has no time: it is erased if it is asked for.
    """

    since: Annotated[float, Meta(ge=0.0, le=1e11)] | None = None
    what: Annotated[tuple[Memory, ...], Meta(min_length=1, max_length=3)] = (
        Memory.TASTE,
        Memory.MOODS,
    )


TasteRequest = ShowTaste | ExportTaste | ImportTaste | ForgetTaste


class Leaning(Value, frozen=True):
    """A genre, an artist or a decade, and how it is liked here.

    `effect`: reward above the usual, by the model, and its standard deviation. `plays`: how many
    it was learned from; `reward`: their mean.
    """

    kind: Literal["genre", "artist", "decade"]
    name: str
    effect: float
    deviation: float
    plays: int
    reward: float


class MoodMap(Value, frozen=True):
    """Where in valence (columns) and arousal (rows), each -1..1, music is liked in a mood.

    `effect`: reward expected above the map's mean, by the model.
    """

    label: MoodLabel
    plays: int
    effect: tuple[tuple[float, ...], ...]


class TasteReport(Value, frozen=True, tag="report"):
    """What was learned, for people. `rewards`: the mean of each stretch of `stretch` plays, at
    last of the newest so many."""

    learning: bool
    lessons: int
    liked: int
    disliked: int
    skipped: int
    finished: int
    follows_mood: float
    follows_mood_deviation: float
    leanings: tuple[Leaning, ...]
    maps: tuple[MoodMap, ...]
    stretch: int
    rewards: tuple[float, ...]


class TasteChanged(Value, frozen=True, tag="changed"):
    """How many lessons came or went."""

    count: int


TasteAnswer = TasteReport | TasteFile | TasteChanged
