"""From the trained weights of the detector's networks to its models, or a reason why not."""

from __future__ import annotations

import hashlib
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import msgspec
import numpy as np
from tqdm import tqdm

from conversion.convert import ConversionError, install, put
from device.vision.detect import (
    CLOSE_SIDE,
    CLOSER,
    CLOSER_ROOM,
    DOUBT,
    DOUBT_ROOM,
    FIRST,
    MIN_SCORE,
    open_detector,
)
from device.vision.runtime import InputSpec, Sidecar, available_runtimes
from training.detector.augment import show
from training.detector.crops import SETS
from training.detector.evaluate import LOWEST_SCORE, as_faces, evaluate
from training.detector.measure import figures, match
from training.detector.photos import photos, read_photo
from training.detector.plan import read_doubt_plan, read_plan
from training.detector.teacher import load_labels
from training.publishers import FACERES, PUBLISHERS, terms_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from training.detector.labels import Faces, Source
    from training.detector.plan import AnyPlan, DetectorPlan, DoubtPlan

    Image = npt.NDArray[np.uint8]

SHAPE = (352, 448)
"""Height and width that the file is written for: those of a frame of 4:3. The device asks for
others as its pictures need them."""
CALIBRATION_PHOTOS, CALIBRATION_FACES = 50, 6
"""Photos that ranges are taken from, and the most faces of each, for the second look and the third
network."""
PARITY_EVERY = 3
"""Float, int8 and the runtimes are compared on each so many of the validation photos."""
MAX_LOSS = 0.01
"""Share of recall that quantization, or another runtime, may cost on the validation part."""
FLOORS = {"4-6 %": 0.80, "6-12 %": 0.93, "above 12 %": 0.98}
"""Least recall at `MIN_SCORE`, share of the test part's faces of each width (of the photo's longer
side) as the teacher sees them. Attune's own aim, from nobody's paper: BlazeFace full range finds
0.44, 0.72 and 0.91 (models_tflite/README.md)."""
MAX_FALSE = 0.02
"""False faces in a photo, beside the teacher's, at `MIN_SCORE`: what refuses a broken network.
Whether they are more than YuNet's at the same recall, only what was judged by eye can tell
(`judged` in the sidecar), for by its own word YuNet has none. Time is no floor:
it is the machine's, too."""
MAX_EYE_ERROR = 0.05
"""Median, in distances of the eyes, from the teacher's medians of eighteen looks. One look of the
teacher itself, at the whole photo at 640 pixels, is 0.095 away."""


class Runs(NamedTuple):
    """best.pt of a run of `face`, of one of `face-closer` and of one of `face-doubt`."""

    first: Path
    closer: Path
    doubt: Path


class Trained(NamedTuple):
    """A network to convert: its model's name, weights and plan, its run's record, and RGB pictures
    (n, height, width, 3) to calibrate it on, of the file's sides."""

    name: str
    weights: Path
    plan: AnyPlan
    record: dict[str, Any]
    pictures: npt.NDArray[np.uint8]

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width that the file is written for."""
        _, height, width, _ = self.pictures.shape
        return height, width


class Converted(NamedTuple):
    """A file and its multiply-adds."""

    content: bytes
    multiply_adds: int


def convert_detector(runs: Runs, source: Source, models: Path) -> Sidecar:
    """Quantize the three networks, compare, measure; write the models if they reach their floors.

    Returns the sidecar of `face`, which has what was measured.
    """
    train, held_out = (photos(source.data, part) for part in ("train", "valid"))
    every = max(1, len(train) // CALIBRATION_PHOTOS)
    labels = load_labels(train, source.teacher, source.cache)[::every]
    shown = [read_photo(photo.path) for photo in train[::every]]
    doubt = _doubt_plan(runs.doubt)

    def near(side: int, room: float) -> list[Image]:
        return [
            show(image, face[1:5], side, room)
            for image, faces in zip(shown, labels, strict=True)
            for face in faces[:CALIBRATION_FACES]
        ]

    networks = [
        _trained(FIRST, runs.first, _plan(runs.first), [_view(image) for image in shown]),
        _trained(CLOSER, runs.closer, _plan(runs.closer), near(CLOSE_SIDE, CLOSER_ROOM)),
        _trained(DOUBT, runs.doubt, doubt, near(doubt.side, DOUBT_ROOM)),
    ]
    valid = held_out[::PARITY_EVERY]
    images = [read_photo(photo.path) for photo in valid]
    # Once TensorFlow is loaded, tflite-runtime refuses every model: in a process of its own.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        converted, reference = pool.submit(_quantized, networks, images).result()
    counts = {"train": len(train), "valid": len(held_out)}
    sidecars = [describe(*pair, counts) for pair in zip(networks, converted, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder)
        for file, sidecar in zip(converted, sidecars, strict=True):
            put(draft, file.content, sidecar)
        truth = load_labels(held_out, source.teacher, source.cache)[::PARITY_EVERY]
        parity = check_parity(draft, images, truth, reference)
        test = evaluate(draft, source)
    check_floors(test)
    metrics = {**sidecars[0].metrics, "parity": parity, "test": test}
    sidecars[0] = msgspec.structs.replace(sidecars[0], metrics=metrics)
    install([(f.content, s) for f, s in zip(converted, sidecars, strict=True)], models)
    return sidecars[0]


def _plan(weights: Path) -> DetectorPlan:
    return read_plan(weights.parent / "experiment.json")


def _doubt_plan(weights: Path) -> DoubtPlan:
    return read_doubt_plan(weights.parent / "experiment.json")


def _trained(name: str, weights: Path, plan: AnyPlan, pictures: list[Image]) -> Trained:
    record = msgspec.json.decode((weights.parent / "experiment.json").read_bytes())
    return Trained(name, weights, plan, record, np.stack(pictures))


def _quantized(trained: list[Trained], images: list[Image]) -> tuple[list[Converted], list[Faces]]:
    """The files, and what the float networks find in the images."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import torch  # noqa: PLC0415 - see convert_detector

    from conversion.quantize import _quantize, multiply_adds, take_pixels  # noqa: PLC0415
    from training.detector.closer import found_by  # noqa: PLC0415
    from training.detector.doubt import FloatDoubt, load_doubt  # noqa: PLC0415
    from training.detector.doubt import to_keras as doubt_to_keras  # noqa: PLC0415
    from training.detector.loop import load_network  # noqa: PLC0415
    from training.detector.network import to_keras  # noqa: PLC0415

    torch.set_num_threads(1)  # on a busy machine its threads would wait for one another
    first, closer = (load_network(each.weights) for each in trained[:2])
    doubt = load_doubt(trained[2].weights)
    keras = [
        *(to_keras(n, *t.sides) for n, t in zip((first, closer), trained[:2], strict=True)),
        doubt_to_keras(doubt, _doubt_plan(trained[2].weights)),
    ]
    converted = []
    for model, each in zip(keras, trained, strict=True):
        cost = multiply_adds(model)
        take_pixels(model)
        converted.append(Converted(_quantize(model, each.pictures), cost))
    asked = FloatDoubt(doubt, trained[2].sides[0])
    bar = tqdm(images, "float")
    return converted, found_by(first, closer, bar, max(trained[0].sides), asked)


def check_parity(
    draft: Path, images: list[Image], truth: list[Faces], reference: list[Faces]
) -> dict[str, float]:
    """Recall (share) and eyes' error (distances of the eyes) of float and int8 on every runtime, on
    the validation part: BGR images, and for each rows (n, 15) of the teacher's faces, `truth`, and
    of those that the float networks find, `reference`.

    Raises ConversionError where int8 or a runtime costs more recall than `MAX_LOSS`.
    """
    longer = [max(image.shape[:2]) for image in images]
    found = {"float": reference}
    for runtime in available_runtimes():
        detector = open_detector(draft, runtime=runtime, min_score=LOWEST_SCORE)
        bar = tqdm(images, runtime, mininterval=1)
        found[f"int8, {runtime}"] = [as_faces(detector, image) for image in bar]
    results: dict[str, float] = {}
    for name, faces in found.items():
        got = figures(match(faces, truth, longer), MIN_SCORE)
        results |= {f"recall, {name}": got["recall"], f"eye error, {name}": got["eye_error"]}
        loss = results["recall, float"] - got["recall"]
        if loss > MAX_LOSS:
            raise ConversionError(
                f"{name} costs {loss:.3f} of the recall on validation, more than {MAX_LOSS}: "
                "calibrate on more photos or train longer"
            )
    return results


def check_floors(test: dict[str, Any]) -> None:
    """ConversionError where recall, false faces or the eyes' error on the test part miss their
    floors."""
    for name, floor in FLOORS.items():
        recall = test["by_width"][name]["recall"]
        if recall < floor:
            raise ConversionError(
                f"face finds {recall:.3f} of faces {name} wide, its floor is {floor}: not written"
            )
    if test["false_faces"] > MAX_FALSE * test["photos"]:
        raise ConversionError(
            f"face finds {test['false_faces']} faces where there are none in {test['photos']} "
            f"photos, more than {MAX_FALSE} in one: not written"
        )
    if test["eye_error"] is None or test["eye_error"] > MAX_EYE_ERROR:
        raise ConversionError(
            f"face places eyes {test['eye_error']} of their distance off, more than "
            f"{MAX_EYE_ERROR}: not written"
        )


def _view(image: Image) -> Image:
    """A BGR photo as the device shows it, RGB, in the shape that the file is written for."""
    height, width = SHAPE
    scale = min(height / image.shape[0], width / image.shape[1])
    size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    view = np.zeros((height, width, 3), np.uint8)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    resized = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    view[top : top + size[1], left : left + size[0]] = resized[:, :, ::-1]
    return view


def describe(trained: Trained, converted: Converted, counts: dict[str, int]) -> Sidecar:
    """The sidecar of a converted file, unmeasured."""
    pictures = {"pictures of the last training": _pictures(trained.plan)}
    data = {**DATA, "photos": counts, **pictures, "run": trained.record}
    # A run of an earlier version keeps no sets: it learned from photos alone.
    crops = {name: count for name, count in trained.record.get("sets", {}).items() if name in SETS}
    if crops:
        data["cut-out faces"] = {PUBLISHERS[name].title: count for name, count in crops.items()}
    start = FACERES if trained.name == DOUBT else ()
    data["learned_from"] = terms_of([*crops, "yunet", *start])
    if trained.name == DOUBT:
        data["start"] = "the weights of `faceres`, its first layers"
    elif trained.record["start"] is not None:
        data["start"] = f"the weights of the run {trained.record['start']}, on the same photos"
    return Sidecar(
        task=trained.name,
        labels=["face"],
        input=InputSpec(shape=(1, *trained.sides, 3)),
        quantization="int8 input, output, activations and weights (per channel)",
        sha256=hashlib.sha256(converted.content).hexdigest(),
        licence=LICENCE,
        data=data,
        metrics={"multiply_adds": converted.multiply_adds, "bytes": len(converted.content)},
        intended_use=INTENDED_USE[trained.name],
    )


def _pictures(plan: AnyPlan) -> int:
    """Training pictures made from the photos."""
    turns = [count for _, count in plan.batches]
    return plan.epochs * sum(turns[step % len(turns)] for step in range(plan.steps))


LICENCE = (
    "weights: as Attune's code; the photos and faces they were learned from are for research, so "
    "clear their terms before selling a product with these weights"
)
DATA = {
    "name": "unlabelled photos with people, at hand for research; they have no publisher",
    "labels": "faces and five points by YuNet (Wu, Peng and Yu, 2023; MIT), looked at in four "
    "sizes, as they are and mirrored, points as the medians of eighteen looks at each face alone, "
    "enlarged; only those it is sure of (0.7) count, the doubtful are left out, what scores below "
    "0.4 is none; places judged by eye (training/splits/photos_judged.csv) are what they were "
    "judged to be",
    "train": "as training/splits/photos.csv lists them; what it does not list, by content",
    "valid": "likewise: a tenth, copies of one motif together",
    "test": "likewise",
    "terms": "research",
}
INTENDED_USE = {
    FIRST: "finding faces and their eyes up to some three metres from a camera, to choose music at "
    "home by; it names nobody. Its teacher decides what a face is and what it is worth: faces that "
    "YuNet overlooks were never shown as such. Strongly turned or covered faces, and heads tilted "
    "by more than some 30 degrees, are found less often",
    CLOSER: "a closer look at each place that `face` takes for a face: whether it is one, and "
    "where its eyes are; it names nobody",
    DOUBT: "of places that `face` and `face-closer` leave in doubt, whether they show a face; it "
    "names nobody",
}
