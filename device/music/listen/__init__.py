"""Listening: what a piece's own sound tells, measured in one pass with bounded memory."""

VERSION = 2
"""Of the analysis: what was heard by an older one is listened to again."""
