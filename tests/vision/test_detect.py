from __future__ import annotations

import cv2
import numpy as np
import pytest

from device.settings import VisionSettings
from device.types import Detection
from device.vision.align import LEFT_EYE, RIGHT_EYE, align
from device.vision.detect import (
    CERTAIN,
    CLOSE_SIDE,
    CLOSER,
    DOUBT_ROOM,
    FIRST,
    STRIDES,
    TWO_FACES_IOU,
    GridDetector,
    _around,
    decode,
    open_detector,
    pooled,
)
from device.vision.runtime import Model, available_runtimes
from tests.vision.faces import MODELS, portrait
from tests.vision.looks import (
    Blind,
    Counted,
    Leans,
    Says,
    Sees,
    SeesInOne,
    Spots,
    Wide,
    grids,
)

# Eyes as seen in the portraits by eye, fractions of the picture.
EYES = {
    "collins": ((0.398, 0.204), (0.482, 0.206)),
    "hopper": ((0.430, 0.318), (0.597, 0.313)),
}


@pytest.fixture(scope="module", params=available_runtimes())
def detector(request: pytest.FixtureRequest) -> GridDetector:
    """As the appliance has it."""
    return open_detector(MODELS, runtime=request.param, min_score=VisionSettings().minimum_score)


def near(face: Detection, name: str) -> bool:
    left, right = EYES[name]
    assert face.left_eye is not None
    assert face.right_eye is not None
    found = [face.left_eye.x, face.left_eye.y, face.right_eye.x, face.right_eye.y]
    return found == pytest.approx([*left, *right], abs=0.02)


@pytest.mark.parametrize("name", EYES)
def test_finds_the_portraits_and_their_eyes(detector: GridDetector, name: str) -> None:
    faces = detector.detect(portrait(name))
    assert len(faces) == 1
    assert faces[0].score > 0.7
    assert near(faces[0], name)


@pytest.mark.parametrize("name", EYES)
@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (1280, 720)])
def test_places_are_fractions_of_any_frame(
    detector: GridDetector, name: str, width: int, height: int
) -> None:
    image = portrait(name)
    side = min(width, height)
    small = cv2.resize(image, (side, side * image.shape[0] // image.shape[1]))[:side]
    frame = np.zeros((height, width, 3), np.uint8)
    top, left = (height - small.shape[0]) // 2, (width - side) // 2
    frame[top : top + small.shape[0], left : left + side] = small
    face = detector.detect(frame)[0]  # the badge on a cap gets 0.6, too, at one of these sizes
    x, y = EYES[name][0]
    assert face.left_eye.x * width == pytest.approx(left + x * side, abs=0.02 * side)
    assert face.left_eye.y * height == pytest.approx(
        top + y * side * image.shape[0] / image.shape[1], abs=0.02 * side
    )


def test_two_faces_are_two_best_first(detector: GridDetector) -> None:
    left, right = (cv2.resize(portrait(name), (400, 400)) for name in ("collins", "hopper"))
    faces = detector.detect(np.hstack([left, right]))
    assert len(faces) == 2
    assert faces[0].score >= faces[1].score


@pytest.mark.parametrize("name", EYES)
def test_a_face_that_fills_the_view_is_found(detector: GridDetector, name: str) -> None:
    image = portrait(name)
    (face,) = detector.detect(image)
    box = face.box
    h, w = image.shape[:2]
    close = image[
        max(0, int((box.y - 0.1) * h)) : int((box.y + box.height * 1.1) * h),
        max(0, int((box.x - 0.02) * w)) : int((box.x + box.width * 1.1) * w),
    ]
    assert len(detector.detect(close)) == 1


@pytest.mark.parametrize("name", EYES)
def test_eyes_in_a_crop_are_those_of_the_whole(detector: GridDetector, name: str) -> None:
    image = portrait(name)
    (face,) = detector.detect(image)
    crop = align(image, face, 100)
    again = detector.detect_in_crop(crop)
    assert again.score > 0.5
    assert [again.left_eye.x, again.left_eye.y, again.right_eye.x, again.right_eye.y] == (
        pytest.approx([LEFT_EYE.x, LEFT_EYE.y, RIGHT_EYE.x, RIGHT_EYE.y], abs=0.06)
    )


def test_a_crop_without_a_face_is_taken_as_it_is(detector: GridDetector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)
    face = detector.detect_in_crop(noise)
    assert face.score == 0.0
    np.testing.assert_allclose(align(noise, face, 90), noise, atol=1)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 900, 3), (480, 640, 3)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_nobody_is_found_where_nobody_is(
    detector: GridDetector, shape: tuple[int, ...], value: int
) -> None:
    assert detector.detect(np.full(shape, value, np.uint8)) == []


@pytest.mark.parametrize("width", [40, 60, 90])
def test_eyes_of_a_small_face_are_found_as_well_as_those_of_a_large_one(
    detector: GridDetector, width: int
) -> None:
    image = portrait("collins")
    (large,) = detector.detect(image)
    face = align(image, large, 200)
    frame = np.full((480, 640, 3), 110, np.uint8)
    side = round(width / 0.7)  # a face takes some 70 % of its crop
    frame[200 : 200 + side, 300 : 300 + side] = cv2.resize(
        face, (side, side), interpolation=cv2.INTER_AREA
    )
    (small,) = detector.detect(frame)
    for eye, place in ((small.left_eye, LEFT_EYE), (small.right_eye, RIGHT_EYE)):
        assert (eye.x * 640 - 300) / side == pytest.approx(place.x, abs=0.05)
        assert (eye.y * 480 - 200) / side == pytest.approx(place.y, abs=0.05)


@pytest.mark.parametrize("share", [0.15, 1.0])
def test_a_face_of_any_size_is_looked_at_closer(share: float) -> None:
    """A large one's eyes are placed better so, too, and what is no face is known better."""
    first, closer = Model(MODELS, FIRST), Counted(Model(MODELS, CLOSER))
    closer.take(CLOSE_SIDE, CLOSE_SIDE)
    image = portrait("hopper")
    height, width = image.shape[:2]
    image = image[: int(0.7 * height), int(0.1 * width) : int(0.95 * width)]
    frame = np.full_like(image, 110)
    size = round(image.shape[1] * share), round(image.shape[0] * share)
    frame[: size[1], : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    assert len(GridDetector(first, closer).detect(frame)) == 1
    assert closer.asked >= 1


@pytest.mark.parametrize("by", [0.0, 4.0])
def test_what_the_second_look_does_to_one_side_the_look_in_a_mirror_takes_back(by: float) -> None:
    frame = np.full((480, 640, 3), 110, np.uint8)
    image = portrait("hopper")
    frame[40:440, 200:500] = cv2.resize(image, (300, 400))
    plain = GridDetector(Model(MODELS, FIRST), Leans(0.0)).detect(frame)[0]
    found = GridDetector(Model(MODELS, FIRST), Leans(by)).detect(frame)[0]
    assert (found.left_eye.x, found.right_eye.x) == pytest.approx(
        (plain.left_eye.x, plain.right_eye.x), abs=1e-4
    )


def test_what_one_of_both_sees_counts_half() -> None:
    first, image = Model(MODELS, FIRST), portrait("hopper")
    both = GridDetector(first, Leans(0.0)).detect(image)[0]
    one = GridDetector(first, SeesInOne()).detect(image)[0]
    assert both.score - one.score == pytest.approx(0.9 / 4, abs=1e-4)
    assert one.box.x == pytest.approx(both.box.x, abs=1e-4)


@pytest.mark.parametrize(("chance", "counts"), [(1.0, True), (0.9, True), (0.0, False)])
def test_what_is_in_doubt_the_third_model_settles(chance: float, counts: bool) -> None:
    first, image, says = Sees((0.9, 0)), np.zeros((160, 160, 3), np.uint8), Says(chance)
    (alone,) = GridDetector(first, Blind(), min_score=0.4).detect(image)
    found = GridDetector(first, Blind(), says, min_score=0.4).detect(image)
    assert len(says.seen) == 1
    assert [face.score for face in found] == (
        [pytest.approx(pooled(alone.score, chance))] if counts else []
    )


@pytest.mark.parametrize(
    ("score", "chance", "expected"),
    [
        (0.5, 0.5, 0.5),
        (0.4, 0.5, 0.4),  # who knows nothing changes nothing
        (0.5, 0.8, 2 / 3),  # odds of 4, which count half
        (0.2, 0.8, 1 / 3),
        (0.0, 1.0, (1 / 255) ** 0.5 / (1 + (1 / 255) ** 0.5)),
        (0.8, 1.0, CERTAIN),  # not above what both are sure of
        (0.9, 0.1, 0.75),  # odds of 9 and of a ninth
    ],
)
def test_opinions_are_pooled_by_their_odds(score: float, chance: float, expected: float) -> None:
    assert pooled(score, chance) == pytest.approx(expected)


def test_what_is_certain_nobody_is_asked_about() -> None:
    first, image, says = Model(MODELS, FIRST), portrait("collins"), Says(0.0)
    (found,) = GridDetector(first, Leans(0.0), says).detect(image)
    assert found.score >= CERTAIN
    assert says.seen == []


def test_the_third_model_is_shown_the_face_in_the_middle_with_room_around_it() -> None:
    image, says = portrait("collins"), Says(1.0)
    (found,) = GridDetector(Model(MODELS, FIRST), Blind(), says).detect(image)
    (seen,) = says.seen
    assert seen.shape == (96, 96, 3)
    height, width = image.shape[:2]
    box = found.box
    left, top = box.x * width, box.y * height
    right, bottom = left + box.width * width, top + box.height * height
    reach = DOUBT_ROOM / 2 * max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    beyond = int(reach)
    padded = cv2.copyMakeBorder(image, *[beyond] * 4, cv2.BORDER_CONSTANT)  # black, as it is shown
    part = padded[int(y) : int(y + 2 * reach), int(x) : int(x + 2 * reach)]
    (small, wanted) = (cv2.resize(v, (12, 12), interpolation=cv2.INTER_AREA) for v in (seen, part))
    assert np.abs(small.astype(int) - wanted).mean() < 8


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0.4, 0.4, 0.6, 0.6), (0, 0, 100, 100)),
        ((0.0, 0.4, 0.2, 0.6), (25, 0, 75, 100)),
        ((0.4, 0.9, 0.6, 1.1), (0, 0, 100, 50)),
        ((-0.1, -0.1, 0.1, 0.1), (50, 50, 50, 50)),
        ((0.0, 0.0, 1.0, 1.0), (25, 25, 50, 50)),
    ],
    ids=["inside", "left", "bottom", "corner", "all"],
)
def test_a_face_is_in_the_middle_of_its_picture_at_the_image_s_edge_too(
    box: tuple[float, ...], expected: tuple[int, ...]
) -> None:
    """As it is when it is learned from."""
    image = np.zeros((1000, 1000, 3), np.uint8)
    shown = _around(image, np.float32([0.5, *box, 0, 0, 0, 0]), 2.0, 100)
    assert shown is not None
    assert shown[1:] == pytest.approx(expected, abs=1)
    assert shown.left + shown.width <= 100
    assert shown.top + shown.height <= 100


@pytest.mark.parametrize("left", [0, 1, 90, 258, 260])
@pytest.mark.parametrize("top", [0, 70, 180])
def test_both_looks_see_a_face_where_it_is_at_the_edge_too(left: int, top: int) -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    image[top : top + 60, left : left + 60] = 255
    closer = Spots()
    (found,) = GridDetector(Wide(), closer).detect(image)
    assert closer.asked == 2
    box = found.box
    assert [box.x * 320, box.y * 240, box.width * 320, box.height * 240] == (
        pytest.approx([left, top, 60, 60], abs=1)
    )
    assert [found.left_eye.x * 320, found.left_eye.y * 240, found.right_eye.x * 320] == (
        pytest.approx([left + 18, top + 30, left + 42], abs=1)
    )


def test_in_a_crowd_everybody_is_looked_at_closer() -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    for top in range(10, 240, 60):
        for left in range(10, 320, 60):
            image[top : top + 20, left : left + 20] = 255
    closer = Spots()
    assert len(GridDetector(Wide(), closer).detect(image)) == 24
    assert closer.asked == 48


@pytest.mark.parametrize(("apart", "count"), [(32, 1), (40, 1), (56, 2)])
def test_two_faces_overlap_by_a_quarter_at_most(apart: int, count: int) -> None:
    image = np.zeros((160, 160, 3), np.uint8)
    shared = (80 - apart) / (80 + apart)
    assert (shared <= TWO_FACES_IOU) == (count == 2)
    first = Sees((0.9, 0), (0.8, apart))
    assert len(GridDetector(first, Blind(), min_score=0.3).detect(image)) == count


def test_a_face_beyond_the_image_has_no_picture() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    assert _around(image, np.float32([0.5, 1.5, 0.4, 1.7, 0.6, 0, 0, 0, 0]), 2.0, 100) is None


@pytest.mark.parametrize(
    ("level", "places", "expected"),
    [
        # The cell's own middle, as large as the cell; eyes there, too.
        (0, [3, 3, 1, 1, 3, 3, 3, 3], (16, 8, 24, 16, 20, 12, 20, 12)),
        # Four times as wide and twice as high, a quarter of the size (22.63) to the right.
        (0, [4, 3, 3, 2, 2, 3, 4, 3], (9.66, 4, 41.66, 20, 14.34, 12, 25.66, 12)),
        (2, [3, 3, 2, 2, 2, 2, 4, 2], (48, 16, 112, 80, 64, 32, 96, 32)),
    ],
    ids=["cell", "moved", "coarse"],
)
def test_decoding(level: int, places: list[float], expected: tuple[float, ...]) -> None:
    outputs = grids()
    outputs[2 * level][1, 2] = 0.8
    outputs[2 * level + 1][1, 2, : len(places)] = places
    (row,) = decode(outputs, 0.5)
    assert row == pytest.approx([0.8, *expected], abs=0.01)


def test_candidates_come_best_first_from_all_grids_whatever_the_outputs_order() -> None:
    outputs = grids()
    outputs[0][0, 0], outputs[2][0, 0], outputs[4][0, 0] = 0.6, 0.9, 0.4
    rows = decode(outputs[::-1], 0.5)
    assert rows[:, 0] == pytest.approx([0.9, 0.6])


@pytest.mark.parametrize("runtime", available_runtimes())
def test_the_model_takes_other_sides(runtime: str) -> None:
    model = Model(MODELS, "face", runtime=runtime)
    model.take(64, 96)
    assert model.sides == (64, 96)
    assert {out.shape[:2] for out in model.run(np.zeros((64, 96, 3), np.uint8))} == {
        (64 // stride, 96 // stride) for stride in STRIDES
    }
    model.take(96, 64)
    assert model.run(np.zeros((96, 64, 3), np.uint8))[0].shape[0] in {12, 6, 3}
