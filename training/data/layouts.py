"""Which data set a folder holds, by the layout its publisher gave it, and what is in it."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from training.data.age import (
    FAIRFACE_PARTS,
    fairface,
    fairface_base,
    utkface,
    utkface_base,
)
from training.data.base import PARTS, DataError, Sample, check_part
from training.data.emotion import (
    ferplus,
    ferplus_base,
    kaggle_base,
    official_base,
    rafdb,
)
from training.data.folders import folders, is_folders

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TASKS = ("emotion", "age")


class Layout(Enum):
    """A layout and the words for it."""

    RAFDB_KAGGLE = "RAF-DB in Kaggle's layout"
    RAFDB_OFFICIAL = "RAF-DB in its publisher's layout"
    FERPLUS = "FER+"
    UTKFACE = "UTKFace"
    FAIRFACE = "FairFace"
    EMOTION_FOLDERS = "a folder per emotion"
    AGE_FOLDERS = "a folder per year of age"

    @property
    def task(self) -> str:
        """What its labels are of."""
        ages = (Layout.UTKFACE, Layout.FAIRFACE, Layout.AGE_FOLDERS)
        return "age" if self in ages else "emotion"

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts it has."""
        return FAIRFACE_PARTS if self is Layout.FAIRFACE else PARTS


EXPECTED = {
    Layout.RAFDB_KAGGLE: "[rafdb/]DATASET/train/1/train_00001_aligned.jpg",
    Layout.RAFDB_OFFICIAL: "[rafdb/]basic/EmoLabel/list_patition_label.txt and basic/Image/aligned",
    Layout.FERPLUS: "[ferplus/]FER2013Train/label.csv",
    Layout.UTKFACE: "UTKFace.tar.gz (aligned and cropped) unpacked: [UTKFace/]26_1_0_*.jpg",
    Layout.FAIRFACE: "[fairface/]fairface_label_train.csv",
    Layout.EMOTION_FOLDERS: "happiness/*.jpg",
    Layout.AGE_FOLDERS: "34/*.jpg",
}

IS_HERE: dict[Layout, Callable[[Path], bool]] = {
    Layout.RAFDB_KAGGLE: lambda root: kaggle_base(root) is not None,
    Layout.RAFDB_OFFICIAL: lambda root: official_base(root) is not None,
    Layout.FERPLUS: lambda root: ferplus_base(root) is not None,
    Layout.UTKFACE: lambda root: utkface_base(root) is not None,
    Layout.FAIRFACE: lambda root: fairface_base(root) is not None,
    Layout.EMOTION_FOLDERS: lambda root: is_folders(root, "emotion"),
    # RAF-DB's classes 1 to 7 are no years.
    Layout.AGE_FOLDERS: lambda root: is_folders(root, "age") and kaggle_base(root) != root,
}
"""In the order asked. Where a folder holds several data sets, the first of a task is its own: the
one with a validation part."""


def recognise(root: Path, task: str | None = None) -> Layout:
    """The layout of a folder, among those of a task if one is given; DataError where it is none."""
    asked = [layout for layout in IS_HERE if task in (None, layout.task)]
    here = [layout for layout in IS_HERE if IS_HERE[layout](root)] if root.is_dir() else []
    for layout in here:
        if layout in asked:
            return layout
    why = "holds no data set known here"
    if here:
        why = f"holds {' and '.join(layout.value for layout in here)}, nothing for {task}"
    elif not root.is_dir():
        why = "is no folder"
    expected = "\n".join(f"  {EXPECTED[layout]} ({layout.value})" for layout in asked)
    raise DataError(f"{root} {why}: expected in it one of\n{expected}")


def samples(task: str, root: Path, part: str) -> list[Sample]:
    """The `part` (train, valid or test) of the task's data set in `root`, whatever its layout.

    FairFace's labels are `Years`, FER+'s train part's are votes; the rest are numbers.
    """
    check_part(part)
    return load(recognise(root, task), root, part)


def load(layout: Layout, root: Path, part: str) -> list[Sample]:
    """A part of a data set whose layout is known; DataError where it has no such part."""
    if part not in layout.parts:
        raise DataError(f"{layout.value} has no {part} part: use another data set for that")
    if layout in (Layout.EMOTION_FOLDERS, Layout.AGE_FOLDERS):
        return folders(root, part, layout.task)
    loaders = {Layout.FERPLUS: ferplus, Layout.UTKFACE: utkface, Layout.FAIRFACE: fairface}
    return loaders.get(layout, rafdb)(root, part)


def faces_of(root: Path) -> list[Path]:
    """Faces to learn from without their labels, sorted: the train part of whatever is in `root`.

    No face of any valid or test part is among them, and no near-duplicate of one.
    """
    layout = recognise(root)
    return sorted(sample.path for sample in load(layout, root, "train"))
