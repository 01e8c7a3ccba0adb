"""TFLite models on whichever runtime is there, with what their sidecars promise checked.

A model is `NAME.tflite` with `NAME.json` beside it. The sidecar says what the model is for,
what goes in and what comes out; a model that does not hold what its sidecar says is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from device.inference import (
    RUNTIMES,
    ModelError,
    available_runtimes,
    check_digest,
    decode_sidecar,
    default_runtime,
    open_interpreter,
    read_file,
)
from device.vision.align import LEFT_EYE, RIGHT_EYE

if TYPE_CHECKING:
    from pathlib import Path

    from device.ports import Image

    Output = npt.NDArray[np.float32]

__all__ = [
    "RUNTIMES",
    "CropSpec",
    "InputSpec",
    "Model",
    "ModelError",
    "Sidecar",
    "available_runtimes",
    "default_runtime",
    "read_sidecar",
]


class InputSpec(msgspec.Struct, frozen=True):
    """What goes in: RGB uint8 pixels of `shape` (1, height, width, 3).

    A float model wants `pixel * multiplier + offset`; an int8 model always takes `pixel - 128`.
    """

    shape: tuple[int, int, int, int]
    colour_order: str = "RGB"
    multiplier: Annotated[float, Meta(ge=-1e3, le=1e3)] = 1.0
    offset: Annotated[float, Meta(ge=-1e3, le=1e3)] = 0.0


class CropSpec(msgspec.Struct, frozen=True):
    """How the input is cut; see `device.vision.align`. A model trained on another template
    than the device's would see faces it does not know."""

    zoom: Annotated[float, Meta(ge=0.1, le=10.0)] = 1.0
    left_eye: tuple[float, float] = (LEFT_EYE.x, LEFT_EYE.y)
    right_eye: tuple[float, float] = (RIGHT_EYE.x, RIGHT_EYE.y)


class Sidecar(msgspec.Struct, frozen=True):
    """What `NAME.json` says about `NAME.tflite`.

    `labels` name the values of the output. `calibration` holds what turns raw outputs into
    honest probabilities. The rest is for people, who deserve to know what a model is made of.
    """

    task: str
    labels: list[str]
    input: InputSpec
    quantization: str
    sha256: str
    licence: str
    calibration: dict[str, Annotated[float, Meta(ge=0.01, le=100.0)]] = {}
    crop: CropSpec = CropSpec()
    data: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    intended_use: str = ""


class Model:
    """One loaded model. Not to be shared between threads.

    Raises ModelError when a file is missing or is not what the sidecar says.
    """

    def __init__(
        self, folder: Path, name: str, *, threads: int = 1, runtime: str | None = None
    ) -> None:
        self.path = folder / f"{name}.tflite"
        content = read_file(self.path)
        self.sidecar = read_sidecar(folder / f"{name}.json")
        check_digest(self.path, content, self.sidecar.sha256)
        self.runtime = runtime or default_runtime()
        self._interpreter = open_interpreter(self.path, content, threads, self.runtime)
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = self._interpreter.get_output_details()
        self._check()

    @property
    def size(self) -> int:
        """Side of the square input in pixels."""
        return self.sidecar.input.shape[1]

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the images that `run` expects."""
        _, height, width, _ = self._input["shape"]
        return int(height), int(width)

    @property
    def answers(self) -> int:
        """How many numbers its first output gives for a picture, or for each place of one."""
        return int(self._outputs[0]["shape"][-1])

    def take(self, height: int, width: int) -> None:
        """Expect images of these sides from now on; only for models of nothing but convolutions.
        It costs some milliseconds where they change."""
        if self.sides != (height, width):
            self._interpreter.resize_tensor_input(self._input["index"], (1, height, width, 3))
            self._interpreter.allocate_tensors()
            self._input = self._interpreter.get_input_details()[0]

    def run(self, image: Image) -> list[Output]:
        """Outputs in the model's order, as float32 without the batch's axis.

        `image` is RGB, uint8, of the sidecar's shape without the batch's axis, or of the sides
        last `take`n.
        """
        if self._input["dtype"] is np.int8:
            # Flipping the top bit subtracts 128 and lands in two's complement.
            tensor: npt.NDArray[Any] = (image ^ np.uint8(0x80)).view(np.int8)
        else:
            spec = self.sidecar.input
            tensor = image * np.float32(spec.multiplier) + np.float32(spec.offset)
        self._interpreter.set_tensor(self._input["index"], tensor[np.newaxis])
        self._interpreter.invoke()
        return [self._output(details) for details in self._outputs]

    def _output(self, details: dict[str, Any]) -> Output:
        raw = self._interpreter.get_tensor(details["index"])[0]
        if details["dtype"] is np.float32:
            return np.asarray(raw, np.float32)
        scale, zero_point = details["quantization"]
        return np.asarray((raw.astype(np.float32) - zero_point) * scale, np.float32)

    def _check(self) -> None:
        if self.sidecar.crop != CropSpec(zoom=self.sidecar.crop.zoom):
            raise ModelError(
                f"{self.path} was trained on crops of another template than this device cuts: "
                "install the models of this release"
            )
        shape = tuple(int(n) for n in self._input["shape"])
        if shape != self.sidecar.input.shape:
            raise ModelError(
                f"{self.path} takes {shape}, its sidecar says {self.sidecar.input.shape}: "
                "convert the model again"
            )
        if self._input["dtype"] is np.int8 and self._input["quantization"] != (1.0, -128):
            raise ModelError(
                f"{self.path} quantizes its input by {self._input['quantization']}, not by "
                "(1, -128), which takes pixels as they are: convert the model again"
            )


def read_sidecar(path: Path) -> Sidecar:
    """A sidecar's content; ModelError where it is missing or malformed."""
    return decode_sidecar(path, Sidecar)
