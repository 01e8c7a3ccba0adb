"""Looks that see what a test wants, for `GridDetector`."""

from __future__ import annotations

import cv2
import numpy as np

from device.vision.detect import CLOSE_SIDE, CLOSER_ROOM, STRIDES
from device.vision.runtime import Model


def grids(height: int = 64, width: int = 96) -> list[np.ndarray]:
    """A model's outputs where nobody is."""
    shapes = [(height // stride, width // stride) for stride in STRIDES]
    return [np.zeros((*shape, n), np.float32) for shape in shapes for n in (1, 14)]


class Counted:
    """A model that counts how often it is asked."""

    def __init__(self, model: Model) -> None:
        self.model, self.asked, self.sides = model, 0, model.sides

    def take(self, height: int, width: int) -> None:
        self.model.take(height, width)
        self.sides = self.model.sides

    def run(self, image: np.ndarray) -> list[np.ndarray]:
        self.asked += 1
        return self.model.run(image)


class Leans:
    """A model that always sees one face, its eyes so many pixels too far to the left."""

    def __init__(self, by: float) -> None:
        self.by, self.sides = by, (CLOSE_SIDE, CLOSE_SIDE)

    def take(self, height: int, width: int) -> None:
        assert (height, width) == self.sides

    def run(self, _: np.ndarray) -> list[np.ndarray]:
        outputs = grids(*self.sides)
        size = CLOSE_SIDE / CLOSER_ROOM
        away = [(x * size - self.by) / size * 4 + 3 for x in (-0.2, 0.2)]
        outputs[2][4:6, 4:6] = 0.9
        for row, column in ((4, 4), (4, 5), (5, 4), (5, 5)):
            x, y = ((5 - n - 0.5) * 16 / size * 4 for n in (column, row))
            places = [3 + x, 3 + y, *[np.log2(size / 16) + 1] * 2]
            outputs[3][row, column, :8] = [*places, away[0] + x, 3 + y, away[1] + x, 3 + y]
        return outputs


class SeesInOne:
    """A model that sees a face in every other picture alone."""

    def __init__(self) -> None:
        self.looks, self.sees, self.sides = 0, Leans(0.0), (CLOSE_SIDE, CLOSE_SIDE)

    def take(self, height: int, width: int) -> None:
        self.sees.take(height, width)

    def run(self, image: np.ndarray) -> list[np.ndarray]:
        self.looks += 1
        return self.sees.run(image) if self.looks % 2 else grids(*self.sides)


class Blind:
    """A second look that sees nobody."""

    def __init__(self) -> None:
        self.sides = (CLOSE_SIDE, CLOSE_SIDE)

    def take(self, height: int, width: int) -> None:
        assert (height, width) == self.sides

    def run(self, _: np.ndarray) -> list[np.ndarray]:
        return grids(*self.sides)


class Says:
    """A third model that gives every picture the same chance of a face, and keeps it."""

    def __init__(self, chance: float, side: int = 96) -> None:
        self.chance, self.sides = chance, (side, side)
        self.seen: list[np.ndarray] = []

    def run(self, image: np.ndarray) -> list[np.ndarray]:
        self.seen.append(image)
        return [np.array([self.chance], np.float32)]


class Sees:
    """A first look that sees faces of 80 pixels of these scores, each so many pixels to the right
    of the first."""

    def __init__(self, *faces: tuple[float, int]) -> None:
        self.faces, self.sides = faces, (160, 160)

    def take(self, height: int, width: int) -> None:
        assert (height, width) == self.sides

    def run(self, _: np.ndarray) -> list[np.ndarray]:
        outputs = grids(*self.sides)
        for score, apart in self.faces:
            column = 8 + apart // 8
            outputs[0][10, column] = score
            outputs[1][10, column, :4] = [3, 3, *[np.log2(80 / 8) + 1] * 2]
        return outputs


class Spots:
    """A look that sees a face in what is bright, its eyes a fifth of its width from the middle."""

    def __init__(self) -> None:
        self.sides, self.asked = (160, 160), 0

    def take(self, height: int, width: int) -> None:
        self.sides = height, width

    def run(self, image: np.ndarray) -> list[np.ndarray]:
        self.asked += 1
        outputs = grids(*self.sides)
        bright = (image.min(2) > 128).astype(np.uint8)
        _, _, found, _ = cv2.connectedComponentsWithStats(bright)
        for left, top, width, height, _ in found[1:]:
            x, y, size = left + width / 2, top + height / 2, np.sqrt(width * height)
            row, column = int(y // 8), int(x // 8)
            at = [(x - (column + 0.5) * 8) / size * 4 + 3, (y - (row + 0.5) * 8) / size * 4 + 3]
            eyes = [at[0] - 0.8, at[1], at[0] + 0.8, at[1]]
            outputs[0][row, column] = 0.9
            outputs[1][row, column, :8] = [*at, *np.log2([width / 8, height / 8]) + 1, *eyes]
        return outputs


class Wide(Spots):
    """The same as the first look."""

    def __init__(self) -> None:
        super().__init__()
        self.sides = (320, 320)
