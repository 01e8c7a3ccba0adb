"""Looks for pixels in what a program wrote: any run of them, at any offset, in many forms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from device.settings import HOME, VisionSettings
from device.types import Detection
from device.vision.align import align
from device.vision.detect import open_detector
from device.vision.files import fit, read_image

Words = npt.NDArray[np.uint64]
Image = npt.NDArray[np.uint8]

WORD = 8
VARIED = 6
"""Words of fewer different bytes are left out: flat areas look like much else."""
RUN = 3
"""So many words on end are a picture: 24 bytes, or 31 wherever they begin."""
PICTURE_STARTS = (
    *(b"\xff\xd8\xff\xe0\0\x10JFIF", b"\xff\xd8\xff\xdb\0C\0", b"Exif\0\0"),
    *(b"\x89PNG\r\n\x1a\n", b"WEBPVP8", b"GIF89a", b"GIF87a"),
)
SIDES = (96, 112, 160)
"""Of the crops that the models see, and of the detector's closer look."""
WIDTHS = (448, 320, 160, 80)
"""The picture is searched for in these widths, too."""


class Needles:
    """Some pictures, in the forms that they take on the way, cut into words of eight bytes.

    `packed`: what came in, looked for as it is.
    """

    def __init__(
        self, files: Iterable[Path], width: int, height: int, packed: Iterable[bytes] = ()
    ) -> None:
        detector = open_detector(HOME / "models_tflite", min_score=VisionSettings().minimum_score)
        words = [np.empty(0, np.uint64)]
        self.pictures = self.faces = 0
        self.needed_bytes = 0
        """What a JPEG of low quality (30 of 100) takes of the picture that is the worst to pack."""
        for file in files:
            image = read_image(file)
            assert image is not None, file
            seen = fit(image, width, height)
            faces = detector.detect(seen)
            self.pictures, self.faces = self.pictures + 1, self.faces + len(faces)
            jpeg = cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
            self.needed_bytes = max(self.needed_bytes, len(jpeg))
            words += [_words(form) for shown in _shown(seen, faces) for form in _forms(shown)]
            words.append(_words(np.frombuffer(file.read_bytes(), np.uint8)))
        words += [_words(np.frombuffer(data, np.uint8)) for data in packed]
        self._words: Words = np.unique(np.concatenate(words))

    def found_in(self, data: bytes) -> str:
        """What of a picture lies in some bytes, in words; empty where nothing does."""
        for start in PICTURE_STARTS:
            if start in data:
                return f"the beginning of a picture's file, {start!r}"
        if len(data) < RUN * WORD:
            return ""
        # The pictures are cut into words, what was written is looked at from every byte on.
        windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), WORD)
        words = np.ascontiguousarray(windows).view(np.uint64).reshape(-1)
        places = np.minimum(np.searchsorted(self._words, words), len(self._words) - 1)
        hits = self._words[places] == words
        last = len(hits) - (RUN - 1) * WORD
        runs = np.logical_and.reduce([hits[n * WORD : last + n * WORD] for n in range(RUN)])
        if runs.any():
            at = int(np.argmax(runs))
            return f"pixels at byte {at}: {data[at : at + 16].hex(' ')}"
        return ""


def _words(form: npt.NDArray[np.uint8]) -> Words:
    """Each eight bytes, without those that are too plain."""
    flat = np.ascontiguousarray(form).reshape(-1)
    cut = flat[: len(flat) // WORD * WORD].reshape(-1, WORD)
    ordered = np.sort(cut, axis=1)
    varied = 1 + np.count_nonzero(np.diff(ordered, axis=1), axis=1) >= VARIED
    return np.ascontiguousarray(cut[varied]).view(np.uint64).reshape(-1)


def _shown(image: Image, faces: list[Detection]) -> Iterator[Image]:
    """The picture at every scale that it is looked at in, and each face's crops."""
    yield image
    height, width = image.shape[:2]
    for across in WIDTHS:
        down = max(1, round(height * across / width))
        for method in (cv2.INTER_LINEAR, cv2.INTER_AREA):
            yield np.asarray(cv2.resize(image, (across, down), interpolation=method), np.uint8)
    for face in faces:
        for side in SIDES:
            yield align(image, face, side)


def _forms(image: Image) -> Iterator[npt.NDArray[np.uint8]]:
    """Red first and blue first, mirrored, grey, a plane a colour, and as the models take it."""
    for turned in (image, image[:, ::-1]):
        yield turned
        yield turned[:, :, ::-1]
    yield np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    yield image.transpose(2, 0, 1)
    yield image ^ np.uint8(0x80)
