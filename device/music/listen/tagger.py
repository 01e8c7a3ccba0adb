"""Tags of music by the int8 network in `models_tflite/music.tflite` (see `conversion.music`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from device.inference import (
    ModelError,
    check_digest,
    decode_sidecar,
    default_runtime,
    open_interpreter,
    read_file,
)
from device.music.listen.spectrum import FRAME_RATE, MELS

Floats = npt.NDArray[np.float32]

NAME = "music"
PATCH = 187
"""Spectra that the network sees at once: 3 s."""
LOOKS = 6
"""Patches of a piece, spread evenly: enough for a mood, and 18 s of computing on a slow board
less than all."""


class MusicSidecar(msgspec.Struct, frozen=True):
    """What `music.json` says of `music.tflite`. `input` tells how its spectra are made."""

    task: str
    labels: list[str]
    input: dict[str, Any]
    quantization: str
    sha256: str
    licence: str
    data: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    intended_use: str = ""


class Patches:
    """Keeps the spectra that the tagger will look at, of a piece that lasts so many seconds."""

    def __init__(self, seconds: float) -> None:
        frames = int(seconds * FRAME_RATE)
        looks = max(1, min(LOOKS, frames // PATCH))
        middles = (np.arange(looks) + 0.5) / looks * frames
        self._starts = [max(0, int(middle) - PATCH // 2) for middle in middles]
        self._kept: list[list[Floats]] = [[] for _ in self._starts]
        self._first: list[Floats] = []
        self._count = 0

    def feed(self, mels: Floats) -> None:
        """Take in spectra (count, MELS)."""
        end = self._count + len(mels)
        for start, kept in zip(self._starts, self._kept, strict=True):
            if start < end and self._count < start + PATCH:
                kept.append(mels[max(0, start - self._count) : start + PATCH - self._count])
        if self._count < PATCH:
            self._first.append(mels[: PATCH - self._count])
        self._count = end

    def all(self) -> list[Floats]:
        """The whole patches (PATCH, MELS); of what is too short, itself again and again."""
        whole = [np.concatenate(kept) for kept in self._kept if sum(map(len, kept)) == PATCH]
        if whole or not self._count:
            return whole
        first = np.concatenate(self._first)
        return [np.resize(first, (PATCH, MELS))]


class Tagger:
    """The network. Not to be shared between threads. Raises ModelError where it is not there or
    not what its sidecar says."""

    def __init__(self, folder: Path, *, threads: int = 1, runtime: str | None = None) -> None:
        path = folder / f"{NAME}.tflite"
        content = read_file(path)
        self.sidecar = decode_sidecar(folder / f"{NAME}.json", MusicSidecar)
        check_digest(path, content, self.sidecar.sha256)
        self._interpreter = open_interpreter(path, content, threads, runtime or default_runtime())
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        taken = (tuple(self._input["shape"]), self._input["dtype"])
        if taken != ((1, PATCH, MELS, 1), np.float32):
            raise ModelError(
                f"{path} takes {taken[1].__name__} {taken[0]}, not float32 {(1, PATCH, MELS, 1)}: "
                "install the models of this release"
            )
        gives, names = int(self._output["shape"][-1]), len(self.sidecar.labels)
        if gives != names:
            raise ModelError(
                f"{path} gives {gives} tags, its sidecar names {names}: restore both files of one "
                "release"
            )

    def logits(self, patch: Floats) -> Floats:
        """One number a tag, of spectra (PATCH, MELS); its sigmoid is the tag's probability."""
        tensor = patch[np.newaxis, :, :, np.newaxis]
        self._interpreter.set_tensor(self._input["index"], np.ascontiguousarray(tensor))
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output["index"])[0], np.float32)

    def tags(
        self, patches: Sequence[Floats], progress: Callable[[], None] = lambda: None
    ) -> dict[str, float]:
        """Probability of each tag, the mean over patches; none without a patch."""
        said = []
        for patch in patches:
            said.append(1 / (1 + np.exp(-self.logits(patch))))
            progress()
        if not said:
            return {}
        mean = np.mean(said, axis=0)
        return {
            label: round(float(value), 4)
            for label, value in zip(self.sidecar.labels, mean, strict=True)
        }
