"""The report's words on robustness, the detector and what models cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from device.vision.detect import DOUBT, FIRST
from training.report.cost import pi4_milliseconds
from training.report.text import bullets, megas, percent, plain, share, table, years

if TYPE_CHECKING:
    from device.vision.runtime import Sidecar

Section = dict[str, Any]
HERTZ = 8


def robust(emotion: Section | None, age: Section | None) -> str:
    """What is left under harm, of whichever was measured."""
    counts = [f"{each['count']:,}" for each in (emotion, age) if each]
    parts = [
        "## Robustness",
        (
            "Fifteen kinds of harm in three strengths, done to the publisher's crop before the "
            f"face is found in it; seeded, {' and '.join(dict.fromkeys(counts))} faces of each "
            "test part, drawn with each label in its natural share. Cells: the figure "
            "and the share of faces whose eyes were still found."
        ),
    ]
    if emotion:
        parts += [_harm("emotion, accuracy", emotion, lambda f: share(f["value"]))]
        parts += [_left(emotion, percent)]
    if age:
        parts += [_harm("age, mean absolute error", age, lambda f: f"{f['value']:.1f}")]
        parts += [_left(age, years)]
    parts += ["![Figures under each kind of harm](robustness.png)"]
    return "\n\n".join(parts)


def _harm(title: str, section: Section, shown: Any) -> str:  # noqa: ANN401 - of a figure
    def cell(figures: Section) -> str:
        return f"{shown(figures['score'])} ({100 * figures['found']:.0f} %)"

    rows = [
        [name, *(cell(figures) for figures in strengths)]
        for name, strengths in section["harmed"].items()
    ]
    clean = ["**clean**", *[f"**{cell(section['clean'])}**"] * 3]
    return table([title, "mild", "middling", "harsh"], [clean, *rows])


def _left(section: Section, shown: Any) -> str:  # noqa: ANN401 - percent or years
    clean, mean = section["clean"], section["mean"]
    return (
        f"Mean of all {3 * len(section['harmed'])}: {shown(mean['score'])}, eyes found in "
        f"{share(mean['found'])}; clean: {shown(clean['score'])}, {share(clean['found'])}."
    )


def detector(sidecar: Sidecar, closer: Sidecar, doubt: Sidecar) -> str:
    """Whatever the detector's first model says all three were measured at."""
    return "\n\n".join(
        [
            "## Face detector",
            (
                f"{sidecar.intended_use[:1].upper()}{sidecar.intended_use[1:]}. "
                f"Licence: {sidecar.licence}."
            ),
            (
                f"Three models: `{sidecar.task}` looks at the whole picture, `{closer.task}` "
                f"({_size(closer)}) again at each place that may be a face, `{doubt.task}` "
                f"({_size(doubt)}) at those that both leave in doubt. The first one's size, and "
                "figures of all together:"
            ),
            bullets({k: said for k, said in sidecar.metrics.items() if k != "parity"}),
        ]
    )


def _size(sidecar: Sidecar) -> str:
    metrics = sidecar.metrics
    return f"{megas(metrics['multiply_adds'])} multiply-adds, {metrics['bytes']:,} bytes"


def quantization(sidecars: dict[str, Sidecar]) -> str | None:
    """What int8 costs against float, and how the runtimes agree, as the sidecars say."""
    rows = {n: each.metrics["parity"] for n, each in sidecars.items() if "parity" in each.metrics}
    if not rows:
        return None
    lines = [f"- {name}: {plain(parity)}." for name, parity in rows.items()]
    return "\n\n".join(
        [
            "## Float, int8 and the runtimes",
            (
                "As `python -m conversion` measured when it wrote each file, emotion and age with "
                "crops of the detector that there was then: where that was another, the figures "
                "above, of the present one, differ a little. The detector's are of each third "
                "validation photo, at a score of 0.5; the others' of the test part, but for those "
                "that say so."
            ),
            "\n".join(lines),
        ]
    )


def cost(section: Section) -> str:
    """Multiply-adds, size and time."""
    models = section["models measured"]
    runtimes = list(
        dict.fromkeys(r for each in models.values() for r in each.get("milliseconds", {}))
    )
    rows = [
        [
            name if "what" not in each else f"`{name}`: {each['what']}",
            megas(each["multiply_adds"]),
            f"{each['bytes'] / 1e3:,.0f} kB",
            *(f"{each['milliseconds'][r]:.2f}" if "milliseconds" in each else "" for r in runtimes),
            *(f"{pi4_milliseconds(each, n):.1f}" if "arithmetic" in each else "" for n in (1, 2)),
        ]
        for name, each in models.items()
    ]
    # A face in view: found, and the other models see it and its mirror image, but the one that is
    # asked in doubt alone.
    slow, fast = (
        sum(
            pi4_milliseconds(each, threads) * (1 if name == FIRST else 2)
            for name, each in models.items()
            if "arithmetic" in each and name != DOUBT
        )
        for threads in (1, 2)
    )
    return "\n\n".join(
        [
            "## Cost",
            (
                "One run of each network: one thread here (the fastest of many runs, for a busy "
                "machine only makes it slower), and an **estimate** for a Raspberry Pi 4 with one "
                "thread and with two, which nobody measured."
            ),
            table(
                [
                    "model",
                    "multiply-adds",
                    "size",
                    *(f"ms, {r}" for r in runtimes),
                    "ms on a Pi 4, estimated, one thread",
                    "two threads",
                ],
                rows,
            ),
            (
                "The estimate: XNNPACK's README gives 24 ms (int8) and 77 ms (float) for the 569 "
                "million multiply-adds of MobileNet v1 on all four cores of a Pi 4; a core is "
                "taken to do a fourth of that. One face in a frame costs a look of the first "
                "model and, with the mirror image, two of each other one but `face-doubt`: about "
                f"**{fast:.0f} ms with two threads, {slow:.0f} ms with one, of the "
                f"{1000 / HERTZ:.0f} ms** that {HERTZ} looks a second leave; one, `[vision] "
                "threads`' default, suits a board with other work for its cores. Each place in "
                "doubt costs a look of `face-doubt` more. Capture, resizing "
                "and cutting come on top; `attune bench` measures all."
            ),
        ]
    )
