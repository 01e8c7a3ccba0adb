"""Attune: a headless smart speaker that plays what fits the mood of the room."""

__version__ = "0.1.0"
