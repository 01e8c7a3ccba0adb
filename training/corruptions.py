"""What a camera at home does to a face: fifteen kinds of harm, each in three strengths.

Kinds and the idea of strengths follow Hendrycks and Dietterich, "Benchmarking neural network
robustness to common corruptions and perturbations" (2019), with those of faces and living rooms
added: masks, sunglasses, turned heads, low and coloured light. Strengths are set for faces of
about 100 pixels; lengths are fractions of the picture's width, light is 0..1.

The same picture, kind and seed meet the same dice at every strength: a rectangle grows where it
is, a blur keeps its direction.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from device.vision.align import eyes

if TYPE_CHECKING:
    from collections.abc import Callable

    from device.types import Detection

    Image = npt.NDArray[np.uint8]
    Light = npt.NDArray[np.float32]
    Harm = Callable[[Light, Detection, int, np.random.Generator], Light]

SEVERITIES = (1, 2, 3)


def corrupt(image: Image, face: Detection, name: str, severity: int, seed: int) -> Image:
    """An RGB image harmed by `name` of `CORRUPTIONS`, `severity` 1 (mild) to 3 (harsh).

    `face` is the face in the unharmed image: masks and glasses are painted by its eyes.
    """
    if severity not in SEVERITIES:
        raise ValueError(f"severity must be one of {SEVERITIES}, not {severity}")
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    light = CORRUPTIONS[name](image.astype(np.float32) / 255, face, severity - 1, rng)
    return np.asarray(np.clip(np.rint(light * 255), 0, 255), np.uint8)


def _gaussian_noise(x: Light, _: Detection, level: int, rng: np.random.Generator) -> Light:
    noise = rng.standard_normal(x.shape, np.float32)
    return np.asarray(x + np.float32((0.05, 0.1, 0.18)[level]) * noise, np.float32)


def _shot_noise(x: Light, _: Detection, level: int, rng: np.random.Generator) -> Light:
    # By the normal approximation of Poisson's, so that the dice are the same at each strength.
    photons = (80, 25, 8)[level]
    noise = rng.standard_normal(x.shape, np.float32)
    return np.asarray(x + np.sqrt(x / photons) * noise, np.float32)


def _defocus_blur(x: Light, _: Detection, level: int, __: np.random.Generator) -> Light:
    radius = (0.02, 0.035, 0.055)[level] * x.shape[1]
    reach = int(np.ceil(radius))
    down, across = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(down, across), 0, 1)
    return _filtered(x, disc)


def _motion_blur(x: Light, _: Detection, level: int, rng: np.random.Generator) -> Light:
    length = (0.06, 0.11, 0.18)[level] * x.shape[1]
    angle = rng.uniform(0, np.pi)
    reach = int(np.ceil(length / 2)) + 1
    line = np.zeros((2 * reach + 1, 2 * reach + 1), np.float64)
    for along in np.linspace(-length / 2, length / 2, 8 * reach):
        column, row = reach + along * np.cos(angle), reach + along * np.sin(angle)
        left, top = int(column), int(row)
        right, bottom = column - left, row - top
        line[top, left] += (1 - right) * (1 - bottom)
        line[top, left + 1] += right * (1 - bottom)
        line[top + 1, left] += (1 - right) * bottom
        line[top + 1, left + 1] += right * bottom
    return _filtered(x, line)


def _brightness(x: Light, _: Detection, level: int, __: np.random.Generator) -> Light:
    return x + (0.15, 0.3, 0.45)[level]


def _low_light(x: Light, _: Detection, level: int, rng: np.random.Generator) -> Light:
    """Fewer photons on a sensor: less light before the display's gamma, and its noise."""
    photons = (60.0, 20.0, 7.0)[level]  # of a white pixel
    caught = photons * np.maximum(x, 0) ** 2.2
    noise = np.sqrt(caught + 0.5) * rng.standard_normal(x.shape, np.float32)
    # A camera's gain makes up for a part of what is lost only.
    seen = np.maximum(caught + noise, 0) / photons * (0.3, 0.15, 0.07)[level]
    return np.asarray(seen ** (1 / 2.2), np.float32)


def _contrast(x: Light, _: Detection, level: int, __: np.random.Generator) -> Light:
    middle = x.mean(dtype=np.float32)
    return np.asarray((x - middle) * np.float32((0.5, 0.3, 0.15)[level]) + middle, np.float32)


def _jpeg(x: Light, _: Detection, level: int, __: np.random.Generator) -> Light:
    quality = (25, 12, 5)[level]
    content = cv2.imencode(".jpg", _pixels(x), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.float32) / 255


def _pixelate(x: Light, _: Detection, level: int, __: np.random.Generator) -> Light:
    height, width = x.shape[:2]
    share = (0.5, 0.33, 0.2)[level]
    small = cv2.resize(
        x, (round(width * share), round(height * share)), interpolation=cv2.INTER_AREA
    )
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST))


def _fog(x: Light, _: Detection, level: int, rng: np.random.Generator) -> Light:
    height, width = x.shape[:2]
    clouds = sum(
        cv2.resize(
            rng.random((cells, cells), np.float32) / cells,
            (width, height),
            interpolation=cv2.INTER_CUBIC,
        )
        for cells in (2, 4, 8)
    )
    haze = np.clip(0.6 + 0.4 * np.asarray(clouds), 0, 1)[..., None]
    thick = np.float32((0.35, 0.55, 0.75)[level])
    return np.asarray(x * (1 - thick) + haze * thick, np.float32)


def _occlusion(x: Light, _: Detection, level: int, rng: np.random.Generator) -> Light:
    """A rectangle of one colour somewhere upon the face, like a hand, a cup or a phone."""
    height, width = x.shape[:2]
    centre_x, centre_y, shape = rng.uniform((0.25, 0.25, 0.7), (0.75, 0.75, 1.4))
    side = np.sqrt((0.08, 0.16, 0.28)[level])
    half_w, half_h = side * shape / 2, side / shape / 2
    colour = rng.random(3, np.float32)
    harmed = x.copy()
    top, bottom = (round(np.clip(centre_y + d, 0, 1) * height) for d in (-half_h, half_h))
    left, right = (round(np.clip(centre_x + d, 0, 1) * width) for d in (-half_w, half_w))
    harmed[top:bottom, left:right] = colour
    return harmed


MASK_COLOURS = ((0.65, 0.8, 0.9), (0.95, 0.95, 0.95), (0.12, 0.12, 0.14))


def _mask(x: Light, face: Detection, level: int, rng: np.random.Generator) -> Light:
    """A face mask: below the nose, over its tip, up to its bridge."""
    top = (0.85, 0.65, 0.4)[level]
    outline = [(-0.95, top), (0, top - 0.15), (0.95, top), (0.8, 1.35), (0.4, 1.85)]
    outline += [(-0.4, 1.85), (-0.8, 1.35)]
    return _painted(x, _on_face(x, face, outline), MASK_COLOURS[rng.integers(3)], 1.0)


def _sunglasses(x: Light, face: Detection, level: int, _: np.random.Generator) -> Light:
    wide, high = ((0.34, 0.24), (0.36, 0.27), (0.44, 0.34))[level]
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    dark = (0.05, 0.05, 0.06)
    for side in (-0.5, 0.5):
        lens = [(side + wide * np.cos(t), 0.04 + high * np.sin(t)) for t in turn]
        x = _painted(x, _on_face(x, face, lens), dark, (0.6, 0.9, 1.0)[level])
    bridge = [(-0.2, -0.06), (0.2, -0.06), (0.2, 0.02), (-0.2, 0.02)]
    return _painted(x, _on_face(x, face, bridge), dark, 1.0)


def _rotation(x: Light, _: Detection, level: int, rng: np.random.Generator) -> Light:
    height, width = x.shape[:2]
    angle = (15, 30, 45)[level] * rng.choice([-1, 1])
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), float(angle), 1.0)
    return np.asarray(
        cv2.warpAffine(x, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _coloured_light(x: Light, _: Detection, level: int, rng: np.random.Generator) -> Light:
    """A room lit by one coloured lamp: in the end there is but one colour to see."""
    hue = rng.uniform(0, 2 * np.pi)
    tint = 0.75 + 0.25 * np.cos(hue + np.array([0, 2, 4]) * np.pi / 3)
    grey = x @ np.array([0.299, 0.587, 0.114], np.float32)
    share = np.float32((0.4, 0.7, 1.0)[level])
    return np.asarray(x * (1 - share) + grey[..., None] * tint * share, np.float32)


CORRUPTIONS: dict[str, Harm] = {
    "gaussian noise": _gaussian_noise,
    "shot noise": _shot_noise,
    "defocus blur": _defocus_blur,
    "motion blur": _motion_blur,
    "pixelation": _pixelate,
    "JPEG": _jpeg,
    "brightness": _brightness,
    "low light": _low_light,
    "contrast": _contrast,
    "coloured light": _coloured_light,
    "fog": _fog,
    "occlusion": _occlusion,
    "mask": _mask,
    "sunglasses": _sunglasses,
    "rotation": _rotation,
}
"""Each kind of harm, in the order of the report."""


def _filtered(x: Light, kernel: npt.NDArray[np.float64]) -> Light:
    return np.asarray(
        cv2.filter2D(x, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101), np.float32
    )


def _pixels(x: Light) -> Image:
    return np.asarray(np.rint(x * 255), np.uint8)


def _on_face(
    x: Light, face: Detection, outline: list[tuple[float, float]]
) -> npt.NDArray[np.float64]:
    """Points given from the middle between the eyes, in eye distances along and across the line
    of the eyes, as pixels of the image."""
    height, width = x.shape[:2]
    left, right = (complex(eye.x * width, eye.y * height) for eye in eyes(face))
    points = [(left + right) / 2 + complex(*point) * (right - left) for point in outline]
    return np.array([[point.real, point.imag] for point in points])


def _painted(
    x: Light, outline: npt.NDArray[np.float64], colour: tuple[float, ...], cover: float
) -> Light:
    """The image with a filled outline over it, its edge smoothed."""
    stencil = np.zeros(x.shape[:2], np.uint8)
    # OpenCV takes points in sixteenths of a pixel.
    points = np.rint(outline * 16).astype(np.int32)
    cv2.fillPoly(stencil, [points], (255,), cv2.LINE_AA, 4)
    share = (stencil.astype(np.float32) / 255 * np.float32(cover))[..., None]
    return np.asarray(x * (1 - share) + np.array(colour, np.float32) * share, np.float32)
