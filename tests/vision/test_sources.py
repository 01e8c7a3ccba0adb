from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from device.ports import PartUnavailable
from device.settings import HOME, CameraSettings
from device.vision.replay import SECONDS_PER_IMAGE
from device.vision.slideshow import EMPTY_SECONDS, SHOW_SECONDS
from device.vision.sources import list_cameras, open_camera, v4l2_cameras
from tests.fakes import FakeClock
from tests.vision.fakes import FakePicamera2

if TYPE_CHECKING:
    from device.ports import Image

HERTZ = 10
COLOURS = [(250, 10, 10), (10, 250, 10), (10, 10, 250)]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def settings(source: object, **more: Any) -> CameraSettings:
    return CameraSettings(source=str(source), **more)


def picture(path: Path, rgb: tuple[int, int, int], width: int = 80, height: int = 60) -> Path:
    cv2.imwrite(str(path), np.full((height, width, 3), rgb[::-1], np.uint8))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two seconds at 10 Hz, brighter by 10 with each frame."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), HERTZ, (64, 48))
    for step in range(2 * HERTZ):
        writer.write(np.full((48, 64, 3), step * 10, np.uint8))
    writer.release()
    return path


def colour(image: Image) -> tuple[int, ...]:
    return tuple(round(float(channel)) for channel in image.mean((0, 1)))


# --- clips ---


def test_a_clip_is_replayed_at_its_own_pace(clip: Path, clock: FakeClock) -> None:
    with open_camera(settings(clip), clock) as camera:
        seen = []
        for _ in range(20):
            frame = camera.read(1.0)
            assert frame is not None
            assert frame.at == clock.now
            seen.append(round(float(frame.full.mean()) / 10))
            clock.now += 0.25
    due = [int(step * 2.5) % 20 for step in range(20)]
    assert seen[:8] == due[:8]
    assert seen[8:16] == due[:8], "it starts again"


def test_a_clip_that_does_not_loop_ends(clip: Path, clock: FakeClock) -> None:
    with open_camera(settings(clip, loop=False), clock) as camera:
        assert camera.read(1.0) is not None
        clock.now += 1.9
        assert camera.read(1.0) is not None
        clock.now += 0.2
        assert camera.read(1.0) is None


def test_a_gif_is_a_clip(clock: FakeClock) -> None:
    gif = HOME.parent / "shared/data/media/intel_face-demographics-walking-and-pause.gif"
    if not gif.exists():
        pytest.skip("the shared clips are not here")
    with open_camera(settings(gif), clock) as camera:
        frame = camera.read(1.0)
    assert frame is not None
    assert frame.full.shape == (270, 480, 3)


@pytest.mark.parametrize("content", [b"", b"this is no clip\n" * 100])
def test_a_broken_clip_is_named(tmp_path: Path, clock: FakeClock, content: bytes) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with (
        pytest.raises(PartUnavailable, match=r"broken\.mp4 is no clip"),
        open_camera(settings(path), clock),
    ):
        pass


def test_a_missing_file_is_named_with_the_mend(tmp_path: Path, clock: FakeClock) -> None:
    with pytest.raises(PartUnavailable, match=r"no such file.*nowhere\.mp4.*\[camera\] source"):
        open_camera(settings(tmp_path / "nowhere.mp4"), clock)


# --- folders ---


def test_a_folder_shows_each_picture_for_some_seconds(tmp_path: Path, clock: FakeClock) -> None:
    for index, rgb in enumerate(COLOURS):
        picture(tmp_path / f"{index}.png", rgb)
    with open_camera(settings(tmp_path), clock) as camera:
        seen = []
        for _ in range(8):
            frame = camera.read(1.0)
            assert frame is not None
            seen.append(colour(frame.full))
            clock.now += SECONDS_PER_IMAGE / 2
    doubled = [rgb for rgb in COLOURS for _ in range(2)]
    assert seen == doubled + doubled[:2]


def test_a_folder_that_does_not_loop_ends(tmp_path: Path, clock: FakeClock) -> None:
    picture(tmp_path / "one.png", COLOURS[0])
    with open_camera(settings(tmp_path, loop=False), clock) as camera:
        assert camera.read(1.0) is not None
        clock.now += SECONDS_PER_IMAGE
        assert camera.read(1.0) is None


def test_broken_pictures_are_left_out_and_named(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("not meant to be a picture")
    picture(tmp_path / "c.png", COLOURS[1])
    (tmp_path / "d.png").write_bytes((tmp_path / "c.png").read_bytes()[:20])
    with open_camera(settings(tmp_path), clock) as camera:
        for _ in range(6):
            frame = camera.read(1.0)
            assert frame is not None
            assert colour(frame.full) == COLOURS[1]
            clock.now += SECONDS_PER_IMAGE
    named = [Path(str(record.args[0])).name for record in caplog.records if record.args]
    assert sorted(named) == ["a.jpg", "b.jpg", "d.png"]


@pytest.mark.parametrize("broken", [[], ["a.jpg", "b.png"]])
@pytest.mark.parametrize("kind", ["", "slideshow:"])
def test_a_folder_without_pictures_says_what_to_put_there(
    tmp_path: Path, clock: FakeClock, broken: list[str], kind: str
) -> None:
    for name in broken:
        (tmp_path / name).write_bytes(b"")
    with (
        pytest.raises(PartUnavailable, match="holds no picture; put JPEG"),
        open_camera(settings(f"{kind}{tmp_path}"), clock),
    ):
        pass


def test_large_pictures_are_shrunk_to_the_cameras_size(tmp_path: Path, clock: FakeClock) -> None:
    picture(tmp_path / "large.jpg", COLOURS[0], width=2000, height=3000)
    with open_camera(settings(tmp_path), clock) as camera:
        frame = camera.read(1.0)
    assert frame is not None
    assert frame.full.shape == (480, 320, 3)


# --- turning ---


@pytest.mark.parametrize(
    ("rotate", "corner"),
    [(0, "top left"), (90, "top right"), (180, "low right"), (270, "low left")],
)
def test_pictures_are_turned_clockwise(
    tmp_path: Path, clock: FakeClock, rotate: int, corner: str
) -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    image[:20, :20] = 255
    cv2.imwrite(str(tmp_path / "marked.png"), image)
    with open_camera(settings(tmp_path, rotate=rotate), clock) as camera:
        frame = camera.read(1.0)
    assert frame is not None
    assert frame.detect.shape[:2] == ((60, 80) if rotate in {0, 180} else (80, 60))
    across = slice(0, 20) if "left" in corner else slice(-20, None)
    down = slice(0, 20) if "top" in corner else slice(-20, None)
    assert frame.detect[down, across].min() == 255
    assert int((frame.detect > 0).sum()) == 20 * 20 * 3


# --- slide show ---


def slides(folder: Path) -> CameraSettings:
    for index, rgb in enumerate(COLOURS[:2]):
        picture(folder / f"{index}.png", rgb, 512, 600)
    return settings(f"slideshow:{folder}")


def test_portraits_come_and_go(tmp_path: Path, clock: FakeClock) -> None:
    shown = []
    with open_camera(slides(tmp_path), clock) as camera:
        for _ in range(int(4 * (SHOW_SECONDS + EMPTY_SECONDS))):
            frame = camera.read(1.0)
            assert frame is not None
            assert frame.full.shape == (480, 640, 3)
            middle = colour(frame.full[200:280, 280:360])
            shown.append(COLOURS.index(middle) if middle in COLOURS else None)
            clock.now += 1
    turn = [0] * 8 + [None] * 5 + [1] * 8 + [None] * 5
    assert shown == turn * 2


def test_the_wall_is_noisy_but_not_black(tmp_path: Path, clock: FakeClock) -> None:
    with open_camera(slides(tmp_path), clock) as camera:
        clock.now += SHOW_SECONDS + 1
        first = camera.read(1.0)
        clock.now += 0.5
        second = camera.read(1.0)
    assert first is not None
    assert second is not None
    assert first.full.mean() > 100
    assert 1.0 < float(first.full[..., 0].std()) < 6.0
    assert not np.array_equal(first.full, second.full)


def test_a_slide_show_is_the_same_each_time(tmp_path: Path, clock: FakeClock) -> None:
    def sample(at: float) -> Image:
        with open_camera(slides(tmp_path), clock) as camera:
            clock.now += at
            frame = camera.read(1.0)
            assert frame is not None
            return frame.full

    for at in (0.0, 3.3, 9.0, 15.5):
        assert np.array_equal(sample(at), sample(at))
    assert not np.array_equal(sample(1.0), sample(2.0)), "portraits move"


def test_a_slide_show_keeps_the_settings_size(tmp_path: Path, clock: FakeClock) -> None:
    picture(tmp_path / "p.png", COLOURS[0], 512, 600)
    small = settings(f"slideshow:{tmp_path}", width=320, height=180)
    with open_camera(small, clock) as camera:
        frame = camera.read(1.0)
    assert frame is not None
    assert frame.full.shape == (180, 320, 3)


# --- devices ---


def test_a_missing_device_names_the_mend(clock: FakeClock) -> None:
    with pytest.raises(PartUnavailable, match=r"no such device /dev/video97.*attune doctor"):
        open_camera(settings("/dev/video97"), clock)


def test_what_is_no_video_device_is_not_listed(tmp_path: Path) -> None:
    for name in ("video0", "video10", "videos", "media0"):
        (tmp_path / name).write_bytes(b"")
    assert v4l2_cameras(tmp_path) == []


@pytest.mark.usefixtures("without_picamera2")
def test_auto_without_any_camera_names_the_mend(clock: FakeClock) -> None:
    if v4l2_cameras(Path("/dev")):
        pytest.skip("this machine has a camera")
    with (
        pytest.raises(PartUnavailable, match="no camera was found; plug one in"),
        open_camera(settings("auto"), clock),
    ):
        pass


def test_without_gstreamer_the_mend_is_named(clock: FakeClock) -> None:
    if cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
        pytest.skip("this OpenCV has GStreamer")
    with pytest.raises(PartUnavailable, match=r"python3-opencv.*--system-site-packages"):
        open_camera(settings("gst:videotestsrc ! appsink"), clock)


# --- picamera2 ---


@pytest.fixture
def without_picamera2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)


@pytest.fixture
def picamera2(monkeypatch: pytest.MonkeyPatch) -> type[FakePicamera2]:
    class Picamera2(FakePicamera2):
        listed = [  # noqa: RUF012 - the point of the class
            {"Model": "uvc", "Id": "/base/soc/usb@7e98-1:1.0-046d:0825", "Num": 0},
            {"Model": "imx708", "Id": "/base/soc/i2c0mux/i2c@1/imx708@1a", "Num": 1},
        ]
        instances = []  # noqa: RUF012

    module = types.ModuleType("picamera2")
    module.Picamera2 = Picamera2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return Picamera2


@pytest.mark.usefixtures("without_picamera2")
def test_without_picamera2_the_mend_is_named(clock: FakeClock) -> None:
    with (
        pytest.raises(PartUnavailable, match="apt-get install python3-picamera2"),
        open_camera(settings("picamera2"), clock),
    ):
        pass


def test_picamera2_gives_two_streams_of_one_view(
    clock: FakeClock, picamera2: type[FakePicamera2]
) -> None:
    with open_camera(settings("picamera2", face_hertz=20.0), clock) as camera:
        frame = camera.read(1.0)
        assert frame is not None
    used = picamera2.instances[0]
    assert used.camera_num == 1, "the USB camera is not picamera2's"
    assert used.log == ["configure", "start", "close"]
    assert used.config["controls"] == {"FrameDurationLimits": (50_000, 50_000)}
    assert colour(frame.full) == (200, 100, 50)
    assert frame.full.shape == (480, 640, 3)
    assert frame.detect.shape == (240, 320, 3)
    red, green, blue = colour(frame.detect)
    assert red > 240
    assert max(green, blue) < 15


def test_a_stalled_pi_camera_is_let_go(clock: FakeClock, picamera2: type[FakePicamera2]) -> None:
    with open_camera(settings("picamera2"), clock) as camera:
        picamera2.stalled = True
        with pytest.raises(PartUnavailable, match=r"nothing for 2 seconds.*ribbon"):
            camera.read(2.0)
    assert picamera2.instances[0].log[-2:] == ["cancel", "close"]


def test_auto_prefers_the_pi_camera(clock: FakeClock, picamera2: type[FakePicamera2]) -> None:
    assert list_cameras()[0] == ("imx708", "picamera2")
    with open_camera(settings("auto"), clock) as camera:
        assert camera.read(1.0) is not None
    assert picamera2.instances[0].log[-1] == "close"


def test_no_pi_camera_attached(
    clock: FakeClock, picamera2: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picamera2, "listed", [])
    with (
        pytest.raises(PartUnavailable, match=r"no Raspberry Pi camera is attached.*ribbon"),
        open_camera(settings("picamera2"), clock),
    ):
        pass


@pytest.mark.parametrize("error", ["ValueError('numpy.dtype size changed')", "OSError('.so')"])
def test_a_picamera2_that_does_not_load(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    (tmp_path / "picamera2.py").write_text(f"raise {error}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    with (
        pytest.raises(PartUnavailable, match="does not load"),
        open_camera(settings("picamera2"), clock),
    ):
        pass
