"""How well taste is learned: `python -m tests.benchmarks.taste [SEEDS]` prints the table and
draws `docs/taste.svg` (matplotlib needed)."""

from __future__ import annotations

import sys

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

from device.types import AgeGroup
from tests.music.listeners import KINDS, live, synthetic_library

PLAYS, TRACKS = 220, 600
"""The hundredth play, and the hundredth after a taste turned, in the middle of what is judged."""
FIRST_SEED = 100
"""The constants of taste were chosen by runs of other seeds."""


def main(seeds: int) -> None:
    mpl.use("svg")
    figure, axes = plt.subplots(2, 4, figsize=(14, 6), sharex=True)
    print(
        "| listener | without learning | with, plays 81 to 120 | all-knowing "
        "| share of the gain | worst against none |"
    )
    print("|---|---|---|---|---|---|")
    for (kind, taste), axis in zip(KINDS.items(), axes.flat, strict=True):
        groups = (
            [AgeGroup.CHILD, AgeGroup.SENIOR] if kind.startswith("household") else [AgeGroup.ADULT]
        )
        runs = {
            way: np.array(
                [
                    live(
                        taste, synthetic_library(TRACKS, s), PLAYS, s, way=way, groups=groups
                    ).worth
                    for s in range(FIRST_SEED, FIRST_SEED + seeds)
                ]
            )
            for way in ("prior", "learning", "oracle")
        }
        none, learned, best = (runs[way].mean(axis=0) for way in ("prior", "learning", "oracle"))
        span = slice(180, 220) if kind.startswith("drifts") else slice(80, 120)
        gain = best[span].mean() - none[span].mean()
        share = "-" if gain < 0.1 else f"{(learned[span].mean() - none[span].mean()) / gain:.0%}"
        count = np.arange(1, PLAYS + 1)
        ratio = (1 + np.cumsum(learned) / count) / (1 + np.cumsum(none) / count)
        note = " (plays 181 to 220)" if kind.startswith("drifts") else ""
        print(
            f"| {kind}{note} | {none[span].mean():+.2f} | {learned[span].mean():+.2f} "
            f"| {best[span].mean():+.2f} | {share} | {ratio[19:].min() - 1:+.1%} |",
            flush=True,
        )
        axis.plot(count, np.cumsum(best - none), label="without learning", color="#999999")
        axis.plot(count, np.cumsum(best - learned), label="learning", color="#2a7f62")
        axis.set_title(kind, fontsize=10)
    axes[0, 0].legend()
    figure.supxlabel("plays")
    figure.supylabel("regret so far, in reward (-1 to 1 a play)")
    figure.tight_layout()
    figure.savefig("docs/taste.svg", metadata={"Date": None})


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
