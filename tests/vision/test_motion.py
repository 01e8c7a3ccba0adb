from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from device.settings import CameraSettings
from device.types import Board
from device.vision.motion import NOBODY_SECONDS, SOMEBODY_SECONDS, MotionGate
from device.vision.rate import look_hertz

if TYPE_CHECKING:
    from device.ports import Image


def room(seed: int, noise: float = 8.0, *, brighter: int = 0) -> Image:
    """A room with some furniture, as noisy as a cheap sensor at night."""
    image = np.full((480, 640, 3), 90.0 + brighter)
    image[300:, :200] = 40 + brighter
    image[100:200, 400:600] = 200
    image += np.random.default_rng(seed).normal(0, noise, image.shape)
    return image.clip(0, 255).astype(np.uint8)


def test_noise_is_no_change() -> None:
    gate = MotionGate()
    assert gate.passes(room(0), 0.0, somebody=False)
    passed = [gate.passes(room(seed), seed * 0.01, somebody=False) for seed in range(1, 20)]
    assert not any(passed)


def test_a_small_face_is_a_change() -> None:
    gate = MotionGate()
    gate.passes(room(0), 0.0, somebody=False)
    image = room(1)
    image[220:260, 300:335] = (200, 160, 140)  # 5.5 % of the width: 2.5 m away
    assert gate.passes(image, 0.1, somebody=False)


def test_slow_change_adds_up() -> None:
    gate = MotionGate()
    gate.passes(room(0), 0.0, somebody=False)
    passed = [
        gate.passes(room(step, brighter=step), step * 0.05, somebody=False) for step in range(1, 20)
    ]
    assert 3 <= sum(passed) <= 6  # every six grey levels, or a little earlier by noise


@pytest.mark.parametrize(
    ("somebody", "patience"), [(False, NOBODY_SECONDS), (True, SOMEBODY_SECONDS)]
)
def test_an_unchanged_view_is_analysed_now_and_then(somebody: bool, patience: float) -> None:
    gate = MotionGate()
    looks, view = range(round(patience * 20) + 1), room(0)
    passed = [gate.passes(view, look / 10, somebody=somebody) for look in looks]
    assert sum(passed) == 3


@pytest.mark.parametrize(
    ("board", "somebody", "hertz"),
    [
        (Board(), False, 1.5),
        (Board(), True, 8.0),
        (Board(79.9, throttled=False, under_voltage=False), True, 8.0),
        (Board(80.0), True, 4.0),
        (Board(40.0, throttled=True), True, 4.0),
        (Board(40.0, under_voltage=True), False, 0.75),
    ],
)
def test_looks_a_second(board: Board, somebody: bool, hertz: float) -> None:
    assert look_hertz(CameraSettings(), board, somebody=somebody) == hertz
