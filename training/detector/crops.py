"""Faces cut out by their publishers: thousands more to find, without their surroundings.

The detector's photos show some ten thousand faces, few of them large. Of the data sets that emotion
and age are learned from, the train parts show as many again, of other people in other light.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

from tqdm import tqdm

from training.data import AbsentError, fairface, rafdb, utkface
from training.detector.augment import NO_CROPS, Crops
from training.detector.labels import SURE
from training.detector.photos import keyed, read_photo
from training.detector.teacher import Teacher, load_labels
from training.publishers import PUBLISHERS

if TYPE_CHECKING:
    from training.detector.labels import Source

SETS = {"rafdb": rafdb, "utkface": utkface, "fairface": fairface}
"""By their names in `training.publishers`."""
EACH = 2000
"""Faces drawn of each set at most: together some as many as the photos show."""
SEED = 1


def load_crops(source: Source) -> Crops:
    """Faces of the train parts of the sets that lie beside the photos, labelled by the teacher;
    those that it is not sure of are left out."""
    paths, names = [], []
    for name, load_set in SETS.items():
        try:
            found = load_set(source.data, "train")
        except AbsentError as error:
            tqdm.write(f"without faces of {PUBLISHERS[name].title}: {error}")
            continue
        drawn = random.Random(SEED).sample(found, min(EACH, len(found)))  # noqa: S311 - no secret
        paths += [sample.path for sample in drawn]
        names += [name] * len(drawn)
    if not paths:
        return NO_CROPS
    chosen = [keyed(path) for path in paths]
    labels = load_labels(chosen, source.teacher, source.cache, Teacher.label_crop)
    sure = [n for n, faces in enumerate(labels) if len(faces) and faces[0, 0] >= SURE]
    return Crops(
        [read_photo(chosen[n].path) for n in sure],
        [labels[n] for n in sure],
        dict(Counter(names[n] for n in sure)),
    )
