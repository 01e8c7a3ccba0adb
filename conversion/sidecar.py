"""What the sidecar of a converted emotion or age model says of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from device.vision.runtime import CropSpec, InputSpec, Sidecar
from training.data import EMOTIONS, MAX_AGE
from training.pool import OWN
from training.publishers import learned_from, sets_of

if TYPE_CHECKING:
    from training.experiment import Experiment

LICENCE = (
    "weights: as Attune's code; the data sets they were learned from are for non-commercial "
    "research, so clear their terms before selling a product with these weights"
)
OWN_LICENCE = (
    "weights: as Attune's code, as far as those allow it whose the faces are that they were "
    "learned from"
)
DATA: dict[str, dict[str, str]] = {
    "rafdb": {
        "name": "RAF-DB basic (Li, Deng and Du, 2017)",
        "train": "the publisher's train part less validation",
        "valid": "a seeded, class-stratified tenth of train, training/splits/rafdb.csv",
        "test": "the publisher's test part",
        "terms": "non-commercial research, no redistribution of images",
    },
    "utkface": {
        "name": "UTKFace, aligned and cropped (Zhang, Song and Qi, 2017)",
        "train": "as training/splits/utkface.csv lists it",
        "valid": "as listed there",
        "test": "as listed there; 419 duplicates with conflicting ages are left out everywhere",
        "terms": "non-commercial research",
    },
    "ferplus": {
        "name": "FER+ (Barsoum, Zhang, Canton Ferrer and Zhang, 2016)",
        "train": "the publisher's train part, by its votes",
        "valid": "the publisher's valid part, by the majority of its votes",
        "test": "the publisher's test part, likewise",
        "terms": "images: research; votes: MIT",
    },
    "own": {
        "name": "faces of one's own",
        "train": "the folder train or, where there are no such parts, eight tenths by content",
        "valid": "the folder valid, or a tenth by content",
        "test": "the folder test, or a tenth by content",
        "terms": "theirs",
    },
}
"""The data set that a model learned from and is judged on, by the names of `training.pool.NAMES`:
FairFace has no validation part."""

INTENDED_USE = {
    "emotion": (
        "the look of a face, to choose music at home by; it is not what a person feels, and no "
        "ground for any decision about a person"
    ),
    "age": "a wide guess to choose music at home by; no proof of age",
}
WEAK = {
    "emotion": ". Weak on fear and disgust",
    "age": ". Errors grow above 60, and the data are mostly adults between 20 and 40",
}
"""What is known of models that learned from the data set that the task has here (`OWN`)."""


def describe(plan: Experiment, content: bytes, cost: int, record: dict[str, Any]) -> Sidecar:
    """The sidecar of a converted file, uncalibrated.

    `cost` is its multiply-adds, `record` the training run's experiment.json.
    """
    emotion = plan.task == "emotion"
    trained_on, learned = sets_of(record)[0], learned_from(record)
    for_research = any("research" in each["terms"] for each in learned.values())
    known = WEAK[plan.task] if trained_on == OWN[plan.task] else ""
    return Sidecar(
        task=plan.task,
        labels=list(EMOTIONS) if emotion else [str(age) for age in range(MAX_AGE + 1)],
        input=InputSpec(shape=(1, plan.side, plan.side, 3)),
        quantization="int8 input, output, activations and weights (per channel)",
        sha256=hashlib.sha256(content).hexdigest(),
        crop=CropSpec(zoom=plan.zoom),
        data={**DATA[trained_on], "learned_from": learned, "run": record},
        metrics={"multiply_adds": cost, "bytes": len(content)},
        licence=LICENCE if for_research else OWN_LICENCE,
        intended_use=INTENDED_USE[plan.task] + known,
    )
