"""Training pictures: photos moved, scaled, tiled and worn, with their faces.

Widths of faces are drawn evenly over their logarithm, from ten pixels to the whole picture.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from device.vision.detect import CLOSE_SIDE, CLOSER_ROOM
from training.detector.labels import COLUMNS, MIRRORED, NO_FACE, SURE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from training.detector.labels import Faces
    from training.detector.plan import DetectorPlan

    Image = npt.NDArray[np.uint8]
    Numbers = npt.NDArray[np.float32]

SEEN = 0.5
"""Share of a face's box that must lie in the picture."""
NARROWEST = 10.0
WIDEST = 0.9
"""Widths of faces drawn: pixels, and share of the tile's longer side."""
LEAST_COVER = 0.6
"""Least share of a tile's longer side that a photo's takes."""
LARGEST_SCALE = 4.0


class Example(NamedTuple):
    """`image` (side, side, 3) RGB; `faces` (n, 15) as the teacher's, in its pixels; `left_out` (n):
    which of them are not to be judged."""

    image: Image
    faces: Faces
    left_out: npt.NDArray[np.bool_]


class Crops(NamedTuple):
    """Images (BGR) of one face each, cut out, the teacher's faces in them, the surest first, and
    how many of which data set."""

    images: Sequence[Image]
    faces: Sequence[Faces]
    sets: dict[str, int]


NO_CROPS = Crops((), (), {})


class Maker:
    """Makes training pictures from photos (BGR), the teacher's faces in them, boxes of what only
    looks like a face, and faces that came cut out."""

    def __init__(
        self,
        plan: DetectorPlan,
        images: Sequence[Image],
        faces: Sequence[Faces],
        decoys: Sequence[Faces],
        crops: Crops = NO_CROPS,
    ) -> None:
        self._plan, self._images, self._crops = plan, images, crops
        self._faces = [rows[rows[:, 0] >= NO_FACE] for rows in faces]
        self._decoys = [(row, box) for row, boxes in enumerate(decoys) for box in boxes]

    def make(self, side: int, rng: np.random.Generator) -> Example:
        """One picture, side x side, of one photo or of several in rows and columns."""
        plan = self._plan
        canvas = np.empty((side, side, 3), np.uint8)
        canvas[:] = ground(rng)
        whole = rng.random() < plan.whole
        tiles = 1 if whole else int(rng.choice(len(plan.mosaic), p=plan.mosaic)) + 1
        across, down = (_cuts(side, tiles, rng) for _ in range(2))
        rows = [
            self._paste(canvas, (left, top, right, bottom), rng, whole=whole)
            for left, right in itertools.pairwise(across)
            for top, bottom in itertools.pairwise(down)
        ]
        faces = np.concatenate([faces for faces, _ in rows])
        left_out = np.concatenate([unseen for _, unseen in rows])
        left_out |= faces[:, 0] < SURE
        left_out |= faces[:, 3] - faces[:, 1] < plan.smallest
        if rng.random() < plan.scribble:
            _scribble(canvas, faces, rng)
        worn = wear(canvas, plan, rng)
        return Example(np.ascontiguousarray(worn[:, :, ::-1]), faces, left_out)

    def _paste(
        self,
        canvas: Image,
        tile: tuple[int, int, int, int],
        rng: np.random.Generator,
        *,
        whole: bool,
    ) -> tuple[Faces, npt.NDArray[np.bool_]]:
        """Put a photo into a tile; its faces there, and which of them are hardly in it."""
        left, top, right, bottom = tile
        image, faces, shown = self._draw(rng, whole=whole)
        matrix = self._matrix(image, shown, tile, (0.8, 1.25) if whole else (0.7, 2.0), rng)
        part = canvas[top:bottom, left:right]
        part[:] = warp(image, matrix, part)
        moved, unseen = hardly_seen(move(faces, matrix), right - left, bottom - top)
        moved[:, 1:] += np.tile([left, top], 7)
        return moved, unseen

    def _draw(
        self, rng: np.random.Generator, *, whole: bool
    ) -> tuple[Image, Faces, Numbers | None]:
        """A photo, its faces, and the box to be shown, if one is."""
        if self._decoys and not whole and rng.random() < self._plan.decoy:
            row, box = self._decoys[int(rng.integers(len(self._decoys)))]
            return self._images[row], self._faces[row], box
        if self._crops.images and not whole and rng.random() < self._plan.crop:
            row = int(rng.integers(len(self._crops.images)))
            return self._crops.images[row], self._crops.faces[row], self._crops.faces[row][0, 1:5]
        row = int(rng.integers(len(self._images)))
        image, faces = self._images[row], self._faces[row]
        sure = np.flatnonzero(faces[:, 0] >= SURE)
        if whole or not len(sure):
            return image, faces, None
        chosen = faces[rng.choice(sure)]
        if rng.random() < self._plan.card:
            image, faces, chosen = cut_out(image, faces, chosen, rng)
        return image, faces, chosen[1:5]

    def _matrix(
        self,
        image: Image,
        box: Numbers | None,
        tile: tuple[int, int, int, int],
        scales: tuple[float, float],
        rng: np.random.Generator,
    ) -> npt.NDArray[np.float64]:
        """From the photo's pixels to the tile's: mirrored or not, turned, scaled, moved.

        `scales`: how much of the tile's side a photo fills where no box is to be shown.
        """
        plan = self._plan
        left, top, right, bottom = tile
        height, width = image.shape[:2]
        room = max(right - left, bottom - top)
        if box is None:
            scale = rng.uniform(*scales) * room / max(height, width)
            source = rng.uniform(0.4, 0.6, 2) * (width, height)
            target = np.array([right - left, bottom - top]) / 2
        else:
            wanted = math.exp(rng.uniform(math.log(NARROWEST), math.log(WIDEST * room)))
            # A photo lost on an empty ground would teach little.
            least = LEAST_COVER * room / max(height, width)
            scale = min(max(wanted / max(float(box[2] - box[0]), 1.0), least), LARGEST_SCALE)
            source = (box[:2] + box[2:]) / 2
            target = rng.uniform(0.1, 0.9, 2) * (right - left, bottom - top)
        linear = turned(scale, plan, rng)
        return np.hstack([linear, (target - linear @ source)[:, None]])


def turned(
    scale: float, plan: DetectorPlan, rng: np.random.Generator, degrees: float | None = None
) -> npt.NDArray[np.float64]:
    """The linear part (2, 2) of a random way to show a photo: scaled, stretched, mirrored or not,
    turned by so many degrees, or as the plan says."""
    angle = math.radians(rng.normal(0, plan.turn) if degrees is None else degrees)
    stretch = math.exp(rng.uniform(-plan.stretch, plan.stretch) / 2)
    mirror = -1 if rng.random() < 0.5 else 1
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return np.asarray(turn @ np.diag([scale * stretch * mirror, scale / stretch]))


def _cuts(side: int, tiles: int, rng: np.random.Generator) -> list[int]:
    """Where rows or columns of roughly equal breadth begin and end."""
    inner = (np.arange(1, tiles) + rng.uniform(-0.2, 0.2, tiles - 1)) * side / tiles
    return [0, *inner.round().astype(int).tolist(), side]


def move(faces: Faces, matrix: npt.NDArray[np.float64]) -> Faces:
    """Faces (n, 15) under a similarity (or nearly one), mirroring included: `matrix` (2, 3) takes
    their pixels to the picture's. Boxes stay upright."""
    linear, shift = matrix[:, :2], matrix[:, 2]
    across, down = np.hypot(*linear[:, 0]), np.hypot(*linear[:, 1])
    centre = (faces[:, 1:3] + faces[:, 3:5]) / 2 @ linear.T + shift
    half = (faces[:, 3:5] - faces[:, 1:3]) / 2 * [across, down]
    points = faces[:, 5:].reshape(-1, 5, 2) @ linear.T + shift
    if np.linalg.det(linear) < 0:
        points = points[:, MIRRORED]
    places = np.hstack([centre - half, centre + half, points.reshape(-1, 10)])
    return np.hstack([faces[:, :1], places]).astype(np.float32).reshape(-1, COLUMNS)


def hardly_seen(faces: Faces, width: int, height: int) -> tuple[Faces, npt.NDArray[np.bool_]]:
    """The faces (m, 15) of these (n, 15) that are in a picture of that size (pixels) at all, and
    which of them (m) are hardly in it, below `SEEN`: their boxes end where it does."""
    faces = faces.copy()
    corners = faces[:, 1:5].copy()
    seen = np.clip(corners, 0, [width, height] * 2)
    area = np.prod(corners[:, 2:] - corners[:, :2], axis=1)
    share = np.prod(seen[:, 2:] - seen[:, :2], axis=1) / np.maximum(area, 1e-6)
    unseen = share < SEEN
    faces[unseen, 1:5] = seen[unseen]
    there = share > 0.02
    return faces[there], unseen[there]


def warp(image: Image, matrix: npt.NDArray[np.float64], ground: Image) -> Image:
    """The photo (height, width, 3) moved by `matrix` (2, 3), from its pixels to the ground's, onto
    a copy of the ground, which has the wanted size."""
    shrink = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if shrink < 0.6:  # linear interpolation would skip pixels
        height, width = image.shape[:2]
        size = max(2, round(width * shrink)), max(2, round(height * shrink))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        matrix = matrix.copy()
        matrix[:, 0] *= width / size[0]
        matrix[:, 1] *= height / size[1]
    # Labels count from the corner of the first pixel, OpenCV from its middle.
    matrix = matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    size = ground.shape[1], ground.shape[0]
    moved = cv2.warpAffine(
        image, matrix, size, dst=ground.copy(), flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_TRANSPARENT,
    )  # fmt: skip
    return np.asarray(moved, np.uint8)


def show(image: Image, box: Numbers, side: int = CLOSE_SIDE, room: float = CLOSER_ROOM) -> Image:
    """A place of a BGR photo, `box` (4: left, top, right, bottom, pixels), as the device shows it,
    (side, side, 3) RGB, `room` times as wide as the box: to the second look if no other `side` and
    `room` are given."""
    scale = side / (room * float((box[2:] - box[:2]).max()))
    shift = side / 2 - scale * (box[:2] + box[2:]) / 2
    matrix = np.hstack([np.eye(2) * scale, shift[:, None]])
    seen = warp(image, matrix, np.zeros((side, side, 3), np.uint8))
    return np.ascontiguousarray(seen[:, :, ::-1])


def cut_out(
    image: Image, faces: Faces, face: Numbers, rng: np.random.Generator
) -> tuple[Image, Faces, Numbers]:
    """The photo's part around one face (15), 0.9 to 1.6 times as large, as crops of faces come;
    those of its faces (n, 15) that are in it, their score 0 where less than `SEEN` of them is; and
    that face. Both are in the part's pixels."""
    height, width = image.shape[:2]
    sides = (face[3:5] - face[1:3]) * rng.uniform(0.9, 1.6)
    centre = (face[1:3] + face[3:5]) / 2 + rng.uniform(-0.1, 0.1, 2) * sides
    low = np.clip(centre - sides / 2, 0, (width - 2, height - 2)).astype(int)
    high = np.clip(centre + sides / 2, low + 2, (width, height)).astype(int)
    shift = np.tile(low, 7)

    def moved(rows: Numbers) -> Numbers:
        rows = rows.copy()
        rows[..., 1:] -= shift
        return rows

    part = np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]])
    # Only what is in the part is seen: the rest of the photo's faces is gone.
    kept = moved(faces)
    inside = np.all(kept[:, 3:5] > 0, axis=1) & np.all(
        kept[:, 1:3] < (part.shape[1], part.shape[0]), axis=1
    )
    corners = np.clip(kept[:, 1:5], 0, [part.shape[1], part.shape[0]] * 2)
    area = np.prod(kept[:, 3:5] - kept[:, 1:3], axis=1)
    share = np.prod(corners[:, 2:] - corners[:, :2], axis=1) / np.maximum(area, 1e-6)
    kept[share < SEEN, 0] = 0  # nobody can say
    return part, kept[inside], moved(face)


def _scribble(image: Image, faces: Faces, rng: np.random.Generator) -> None:
    """Letters, rings and strokes where no face is: with little to see, they look like one."""
    side = image.shape[0]
    for _ in range(int(rng.integers(1, 9))):
        size = int(math.exp(rng.uniform(math.log(12), math.log(side / 3))))
        x, y = rng.integers(0, side - size, 2)
        apart = (faces[:, 1] > x + size) | (faces[:, 3] < x)
        apart |= (faces[:, 2] > y + size) | (faces[:, 4] < y)
        if not apart.all():
            continue
        # A piece of the picture: nothing that is drawn leaves it.
        piece = np.ascontiguousarray(image[y : y + size, x : x + size])
        ink, ground = (rng.integers(0, 256, 3).tolist() for _ in range(2))
        if rng.random() < 0.4:
            piece[:] = ground
        thick = max(1, int(size * rng.uniform(0.03, 0.12)))
        if rng.random() < 0.6:
            _write(piece, ink, thick, rng)
        else:
            radius = int(size * rng.uniform(0.2, 0.5))
            cv2.circle(piece, (size // 2, size // 2), radius, ink, thick, cv2.LINE_AA)
            first, second = rng.integers(0, size, (2, 2)).tolist()
            cv2.line(piece, first, second, ground, thick, cv2.LINE_AA)
        image[y : y + size, x : x + size] = piece


def _write(piece: Image, ink: list[int], thick: int, rng: np.random.Generator) -> None:
    """One to three characters as large as the piece."""
    size = piece.shape[0]
    text = "".join(chr(c) for c in rng.integers(33, 127, int(rng.integers(1, 4))))
    font = int(rng.integers(0, 8))
    (width, height), _ = cv2.getTextSize(text, font, 1, 1)
    scale = 0.9 * size / max(width, height)
    at = int(0.05 * size), int((size + height * scale) / 2)
    cv2.putText(piece, text, at, font, scale, ink, thick, cv2.LINE_AA)


def wear(image: Image, plan: DetectorPlan, rng: np.random.Generator) -> Image:
    """A picture (side, side, 3), BGR, with light, colour, blur, noise and compression as cameras
    have them, each as often as the plan says, colour four times in five."""
    steps: list[tuple[float, Callable[[Image, np.random.Generator], Image]]] = [
        (plan.coarse, _coarse),
        (plan.blur, _blurred),
        (0.8, _recoloured),
        (plan.grey, _grey),
        (plan.dark, _dark),
        (plan.noise, _noisy),
        (plan.jpeg, _compressed),
    ]
    for share, step in steps:
        if rng.random() < share:
            image = step(image, rng)
    return image


def ground(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """What is where no photo is, a pixel (3): black, as on the device, or any one colour."""
    colour = rng.integers(0, 256, 3).astype(np.uint8)
    return np.array([0, 0, 0], np.uint8) if rng.random() < 0.5 else colour


def _coarse(image: Image, rng: np.random.Generator) -> Image:
    side = image.shape[0]
    small = max(8, int(side * rng.uniform(0.35, 0.8)))
    reduced = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(reduced, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)


def _blurred(image: Image, rng: np.random.Generator) -> Image:
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6)), np.uint8)
    length = int(rng.integers(3, 7))
    kernel = np.zeros((length, length), np.float32)
    if rng.random() < 0.5:
        kernel[length // 2] = 1 / length
    else:
        kernel[:, length // 2] = 1 / length
    return np.asarray(cv2.filter2D(image, -1, kernel), np.uint8)


def _recoloured(image: Image, rng: np.random.Generator) -> Image:
    """Brightness, contrast, gamma and the light's colour, by one table for each channel."""
    levels = np.arange(256, dtype=np.float32) / 255
    gamma = math.exp(rng.uniform(-0.4, 0.4))
    contrast, light = rng.uniform(0.65, 1.35), rng.uniform(-0.15, 0.15)
    tint = rng.uniform(0.85, 1.15, 3)
    table = ((levels**gamma - 0.5) * contrast + 0.5 + light)[:, None] * tint
    return np.asarray(cv2.LUT(image, np.clip(table * 255, 0, 255).astype(np.uint8)[None]), np.uint8)


def _grey(image: Image, _rng: np.random.Generator) -> Image:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


def _dark(image: Image, rng: np.random.Generator) -> Image:
    """Little light: dark, and noisy with it."""
    share = rng.uniform(0.15, 0.6)
    return _noisy((image * np.float32(share)).astype(np.uint8), rng)


def _noisy(image: Image, rng: np.random.Generator) -> Image:
    noise = np.empty(image.shape, np.int16)
    cv2.setRNGSeed(int(rng.integers(2**31)))
    # One value for each channel: a plain number would spoil the first alone.
    cv2.randn(noise, np.zeros(3), np.full(3, rng.uniform(2, 14)))
    return np.asarray(np.clip(image + noise, 0, 255), np.uint8)


def _compressed(image: Image, rng: np.random.Generator) -> Image:
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 85))]
    _, content = cv2.imencode(".jpg", image, quality)
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)
