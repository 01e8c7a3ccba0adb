"""From the eye network's trained weights to eyes.tflite with its sidecar, or a reason why not."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from conversion.convert import ConversionError
from device.vision.detect import MIN_SCORE, GridDetector
from device.vision.eyes import EyeFinder
from device.vision.runtime import CropSpec, InputSpec, Model, Sidecar, available_runtimes
from training.detector.evaluate import as_faces, evaluate
from training.detector.loop import load
from training.detector.measure import figures, match
from training.eyes.faces import Maker, faces_in_photos
from training.eyes.measure import refined
from training.eyes.plan import EyePlan

if TYPE_CHECKING:
    import numpy.typing as npt

    from training.detector.labels import Faces, Source

    Image = npt.NDArray[np.uint8]

CALIBRATION_CROPS = 500
PARITY_EVERY = 3
"""Float, int8 and the runtimes are compared on each so many of the validation photos."""
MAX_LOSS = 0.002
"""Distances of the eyes that quantization, or another runtime, may cost on the validation part."""
MAX_EYE_ERROR = 0.05
"""Median on the test part, in distances of the eyes, from the mean of the teacher's eight looks.
One look of the teacher itself, at 640 pixels, is 0.072 away from it."""


class Converted(NamedTuple):
    """The file, its multiply-adds, and the checked faces as the float network corrects them."""

    content: bytes
    multiply_adds: int
    found: list[Faces]


def convert_eyes(weights: Path, source: Source, models: Path) -> Sidecar:
    """Quantize, compare, measure beside `models`' detector; write the model if it reaches its
    floors. Raises ConversionError, and leaves the model that was there, where it does not."""
    plan, record = read_plan(weights.parent / "experiment.json")
    learned, held_out = load(source, "train"), load(source, "valid")
    maker = Maker(plan, faces_in_photos(*learned), [])
    rng = np.random.default_rng(plan.seed)
    calibration = np.stack([maker.make(rng)[0] for _ in range(CALIBRATION_CROPS)])
    images, truth = held_out.images[::PARITY_EVERY], held_out.faces[::PARITY_EVERY]
    detector = GridDetector(Model(models, "face"))
    found = [as_faces(detector, image) for image in images]
    # Once TensorFlow is loaded, tflite-runtime refuses every model: in a process of its own.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        converted = pool.submit(quantized, weights, plan, calibration, images, found).result()
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder)
        for suffix in (".tflite", ".json"):
            shutil.copy(models / f"face{suffix}", draft)
        (draft / "eyes.tflite").write_bytes(converted.content)
        sidecar = describe(plan, converted, record)
        _write(draft, sidecar)
        parity = check_parity(draft, images, found, truth, converted.found)
        test = evaluate(draft, source)
        check_floor(test)
        metrics = {**sidecar.metrics, "parity": parity, "test": test}
        sidecar = msgspec.structs.replace(sidecar, metrics=metrics)
        _write(draft, sidecar)
        for suffix in (".tflite", ".json"):
            shutil.copy(draft / f"eyes{suffix}", models)
    return sidecar


def read_plan(path: Path) -> tuple[EyePlan, dict[str, Any]]:
    """The plan that a run was trained by, and all of its record."""
    try:
        content = path.read_bytes()
        return msgspec.json.decode(content, type=EyePlan), msgspec.json.decode(content)
    except (OSError, msgspec.DecodeError) as error:
        raise ConversionError(
            f"{path} does not say how the weights beside it were trained ({error}): "
            "run `python -m training train eyes` again"
        ) from error


def quantized(
    weights: Path, plan: EyePlan, calibration: Image, images: list[Image], found: list[Faces]
) -> Converted:
    """Convert, in a process of its own."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import torch  # noqa: PLC0415 - see convert_eyes

    from conversion.quantize import _quantize, multiply_adds, take_pixels  # noqa: PLC0415
    from training.eyes.network import EyeNetwork, as_model, to_keras  # noqa: PLC0415

    torch.set_num_threads(1)  # on a busy machine its threads would wait for one another
    network = EyeNetwork(plan).eval()
    network.load_state_dict(torch.load(weights, map_location="cpu")["network"])
    model = to_keras(network, plan)
    cost = multiply_adds(model)
    take_pixels(model)
    finder = EyeFinder(as_model(network, plan))
    anew = [refined(finder, image, faces) for image, faces in zip(images, found, strict=True)]
    return Converted(_quantize(model, calibration), cost, anew)


def check_parity(
    draft: Path,
    images: list[Image],
    found: list[Faces],
    truth: list[Faces],
    reference: list[Faces],
) -> dict[str, float]:
    """The eyes' error by the detector alone, and corrected in float and in int8 on every runtime.

    Raises ConversionError where int8 or a runtime costs too much.
    """
    corrected = {"detector alone": found, "float": reference}
    for runtime in available_runtimes():
        finder = EyeFinder(Model(draft, "eyes", runtime=runtime))
        corrected[f"int8, {runtime}"] = [
            refined(finder, image, faces) for image, faces in zip(images, found, strict=True)
        ]
    longer = [max(image.shape[:2]) for image in images]
    errors: dict[str, float] = {}
    for name, faces in corrected.items():
        errors[name] = figures(match(faces, truth, longer), MIN_SCORE)["eye_error"]
        loss = errors[name] - errors.get("float", errors[name])
        if loss > MAX_LOSS:
            raise ConversionError(
                f"{name} costs {loss:.4f} of the eyes' distance on validation, more than "
                f"{MAX_LOSS}: calibrate on more crops or train longer"
            )
    return {f"eye error, {name}": error for name, error in errors.items()}


def check_floor(test: dict[str, Any]) -> None:
    """ConversionError where the eyes' error on the test part misses its floor."""
    if test["eye_error"] is None or test["eye_error"] > MAX_EYE_ERROR:
        raise ConversionError(
            f"face and eyes together place eyes {test['eye_error']} of their distance off, more "
            f"than {MAX_EYE_ERROR}: not written"
        )


def describe(plan: EyePlan, converted: Converted, record: dict[str, Any]) -> Sidecar:
    """The sidecar of a converted file, unmeasured."""
    from training.eyes.network import LABELS  # noqa: PLC0415 - PyTorch is slow to load

    return Sidecar(
        task="eyes",
        labels=list(LABELS),
        input=InputSpec(shape=(1, plan.side, plan.side, 3)),
        quantization="int8 input, output, activations and weights (per channel)",
        sha256=hashlib.sha256(converted.content).hexdigest(),
        licence=LICENCE,
        crop=CropSpec(zoom=plan.zoom),
        data={**DATA, "run": {k: record[k] for k in ("faces", "start", "took") if k in record}},
        metrics={"multiply_adds": converted.multiply_adds, "bytes": len(converted.content)},
        intended_use=INTENDED_USE,
    )


def _write(folder: Path, sidecar: Sidecar) -> None:
    text = msgspec.json.format(msgspec.json.encode(sidecar), indent=2)
    (folder / "eyes.json").write_bytes(text + b"\n")


LICENCE = (
    "weights: as Attune's code; the photos and faces they were learned from are for research, so "
    "clear their terms before selling a product with these weights"
)
DATA = {
    "name": "faces of 3,700 unlabelled photos, of RAF-DB (Li, Deng and Du, 2017) and of UTKFace "
    "(Zhang, Song and Qi, 2017)",
    "labels": "five points by YuNet (Wu, Peng and Yu, 2023; MIT), as it looks at photos in four "
    "sizes and at cut out faces in two, as they are and mirrored; only faces it is sure of (0.7)",
    "train": "all photos that training/splits/photos.csv does not list, every second face of "
    "RAF-DB's and every fourth of UTKFace's train part",
    "valid": "photos as listed there",
    "test": "photos as listed there",
    "terms": "research, non-commercial",
}
INTENDED_USE = (
    "correcting where the detector sees eyes, so that a face is cut out right; it names nobody. "
    "Its teacher decides where eyes are"
)
