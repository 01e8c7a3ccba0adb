"""From a trained Keras model to a TFLite file with its sidecar, or a reason why not."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from conversion.floors import MAX_LOSS, shortfalls
from conversion.quantize import quantize_file
from conversion.sidecar import describe
from device.vision.detect import CLOSER, DOUBT, FIRST
from device.vision.reader import age_interval, both_ways, softmax
from device.vision.runtime import Model, Sidecar, available_runtimes
from training.crops import load_crops
from training.data import recognise, samples
from training.evaluate import evaluate, score
from training.experiment import read_plan
from training.metrics import fit_temperature
from training.pool import NAMES
from training.publishers import PUBLISHERS, sets_of
from training.source import is_made_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from training.crops import Crops, Labels, Places
    from training.experiment import Experiment

    Logits = npt.NDArray[np.float32]
    Rows = npt.NDArray[np.float64]

CALIBRATION_IMAGES = 1000
AGREEMENT = 0.98
"""Share of validation faces on which two runtimes must say the same (age: within a year)."""


class ConversionError(Exception):
    """A model is not good enough to be written; the message says in which respect."""


class Run(NamedTuple):
    """A training run: its float model, its record and the experiment that it was."""

    keras_file: Path
    record: dict[str, Any]
    plan: Experiment


class Faces(NamedTuple):
    """The faces of one part as the device cuts them: `images` (n, side, side, 3), `labels` (n)."""

    images: npt.NDArray[np.uint8]
    labels: Labels


class Draft(NamedTuple):
    """A converted model: its file, its sidecar, and, on the validation part, how good it is
    (higher is better) and what it costs against the float model."""

    content: bytes
    sidecar: Sidecar
    valid: float
    loss: float


def convert(keras_file: Path, data: Path, places: Places) -> Sidecar:
    """Quantize, calibrate, compare, measure; write the model to `places.models` if it reaches its
    floor.

    `keras_file` has its run's experiment.json beside it, `data` holds what it learned from. Where
    `python -m training quantize` put a fine-tuned model beside it, that one is taken if it is
    better on the validation part. Raises
    ConversionError, and leaves the model that was there, where the better one is not good enough,
    one of them is of an earlier training than the record, or `data` holds another data set.
    """
    plan = read_plan(keras_file.parent)
    record = json.loads((keras_file.parent / "experiment.json").read_text())
    run = Run(keras_file, record, plan)
    refuse_strange(run, data)
    refuse_outdated(keras_file, "give the command that trained it again, which writes it anew")
    rounded = _rounded(keras_file, plan)
    faces = {part: _faces(plan, data, places, part) for part in ("train", "valid", "test")}
    with tempfile.TemporaryDirectory() as drafts:
        folder = Path(drafts)
        for name in (FIRST, CLOSER, DOUBT):
            for suffix in (".tflite", ".json"):
                shutil.copy(places.models / f"{name}{suffix}", folder)
        draft = _draft(run, faces, folder)
        if rounded is not None:
            draft = max(_draft(run, faces, folder, rounded), draft, key=lambda each: each.valid)
        check_loss(plan.task, draft.loss, keras_file.parent)
        put(folder, draft.content, draft.sidecar)
        figures = evaluate(folder, plan.task, data)
    refuse_short(plan.task, figures)
    sidecar = msgspec.structs.replace(
        draft.sidecar, metrics={**draft.sidecar.metrics, "test": figures}
    )
    install([(draft.content, sidecar)], places.models)
    return sidecar


def _rounded(keras_file: Path, plan: Experiment) -> Path | None:
    """What `training quantize` made of the run, if it did; ConversionError where that was before
    the run was trained anew."""
    path = keras_file.with_name(f"{plan.task}-rounded.keras")
    if not path.exists():
        return None
    again = f"run `python -m training quantize {keras_file.parent}` again, or remove it"
    refuse_outdated(path, again)
    return path


def refuse_strange(run: Run, data: Path) -> None:
    """ConversionError where a folder holds another data set than a run learned from: ranges and
    calibration would be of strange faces, and which of them it never saw is not known."""
    layout = recognise(data, run.plan.task)
    if NAMES[layout] != (name := sets_of(run.record)[0]):
        raise ConversionError(
            f"{run.keras_file} learned from {PUBLISHERS[name].title}, but {data} holds "
            f"{layout.value}: give --data what it learned from"
        )


def refuse_outdated(keras_file: Path, mend: str) -> None:
    """ConversionError where a model was made of other weights than lie beside it."""
    weights = keras_file.with_name("best.pt")
    if not is_made_of(keras_file, weights):
        raise ConversionError(f"{keras_file} was not made of {weights} as it is now: {mend}")


def _faces(plan: Experiment, data: Path, places: Places, part: str) -> Faces:
    crops = load_crops(plan, samples(plan.task, data, part), places, f"{plan.task}-{part}")
    return Faces(device_crops(plan, crops), crops.labels)


def _draft(run: Run, faces: dict[str, Faces], folder: Path, rounded: Path | None = None) -> Draft:
    """Convert and calibrate, and measure both the int8 and the float model.

    `rounded` is converted instead of the float model, if given.
    """
    keras_file, record, plan = run
    valid, test = faces["valid"], faces["test"]
    both = np.concatenate([valid.images, test.images])
    rng = np.random.default_rng(plan.seed)
    count = len(faces["train"].images)
    chosen = np.sort(rng.choice(count, min(CALIBRATION_IMAGES, count), False))
    calibration = faces["train"].images[chosen]
    converted = quantize_file(keras_file, calibration, both)
    ends = np.split(converted.logits, [len(valid.images)])
    if rounded is not None:
        converted = quantize_file(rounded, calibration, both[:1])
        record = {**record, "rounded": True}
    sizes = {"multiply_adds": converted.multiply_adds, "bytes": len(converted.content)}
    refuse_short(plan.task, sizes)
    sidecar = describe(plan, converted.content, converted.multiply_adds, record)
    put(folder, converted.content, sidecar)
    said = {r: read_all(folder, plan.task, r, valid.images) for r in available_runtimes()}
    best = next(iter(said))
    parity = check_runtimes(plan, said)
    sidecar = msgspec.structs.replace(
        sidecar, calibration=calibrate(plan, said[best], valid.labels)
    )
    of_float = calibrate(plan, ends[0], valid.labels)
    before = {
        part: answers(plan, logits, of_float)
        for part, logits in zip(("valid", "test"), ends, strict=True)
    }
    after = answers(plan, read_all(folder, plan.task, best, test.images), sidecar.calibration)
    figures = score(plan.task, before["test"], test.labels)
    key, sign = ("accuracy", 1) if plan.task == "emotion" else ("mean_absolute_error", -1)

    def value(rows: Rows, labels: Labels) -> float:
        return float(score(plan.task, rows, labels)[key]["value"])

    def loss(values: dict[str, float], part: str = "") -> float:
        return round(sign * (values[f"float{part}"] - values[f"int8{part}"]), 4)

    values = {
        "float": figures[key]["value"],
        "int8": value(after, test.labels),
        "float, validation": value(before["valid"], valid.labels),
        "int8, validation": value(answers(plan, said[best], sidecar.calibration), valid.labels),
    }
    values |= {"loss": loss(values), "loss, validation": loss(values, ", validation")}
    metrics = {**sidecar.metrics, "parity": {**values, **parity}, "float": figures}
    sidecar = msgspec.structs.replace(sidecar, metrics=metrics)
    chosen_by = sign * values["int8, validation"]
    return Draft(converted.content, sidecar, chosen_by, values["loss, validation"])


def device_crops(plan: Experiment, crops: Crops) -> npt.NDArray[np.uint8]:
    """The middle of training crops, (n, side, side, 3) RGB, which is what the device cuts."""
    inner = slice(plan.margin, plan.margin + plan.side)
    return np.ascontiguousarray(crops.images[:, inner, inner])


def calibrate(plan: Experiment, logits: Logits, labels: Labels) -> dict[str, float]:
    """What makes the int8 model's doubts honest, from the validation part's logits (n, outputs) and
    labels (n): divisors of the logits (Guo et al., "On Calibration of Modern Neural Networks",
    2017).

    Of emotions it makes the labels likeliest. Of ages `temperature` errs least in years, and with
    `interval_temperature` nearest to 80 % of the labels are in their interval.
    """
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


def check_runtimes(plan: Experiment, logits: dict[str, Logits]) -> dict[str, float]:
    """Share of faces on which each runtime agrees with the first, by each one's logits
    (n, outputs); ConversionError where it is below `AGREEMENT`."""
    first, *others = logits
    figures = {}
    for other in others:
        same = _agreement(plan, logits[first], logits[other])
        figures[f"{first} agrees with {other}"] = round(same, 4)
        if same < AGREEMENT:
            raise ConversionError(f"{first} and {other} agree on {same:.1%} of the faces only")
    return figures


def check_loss(task: str, loss: float, run_folder: Path) -> None:
    """ConversionError where int8 costs too much on the validation part: on test it is told, and
    nothing is chosen by it.

    Chance has a part in it: 0.7 % of RAF-DB's faces change their class by quantization, most of
    them doubtful ones that are lost as often as won, so that the loss of a model that loses nothing
    has a standard deviation of 0.24 points there, near the 0.3 that are allowed.
    """
    if loss > MAX_LOSS[task]:
        raise ConversionError(
            f"int8 costs {task} {loss:.4f} on validation, more than {MAX_LOSS[task]}: fine-tune it "
            f"with `python -m training quantize {run_folder}`, then convert again"
        )


def refuse_short(task: str, figures: dict[str, Any]) -> None:
    """ConversionError that names each figure short of its floor, and by how much."""
    short = shortfalls(task, figures)
    if short:
        raise ConversionError(f"{task} falls short of its floor: {'; '.join(short)}: not written")


def install(made: Sequence[tuple[bytes, Sidecar]], models: Path) -> None:
    """Put models and their sidecars into `models`, all or none.

    All are whole on the disk before the first is renamed: an end before that leaves the old ones.
    """
    files = {
        f"{sidecar.task}{suffix}": data
        for content, sidecar in made
        for suffix, data in ((".tflite", content), (".json", _encoded(sidecar)))
    }
    for name, data in files.items():
        (models / f"{name}.part").write_bytes(data)
    for name in files:
        (models / f"{name}.part").replace(models / name)


def answers(plan: Experiment, logits: Logits, calibration: dict[str, float]) -> Rows:
    """What the device's reader makes of logits (n, outputs): see `training.evaluate.reader`."""
    tempered = logits / np.float32(calibration["temperature"])
    if plan.task == "emotion":
        return np.asarray(softmax(tempered), np.float64)
    scale = np.arange(plan.outputs, dtype=np.float32)
    ages = _years(tempered)
    ends = np.array(
        [age_interval(row, scale, calibration["interval_temperature"]) for row in logits]
    )
    low, high = np.minimum(ends[:, 0], ages), np.maximum(ends[:, 1], ages)
    return np.asarray(np.stack([ages, low, high], 1), np.float64)


def _agreement(plan: Experiment, one: Logits, other: Logits) -> float:
    if plan.task == "emotion":
        return float((one.argmax(1) == other.argmax(1)).mean())
    return float((np.abs(_years(one) - _years(other)) <= 1).mean())


def _years(logits: Logits) -> Logits:
    return np.asarray(softmax(logits) @ np.arange(logits.shape[1], dtype=np.float32))


def read_all(folder: Path, name: str, runtime: str, images: npt.NDArray[np.uint8]) -> Logits:
    """Logits (n, outputs) of a model in `folder` for RGB images (n, side, side, 3), as the device's
    reader looks. Raises ModelError where there is no such model or runtime."""
    model = Model(folder, name, runtime=runtime)
    return np.stack([both_ways(model, image) for image in images])


def put(folder: Path, content: bytes, sidecar: Sidecar) -> None:
    """Write a model with its sidecar into a folder of one's own; see `install` for the device's."""
    (folder / f"{sidecar.task}.tflite").write_bytes(content)
    (folder / f"{sidecar.task}.json").write_bytes(_encoded(sidecar))


def _encoded(sidecar: Sidecar) -> bytes:
    return msgspec.json.format(msgspec.json.encode(sidecar), indent=2) + b"\n"
