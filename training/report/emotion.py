"""The report's words on emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.report.measure import OURS
from training.report.origins import acquainted, run_of, stranger
from training.report.text import percent, points, share, table

if TYPE_CHECKING:
    from device.vision.runtime import Sidecar

Section = dict[str, Any]

AIM = 0.015
"""The share of all faces that finding and cutting in a frame should cost at most."""


def emotion(section: Section, sidecar: Sidecar) -> str:
    """RAF-DB's test part: ours in full, the baselines beside it."""
    ours = section["readers"][OURS]
    return "\n\n".join(
        [
            "## Emotion",
            (
                f"RAF-DB's test part, {ours['count']:,} faces, seven classes. "
                f"Eyes were found in {percent(section['found'])}; the template stands in elsewhere."
                + stranger(sidecar, "rafdb")
            ),
            readers_table(section),
            f"{OURS}, class by class:",
            table(
                ["emotion", "faces", "precision", "recall", "F1"],
                [
                    [name, str(row["count"])]
                    + [percent(row[key], 0) for key in ("precision", "recall", "f1")]
                    for name, row in ours["per_class"].items()
                ],
            ),
            _most_mistaken(ours),
            "![How often each labelled emotion is read as which](emotion-confusion.png)",
            "![How often a guess is right, by how sure it is](emotion-reliability.png)",
        ]
    )


def ferplus(section: Section, sidecar: Sidecar) -> str:
    """FER+'s test part."""
    ours = section["readers"][OURS]
    labels = ", by its votes" + (
        " and what teachers said" if "taught_by" in run_of(sidecar) else ""
    )
    return "\n\n".join(
        [
            "### On another data set: FER+",
            (
                f"FER+'s test part, {ours['count']:,} grey faces of 48 pixels, with the emotion "
                "that more than half of ten people saw (others are left out). "
                f"{acquainted(sidecar, 'ferplus', 'the train part', labels)} `fer` learned from "
                "the train part of these very pictures with their older labels. Eyes were found in "
                f"{percent(section['found'])}."
            ),
            readers_table(section),
            table(
                ["emotion", "faces", "precision", "recall", "F1"],
                [
                    [name, str(row["count"])]
                    + [percent(row[key], 0) for key in ("precision", "recall", "f1")]
                    for name, row in ours["per_class"].items()
                ],
            ),
            (
                "By gender or race nothing can be said about emotion: neither FER+ nor RAF-DB in "
                "the layout used here says them of a face."
            ),
        ]
    )


def scenes(section: Section) -> str:
    """The whole chain."""
    width, height = section["frame"]
    low, high = (f"{100 * part:.0f}" for part in section["face_widths"])
    return "\n\n".join(
        [
            "### Through the whole chain",
            (
                f"Each of {section['count']:,} test faces enlarged to {low} to {high} % of the "
                f"width of a {width}x{height} frame, a plain wall behind, at a seeded place; "
                "then found, cut and read as `attune look` does, a face's least score being "
                f"{section['min_score']}. RAF-DB's crops end at forehead "
                "and chin, so that the detector has less to go by than in a room."
            ),
            table(
                ["", "share"],
                [
                    ["found in the frame", percent(section["found"])],
                    [
                        "read right, of all (not found counts as wrong)",
                        percent(section["accuracy"]),
                    ],
                    ["read right in the crop itself, of all", percent(section["crop_accuracy"])],
                ],
            ),
            (
                "What finding and cutting in a frame cost, in points: "
                f"**{lost_of_all(section)}** of all faces, one that is not found counting as wrong"
                + (f"; {points(section['loss'])} of those found. " if section["loss"] else ". ")
                + _aimed(section)
                + f"False faces: {section['false_faces_per_frame']:.3f} a frame."
            ),
        ]
    )


def lost_of_all(section: Section) -> str:
    """The points that the whole chain costs, faces that are not found counting as wrong; without
    an interval where the section was measured before that was stored."""
    if "loss_of_all" in section:
        return points(section["loss_of_all"])
    return f"{100 * _lost(section):+.1f}"


def _lost(section: Section) -> float:
    """The share of all faces that is read right in the crop but not in the frame, less the
    reverse."""
    return float(section["crop_accuracy"]["value"] - section["accuracy"]["value"])


def _aimed(section: Section) -> str:
    """Whether the first of the two is within what was aimed at."""
    reached = "that is kept" if _lost(section) <= AIM else "that is missed"
    return f"At most {100 * AIM:.1f} of all were aimed at: {reached}. "


def readers_table(section: Section) -> str:
    """Everybody who was measured on the same faces."""
    return table(
        ["model", "accuracy", "macro-F1", "calibration error", "log loss"],
        [
            [
                f"`{name}`" if name != OURS else f"**{name}**",
                percent(figures["accuracy"]),
                percent(figures["macro_f1"]),
                f"{figures['calibration_error']:.3f}",
                f"{figures['negative_log_likelihood']:.3f}",
            ]
            for name, figures in section["readers"].items()
        ],
    )


def _most_mistaken(ours: Section) -> str:
    """The three commonest mistakes as shares of the true class."""
    names = list(ours["per_class"])
    mistakes = [
        (count / max(1, sum(row)), count, names[truth], names[guess])
        for truth, row in enumerate(ours["confusion"])
        for guess, count in enumerate(row)
        if guess != truth
    ]
    worst = sorted(mistakes, reverse=True)[:3]
    said = "; ".join(
        f"{truth} as {guess} ({share(part)}, {count} faces)" for part, count, truth, guess in worst
    )
    return f"Mistaken most: {said}."
