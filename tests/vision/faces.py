"""The portraits, and what the models' tests share."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "models_tflite"
PORTRAITS = ROOT / "config" / "portraits"


def portrait(name: str) -> np.ndarray:
    image = cv2.imread(str(PORTRAITS / f"{name}.jpg"))
    assert image is not None
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
