"""Data sets in the layouts their publishers give them: who is in which part, with which label."""

from __future__ import annotations

from training.data.age import fairface, utkface
from training.data.base import EMOTIONS, MAX_AGE, PARTS, AbsentError, DataError, Sample, Years
from training.data.emotion import ferplus, rafdb
from training.data.layouts import TASKS, Layout, faces_of, load, recognise, samples

__all__ = [
    "EMOTIONS",
    "MAX_AGE",
    "PARTS",
    "TASKS",
    "AbsentError",
    "DataError",
    "Layout",
    "Sample",
    "Years",
    "faces_of",
    "fairface",
    "ferplus",
    "load",
    "rafdb",
    "recognise",
    "samples",
    "utkface",
]
