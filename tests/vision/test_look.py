from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import msgspec
import numpy as np
import pytest

from device.ports import PartUnavailable
from device.types import Emotion
from device.vision.files import read_image
from device.vision.look import SeenFrame, look
from device.vision.replay import ClipCamera
from tests.fakes import FakeClock
from tests.vision.fakes import FakeDetector, FakeReader, detection

if TYPE_CHECKING:
    from device.ports import Image


def seen(*paths: Path, crop: bool = False, every: int = 1) -> list[SeenFrame]:
    detector = FakeDetector(lambda _: [detection(0.25, 0.5, 0.5)])
    return list(look(paths, crop=crop, detector=detector, reader=FakeReader(40.04), every=every))


def gradient(width: int, height: int) -> Image:
    return np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    cv2.imwrite(str(path), gradient(200, 100))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(7):
        writer.write(gradient(64, 48))
    writer.release()
    return path


def test_a_picture(photo: Path) -> None:
    (record,) = seen(photo)
    told = json.loads(msgspec.json.encode(record))
    assert set(told) == {"file", "frame", "faces"}
    assert (told["file"], told["frame"]) == (str(photo), 0)
    (face,) = told["faces"]
    assert face["box"] == [50, 50, 100, 50]
    assert face["score"] == 0.9
    assert face["age"] == 40.0
    assert face["age_interval"] == [35.0, 45.0]
    assert face["emotion"] == {e.value: 0.7 if e is Emotion.HAPPINESS else 0.05 for e in Emotion}


def test_a_clip_gives_each_frame(clip: Path) -> None:
    assert [record.frame for record in seen(clip)] == list(range(7))
    assert [record.frame for record in seen(clip, every=3)] == [0, 3, 6]


def test_a_crop_is_one_face(photo: Path) -> None:
    (record,) = seen(photo, crop=True)
    assert [face.box for face in record.faces] == [(0, 0, 200, 100)]


def test_a_folder_gives_its_pictures_and_clips_by_name(photo: Path, clip: Path) -> None:
    inner = photo.parent / "inner"
    inner.mkdir()
    (inner / "deep.png").write_bytes(cv2.imencode(".png", gradient(8, 8))[1].tobytes())
    (photo.parent / "notes.txt").write_text("nothing to see")
    names = [Path(record.file).name for record in seen(photo.parent, clip)]
    assert names == ["clip.avi"] * 7 + ["deep.png", "photo.jpg"] + ["clip.avi"] * 7


def test_a_picture_under_a_wrong_name(photo: Path) -> None:
    odd = photo.rename(photo.with_suffix(".dat"))
    (record,) = seen(odd)
    assert len(record.faces) == 1


def test_bad_files_are_named_and_the_rest_goes_on(
    tmp_path: Path, photo: Path, caplog: pytest.LogCaptureFixture
) -> None:
    empty, text, cut = tmp_path / "empty.jpg", tmp_path / "text.mp4", tmp_path / "cut.png"
    empty.write_bytes(b"")
    text.write_text("no clip at all\n" * 50)
    cut.write_bytes(cv2.imencode(".png", gradient(64, 64))[1].tobytes()[:30])
    records = seen(empty, tmp_path / "missing.jpg", text, cut, photo)
    assert [record.error != "" for record in records] == [True] * 4 + [False]
    assert records[1].error == "No such file or directory"
    told = json.loads(msgspec.json.encode(records[0]))
    assert told == {"file": str(empty), "frame": 0, "faces": [], "error": "the file is empty"}
    for name in ("empty.jpg", "missing.jpg", "text.mp4", "cut.png"):
        assert name in caplog.text


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    assert [record.error for record in seen(tmp_path)] == ["the folder holds no picture or clip"]


@pytest.mark.parametrize("name", ["huge.png", "huge.avi"])
def test_a_small_file_that_stands_for_much_memory_is_named_and_not_decoded(
    tmp_path: Path, photo: Path, name: str
) -> None:
    path, side = tmp_path / name, 7100
    if path.suffix == ".avi":
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (side, side))
        writer.write(np.zeros((side, side, 3), np.uint8))
        writer.release()
        with pytest.raises(PartUnavailable, match="too large"):
            ClipCamera(path, FakeClock(), loop=True).__enter__()
    else:
        cv2.imwrite(str(path), np.zeros((side, side), np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    # In a process of its own, for OpenCV reads the limit when it is loaded.
    command = [sys.executable, "-m", "device.cli", "look", "--json", str(path), str(photo)]
    told = subprocess.run(command, check=False, capture_output=True, text=True)
    large, small = map(json.loads, told.stdout.splitlines())
    assert large["error"]
    assert "error" not in small
    assert told.returncode == 1


def test_a_png_that_claims_a_chunk_of_gigabytes_takes_none(tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    cv2.imwrite(str(path), gradient(24, 24))
    whole = path.read_bytes()
    place = whole.index(b"IDAT") - 4
    path.write_bytes(whole[:place] + (0x60000000).to_bytes(4, "big") + whole[place + 4 :])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read_image(path) is None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10
    path.write_bytes(whole)
    assert read_image(path) is not None
