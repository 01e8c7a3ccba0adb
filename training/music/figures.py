"""MUSIC.md's figures: predicted against true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt

from training.music.measure import Guess, Tables
from training.report.figures import BLUE, GREY, saved


def draw(found: Tables, starter: Guess, folder: Path) -> list[Path]:
    """Write the PNGs; returns their paths."""
    both = next(each for each in found.spotify if each.name == "genre and decade, fitted")
    title = "By genre and decade: Spotify's "
    return [
        _scatter(both, (f"{title}valence", "… energy"), folder / "music-genres.png"),
        _scatter(
            starter,
            ("Starter library: valence", "… arousal"),
            folder / "music-starter.png",
            ("meant by the composer", "heard"),
        ),
    ]


def _scatter(
    guess: Guess,
    titles: tuple[str, str],
    path: Path,
    labels: tuple[str, str] = ("true", "predicted"),
) -> Path:
    figure, panels = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
    many = len(guess.true) > 100
    looks: dict[str, Any] = {"s": 8, "alpha": 0.3} if many else {"s": 36}
    for axis, (axes, title) in enumerate(zip(panels, titles, strict=True)):
        axes.plot([-1, 1], [-1, 1], color=GREY, linestyle="--", label="exactly so")
        score = guess.scores[axis]
        axes.scatter(
            guess.true[:, axis],
            guess.predicted[:, axis],
            color=BLUE,
            linewidths=0,
            label=f"R² {score.r2['value']:.2f}, r {score.r['value']:.2f}",
            **looks,
        )
        axes.set(xlabel=labels[0], title=title, xlim=(-1.05, 1.05), ylim=(-1.05, 1.05))
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left")
    panels[0].set_ylabel(labels[1])
    return saved(figure, path)
