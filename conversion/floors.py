"""What a model must reach before it is written."""

from __future__ import annotations

from typing import Any, NamedTuple


class Bound(NamedTuple):
    """A figure of the test part or of the file, and the ends it must lie between."""

    figure: str
    least: float = float("-inf")
    most: float = float("inf")


FLOORS: dict[str, tuple[Bound, ...]] = {
    "emotion": (
        Bound("accuracy", least=0.87),
        Bound("macro_f1", least=0.80),
        Bound("calibration_error", most=0.03),
        Bound("multiply_adds", most=120e6),
        Bound("bytes", most=2.5e6),
    ),
    "age": (
        Bound("mean_absolute_error", most=4.7),
        Bound("interval_coverage", least=0.77, most=0.83),
        Bound("multiply_adds", most=150e6),
        Bound("bytes", most=3e6),
    ),
}
"""Shares of 1, years, multiply-adds of one look, bytes."""

MAX_LOSS = {"emotion": 0.003, "age": 0.05}
"""What quantization may cost on the validation part: share of accuracy, years of error."""


def shortfalls(task: str, figures: dict[str, Any]) -> list[str]:
    """In words, each of the given figures that misses its bound, and by how much.

    A figure is a number or `{"value": number, …}`; figures without a bound are passed over.
    """
    found = []
    for bound in FLOORS[task]:
        if bound.figure not in figures:
            continue
        figure = figures[bound.figure]
        value = figure["value"] if isinstance(figure, dict) else figure
        if value < bound.least:
            found.append(
                f"{bound.figure} {value:g} is {bound.least - value:.4g} below {bound.least:g}"
            )
        elif value > bound.most:
            found.append(
                f"{bound.figure} {value:g} is {value - bound.most:.4g} above {bound.most:g}"
            )
    return found
