"""Edges behind which native code reads files: sound, pictures, clips, models; and frames."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from device.inference import ModelError
from device.mood.room import Room
from device.music.announce import admit
from device.music.decode import CannotDecode, decode
from device.music.listen.tagger import Tagger
from device.music.probe import Unplayable, probe
from device.ports import CannotDo, Frame, PartUnavailable
from device.settings import CameraSettings, MoodSettings, Settings
from device.types import Sighting
from device.vision.detect import open_detector
from device.vision.files import fit
from device.vision.look import look
from device.vision.reader import AgeModel, EmotionModel, ModelReader
from device.vision.replay import ClipCamera, FolderCamera
from device.vision.runtime import Model
from device.vision.watch import Watcher, load_models
from tests.fakes import FakeClock
from tests.fuzz.edge import Attack, Seeds
from tests.music.audio import FORMATS, tag, tone

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "models_tflite"
PORTRAITS = ROOT / "config" / "portraits"

# --- sound -----------------------------------------------------------------------------------

TAGS = {
    "title": "Café", "artist": "Band", "album": "Album", "genre": "Jazz", "date": "1971-02-03",
    "bpm": "120", "mood": "happy; calm", "valence": "0.4", "arousal": "-0.2",
    "replaygain_track_gain": "-3.20 dB", "replaygain_track_peak": "0.98",
}  # fmt: skip


def sound_seeds(folder: Path) -> Seeds:
    """A short tone in every format that the tests can write, tagged and not."""
    seeds: Seeds = {}
    for kind in FORMATS:
        plain = tone(folder / f"plain.{kind}", 0.25, format=kind).read_bytes()
        long = tone(folder / f"long.{kind}", 2.5, format=kind).read_bytes()
        tagged = tone(folder / f"tagged.{kind}", 0.25, format=kind)
        if kind != "aac":  # which has no place for tags
            tag(tagged, TAGS)
        seeds[kind] = [plain, tagged.read_bytes(), tagged.read_bytes(), long[:60_000]]
    return seeds


SOUND_WORDS = (
    b"ID3\x04\x00\x00", b"TXXX", b"TIT2", b"APIC", b"RVA2", b"TCON", b"APETAGEX", b"TAG", b"fLaC",
    b"OggS", b"vorbis", b"OpusHead", b"OpusTags", b"moov", b"trak", b"stsz", b"----", b"data",
    b"ilst", b"meta", b"covr", b"RIFF", b"WAVE", b"LIST", b"INFO", b"fmt ", b"FORM", b"COMM",
    b"SSND",
    b"\xff\xfb\x90", b"\xff\xf1", b"Xing", b"LAME", b"\xff\xff\xff\x7f", b"stco", b"mdhd", b"esds",
)  # fmt: skip


@contextlib.contextmanager
def sound_attack(folder: Path) -> Iterator[Attack]:
    """A file of the library is looked into; what may be played is played and announced."""

    def attack(kind: str, data: bytes) -> bool:
        path = folder / f"case.{kind}"
        path.write_bytes(data)
        try:
            found = probe(path)
        except Unplayable as error:
            assert str(error)
            taken = False
        else:
            taken = True
            assert 0 < found.seconds < math.inf
            assert all(
                text.isprintable() for text in (found.tags.title or "", found.tags.artist or "")
            )
            str(found.tags).encode()
        with contextlib.suppress(CannotDo):
            admit(str(path), None)
        with contextlib.suppress(CannotDecode):
            for block in islice(decode(str(path), 0.1 if data[-1:] < b"\x80" else 0.0), 200):
                assert np.isfinite(block).all()
        path.unlink()
        return taken

    yield attack


# --- pictures and clips ----------------------------------------------------------------------


def picture_seeds(folder: Path) -> Seeds:
    """A portrait, small, in every format that is looked at; clips of three frames."""
    portrait = cv2.imread(str(next(PORTRAITS.glob("*.jpg"))))
    assert portrait is not None
    small = fit(np.asarray(portrait, np.uint8), 120, 120)
    seeds: Seeds = {}
    for kind in ("jpg", "png", "webp", "bmp", "tif", "ppm"):
        good, data = cv2.imencode(f".{kind}", small)
        assert good
        seeds[kind] = [data.tobytes()]
        if kind != "ppm":  # which has colours
            grey = cv2.imencode(f".{kind}", cv2.cvtColor(small[:24, :24], cv2.COLOR_BGR2GRAY))[1]
            seeds[kind] = [data.tobytes(), grey.tobytes()]
    exif = (
        b"\xff\xe1\x00\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    )
    jpeg = seeds["jpg"][0]
    seeds["jpg"] = [*seeds["jpg"], jpeg[:2] + exif + jpeg[2:]]
    for kind, codec in (("avi", "mjpeg"), ("mp4", "mpeg4"), ("gif", "gif"), ("mkv", "mpeg4")):
        seeds[kind] = [_clip(folder / f"seed.{kind}", codec, small)]
    return seeds


def _clip(path: Path, codec: str, bgr: np.ndarray) -> bytes:
    height, width = (side // 2 * 2 for side in bgr.shape[:2])
    form = {"mjpeg": "yuvj420p", "gif": "rgb8"}.get(codec, "yuv420p")
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=5)
        stream.width, stream.height, stream.pix_fmt = width, height, form
        for shift in (0, 4, 8):
            picture = np.ascontiguousarray(np.roll(bgr[:height, :width], shift, 1))
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path.read_bytes()


PICTURE_WORDS = (
    b"\xff\xd8\xff\xe0", b"\xff\xc0\x00\x11\x08", b"\xff\xc2", b"\xff\xda", b"\xff\xdd",
    b"Exif\0\0",
    b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"iCCP", b"acTL", b"RIFF", b"VP8 ", b"VP8L",
    b"VP8X",
    b"BM", b"II*\0", b"MM\0*", b"P6\n65535 65535\n255\n", b"GIF89a", b"moov", b"stsd", b"avih",
    b"strf", b"movi", b"\x7f\xff\xff\xff", b"\x1a\x45\xdf\xa3",
)  # fmt: skip
ONE_IN = 10
"""Of the pictures that can be decoded, so many are also shown to the models."""


@contextlib.contextmanager
def picture_attack(folder: Path) -> Iterator[Attack]:
    """`attune look`, and the cameras that show files: a folder's pictures, a clip's frames."""
    detector = open_detector(MODELS)
    reader = ModelReader(MODELS)
    clock, settings = FakeClock(), CameraSettings()

    def show(path: Path) -> bool:
        """Two frames from the camera that a file is, or lies before."""
        clip = path.suffix in (".avi", ".mp4", ".gif", ".mkv")
        camera = (
            ClipCamera(path, clock, loop=True)
            if clip
            else FolderCamera(path.parent, settings, clock)
        )
        try:
            with camera:
                for _ in range(2):
                    clock.now += 0.2
                    frame = camera.read(1.0)
                    assert frame is not None
                    assert frame.full.ndim == 3
                    assert frame.full.size
        except PartUnavailable as error:
            assert str(error)
            return False
        return True

    def attack(kind: str, data: bytes) -> bool:
        inner = folder / "pictures"
        inner.mkdir(exist_ok=True)
        path = inner / f"case.{kind}"
        path.write_bytes(data)
        taken = show(path)
        if taken and zlib.crc32(data) % ONE_IN == 0:
            for seen in islice(look([path], crop=False, detector=detector, reader=reader), 4):
                assert seen.error or math.isfinite(sum(face.score for face in seen.faces))
        path.unlink()
        return taken

    yield attack


# --- frames ----------------------------------------------------------------------------------


def frame_seeds(_folder: Path) -> Seeds:
    """A face's picture of several sizes, as raw pixels."""
    portrait = cv2.imread(str(next(PORTRAITS.glob("*.jpg"))))
    assert portrait is not None
    seeds: Seeds = {}
    for width, height in ((160, 120), (64, 64), (1, 1), (3, 200), (300, 2), (97, 61)):
        seeds[f"{width}x{height}"] = [cv2.resize(portrait, (width, height)).tobytes()]
    return seeds


@contextlib.contextmanager
def frame_attack(_folder: Path) -> Iterator[Attack]:
    """A camera's frame, of whatever size and content, through gate, models, tracks and mood."""
    settings = Settings()
    clock = FakeClock()
    room = Room(MoodSettings(), clock.now)
    watcher = Watcher(settings, lambda _: None, clock)
    watcher._models = load_models(settings)

    def attack(kind: str, data: bytes) -> bool:
        width, height = map(int, kind.split("x"))
        clock.now += 0.13
        image = np.resize(np.frombuffer(data or b"\0", np.uint8), (height, width, 3))
        sighting = watcher._look(Frame(image, image, clock.now))
        assert _is_finite(sighting)
        room.see(sighting)
        mood = room.mood
        assert math.isfinite(mood.valence + mood.arousal + mood.confidence)
        return bool(sighting.faces)

    yield attack


def _is_finite(sighting: Sighting) -> bool:
    return all(
        math.isfinite(face.reading.age_years + face.sharpness + sum(face.reading.emotions.values()))
        for face in sighting.faces
    )


# --- models ----------------------------------------------------------------------------------


def model_seeds(_folder: Path) -> Seeds:
    """The smallest model's file, and all sidecars."""
    seeds: Seeds = {"face.tflite": [(MODELS / "face.tflite").read_bytes()]}
    for name in ("face", "face-closer", "face-doubt", "emotion", "age", "music"):
        seeds[f"{name}.json"] = [(MODELS / f"{name}.json").read_bytes()]
    return seeds


MODEL_WORDS = (
    b"TFL3", b'"sha256"', b'"labels"', b'"shape"', b'"calibration"', b'"temperature"', b'"zoom"',
    b"null", b"[]", b"{}", b"NaN", b"1e308", b"-1", b"0",
)  # fmt: skip


@contextlib.contextmanager
def model_attack(folder: Path) -> Iterator[Attack]:
    """A model's file or its sidecar is not what it was: loaded only where both fit."""
    models = folder / "models"
    models.mkdir()
    for name in ("face", "face-closer", "face-doubt", "emotion", "age", "music"):
        (models / f"{name}.tflite").symlink_to(MODELS / f"{name}.tflite")
        (models / f"{name}.json").write_bytes((MODELS / f"{name}.json").read_bytes())
    face = next(iter(open_detector(MODELS).detect(_portrait())))
    load = {
        "face": lambda: open_detector(models).detect(_portrait()),
        "face-closer": lambda: open_detector(models).detect(_portrait()),
        "face-doubt": lambda: _doubt(models),
        "emotion": lambda: EmotionModel(Model(models, "emotion")).read(_portrait(), face),
        "age": lambda: AgeModel(Model(models, "age")).read(_portrait(), face),
        "music": lambda: Tagger(models),
    }

    def attack(kind: str, data: bytes) -> bool:
        path, name = models / kind, kind.partition(".")[0]
        good = MODELS / kind
        path.unlink()
        path.write_bytes(data)
        try:
            told = load[name]()
        except ModelError as error:
            assert name in str(error)
            return False
        finally:
            path.unlink()
            path.symlink_to(good)
        if kind.endswith(".tflite"):
            digest = json.loads((models / f"{name}.json").read_bytes())["sha256"]
            assert hashlib.sha256(data).hexdigest() == digest, "a changed model was loaded"
        if name == "emotion":
            assert abs(sum(told.values()) - 1) < 1e-3
        if name == "face-doubt":
            assert 0 <= told <= 1
        if name == "age":
            years, (low, high) = told
            assert 0 <= low <= years <= high < math.inf
        return True

    yield attack


def _doubt(models: Path) -> float:
    """What the network that is seldom asked says of nothing."""
    open_detector(models)
    model = Model(models, "face-doubt")
    (chance,) = model.run(np.zeros((*model.sides, 3), np.uint8))
    return float(chance[0])


def _portrait() -> np.ndarray:
    image = cv2.imread(str(next(PORTRAITS.glob("*.jpg"))))
    assert image is not None
    return fit(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), 320, 320)
