"""Markdown: tables, figures with their intervals, lists of what is made of what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A table; its first `words` columns are of words, the rest of figures."""
    rule = "|---" * words + "|---:" * (len(head) - words) + "|"
    lines = ["| " + " | ".join(head) + " |", rule]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def percent(figure: dict[str, float], digits: int = 1) -> str:
    """A share with its interval: `85.5 % (84.2 to 86.6)`."""
    return _ranged(figure, 100, digits, " %")


def points(figure: dict[str, float]) -> str:
    """A difference of shares in points, signed."""
    value, low, high = (100 * figure[key] for key in ("value", "low", "high"))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"


def figure_text(figure: dict[str, float]) -> str:
    """A plain number with its interval: `0.46 (0.40 to 0.52)`."""
    return _ranged(figure, 1, 2, "")


def years(figure: dict[str, float]) -> str:
    """Years with their interval: `4.61 (4.40 to 4.83)`."""
    return _ranged(figure, 1, 2, "")


def share(value: float) -> str:
    """A share without an interval."""
    return f"{100 * value:.1f} %"


def megas(count: float) -> str:
    """Millions."""
    return f"{count / 1e6:,.1f} M"


def bullets(tree: dict[str, Any], title: str = "") -> str:
    """Whatever a sidecar says, as it says it: figures as bullets, rows of them as tables, deeper
    trees below their title."""
    deep = {key: value for key, value in tree.items() if _depth(value) > 1}
    lines = [f"- {key}: {plain(value)}" for key, value in tree.items() if key not in deep]
    parts = ["\n".join(lines)] if lines else []
    if title and parts:
        parts.insert(0, f"**{title}**")
    for key, value in deep.items():
        path = f"{title}, {key}" if title else key
        if all(_depth(row) == 1 for row in value.values()):
            parts += [f"**{path}**", _tree_table(value)]
        else:
            parts.append(bullets(value, path))
    return "\n\n".join(parts)


def plain(value: object) -> str:
    """A value of a sidecar in words."""
    if isinstance(value, dict) and set(value) == {"value", "low", "high"}:
        return f"{value['value']:g} ({value['low']:g} to {value['high']:g})"
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(plain(inner) for inner in value)
    if value is None or isinstance(value, bool) or not isinstance(value, (int, float)):
        return "" if value is None else str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _depth(value: object) -> int:
    """How many dictionaries lie within each other; a figure with its interval is none."""
    if not isinstance(value, dict) or set(value) == {"value", "low", "high"}:
        return 0
    return 1 + max(map(_depth, value.values()), default=0)


def _tree_table(rows: dict[str, dict[str, Any]]) -> str:
    head = list(dict.fromkeys(key for row in rows.values() for key in row))
    return table(
        ["", *head],
        [[name, *(plain(row.get(key, "")) for key in head)] for name, row in rows.items()],
    )


def _ranged(figure: dict[str, float], scale: float, digits: int, unit: str) -> str:
    value, low, high = (f"{figure[key] * scale:.{digits}f}" for key in ("value", "low", "high"))
    return f"{value}{unit} ({low} to {high})"
