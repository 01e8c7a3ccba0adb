"""Faces followed from frame to frame: who is who, and how old.

Pure: a `Tracks` value and what was detected give the next `Tracks`. A detection belongs to the
track whose box it overlaps most, or, where none overlaps, to a near one of like size; greedily,
best pair first (as in SORT, Bewley et al. 2016, without its motion model, for faces at 8 Hz
mostly overlap themselves).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from device.types import Box, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from device.types import FaceReading

FORGET_SECONDS = 2.0
SMOOTHING_SECONDS = 0.15
NEAR = 1.5
"""Distance of centres, in face sizes, that a face may jump between two looks."""
LIKE = 1.8
"""Factor by which a face's size may change between two looks."""
LOOKS_KEPT = 64
"""A track's best looks, by weight, make its age; the others are dropped."""


class AgeLook(Value, frozen=True):
    """One reading of an age, in years, with its 80 % interval; a large sharp face weighs more."""

    weight: float
    years: float
    low: float
    high: float


class Track(Value, frozen=True):
    """One face followed. `seen_at` is monotonic."""

    id: int
    box: Box
    seen_at: float
    looks: tuple[AgeLook, ...] = ()


class Tracks(Value, frozen=True):
    """All faces followed now; ids are never given twice."""

    tracks: tuple[Track, ...] = ()
    next_id: int = 1


class Age(NamedTuple):
    """Weighted median of a track's looks, in years, and the medians of their bounds."""

    years: float
    interval: tuple[float, float]


def follow(
    tracks: Tracks, boxes: Sequence[Box], at: float, *, forget: float = FORGET_SECONDS
) -> tuple[Tracks, tuple[Track, ...]]:
    """Give each box found at `at` its track, an old or a new one, in the order of `boxes`.

    Tracks unseen for longer than `forget` seconds are dropped.
    """
    known = [track for track in tracks.tracks if at - track.seen_at <= forget]
    owner = _assign(known, boxes)
    found: list[Track] = []
    next_id = tracks.next_id
    for index, box in enumerate(boxes):
        if index in owner:
            old = owner[index]
            found.append(replace(old, box=_smooth(old, box, at), seen_at=at))
        else:
            found.append(Track(id=next_id, box=box, seen_at=at))
            next_id += 1
    taken = {track.id for track in owner.values()}
    unseen = [track for track in known if track.id not in taken]
    return Tracks(tracks=(*found, *unseen), next_id=next_id), tuple(found)


def stay(tracks: Tracks, at: float, *, since: float) -> Tracks:
    """The view did not change: who was seen at `since` is still there at `at`."""
    return Tracks(
        tracks=tuple(
            replace(track, seen_at=at) if track.seen_at == since else track
            for track in tracks.tracks
        ),
        next_id=tracks.next_id,
    )


def learn_age(tracks: Tracks, track_id: int, reading: FaceReading, weight: float) -> Tracks:
    """Add a reading to a track; of many, the heaviest are kept."""
    low, high = reading.age_interval_years
    look = AgeLook(weight=max(weight, 1e-6), years=reading.age_years, low=low, high=high)
    return Tracks(
        tracks=tuple(
            replace(track, looks=_best(track.looks, look)) if track.id == track_id else track
            for track in tracks.tracks
        ),
        next_id=tracks.next_id,
    )


def age(tracks: Tracks, track_id: int) -> Age | None:
    """The age of a track's face; None where it has none yet."""
    for track in tracks.tracks:
        if track.id == track_id and track.looks:
            weights = [look.weight for look in track.looks]
            years, low, high = (
                weighted_median(values, weights)
                for values in zip(
                    *((look.years, look.low, look.high) for look in track.looks), strict=True
                )
            )
            return Age(years, (low, high))
    return None


def weighted_median(values: Sequence[float], weights: Sequence[float]) -> float:
    """The value at which half of the weight is reached; between two, their mean."""
    pairs = sorted(zip(values, weights, strict=True))
    half = math.fsum(weights) / 2
    reached = 0.0
    for index, (value, weight) in enumerate(pairs):
        reached += weight
        if math.isclose(reached, half, rel_tol=1e-9) and index + 1 < len(pairs):
            return (value + pairs[index + 1][0]) / 2
        if reached > half:
            return value
    return pairs[-1][0]


def iou(one: Box, two: Box) -> float:
    """Intersection over union, 0..1."""
    width = min(one.x + one.width, two.x + two.width) - max(one.x, two.x)
    height = min(one.y + one.height, two.y + two.height) - max(one.y, two.y)
    if width <= 0 or height <= 0:
        return 0.0
    inter = width * height
    union = one.width * one.height + two.width * two.height - inter
    return inter / union if union > 0 else 0.0


def _assign(tracks: Sequence[Track], boxes: Sequence[Box]) -> dict[int, Track]:
    """Index of a box -> its track; each is used once."""
    pairs = []
    for track in tracks:
        for index, box in enumerate(boxes):
            overlap, distance = iou(track.box, box), _distance(track.box, box)
            if overlap > 0 or (distance < NEAR and _alike(track.box, box)):
                pairs.append((-overlap, distance, track.id, index, track))
    owner: dict[int, Track] = {}
    taken: set[int] = set()
    for *_, track_id, index, track in sorted(pairs, key=lambda pair: pair[:4]):
        if index not in owner and track_id not in taken:
            owner[index] = track
            taken.add(track_id)
    return owner


def _distance(one: Box, two: Box) -> float:
    """Distance of the centres in mean face sizes, across and down alike."""
    across = (one.x + one.width / 2) - (two.x + two.width / 2)
    down = (one.y + one.height / 2) - (two.y + two.height / 2)
    width, height = (one.width + two.width) / 2, (one.height + two.height) / 2
    if width <= 0 or height <= 0:
        return math.inf
    return math.hypot(across / width, down / height)


def _alike(one: Box, two: Box) -> bool:
    small, large = sorted((one.width, two.width))
    return large < small * LIKE


def _smooth(track: Track, box: Box, at: float) -> Box:
    """An exponential average that follows within a fraction of a second."""
    keep = math.exp(-max(0.0, at - track.seen_at) / SMOOTHING_SECONDS)
    old = track.box

    def mix(before: float, now: float) -> float:
        return now + keep * (before - now)

    return Box(
        x=mix(old.x, box.x),
        y=mix(old.y, box.y),
        width=mix(old.width, box.width),
        height=mix(old.height, box.height),
    )


def _best(looks: tuple[AgeLook, ...], new: AgeLook) -> tuple[AgeLook, ...]:
    if len(looks) < LOOKS_KEPT:
        return (*looks, new)
    lightest = min(range(len(looks)), key=lambda index: looks[index].weight)
    if looks[lightest].weight > new.weight:
        return looks
    return (*looks[:lightest], *looks[lightest + 1 :], new)
