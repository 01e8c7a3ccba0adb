"""The mood of the room: readings of several faces, smoothed, with hysteresis.

Each sighting's probabilities are averaged over its faces, weighted by size and sharpness,
and smoothed by an exponential average of that evidence. The label follows the average only
by a margin that was held for a while; *uncertain* and *nobody* are labels like any other.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from msgspec.structs import replace

from device.mood.circumplex import place
from device.mood.held import Held
from device.settings import MoodSettings
from device.types import AgeGroup, Emotion, Face, Mood, MoodLabel, Sighting

ARRIVAL_SECONDS = 0.6
"""Somebody must be seen for so long to count: a single false face starts no music."""
LONGEST_STEP_SECONDS = 1.0
"""One sighting never counts for more time than this, however long vision was silent."""


def weight(face: Face) -> float:
    """How much a face says: its width (nearer people matter more) times how sharp it is.

    Never zero, so that a blurred face alone still makes a mood.
    """
    return max(face.box.width, 0.01) * max(face.sharpness, 0.05)


def weighted_median(values: Sequence[float], weights: Sequence[float]) -> float:
    """The smallest value at which half of the weight is reached; needs at least one value."""
    half = sum(weights) / 2
    reached = 0.0
    for value, share in sorted(zip(values, weights, strict=True)):
        reached += share
        if reached >= half:
            return value
    return max(values)


def blend(faces: Sequence[Face]) -> tuple[dict[Emotion, float], float]:
    """The faces' probabilities averaged by weight, and the weight they carry together."""
    weights = [weight(face) for face in faces]
    total = sum(weights)
    return {
        emotion: sum(
            w * face.reading.emotions.get(emotion, 0.0)
            for w, face in zip(weights, faces, strict=True)
        )
        / total
        for emotion in Emotion
    }, total


def lowest_age(mood: Mood) -> float | None:
    """The age that the youngest has at least: the low end of the interval, where there is one."""
    if mood.youngest_years is None or mood.age_years is None or mood.age_interval_years is None:
        return mood.youngest_years
    return max(0.0, mood.youngest_years - max(0.0, mood.age_years - mood.age_interval_years[0]))


class Room:
    """Follows the mood of a room from sighting to sighting. Pure: time comes with each call."""

    def __init__(self, settings: MoodSettings, now: float) -> None:
        self._settings = settings
        self._present = Held(value=False, since=now)
        self._label = Held(MoodLabel.UNCERTAIN, now)
        self._group: Held[AgeGroup | None] = Held(None, now)
        self._people = Held(0, now)
        self._evidence: dict[Emotion, float] | None = None
        self._updated = now
        self._youngest: deque[tuple[float, float]] = deque()  # instants and ages, both rising
        self._blind = True
        self.mood = Mood(MoodLabel.UNCERTAIN, since=now)

    def configure(self, settings: MoodSettings) -> None:
        """Take changed settings over; what was seen stays."""
        self._settings = settings

    def see(self, sighting: Sighting) -> Mood:
        """Take a sighting in; returns the mood, which is also kept in `mood`."""
        if sighting.faces:
            self._somebody(sighting)
        else:
            self._nobody(sighting.at)
        return self.mood

    def lose_sight(self, now: float) -> Mood:
        """The camera was switched off or lost: who is there cannot be said."""
        if not self._blind:
            self._empty(MoodLabel.UNCERTAIN, now)
        self._forget_false_face(now)
        self._blind = True
        return self.mood

    def pass_time(self, now: float) -> None:
        """Who left, or is no more to be seen, counts for as long as the music goes on for them."""
        mood = self.mood
        if not mood.people and now - mood.since > self._settings.absence_seconds:
            self.mood = replace(mood, youngest_years=None)

    def _nobody(self, now: float) -> None:
        left = self._present.update(False, now, self._settings.hold_seconds)
        # The first empty look after blindness is believed at once: nothing contradicts it.
        if left or self._blind:
            self._empty(MoodLabel.NOBODY, now)
            self._blind = False
        elif not self._present.value:
            self._forget_false_face(now)

    def _forget_false_face(self, now: float) -> None:
        """What was seen, but not for long enough to count."""
        self._evidence = None
        self._present.set(False, now)

    def _empty(self, label: MoodLabel, now: float) -> None:
        self._evidence = None
        self._present.set(False, now)
        self._label.set(label, now)
        self._group.set(None, now)
        self._people.set(0, now)
        confidence = 1.0 if label is MoodLabel.NOBODY else 0.0
        # Not even a child that is alone left because it turned away.
        youngest = lowest_age(self.mood)
        self.mood = Mood(label, confidence=confidence, since=now, youngest_years=youngest)

    def _somebody(self, sighting: Sighting) -> None:
        now = sighting.at
        average = self._smooth(sighting)
        label = self._candidate(average)
        if self._present.update(True, now, ARRIVAL_SECONDS):
            self._label.set(label, now)
        elif self._present.value:
            self._label.update(label, now, self._settings.hold_seconds)
        if self._present.value:
            self._blind = False
            self._describe(sighting.faces, average, now)

    def _smooth(self, sighting: Sighting) -> dict[Emotion, float]:
        """Take the faces into the running evidence; returns it as probabilities."""
        step = min(max(sighting.at - self._updated, 0.0), LONGEST_STEP_SECONDS)
        self._updated = sighting.at
        probabilities, share = blend(sighting.faces)
        fresh = {emotion: share * p for emotion, p in probabilities.items()}
        if self._evidence is None:
            self._evidence = fresh
        else:
            keep = math.exp(-step / self._settings.smoothing_seconds)
            self._evidence = {
                emotion: keep * old + (1 - keep) * fresh[emotion]
                for emotion, old in self._evidence.items()
            }
        total = sum(self._evidence.values())
        return {emotion: part / total for emotion, part in self._evidence.items()}

    def _candidate(self, average: dict[Emotion, float]) -> MoodLabel:
        """The label that the evidence asks for, in favour of the present one by the margin."""
        leader = max(average, key=lambda emotion: average[emotion])
        present = self._label.value
        certain_from = self._settings.uncertain_below
        if present in (MoodLabel.NOBODY, MoodLabel.UNCERTAIN):
            sure = average[leader] >= certain_from
            return MoodLabel(leader.value) if sure else MoodLabel.UNCERTAIN
        if average[leader] < certain_from - self._settings.margin:
            return MoodLabel.UNCERTAIN
        lead = average[leader] - average[Emotion(present.value)]
        return MoodLabel(leader.value) if lead >= self._settings.margin else present

    def _describe(self, faces: Sequence[Face], average: dict[Emotion, float], now: float) -> None:
        valence, arousal = place(average)
        weights = [weight(face) for face in faces]
        label = self._label.value
        ages = [face.reading.age_years for face in faces]
        lows, highs = zip(*(face.reading.age_interval_years for face in faces), strict=True)
        age = weighted_median(ages, weights)
        # Somebody who just came has an age group and is counted at once.
        hold = self._settings.hold_seconds if self._people.value else 0.0
        self._group.update(AgeGroup.of(age), now, hold)
        self._people.update(len(faces), now, hold)
        self.mood = Mood(
            label=label,
            valence=valence,
            arousal=arousal,
            confidence=max(average.values())
            if label is MoodLabel.UNCERTAIN
            else average[Emotion(label.value)],
            since=self._label.since,
            people=self._people.value,
            age_years=age,
            age_interval_years=(weighted_median(lows, weights), weighted_median(highs, weights)),
            age_group=self._group.value,
            youngest_years=self._youngest_of(ages, now),
            oldest_years=max(ages),
        )

    def _youngest_of(self, ages: Sequence[float], now: float) -> float:
        """The youngest who was in view lately: a child that turns its head is still there."""
        age, window = min(ages), self._youngest
        while window and window[-1][1] >= age:
            window.pop()
        window.append((now, age))
        while now - window[0][0] > self._settings.absence_seconds:
            window.popleft()
        return window[0][1]
