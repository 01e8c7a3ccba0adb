"""The report's figures. matplotlib is imported here and by whoever draws alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
from matplotlib import pyplot as plt

from training.report.measure import OURS

if TYPE_CHECKING:
    from pathlib import Path

Section = dict[str, Any]
BLUE, ORANGE, GREY = "#2b6ca3", "#d9772b", "#8a8a8a"


def draw(measured: dict[str, Section], folder: Path) -> list[Path]:
    """Write the PNGs of whatever was measured; returns their paths."""
    written = []
    if "emotion" in measured:
        ours = measured["emotion"]["readers"][OURS]
        written += [_confusion(ours, folder), _reliability(measured["emotion"], folder)]
    if "age" in measured:
        written += [_scatter(measured["age"], folder), _decades(measured["age"], folder)]
    robust = [each for each in ("robust emotion", "robust age") if each in measured]
    if robust:
        written.append(_robustness([(name, measured[name]) for name in robust], folder))
    return written


def _confusion(ours: Section, folder: Path) -> Path:
    names = list(ours["per_class"])
    counts = np.array(ours["confusion"], float)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure, axes = plt.subplots(figsize=(7.2, 6.2), layout="constrained")
    _cells(axes, share, [[f"{100 * v:.0f}" for v in row] for row in share], "Blues", (0, 1))
    rows = [f"{name}\n{int(n)} faces" for name, n in zip(names, counts.sum(1), strict=True)]
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), rows)
    axes.set(xlabel="read as", ylabel="labelled", title="RAF-DB test part, % of each row")
    return saved(figure, folder / "emotion-confusion.png")


def _reliability(section: Section, folder: Path) -> Path:
    figure, (axes, below) = plt.subplots(
        2, 1, figsize=(5.6, 6.4), layout="constrained", sharex=True, height_ratios=(3, 1)
    )
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="as sure as right")
    for (name, figures), colour in zip(section["readers"].items(), (BLUE, ORANGE), strict=False):
        rows = figures["reliability"]
        label = f"{name}, calibration error {figures['calibration_error']:.3f}"
        axes.plot(
            [row["confidence"] for row in rows],
            [row["accuracy"] for row in rows],
            marker="o",
            color=colour,
            label=label,
        )
    rows = section["readers"][OURS]["reliability"]
    below.bar([r["confidence"] for r in rows], [r["count"] for r in rows], 0.05, color=BLUE)
    below.set(xlabel="probability of the guess", ylabel=f"faces ({OURS})")
    axes.set(ylabel="share that is right", title="RAF-DB test part: reliability", ylim=(0, 1.03))
    axes.legend()
    axes.grid(alpha=0.3)
    return saved(figure, folder / "emotion-reliability.png")


def _scatter(section: Section, folder: Path) -> Path:
    true, read = (np.array(section["points"][key], float) for key in ("true", "read"))
    end = 5 * np.ceil((max(true.max(), read.max()) + 1) / 5)
    figure, axes = plt.subplots(figsize=(6.6, 5.8), layout="constrained")
    edges = np.arange(0, end + 2, 2)
    counts, *_ = np.histogram2d(true, read, bins=(edges, edges))
    counts[counts == 0] = np.nan  # nobody there: no colour
    shown = axes.pcolormesh(edges, edges, counts.T, cmap="viridis_r", norm="log")
    figure.colorbar(shown, label="faces in two years by two years")
    axes.plot([0, end], [0, end], color="black", linewidth=1)
    for off in (-10, 10):
        axes.plot([0, end], [off, end + off], color=GREY, linewidth=1, linestyle="--")
    axes.set(
        xlabel="true age in years",
        ylabel="read age in years",
        xlim=(0, end),
        ylim=(0, end),
        title=f"UTKFace test part, {len(true):,} faces (dashed: 10 years off)",
    )
    axes.grid(alpha=0.3)
    return saved(figure, folder / "age-scatter.png")


def _decades(section: Section, folder: Path) -> Path:
    figure, (error, held, score) = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    readers = section["readers"]
    width = 0.8 / len(readers)
    for number, (name, colour) in enumerate(zip(readers, (BLUE, ORANGE), strict=False)):
        rows = readers[name]["by_decade"]
        places = np.arange(len(rows)) + width * (number - (len(readers) - 1) / 2)
        for axes, key in ((error, "mean_absolute_error"), (held, "interval_coverage")):
            values = np.array([list(row[key].values()) for row in rows.values()])
            reach = np.abs(values[:, 1:] - values[:, :1]).T
            axes.bar(places, values[:, 0], width, color=colour)
            axes.errorbar(places, values[:, 0], reach, fmt="none", ecolor="black", linewidth=1)
        score.plot(readers[name]["cumulative_score"], color=colour, label=name)
    rows = readers[OURS]["by_decade"]
    labels = [f"{name}\n({row['count']})" for name, row in rows.items()]
    for axes in (error, held):
        axes.set_xticks(range(len(rows)), labels, fontsize=7)
        axes.set_xlabel("true age in years (faces)")
    held.axhline(0.8, color="black", linewidth=1, linestyle="--")
    error.set(ylabel="years", title="Mean absolute error")
    held.set(ylabel="share", ylim=(0, 1), title="True age within the 80 % interval")
    score.set(
        xlabel="error of at most … years", ylabel="share", ylim=(0, 1), title="Cumulative score"
    )
    for axes in (error, held, score):
        axes.grid(alpha=0.3, axis="y")
    score.legend(loc="lower right")
    return saved(figure, folder / "age-decades.png")


def _robustness(sections: list[tuple[str, Section]], folder: Path) -> Path:
    figure, panels = plt.subplots(
        1,
        len(sections),
        figsize=(1.2 + 4.4 * len(sections), 7),
        layout="constrained",
        squeeze=False,
    )
    for axes, (name, section) in zip(panels[0], sections, strict=True):
        rows = {"clean": [section["clean"]] * 3, **section["harmed"]}
        values = np.array([[each["score"]["value"] for each in row] for row in rows.values()])
        if name == "robust emotion":
            texts = [[f"{100 * v:.0f} %" for v in row] for row in values]
            _cells(axes, values, texts, "RdYlBu", (values.min(), values.max()))
            axes.set_title(f"Emotion: accuracy, {section['count']:,} faces")
        else:
            texts = [[f"{v:.1f}" for v in row] for row in values]
            _cells(axes, values, texts, "RdYlBu_r", (values.min(), values.max()))
            axes.set_title(f"Age: mean error in years, {section['count']:,} faces")
        axes.set_xticks(range(3), ["mild", "middling", "harsh"])
        axes.set_yticks(range(len(rows)), list(rows))
        axes.set_aspect("auto")
    return saved(figure, folder / "robustness.png")


def _cells(
    axes: Any,  # noqa: ANN401 - matplotlib has no types
    values: Any,  # noqa: ANN401
    texts: list[list[str]],
    colours: str,
    limits: tuple[float, float],
) -> None:
    """A heat map with its figures in it, dark on light and light on dark."""
    shown = axes.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1])
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = shown.cmap(shown.norm(value))
        light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
        axes.text(
            column,
            row,
            texts[row][column],
            ha="center",
            va="center",
            color="black" if light else "white",
            fontsize=10,
        )


def saved(figure: Any, path: Path) -> Path:  # noqa: ANN401 - matplotlib names no types
    """Write a figure as PNG, the same bytes for the same figure, and let go of it."""
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)
    return path
