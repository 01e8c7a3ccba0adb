"""The report in one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.report.emotion import lost_of_all
from training.report.measure import OURS
from training.report.text import percent, points, table, years

if TYPE_CHECKING:
    from collections.abc import Callable

    Section = dict[str, Any]

LINES: tuple[tuple[str, str, str, Callable[[dict[str, float]], str]], ...] = (
    ("emotion", "accuracy", "RAF-DB, accuracy", percent),
    ("emotion", "macro_f1", "RAF-DB, macro-F1", percent),
    ("ferplus", "accuracy", "FER+, accuracy", percent),
    ("age", "mean_absolute_error", "UTKFace, mean absolute error in years", years),
    ("age", "interval_coverage", "UTKFace, true age within the 80 % interval", percent),
    ("fairface", "in_group", "FairFace, age read in the labelled group", percent),
)
"""Section, score, words and how it is shown."""


def summary(measured: dict[str, Section]) -> str:
    """Ours beside whichever baseline was measured on the same faces."""
    rows = []
    for name, score, words, shown in LINES:
        if name in measured:
            readers = measured[name]["readers"]
            others = [f"`{n}` {shown(readers[n][score])}" for n in readers if n != OURS]
            rows.append([words, f"**{shown(readers[OURS][score])}**", "; ".join(others)])
    if scenes := measured.get("scenes"):
        found = f"where found: {points(scenes['loss'])}" if scenes["loss"] else ""
        words = "RAF-DB in a frame, points lost (not found counts as wrong)"
        rows.append([words, lost_of_all(scenes), found])
        rows.append(["RAF-DB in a frame, faces found", percent(scenes["found"]), ""])
    for task, shown in (("emotion", percent), ("age", years)):
        if robust := measured.get(f"robust {task}"):
            words = f"{task}, mean under fifteen kinds of harm"
            clean = f"clean, same faces: {shown(robust['clean']['score'])}"
            rows.append([words, shown(robust["mean"]["score"]), clean])
    return "\n\n".join(["## At a glance", table(["", OURS, "beside"], rows)])
