"""What was learned, shown to people: in words and signs on a terminal, and as an SVG file."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from device.lessons import Leaning, MoodMap, TasteReport
from device.watch import clean

FEW = 20
"""With fewer plays than this nothing can be told."""
SIGNS = " ·░▒▓█"
LEAN = 0.5
"""So many deviations from nothing are a leaning."""
SHOWN = 6
"""Names shown of each kind, at each end."""


def words(report: TasteReport) -> list[str]:
    """The report, a line each."""
    if not report.learning:
        lines = ["Learning is off ([music] learn = false); what was learned before:"]
    else:
        lines = []
    lines.append(
        f"Learned from {report.lessons} plays: {report.finished} heard out, {report.skipped} "
        f"skipped, {report.liked} liked, {report.disliked} disliked."
    )
    if report.lessons < FEW:
        lines.append(
            f"That is too little to tell of taste; from {FEW} plays on there is more here."
        )
        return lines
    lines.append(_mood_words(report))
    for kind, title in (("genre", "Genres"), ("artist", "Artists"), ("decade", "Decades")):
        lines += _names(title, [each for each in report.leanings if each.kind == kind])
    for each in report.maps:
        lines += _map(each)
    low, high = report.rewards[0], report.rewards[-1]
    lines.append(
        f"How music was taken, from -1 to 1: {low:+.2f} in the first {report.stretch} plays, "
        f"{high:+.2f} in the last."
    )
    return lines


def _mood_words(report: TasteReport) -> str:
    near, doubt = report.follows_mood, report.follows_mood_deviation
    if near > 2 * doubt:
        return "Music near what the goal asks for is liked better than other music."
    if near < -2 * doubt:
        return "Music far from what the goal asks for is liked better than music near it."
    return "Whether music near what the goal asks for is liked better cannot be told."


def _names(title: str, leanings: list[Leaning]) -> Iterator[str]:
    """The best and the worst of a kind, where the model leans to a side; its doubt is beside."""
    sure = [each for each in leanings if abs(each.effect) > LEAN * each.deviation]
    shown = sure if len(sure) <= 2 * SHOWN else [*sure[:SHOWN], *sure[-SHOWN:]]
    if shown:
        yield f"{title}:"
    for each in shown:
        bar = ("+" if each.effect > 0 else "-") * max(1, round(abs(each.effect) * 20))
        effect = f"{each.effect:+.2f} ± {each.deviation:.2f}"
        yield f"  {clean(each.name)[:28]:28} {effect} {bar} ({each.plays})"


def _map(each: MoodMap) -> Iterator[str]:
    """The plane of valence and arousal, fuller where music is liked better."""
    yield f"In {each.label.value} ({each.plays} plays), liked best where it is fullest:"
    low, high = _bounds(each)
    for number, row in enumerate(reversed(each.effect)):
        place = {0: "lively", len(each.effect) - 1: "quiet "}.get(number, "      ")
        signs = (SIGNS[round((value - low) / (high - low) * (len(SIGNS) - 1))] for value in row)
        yield f"  {place} |{''.join(sign * 3 for sign in signs)}|"
    yield "         dark     bright"


def _bounds(each: MoodMap) -> tuple[float, float]:
    values = [value for row in each.effect for value in row]
    return min(values), max(*values, min(values) + 1e-6)


# --- SVG ---------------------------------------------------------------------------------------


def svg(report: TasteReport) -> str:
    """The report as a picture: names with their doubt, a map for each mood, rewards over plays."""
    parts: list[str] = []
    height = 40
    for kind, title in (("genre", "Genres"), ("artist", "Artists"), ("decade", "Decades")):
        some = [each for each in report.leanings if each.kind == kind]
        some = some if len(some) <= 2 * SHOWN else [*some[:SHOWN], *some[-SHOWN:]]
        if some:
            parts += _bars(title, some, height)
            height += 24 * len(some) + 48
    for number, each in enumerate(report.maps):
        parts += _plane(each, 20 + number % 4 * 160, height + number // 4 * 190)
    height += 190 * -(-len(report.maps) // 4)
    parts += _curve(report, height)
    height += 170
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="680" height="{height}" '
        f'viewBox="0 0 680 {height}" font-family="sans-serif" font-size="13">'
        f'<rect width="680" height="{height}" fill="white"/>'
        f'<text x="20" y="24" font-size="16">What Attune learned from {report.lessons} plays'
        f"</text>{''.join(parts)}</svg>\n"
    )


def _bars(title: str, some: list[Leaning], top: int) -> Iterator[str]:
    yield f'<text x="20" y="{top + 16}" font-weight="bold">{title}</text>'
    for number, each in enumerate(some):
        y = top + 26 + 24 * number
        at, wide = 430 + 200 * each.effect, 200 * abs(each.effect)
        colour = "#2a7f62" if each.effect > 0 else "#b4533c"
        yield f'<text x="20" y="{y + 12}">{escape(clean(each.name)[:36])} ({each.plays})</text>'
        yield (
            f'<rect x="{min(at, 430.0):.1f}" y="{y}" width="{wide:.1f}" height="15" '
            f'fill="{colour}"/>'
        )
        low, high = at - 200 * each.deviation, at + 200 * each.deviation
        yield f'<path d="M{low:.1f} {y + 7.5}H{high:.1f}" stroke="black"/>'


def _plane(each: MoodMap, left: int, top: int) -> Iterator[str]:
    yield f'<text x="{left}" y="{top + 14}" font-weight="bold">{each.label.value}</text>'
    low, high = _bounds(each)
    side = 140 / len(each.effect)
    for row, values in enumerate(reversed(each.effect)):
        for column, value in enumerate(values):
            yield (
                f'<rect x="{left + side * column:.1f}" y="{top + 22 + side * row:.1f}" '
                f'width="{side:.1f}" height="{side:.1f}" fill="#2a7f62" '
                f'fill-opacity="{(value - low) / (high - low):.2f}"/>'
            )
    yield f'<text x="{left}" y="{top + 176}" font-size="10">dark to bright, up: lively</text>'


def _curve(report: TasteReport, top: int) -> Iterator[str]:
    yield f'<text x="20" y="{top + 16}" font-weight="bold">How music was taken, -1 to 1</text>'
    yield f'<path d="M40 {top + 90}H640" stroke="#999"/>'
    step = 600 / max(1, len(report.rewards) - 1)
    points = " ".join(
        f"{40 + step * number:.1f},{top + 90 - 60 * value:.1f}"
        for number, value in enumerate(report.rewards)
    )
    yield f'<polyline points="{points}" fill="none" stroke="#2a7f62" stroke-width="2"/>'
