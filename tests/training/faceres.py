"""A file like faceres.json, of chance's weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from training.backbone import LAYERS


def write_faceres(path: Path, layers: int, *, seed: int = 0) -> Path:
    """A TensorFlow.js model of chance's weights with the first layers of faceres."""
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "conv1/convolution/merged_input": (3, 3, 3, 32),
        "conv1_bn/batchnorm_1/sub": (32,),
    }
    before = 32
    for number, (width, _) in enumerate(LAYERS[:layers], 1):
        shapes |= {
            f"conv_dw_{number}/depthwise_kernel": (3, 3, before, 1),
            f"conv_dw_{number}_bn/batchnorm_1/mul": (before,),
            f"conv_dw_{number}_bn/batchnorm_1/sub": (before,),
            f"conv_pw_{number}/convolution/merged_input": (1, 1, before, width),
            f"conv_pw_{number}_bn/batchnorm_1/sub": (width,),
        }
        before = width
    entries = [{"name": n, "shape": s, "dtype": "float32"} for n, s in shapes.items()]
    content = b"".join(
        (rng.standard_normal(shape) / 4).astype(np.float32).tobytes() for shape in shapes.values()
    )
    path.with_suffix(".bin").write_bytes(content)
    manifest = [{"paths": [path.with_suffix(".bin").name], "weights": entries}]
    path.write_text(json.dumps({"weightsManifest": manifest}))
    return path
