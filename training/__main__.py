"""`python -m training`: see `--help`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from device.vision.runtime import ModelError
from training.data import PARTS, DataError, ferplus, samples
from training.experiment import EXPERIMENTS, Experiment

MODELS = Path("models_tflite")
EPILOG = """\
data sets (--data names the folder that holds them):
  emotion  RAF-DB in Kaggle's layout: DATASET/{train,test}/{1..7}/*.jpg
  age      UTKFace, aligned and cropped: 26_1_0_20170116182520500.jpg.chip.jpg
  FER+     FER2013Train/fer0000000.png and FER2013Train/label.csv

the models from nothing:
  python -m training train age --data UTKFace
  python -m conversion age --data UTKFace
  python -m training train emotion --data rafdb --out runs/teacher
  python -m training train emotion --data rafdb --out runs/teacher-ferplus \\
      --ferplus ferplus --start runs/age/best.pt --epochs 40
  python -m training train emotion --data rafdb --start runs/teacher-ferplus/best.pt \\
      --teacher runs/teacher/best.pt --teacher runs/teacher-ferplus/best.pt \\
      --epochs 45 --peak-rate 3e-3
  python -m conversion emotion --data rafdb
  python -m training evaluate --model models_tflite/emotion.tflite --data rafdb
  python -m training report
"""


def main() -> int:
    """0: done; 1: something is missing, said on stderr."""
    options = _parser().parse_args()
    try:
        result: int = options.run(options)
    except (DataError, ModelError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("training: stopped; the same command goes on from the last epoch", file=sys.stderr)
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

    data = commands.add_parser("data", help="check a data set and cut its faces into the cache")
    train = commands.add_parser("train", help="train a model, or go on training it")
    for command in (data, train):
        command.add_argument("task", choices=sorted(EXPERIMENTS))
        command.add_argument("--data", type=Path, required=True, help="the task's data set")
        command.add_argument("--cache", type=Path, default=Path("runs/crops"), help="cut faces")
    data.set_defaults(run=_data)
    train.add_argument("--out", type=Path, help="checkpoints and log; default: runs/TASK")
    train.add_argument("--ferplus", type=Path, help="learn FER+'s faces, too (emotion)")
    train.add_argument("--start", type=Path, help="best.pt of a run to take all but the head from")
    train.add_argument(
        "--teacher",
        type=Path,
        action="append",
        default=[],
        help="best.pt of a run to learn from beside the labels; may be given more than once",
    )
    train.add_argument("--epochs", type=int, help="instead of the experiment's own")
    train.add_argument("--peak-rate", type=float, help="of learning; likewise")
    train.add_argument("--fresh", action="store_true", help="forget the last checkpoint")
    train.set_defaults(run=_train)

    measure = commands.add_parser("evaluate", help="measure a TFLite file on a data set")
    measure.add_argument("--model", type=Path, required=True, help="with its .json beside it")
    measure.add_argument("--data", type=Path, required=True, help="the task's data set")
    measure.add_argument("--part", choices=PARTS, default="test")
    measure.add_argument("--runtime", help="litert or tflite-runtime; default: the best present")
    measure.add_argument("--json", action="store_true", help="all figures, as JSON")
    measure.set_defaults(run=_evaluate)

    report = commands.add_parser("report", help="REPORT.md and figures from the models' sidecars")
    report.add_argument("--models", type=Path, default=MODELS)
    report.set_defaults(run=_report)
    return parser


def _data(options: argparse.Namespace) -> int:
    from training.crops import load_crops  # noqa: PLC0415 - each command loads what it needs

    for part in PARTS:
        chosen = samples(options.task, options.data, part)
        crops = load_crops(EXPERIMENTS[options.task], chosen, MODELS, options.cache, part)
        print(f"{part}: {len(crops.labels)} faces, eyes found in {crops.found.mean():.1%}")
    return 0


def _train(options: argparse.Namespace) -> int:
    from training.crops import load_crops  # noqa: PLC0415
    from training.loop import Parts, train  # noqa: PLC0415

    if options.ferplus is not None and options.task != "emotion":
        raise DataError("--ferplus holds emotions: it cannot help to learn " + options.task)
    plan = _changed(EXPERIMENTS[options.task], options.epochs, options.peak_rate)
    chosen = {part: samples(options.task, options.data, part) for part in ("train", "valid")}
    if options.ferplus is not None:
        chosen["ferplus"] = ferplus(options.ferplus)
    crops = {
        name: load_crops(plan, found, MODELS, options.cache, name) for name, found in chosen.items()
    }
    parts = Parts(crops["train"], crops["valid"], crops.get("ferplus"))
    folder = options.out or Path("runs", options.task)
    written = train(
        plan,
        parts,
        folder,
        start=options.start,
        teachers=options.teacher,
        fresh=options.fresh,
    )
    print(f"wrote {written}")
    return 0


def _changed(plan: Experiment, epochs: int | None, peak_rate: float | None) -> Experiment:
    """An experiment with the figures that were given."""
    return replace(plan, epochs=epochs or plan.epochs, peak_rate=peak_rate or plan.peak_rate)


def _evaluate(options: argparse.Namespace) -> int:
    from training.evaluate import evaluate  # noqa: PLC0415

    figures = evaluate(
        options.model.parent,
        options.model.stem,
        options.data,
        options.part,
        runtime=options.runtime,
    )
    if options.json:
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        if name != "confusion":
            _show(name, value, 0)
    return 0


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
    from training.report import write_report  # noqa: PLC0415

    print(f"wrote {write_report(options.models)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
