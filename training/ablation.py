"""What each ingredient gives: the same short run with one thing changed, judged on validation.

Short and of the small network, so that all of them take an hour: what counts is the difference
from the first run, not the height.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from training.crops import load_crops
from training.data import samples
from training.distill import Teachers, distilled
from training.experiment import EXPERIMENTS, Experiment
from training.lessons import lesson
from training.loop import Parts, load_run, look, score, train
from training.metrics import confusion, f1
from training.pool import OWN, pool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from training.crops import Crops, Places

SMALL = EXPERIMENTS["emotion-small"]
BASES = {
    "emotion": replace(SMALL, epochs=15, beside_batch=0),
    "age": replace(SMALL, task="age", side=72, zoom=1.0, epochs=8, beside_batch=0),
}


class Variant(NamedTuple):
    """One change to a base: figures of the experiment, and where else its faces come from."""

    name: str
    what: str
    changes: Mapping[str, Any] = MappingProxyType({})
    beside: bool = False
    """Labelled faces of the other data set are learned beside."""
    taught: str = ""
    """`own`: an ensemble teaches the task's own faces; `all`: those of every data set."""


STILL = {"turn": 0.0, "shift": 0.0, "scale": 0.0}
COMMON = (
    Variant("base", "everything of the small network, from random weights, own labels only"),
    Variant("no moving", "without turning, shifting and scaling", STILL),
    Variant("no erasing", "without painting over a part", {"erase": 0.0}),
    Variant("no harm", "without noise, dim light and few pixels", {"harm": 0.0}),
    Variant("no dropout", "without dropout", {"dropout": 0.0}),
    Variant("no averaging", "the last weights instead of their running average", {"average": 0.0}),
    Variant("taught", "taught by the ensemble, own faces only", taught="own"),
    Variant(
        "taught by all",
        "taught by the ensemble on all data sets' faces",
        {"beside_batch": 64},
        taught="all",
    ),
)
VARIANTS = {
    "emotion": (
        *COMMON,
        Variant("no smoothing", "labels not smoothed", {"label_smoothing": 0.0}),
        Variant("FER+", "FER+'s votes beside", {"beside_batch": 64}, beside=True),
    ),
    "age": (
        *COMMON,
        Variant("one-hot", "one year right instead of a Gaussian around it", {"label_sigma": 0.1}),
        Variant("FairFace", "FairFace's groups of ages beside", {"beside_batch": 64}, beside=True),
    ),
}


class Source(NamedTuple):
    """Where runs come from and go to: data sets, eyes, the folder of runs."""

    data: Path
    places: Places
    runs: Path


def ablate(task: str, source: Source) -> Iterator[dict[str, Any]]:
    """Train every variant of a task that is not trained yet; answers a record of each."""
    held_out = samples(task, source.data, "valid")
    for variant in VARIANTS[task]:
        folder = source.runs / "ablation" / f"{task}-{variant.name.replace(' ', '-')}"
        plan = replace(BASES[task], **variant.changes)
        valid = load_crops(plan, held_out, source.places, f"{OWN[task]}-valid")
        record = folder / "figures.json"
        if not record.exists():
            begun = time.monotonic()
            train(plan, _parts(plan, variant, valid, source), folder)
            figures = _judge(folder, valid)
            minutes = round((time.monotonic() - begun) / 60, 1)
            record.write_text(json.dumps({"valid": figures, "minutes": minutes}))
        yield {
            "task": task,
            "name": variant.name,
            "what": variant.what,
            **json.loads(record.read_text()),
        }


def _parts(plan: Experiment, variant: Variant, valid: Crops, source: Source) -> Parts:
    (own,), others = pool(plan, source.data)
    parts = Parts(
        lesson(plan, load_crops(plan, own.samples, source.places, own.name)), {plan.task: valid}
    )
    if variant.taught:
        ensemble = source.runs / f"ensemble-{plan.task}.json"
        teachers = Teachers({plan.task: ensemble}, source.places.cache / "said")
        parts = parts._replace(train=distilled(plan, [own], teachers, source.places))
        if variant.taught == "all":
            parts = parts._replace(beside=distilled(plan, others, teachers, source.places))
    elif variant.beside:
        (alike,) = (faces for faces in others if faces.labels == plan.task)
        crops = load_crops(plan, alike.samples, source.places, alike.name)
        parts = parts._replace(beside=lesson(plan, crops))
    return parts


def _judge(folder: Path, valid: Crops) -> dict[str, float]:
    """Figures of a run's best network on the validation part."""
    plan, network = load_run(folder)
    labels = torch.from_numpy(valid.labels)
    found = look(plan, network, torch.from_numpy(valid.images))[plan.task]
    if plan.task == "age":
        return {"mean_absolute_error": round(-score("age", found, labels), 3)}
    table = confusion(found.argmax(1).numpy(), valid.labels, found.shape[1])
    return {
        "accuracy": round(score("emotion", found, labels), 4),
        "macro_f1": round(float(f1(table).mean()), 4),
    }
