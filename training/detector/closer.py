"""The second look's network: it learns from what the first look proposes, right or wrong.

Each picture shows one place as the device shows it: in the middle, with its surroundings, so that
all of what the network can is spent on whether that is a face, and where its eyes are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tqdm import tqdm

from device.vision.detect import CLOSE_SIDE, CLOSER_ROOM, GridDetector
from training.data import DataError
from training.detector.augment import (
    Example,
    cut_out,
    ground,
    hardly_seen,
    move,
    turned,
    warp,
    wear,
)
from training.detector.evaluate import LOWEST_SCORE, as_faces
from training.detector.labels import NO_FACE, SURE, overlap
from training.detector.loop import Lesson, load, load_network, look, train
from training.detector.measure import ASKED, average_precision, match
from training.detector.twin import FloatModel
from training.source import digest_of, digest_of_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import numpy.typing as npt

    from device.vision.detect import Asked
    from training.detector.labels import Faces, Source
    from training.detector.loop import Labelled
    from training.detector.network import DetectorNetwork
    from training.detector.plan import CloserPlan

LONGER_SIDES = (448, 320)
"""Longer sides that photos are shown to the first look at, to see what it takes for a face."""
LEAST_PROPOSED = 0.08
"""Score from which it proposes one, below what the device asks, for its mistakes in other photos
are surer."""
NARROWEST = 9.0
"""Pixels of a photo that a face is wide at least: less shows nothing, however enlarged."""
APART_IOU = 0.2
"""A proposal that overlaps no face by more shows none."""
DOUBTED = 0.14
"""As the score of what the teacher itself half takes for a face: hands and fists, mostly."""
SURENESS = 1.5
"""A proposal is shown as often as its score to this power says."""


class Place(NamedTuple):
    """A box (4) in an image (BGR), and the teacher's faces in that."""

    image: npt.NDArray[np.uint8]
    faces: Faces
    box: npt.NDArray[np.float32]


class CloserMaker:
    """Makes training pictures of the second look, or of whom is shown other `room` around a place.
    `proposed` (n, 6): number of the photo, score and box of what is no face but was taken for
    one."""

    def __init__(
        self,
        plan: CloserPlan,
        learned: Labelled,
        proposed: npt.NDArray[np.float32],
        room: float = CLOSER_ROOM,
    ) -> None:
        self._plan, self._room = plan, room
        known = [rows[rows[:, 0] >= NO_FACE] for rows in learned.faces]
        photos = list(zip(learned.images, known, strict=True))
        self._faces = [
            Place(image, rows, face[1:5])
            for image, rows in photos
            for face in rows
            if face[0] >= SURE and face[3] - face[1] > NARROWEST
        ]
        if not self._faces:
            raise DataError("the teacher is sure of no face in these photos: give others")
        crops = zip(learned.crops.images, learned.crops.faces, strict=True)
        self._crops = [
            Place(image, rows[rows[:, 0] >= NO_FACE], rows[0, 1:5]) for image, rows in crops
        ]
        self._decoys = [
            Place(*photo, box)
            for photo, boxes in zip(photos, learned.decoys, strict=True)
            for box in boxes
        ]
        self._proposed = [Place(*photos[int(row[0])], row[2:]) for row in proposed]
        share = proposed[:, 1].astype(np.float64) ** SURENESS
        self._share = share / share.sum() if len(share) else share

    def make(self, side: int, rng: np.random.Generator) -> Example:
        """One picture, side x side."""
        plan = self._plan
        is_face = rng.random() < plan.faces or not (self._decoys or self._proposed)
        place, is_cut = self._draw_face(rng) if is_face else (self._draw_none(rng), False)
        if not is_cut and rng.random() < plan.card:
            place, is_cut = _cut(place, rng), True
        upset = not is_face and rng.random() < plan.upset
        matrix = self._matrix(place.box, side, rng, upset=upset)
        around = np.zeros((side, side, 3), np.uint8)  # beyond the photo's edge, as on the device
        if is_cut:
            around[:] = ground(rng)
        seen = warp(place.image, matrix, around)
        faces, unseen = hardly_seen(move(place.faces, matrix), side, side)
        left_out = unseen | (faces[:, 0] < SURE) | (faces[:, 3] - faces[:, 1] < plan.smallest)
        left_out |= upset  # nobody need find a face that stands on its head
        return Example(np.ascontiguousarray(wear(seen, plan, rng)[:, :, ::-1]), faces, left_out)

    def _draw_face(self, rng: np.random.Generator) -> tuple[Place, bool]:
        """A face, and whether it came cut out."""
        is_cut = bool(self._crops) and rng.random() < self._plan.crop
        faces = self._crops if is_cut else self._faces
        return faces[int(rng.integers(len(faces)))], is_cut

    def _draw_none(self, rng: np.random.Generator) -> Place:
        """What is no face; there is some."""
        plan = self._plan
        among = rng.random() * (1 - plan.faces) < plan.proposed
        if self._decoys and not (among and self._proposed):
            return self._decoys[int(rng.integers(len(self._decoys)))]
        return self._proposed[int(rng.choice(len(self._proposed), p=self._share))]

    def _matrix(
        self, box: npt.NDArray[np.float32], side: int, rng: np.random.Generator, *, upset: bool
    ) -> npt.NDArray[np.float64]:
        """From the photo's pixels to the picture's: mirrored or not, turned (by any angle if
        `upset`), about as wide as the device shows it."""
        plan = self._plan
        size = float((box[2:] - box[:2]).max())
        scale = side / (self._room * size * math.exp(rng.normal(0, plan.room)))
        source = (box[:2] + box[2:]) / 2 + rng.normal(0, plan.aside, 2) * size
        linear = turned(scale, plan, rng, rng.uniform(-180, 180) if upset else None)
        return np.hstack([linear, (side / 2 - linear @ source)[:, None]])


def _cut(place: Place, rng: np.random.Generator) -> Place:
    """The part of its image around a place, without the rest."""
    row = np.concatenate([np.ones(1, np.float32), place.box, np.zeros(10, np.float32)])
    image, faces, moved = cut_out(place.image, place.faces, row, rng)
    return Place(image, faces, moved[1:5])


def propose(network: DetectorNetwork, learned: Labelled) -> npt.NDArray[np.float32]:
    """Rows (n, 6) of photo, score and box: what the first look's network takes for a face, or the
    teacher nearly, where there is none."""
    rows: list[npt.NDArray[np.float32]] = []
    photos = zip(learned.images, learned.faces, strict=True)
    bar = tqdm(photos, "proposals", len(learned.images), mininterval=1)
    for number, (image, faces) in enumerate(bar):
        there = faces[faces[:, 0] >= NO_FACE, 1:5]
        for side in LONGER_SIDES:
            found = look(network, image, side)[:, :5]
            found = found[found[:, 0] >= LEAST_PROPOSED]
            rows.append(_of_photo(number, found[_apart(found[:, 1:], there)]))
        doubted = faces[faces[:, 0] < NO_FACE, :5].copy()
        doubted[:, 0] = DOUBTED
        rows.append(_of_photo(number, doubted))
    return np.concatenate(rows) if rows else np.empty((0, 6), np.float32)


def _apart(boxes: Faces, there: Faces) -> npt.NDArray[np.bool_]:
    return np.asarray(~(overlap(boxes, there) > APART_IOU).any(1))


def _of_photo(number: int, rows: Faces) -> Faces:
    return np.hstack([np.full((len(rows), 1), number, np.float32), rows])


def train_closer(
    plan: CloserPlan,
    source: Source,
    folder: Path,
    *,
    first: Path,
    start: Path | None = None,
    fresh: bool = False,
) -> Path:
    """Train on what the detector in `first`, best.pt of a run of `face`, proposes, from its weights
    on, or from those in `start`. Returns best.pt."""
    learned, valid = load(source, "train"), load(source, "valid")
    network = load_network(first)
    proposed = propose(network, learned)
    # What is proposed follows from these and `first`, but for a last digit on another machine.
    digest = digest_of([*learned.arrays(), *valid.arrays()]) + digest_of_file(first)
    lesson = Lesson(
        CloserMaker(plan, learned, proposed),
        judge(network, valid, plan.longer_side),
        digest,
        learned.sets(),
    )
    return train(plan, lesson, folder, start=start or first, fresh=fresh)


def judge(
    first: DetectorNetwork, valid: Labelled, longer_side: int
) -> Callable[[DetectorNetwork], float]:
    """How good a network is as the second look after `first`: its precision over recall, less by
    how far the eyes are off, as a share of their distance."""
    longer = [max(image.shape[:2]) for image in valid.images]

    def score(network: DetectorNetwork) -> float:
        matches = match(found_by(first, network, valid.images, longer_side), valid.faces, longer)
        asked = matches.eyes[matches.width >= ASKED]
        off = np.nanmedian(asked) if np.isfinite(asked).any() else 1.0
        return average_precision(matches) - float(off)

    return score


def found_by(
    first: DetectorNetwork,
    closer: DetectorNetwork,
    images: Iterable[npt.NDArray[np.uint8]],
    longer_side: int,
    doubt: Asked | None = None,
) -> list[Faces]:
    """What both networks, and a third if it is given, find in BGR photos, asked as the device
    asks."""
    detector = GridDetector(
        FloatModel(first, (longer_side, longer_side)),
        FloatModel(closer, (CLOSE_SIDE, CLOSE_SIDE)),
        doubt,
        min_score=LOWEST_SCORE,
    )
    return [as_faces(detector, image) for image in images]
