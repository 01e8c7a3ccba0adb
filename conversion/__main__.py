"""`python -m conversion emotion|age|face|music`: a model becomes models_tflite/NAME.tflite."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conversion.convert import ConversionError, convert
from conversion.detector import Runs, convert_detector
from conversion.music import compare_music, convert_music
from device.vision.detect import CLOSER, DOUBT
from device.vision.runtime import ModelError
from training.crops import Places
from training.data import DataError
from training.detector.labels import Source
from training.experiment import OUTPUTS


def main() -> int:
    """0: written; 1: not good enough or something is missing."""
    parser = argparse.ArgumentParser(
        prog="python -m conversion",
        description="Convert a trained Keras model to int8 TFLite, check it against the float "
        "model and on every runtime present, measure it on the test part, and write it with its "
        "sidecar; a model below its floor is not written.",
    )
    parser.add_argument("task", choices=sorted((*OUTPUTS, "face", "music")))
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="folder of the data sets that the run learned from; music: where the wheel of PyPI's "
        "musicnn was unpacked",
    )
    parser.add_argument(
        "--music", type=Path, default=Path("music/starter"), help="sound to compare on (music)"
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="convert nothing: compare the file in --models with the original (music)",
    )
    parser.add_argument(
        "--model", type=Path, help="default: runs/TASK/TASK.keras, for face runs/face/best.pt"
    )
    parser.add_argument(
        "--closer",
        type=Path,
        default=Path("runs/face-closer/best.pt"),
        help="the second look's weights; default: %(default)s (face)",
    )
    parser.add_argument(
        "--doubt",
        type=Path,
        default=Path("runs/face-doubt/best.pt"),
        help="the weights of the network that is asked in doubt; default: %(default)s (face)",
    )
    parser.add_argument("--teacher", type=Path, help="YuNet's ONNX file, to judge by (face)")
    parser.add_argument("--models", type=Path, default=Path("models_tflite"), help="written here")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="eyes found")
    options = parser.parse_args()
    if options.task == "music":
        return _music(options)
    name = "best.pt" if options.task == "face" else f"{options.task}.keras"
    keras_file = options.model or Path("runs", options.task, name)
    if not keras_file.exists():
        parser.error(
            f"{keras_file} is missing: run `python -m training train {options.task}` first"
        )
    if options.task == "face" and options.teacher is None:
        parser.error("a teacher says where faces are: give --teacher yunet.onnx")
    for file, name in ((options.closer, CLOSER), (options.doubt, DOUBT)):
        if options.task == "face" and not file.exists():
            parser.error(f"{file} is missing: run `python -m training train {name}` first")
    try:
        if options.task == "face":
            source = Source(options.data, options.teacher, options.cache)
            runs = Runs(keras_file, options.closer, options.doubt)
            sidecar = convert_detector(runs, source, options.models)
        else:
            sidecar = convert(keras_file, options.data, Places(options.models, options.cache))
    except (ConversionError, DataError, ModelError) as error:
        print(f"conversion: {error}", file=sys.stderr)
        return 1
    test = sidecar.metrics["test"]
    print({key: test[key] for key in ("accuracy", "mean_absolute_error", "recall") if key in test})
    print(sidecar.metrics["parity"])
    return 0


def _music(options: argparse.Namespace) -> int:
    try:
        convert = compare_music if options.compare else convert_music
        sidecar = convert(options.data, options.music, options.models)
    except (ConversionError, ModelError) as error:
        print(f"conversion: {error}", file=sys.stderr)
        return 1
    print({name: value for name, value in sidecar.metrics.items() if "parity" in name})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
