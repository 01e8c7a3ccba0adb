"""The report's words on age."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.metrics import FEW
from training.report.measure import OURS
from training.report.origins import acquainted, stranger
from training.report.text import percent, table, years

if TYPE_CHECKING:
    from device.vision.runtime import Sidecar

Section = dict[str, Any]


def age(section: Section, sidecar: Sidecar) -> str:
    """UTKFace's test part."""
    ours = section["readers"][OURS]
    return "\n\n".join(
        [
            "## Age",
            (
                f"UTKFace's test part, {ours['count']:,} faces of all ages. Eyes were found in "
                f"{percent(section['found'])}. The interval claims to hold the true age of 80 %."
                + stranger(sidecar, "utkface")
            ),
            table(
                [
                    "model",
                    "mean absolute error, years",
                    "median",
                    "within 5 years",
                    "within 10 years",
                    "bias",
                    "interval holds",
                    "interval width",
                ],
                [
                    [
                        f"`{name}`" if name != OURS else f"**{name}**",
                        years(figures["mean_absolute_error"]),
                        years(figures["median_absolute_error"]),
                        percent(figures["within_5_years"]),
                        percent(figures["within_10_years"]),
                        f"{figures['bias']:+.2f}",
                        percent(figures["interval_coverage"]),
                        f"{figures['interval_width']:.1f}",
                    ]
                    for name, figures in section["readers"].items()
                ],
            ),
            f"{OURS}, by decade of the true age:",
            table(
                ["true age", "faces", "mean absolute error", "bias", "interval holds"],
                [
                    [
                        name,
                        str(row["count"]),
                        years(row["mean_absolute_error"]),
                        f"{row['bias']:+.1f}",
                        percent(row["interval_coverage"], 0),
                    ]
                    for name, row in ours["by_decade"].items()
                ],
            ),
            "![True against read age](age-scatter.png)",
            "![Error and interval by decade, and share of faces by error](age-decades.png)",
            "### By group of people",
            (
                "Mean absolute error in years on the same faces, by the labels of UTKFace: two "
                "genders and five races, as its makers and software guessed them."
            ),
            *(_group(name, groups, years) for name, groups in section["groups"].items()),
        ]
    )


def fairface(section: Section, sidecar: Sidecar) -> str:
    """FairFace's held-out tenth."""
    ours = section["readers"][OURS]
    return "\n\n".join(
        [
            "### On another data set: FairFace",
            (
                f"A held-out tenth, {ours['count']:,} faces, each age group, gender and race in "
                "its share (`training/splits/fairface.csv`); ages are known as groups only. "
                f"{acquainted(sidecar, 'fairface', 'the rest')} "
                f"Eyes were found in {percent(section['found'])}."
            ),
            table(
                [
                    "model",
                    "read age in the labelled group",
                    "at most one group off",
                    "mean years to the group's nearer end",
                ],
                [
                    [
                        f"`{name}`" if name != OURS else f"**{name}**",
                        percent(figures["in_group"]),
                        percent(figures["within_one_group"]),
                        years(figures["edge_error"]),
                    ]
                    for name, figures in section["readers"].items()
                ],
            ),
            f"{OURS}, share of faces read within the labelled group:",
            *(_group(name, groups, percent) for name, groups in section["groups"].items()),
        ]
    )


def _group(name: str, figures: Section, shown: Any) -> str:  # noqa: ANN401 - percent or years
    rows = [
        [group, str(row["count"]), shown(row["mean"])] for group, row in figures["groups"].items()
    ]
    gap = figures["gap"]
    said = (
        f"\n\nWidest gap between groups of at least {FEW} faces: **{shown(gap)}**, "
        f"{gap['most']} over {gap['least']}."
        if gap
        else ""
    )
    return table([name, "faces", "mean"], rows) + said
