"""The commands of `python -m training` that make runs."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device.vision.detect import CLOSER, DOUBT, FIRST
from training.crops import Places
from training.data import DataError, samples
from training.experiment import EXPERIMENTS, OUTPUTS, Experiment, read_plan
from training.recipe import steps

if TYPE_CHECKING:
    from training.loop import Parts

MODELS = Path("models_tflite")
DETECTOR = (FIRST, CLOSER, DOUBT)


def train(options: argparse.Namespace) -> int:
    """Train on labels, or go on training."""
    from training.crops import load_crops  # noqa: PLC0415 - each command loads what it needs
    from training.lessons import lesson  # noqa: PLC0415
    from training.loop import Parts  # noqa: PLC0415
    from training.pool import counts, pool  # noqa: PLC0415

    if options.gentle and (options.experiment != "face-closer" or options.start is None):
        raise DataError("--gentle ends a training of face-closer: give its best.pt by --start")
    if options.experiment in DETECTOR:
        return _train_face(options)
    plan = _plan(options)
    places = Places(MODELS, options.cache)
    own, others = pool(plan, options.data)
    held_out = samples(plan.task, options.data, "valid")
    parts = Parts(
        lesson(plan, load_crops(plan, own.samples, places, own.name)),
        load_crops(plan, held_out, places, f"{own.name}-valid"),
    )
    alike = [faces for faces in others if faces.labels == plan.task and plan.beside_batch][:1]
    for faces in alike:
        crops = load_crops(plan, faces.samples, places, faces.name)
        parts = parts._replace(beside=lesson(plan, crops))
    parts = parts._replace(sets=counts(own, alike))
    return _run(plan, parts, options)


def _train_face(options: argparse.Namespace) -> int:
    from training.detector.closer import train_closer  # noqa: PLC0415
    from training.detector.doubt import train_doubt  # noqa: PLC0415
    from training.detector.labels import Source  # noqa: PLC0415
    from training.detector.loop import train_detector  # noqa: PLC0415
    from training.detector.plan import (  # noqa: PLC0415
        CloserPlan,
        DetectorPlan,
        DoubtPlan,
        GentlePlan,
    )

    name = options.experiment
    if options.teacher is None:
        raise DataError("a teacher labels the photos: give --teacher yunet.onnx")
    if options.batch is not None:
        raise DataError(f"{name} has batches of its own: leave --batch out")
    needed = {FIRST: (), CLOSER: ("first",), DOUBT: ("first", "closer")}[name]
    for run in needed:
        if not (file := getattr(options, run)).exists():
            raise DataError(f"{file} is missing: train it first, or name its best.pt by --{run}")
    if name == DOUBT and options.start is None:
        raise DataError("face-doubt starts from faceres: give its faceres.json by --start")
    names = ("epochs", "seed", "peak_rate")
    given = {key: getattr(options, key) for key in names if getattr(options, key) is not None}
    source = Source(options.data, options.teacher, options.cache)
    folder, start, fresh = options.out or Path("runs", name), options.start, options.fresh
    runs = {run: getattr(options, run) for run in needed}
    if name == FIRST:
        plan = replace(DetectorPlan(), **given)
        written = train_detector(plan, source, folder, start=start, fresh=fresh)
    elif name == CLOSER:
        closer = replace(GentlePlan() if options.gentle else CloserPlan(), **given)
        written = train_closer(closer, source, folder, start=start, fresh=fresh, **runs)
    else:
        doubt = replace(DoubtPlan(), **given)
        written = train_doubt(doubt, source, folder, start=start, fresh=fresh, **runs)
    print(f"wrote {written}")
    return 0


def restore(options: argparse.Namespace) -> int:
    """A detector's run from its model file."""
    from training.detector import restore  # noqa: PLC0415
    from training.detector.labels import Source  # noqa: PLC0415

    folder = options.out or Path("runs", options.model.stem)
    source = Source(options.data, options.teacher, options.cache)
    print(f"wrote {restore.restore(options.model, source, folder)}")
    return 0


def quantize(options: argparse.Namespace) -> int:
    """Fine-tune a run's network rounded to int8."""
    import torch  # noqa: PLC0415

    from training.crops import load_crops  # noqa: PLC0415
    from training.pool import pool  # noqa: PLC0415
    from training.quantized import fine_tune  # noqa: PLC0415

    plan = read_plan(options.run_folder)
    places = Places(MODELS, options.cache)
    own, _ = pool(plan, options.data)
    pictures = torch.from_numpy(load_crops(plan, own.samples, places, own.name).images)
    print(f"wrote {fine_tune(options.run_folder, pictures, epochs=options.epochs)}")
    return 0


def ensemble(options: argparse.Namespace) -> int:
    """Search which runs answer best together."""
    from training.ensemble import search, write_ensemble  # noqa: PLC0415

    chosen = samples(options.task, options.data, "valid")
    found = search(options.task, options.member, chosen, Places(MODELS, options.cache))
    out = options.out or Path("runs", f"ensemble-{options.task}.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_ensemble(out, found)
    show(str(out), found, 0)
    return 0


def distill(options: argparse.Namespace) -> int:
    """Train on what ensembles say of many faces."""
    from training.crops import load_crops  # noqa: PLC0415
    from training.distill import Teachers, distilled, taught_by  # noqa: PLC0415
    from training.loop import Parts  # noqa: PLC0415
    from training.pool import counts, pool  # noqa: PLC0415

    plan, places = _plan(options), Places(MODELS, options.cache)
    file = getattr(options, plan.task)
    if file is None:
        raise DataError(f"nobody teaches: give --{plan.task}, or use `training train`")
    teachers = Teachers(file, options.cache / "said")
    own, others = pool(plan, options.data)
    held_out = samples(plan.task, options.data, "valid")
    parts = Parts(
        distilled(plan, [own], teachers, places),
        load_crops(plan, held_out, places, f"{own.name}-valid"),
    )
    beside = others if plan.beside_batch else []
    if beside:
        parts = parts._replace(beside=distilled(plan, beside, teachers, places))
    parts = parts._replace(sets=counts(own, beside))
    return _run(plan, parts, options, taught_by(teachers))


def ablate(options: argparse.Namespace) -> int:
    """What each ingredient gives, in short runs."""
    from training import ablation  # noqa: PLC0415

    source = ablation.Source(
        options.data, Places(MODELS, options.cache), options.runs, options.faceres
    )
    out = MODELS / "ablation.json"
    known = json.loads(out.read_text()) if out.exists() else []
    tasks = options.task or list(OUTPUTS)
    if options.fresh:
        known = [r for r in known if r["task"] not in tasks or "key" not in r]
    for task in tasks:
        if taken := ablation.trained_before(task, known):
            print(f"{len(taken)} rows of {task} taken as they are from {out}: --fresh trains them")
        mine: list[dict[str, Any]] = []
        for record in ablation.ablate(task, source, known, fresh=options.fresh):
            mine.append(record)
            # Kept at once, so that an interruption costs one run.
            left = [r for r in known if r["task"] != task or r not in mine]
            out.write_text(json.dumps([*left, *mine], indent=1) + "\n")
        known = [*(r for r in known if r["task"] != task), *mine]
        out.write_text(json.dumps(known, indent=1) + "\n")
        print(f"wrote {out}")
    return 0


def _run(
    plan: Experiment,
    parts: Parts,
    options: argparse.Namespace,
    taught_by: dict[str, Any] | None = None,
) -> int:
    """Train; the network is written for conversion, too. What the device is to say of emotions,
    not what teachers say, is balanced between the classes."""
    from training import loop  # noqa: PLC0415
    from training.balance import balance  # noqa: PLC0415

    folder = options.out or Path("runs", options.experiment)
    written = loop.train(
        plan, parts, folder, start=options.start, fresh=options.fresh, taught_by=taught_by
    )
    if taught_by is not None and plan.task == "emotion":
        part = balance(folder, parts.valid)
        print(f"balanced: {part:.2f} of the log of each class's share is taken out")
    print(f"wrote {written}, {loop.export(folder)}")
    return 0


def every_step(options: argparse.Namespace) -> int:
    """Each step in a process of its own, so that its record is of its own memory."""
    for words in steps(options.data, options.faceres, options.runs):
        print("python -m training", " ".join(words), flush=True)
        if options.dry_run:
            continue
        step = [sys.executable, "-m", "training", *words]
        if result := subprocess.run(step, check=False).returncode:  # noqa: S603 - our own words
            return result
    return 0


def _plan(options: argparse.Namespace) -> Experiment:
    """The experiment with the figures that were given."""
    names = ("epochs", "seed", "batch", "peak_rate")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    return replace(EXPERIMENTS[options.experiment], **given)


def show(name: str, value: Any, depth: int) -> None:  # noqa: ANN401 - a JSON tree
    """Print figures, the deeper ones indented."""
    indent = "  " * depth
    if isinstance(value, dict) and set(value) == {"value", "low", "high"}:
        print(f"{indent}{name}: {value['value']} (95 %: {value['low']} to {value['high']})")
    elif isinstance(value, dict) and not any(isinstance(v, dict) for v in value.values()):
        print(f"{indent}{name}: " + ", ".join(f"{k} {v}" for k, v in value.items()))
    elif isinstance(value, dict):
        print(f"{indent}{name}:")
        for inner, content in value.items():
            show(inner, content, depth + 1)
    else:
        print(f"{indent}{name}: {value}")
