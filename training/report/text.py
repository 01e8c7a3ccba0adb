"""Markdown: tables, figures with their intervals, lists of what is made of what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the first column is of words, the rest of figures."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def percent(figure: dict[str, float], digits: int = 1) -> str:
    """A share with its interval: `85.5 % (84.2 to 86.6)`."""
    return _ranged(figure, 100, digits, " %")


def points(figure: dict[str, float]) -> str:
    """A difference of shares in points, signed."""
    value, low, high = (100 * figure[key] for key in ("value", "low", "high"))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"


def years(figure: dict[str, float]) -> str:
    """Years with their interval: `4.61 (4.40 to 4.83)`."""
    return _ranged(figure, 1, 2, "")


def share(value: float) -> str:
    """A share without an interval."""
    return f"{100 * value:.1f} %"


def megas(count: float) -> str:
    """Millions."""
    return f"{count / 1e6:,.1f} M"


def bullets(tree: dict[str, Any]) -> str:
    """Whatever a sidecar says, as it says it: words as bullets, nested figures as tables."""
    lines = [f"- {key}: {plain(value)}" for key, value in tree.items() if not _is_table(value)]
    tables = [f"{key}:\n\n{_tree_table(value)}" for key, value in tree.items() if _is_table(value)]
    return "\n\n".join((["\n".join(lines)] if lines else []) + tables)


def plain(value: object) -> str:
    """A value of a sidecar in words."""
    if isinstance(value, dict) and set(value) == {"value", "low", "high"}:
        return f"{value['value']:g} ({value['low']:g} to {value['high']:g})"
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(plain(inner) for inner in value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _is_table(value: object) -> bool:
    return (
        isinstance(value, dict)
        and len(value) > 0
        and all(isinstance(row, dict) and "low" not in row for row in value.values())
    )


def _tree_table(rows: dict[str, dict[str, Any]]) -> str:
    head = list(dict.fromkeys(key for row in rows.values() for key in row))
    return table(
        ["", *head],
        [[name, *(plain(row.get(key, "")) for key in head)] for name, row in rows.items()],
    )


def _ranged(figure: dict[str, float], scale: float, digits: int, unit: str) -> str:
    value, low, high = (f"{figure[key] * scale:.{digits}f}" for key in ("value", "low", "high"))
    return f"{value}{unit} ({low} to {high})"
