"""`python -m conversion emotion|age`: a trained Keras model becomes models_tflite/NAME.tflite."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conversion.convert import ConversionError, convert
from device.vision.runtime import ModelError
from training.crops import Places
from training.data import DataError
from training.experiment import OUTPUTS


def main() -> int:
    """0: written; 1: not good enough or something is missing."""
    parser = argparse.ArgumentParser(
        prog="python -m conversion",
        description="Convert a trained Keras model to int8 TFLite, check it against the float "
        "model and on every runtime present, measure it on the test part, and write it with its "
        "sidecar; a model below its floor is not written.",
    )
    parser.add_argument("task", choices=sorted(OUTPUTS))
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--model", type=Path, help="default: runs/TASK/TASK.keras")
    parser.add_argument("--models", type=Path, default=Path("models_tflite"), help="written here")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="eyes found")
    options = parser.parse_args()
    keras_file = options.model or Path("runs", options.task, f"{options.task}.keras")
    if not keras_file.exists():
        parser.error(
            f"{keras_file} is missing: run `python -m training train {options.task}` first"
        )
    try:
        sidecar = convert(keras_file, options.data, Places(options.models, options.cache))
    except (ConversionError, DataError, ModelError) as error:
        print(f"conversion: {error}", file=sys.stderr)
        return 1
    test = sidecar.metrics["test"]
    print({key: test[key] for key in ("accuracy", "mean_absolute_error") if key in test})
    print(sidecar.metrics["parity"])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
