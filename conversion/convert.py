"""From a trained Keras model to a TFLite file with its sidecar, or a reason why not."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from conversion.quantize import quantize_file
from device.vision.reader import age_interval, both_ways, softmax
from device.vision.runtime import CropSpec, InputSpec, Model, Sidecar, available_runtimes
from training.crops import load_crops
from training.data import EMOTIONS, MAX_AGE, samples
from training.evaluate import evaluate
from training.metrics import fit_temperature

if TYPE_CHECKING:
    import numpy.typing as npt

    from training.crops import Crops, Labels
    from training.experiment import Experiment

    Logits = npt.NDArray[np.float32]

CALIBRATION_IMAGES = 1000
MAX_LOSS = {"emotion": 0.01, "age": 0.1}
"""What quantization may cost on the validation part: share of accuracy, years of error."""
AGREEMENT = {"emotion": 0.98, "age": 0.98}
"""Share of validation faces on which two runtimes must say the same (age: within a year)."""


class ConversionError(Exception):
    """A model is not good enough to be written; the message says in which respect."""


class Places(NamedTuple):
    """Where things are: the data set, the models' folder, the crops' cache."""

    data: Path
    models: Path
    cache: Path


def convert(plan: Experiment, keras_file: Path, places: Places) -> Sidecar:
    """Quantize, calibrate, compare, measure; write the model if it reaches its floor."""
    train, valid = (
        load_crops(plan, samples(plan.task, places.data, part), places, part)
        for part in ("train", "valid")
    )
    rng = np.random.default_rng(plan.seed)
    chosen = rng.choice(len(train.labels), min(CALIBRATION_IMAGES, len(train.labels)), False)
    images = device_crops(plan, valid)
    converted = quantize_file(keras_file, device_crops(plan, train)[np.sort(chosen)], images)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder)
        (draft / f"{plan.task}.tflite").write_bytes(converted.content)
        for suffix in (".tflite", ".json"):
            shutil.copy(places.models / f"face{suffix}", draft)
        record = json.loads((keras_file.parent / "experiment.json").read_text())
        sidecar = describe(plan, converted.content, converted.multiply_adds, record)
        _write(draft, sidecar)
        logits = {r: _run(draft, plan.task, r, images) for r in available_runtimes()}
        best = next(iter(logits.values()))
        parity = check_parity(plan, converted.logits, logits, valid.labels)
        sidecar = msgspec.structs.replace(sidecar, calibration=calibrate(plan, best, valid.labels))
        _write(draft, sidecar)
        figures = evaluate(draft, plan.task, places.data)
        sidecar = msgspec.structs.replace(
            sidecar, metrics={**sidecar.metrics, "parity": parity, "test": figures}
        )
        _write(draft, sidecar)
        check_floor(plan, figures)
        for suffix in (".tflite", ".json"):
            shutil.copy(draft / f"{plan.task}{suffix}", places.models)
    return sidecar


def device_crops(plan: Experiment, crops: Crops) -> npt.NDArray[np.uint8]:
    """The middle of training crops, which is what the device cuts."""
    inner = slice(plan.margin, plan.margin + plan.side)
    return np.ascontiguousarray(crops.images[:, inner, inner])


def calibrate(plan: Experiment, logits: Logits, labels: Labels) -> dict[str, float]:
    """What makes the int8 model's doubts honest, from the validation part."""
    if plan.task == "emotion":
        return {"temperature": round(fit_temperature(logits, labels), 4)}
    ages = np.arange(plan.outputs, dtype=np.float32)

    def error(temperature: float) -> float:
        return float(np.abs(_years(logits / temperature) - labels).mean())

    def miss(temperature: float) -> float:
        ends = np.array([age_interval(row, ages, temperature) for row in logits])
        inside = (ends[:, 0] <= labels) & (labels <= ends[:, 1])
        return abs(float(inside.mean()) - 0.8)

    # Soft labels blur the answer, and a blurred answer is drawn to the middle of all ages.
    return {
        "temperature": round(float(min(np.geomspace(0.2, 2, 60), key=error)), 4),
        "interval_temperature": round(float(min(np.geomspace(0.1, 16, 120), key=miss)), 4),
    }


def check_parity(
    plan: Experiment,
    reference: Logits,
    logits: dict[str, Logits],
    labels: Labels,
) -> dict[str, float]:
    """Compare int8 with float, and the runtimes with each other, on the validation part.

    Raises ConversionError where quantization costs too much or the runtimes disagree.
    """
    first, *others = logits
    before, after = (_score(plan, values, labels) for values in (reference, logits[first]))
    loss = before - after if plan.task == "emotion" else after - before
    figures = {"float": round(before, 4), "int8": round(after, 4)}
    if loss > MAX_LOSS[plan.task]:
        raise ConversionError(
            f"int8 costs {plan.task} {loss:.3f} on validation, more than {MAX_LOSS[plan.task]}: "
            "calibrate on more images or train longer"
        )
    for other in others:
        same = _agreement(plan, logits[first], logits[other])
        figures[f"{first} agrees with {other}"] = round(same, 4)
        if same < AGREEMENT[plan.task]:
            raise ConversionError(f"{first} and {other} agree on {same:.1%} of the faces only")
    return figures


def check_floor(plan: Experiment, figures: dict[str, Any]) -> None:
    """ConversionError where the test part's figure misses the experiment's floor."""
    if plan.task == "emotion":
        value, good = figures["accuracy"]["value"], figures["accuracy"]["value"] >= plan.floor
    else:
        value = figures["mean_absolute_error"]["value"]
        good = value <= plan.floor
    if not good:
        raise ConversionError(
            f"{plan.task} reaches {value} on test, its floor is {plan.floor}: not written"
        )


def _score(plan: Experiment, logits: Logits, labels: Labels) -> float:
    if plan.task == "emotion":
        return float((logits.argmax(1) == labels).mean())
    return float(np.abs(_years(logits) - labels).mean())


def _agreement(plan: Experiment, one: Logits, other: Logits) -> float:
    if plan.task == "emotion":
        return float((one.argmax(1) == other.argmax(1)).mean())
    return float((np.abs(_years(one) - _years(other)) <= 1).mean())


def _years(logits: Logits) -> Logits:
    return np.asarray(softmax(logits) @ np.arange(logits.shape[1], dtype=np.float32))


def _run(folder: Path, name: str, runtime: str, images: npt.NDArray[np.uint8]) -> Logits:
    model = Model(folder, name, runtime=runtime)
    return np.stack([both_ways(model, image) for image in images])


def describe(plan: Experiment, content: bytes, cost: int, record: dict[str, Any]) -> Sidecar:
    """The sidecar of a converted file, uncalibrated.

    `cost` is its multiply-adds, `record` the training run's experiment.json.
    """
    emotion = plan.task == "emotion"
    return Sidecar(
        task=plan.task,
        labels=list(EMOTIONS) if emotion else [str(age) for age in range(MAX_AGE + 1)],
        input=InputSpec(shape=(1, plan.side, plan.side, 3)),
        quantization="int8 input, output, activations and weights (per channel)",
        sha256=hashlib.sha256(content).hexdigest(),
        crop=CropSpec(zoom=plan.zoom),
        data={**DATA[plan.task], **_origin(record)},
        metrics={"multiply_adds": cost, "bytes": len(content)},
        licence=LICENCE,
        intended_use=INTENDED_USE[plan.task],
    )


def _origin(record: dict[str, Any]) -> dict[str, Any]:
    """How many faces a run learned from, and what helped it."""
    origin: dict[str, Any] = {"faces": record["faces"]}
    if "extra" in record["faces"]:
        origin["beside"] = (
            "the train part of FER+ (Barsoum et al., 2016; images of FER2013, for research), with "
            f"its votes, in the first {record['extra_share']:.0%} of the epochs"
        )
    if record["teachers"]:
        origin["teachers"] = f"what the runs {' and '.join(record['teachers'])} said, on average"
    if record["start"] is not None:
        origin["start"] = f"the weights of {record['start']}, all but the head"
    return origin


def _write(folder: Path, sidecar: Sidecar) -> None:
    text = msgspec.json.format(msgspec.json.encode(sidecar), indent=2)
    (folder / f"{sidecar.task}.json").write_bytes(text + b"\n")


LICENCE = (
    "weights: as Attune's code; the data sets they were learned from are for non-commercial "
    "research, so clear their terms before selling a product with these weights"
)
DATA: dict[str, dict[str, Any]] = {
    "emotion": {
        "name": "RAF-DB basic (Li, Deng and Du, 2017)",
        "train": "the publisher's train part less validation",
        "valid": "a seeded, class-stratified tenth of train, training/splits/rafdb.csv",
        "test": "the publisher's test part",
        "terms": "non-commercial research, no redistribution of images",
    },
    "age": {
        "name": "UTKFace, aligned and cropped (Zhang, Song and Qi, 2017)",
        "train": "as training/splits/utkface.csv lists it",
        "valid": "as listed there",
        "test": "as listed there; 419 duplicates with conflicting ages are left out everywhere",
        "terms": "non-commercial research",
    },
}
INTENDED_USE = {
    "emotion": (
        "the look of a face, to choose music at home by; it is not what a person feels, and no "
        "ground for any decision about a person. Weak on fear and disgust"
    ),
    "age": (
        "a wide guess to choose music at home by; no proof of age. Errors grow above 60, and "
        "the data are mostly adults between 20 and 40"
    ),
}
