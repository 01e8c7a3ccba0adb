"""Gains: what brings a track to the common loudness, and what a volume in percent means."""

from __future__ import annotations

from typing import Literal

from device.types import Track

Normalising = Literal["album", "track", "off"]
"""As in the settings: `music.loudness`."""

TARGET_LUFS = -18.0
"""Loudness that tracks are brought to: ReplayGain 2.0's reference level."""
ASSUMED_LUFS = -13.0
"""Loudness of a track that was not measured: typical of pop and rock of the last decades."""
MAXIMUM_BOOST_DB = 6.0
"""Quiet tracks are raised by no more: what is between the notes would come to the front."""
LIMITED_DB = 3.0
"""So far, at most, a boost drives a track's known peak above full scale: the limiter takes so
much back unheard, and at full volume alone."""


def track_gain(track: Track, normalising: Normalising) -> float:
    """Gain that brings a track to the target by its own loudness."""
    if normalising == "off":
        return 1.0
    return loudness_gain(track.loudness_lufs, track.peak_dbfs)


def album_gain(track: Track) -> float | None:
    """Gain that brings its whole album to the target; None where that was not measured.

    Bounded by the track's own peak, too: not every tag of an album tells its peak, or the truth.
    """
    if track.album_loudness_lufs is None:
        return None
    peaks = [peak for peak in (track.album_peak_dbfs, track.peak_dbfs) if peak is not None]
    return loudness_gain(track.album_loudness_lufs, max(peaks, default=None))


def loudness_gain(lufs: float | None, peak_dbfs: float | None = None) -> float:
    """Gain that brings sound of such loudness (ITU-R BS.1770) and such a peak to the target."""
    decibels = TARGET_LUFS - (ASSUMED_LUFS if lufs is None else lufs)
    boost = MAXIMUM_BOOST_DB
    if peak_dbfs is not None:
        boost = max(0.0, min(boost, LIMITED_DB - peak_dbfs))
    return amplitude(min(decibels, boost))


def amplitude(decibels: float) -> float:
    """Decibels as a factor."""
    return float(10.0 ** (decibels / 20.0))


def volume_gain(fraction: float) -> float:
    """Gain of a volume 0..1: its cube, as in PulseAudio's software volumes, where equal steps
    sound about equal: 50 % is -18 dB, 10 % is -60 dB, 0 is silent."""
    return fraction * fraction * fraction
