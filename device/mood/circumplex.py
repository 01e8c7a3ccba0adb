"""Where each emotion lies in valence and arousal, each -1..1.

Coordinates: pleasure and arousal of the terms happy, surprised, fearful, disgusted, sad and
angry in Russell & Mehrabian, "Evidence for a three-factor theory of emotions", Journal of
Research in Personality 11 (1977), table 1. Neutral is the origin by definition.
"""

from __future__ import annotations

from collections.abc import Mapping

from device.types import Emotion

COORDINATES: Mapping[Emotion, tuple[float, float]] = {
    Emotion.HAPPINESS: (0.81, 0.51),
    Emotion.SURPRISE: (0.40, 0.67),
    Emotion.FEAR: (-0.64, 0.60),
    Emotion.DISGUST: (-0.60, 0.35),
    Emotion.SADNESS: (-0.63, -0.27),
    Emotion.ANGER: (-0.51, 0.59),
    Emotion.NEUTRAL: (0.0, 0.0),
}


def place(emotions: Mapping[Emotion, float]) -> tuple[float, float]:
    """The expected valence and arousal under probabilities of emotions that sum to 1."""
    valence = sum(p * COORDINATES[emotion][0] for emotion, p in emotions.items())
    arousal = sum(p * COORDINATES[emotion][1] for emotion, p in emotions.items())
    return valence, arousal
