"""The sixteen pieces, four to each quadrant of valence and arousal."""

from __future__ import annotations

from composer.score import Piece

from .calm import CALM
from .happy import HAPPY
from .sad import SAD
from .tense import TENSE

PIECES: tuple[Piece, ...] = (*HAPPY, *TENSE, *SAD, *CALM)
