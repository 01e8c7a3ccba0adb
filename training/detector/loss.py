"""Which cells answer for which face, and what their answers cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from training.detector.network import STRIDES

if TYPE_CHECKING:
    from collections.abc import Sequence

LEVEL_SIZES = ((0.0, 72.0), (40.0, 160.0), (96.0, 1e9))
"""Sizes of faces (pixels) that each level's cells may answer for; they overlap."""
CELLS = 6
"""Cells that answer for one face."""
POINT_WEIGHT = (2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
"""The eyes are what crops are cut by."""


class Cells(NamedTuple):
    """All levels' cells: `centre` (cells, 2) and `stride` (cells) in pixels, `level` (cells)."""

    centre: Tensor
    stride: Tensor
    level: Tensor

    def to(self, device: torch.device) -> Cells:
        """The same on a device."""
        return Cells(*(part.to(device) for part in self))


def cells(height: int, width: int) -> Cells:
    """The cells of a picture of these sides (pixels, multiples of 32), finest level first, row by
    row."""
    centres, strides, levels = [], [], []
    for level, stride in enumerate(STRIDES):
        rows, columns = height // stride, width // stride
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        centres.append((torch.stack([x.flatten(), y.flatten()], 1) + 0.5) * stride)
        strides.append(torch.full((rows * columns,), float(stride)))
        levels.append(torch.full((rows * columns,), level))
    return Cells(torch.cat(centres), torch.cat(strides), torch.cat(levels))


def decode(places: Tensor, grid: Cells) -> tuple[Tensor, Tensor]:
    """Boxes (..., cells, 4: left, top, right, bottom) and points (..., cells, 10) in pixels from
    places (..., cells, 14) in 0..6. `device.vision.detect` does the same in NumPy."""
    sides = grid.stride[:, None] * 2 ** (places[..., 2:4] - 1)
    size = sides.prod(-1, keepdim=True).sqrt()
    centre = grid.centre + (places[..., 0:2] - 3) / 4 * size
    # Points learn to fit the size as it is, not to change it.
    points = grid.centre.repeat(1, 5) + (places[..., 4:] - 3) / 4 * size.detach()
    return torch.cat([centre - sides / 2, centre + sides / 2], -1), points


class Truth(NamedTuple):
    """Faces of a batch, padded: `boxes` (n, faces, 4) and `points` (n, faces, 10) in pixels,
    `counted` (n, faces): to be found, `left_out` (n, faces): not to be judged."""

    boxes: Tensor
    points: Tensor
    counted: Tensor
    left_out: Tensor

    def to(self, device: torch.device) -> Truth:
        """The same on a device."""
        return Truth(*(part.to(device) for part in self))


class Assignment(NamedTuple):
    """`quality` (n, cells): what a cell's score should be; `face` (n, cells): the row it answers
    for where that is above 0; `judged` (n, cells): whether its score counts."""

    quality: Tensor
    face: Tensor
    judged: Tensor


@torch.no_grad()
def assign(logits: Tensor, boxes: Tensor, truth: Truth, grid: Cells) -> Assignment:
    """For each face the few cells that place it best and are surest of it, near its middle and of
    a level that fits its size, from logits (n, cells) and boxes (n, cells, 4) in pixels.

    A cell's claim is score ** 0.5 * IoU ** 4 (Feng et al., "TOOD", 2021, which takes 1 and 6). The
    best one's score should be 1, whatever the face's size.
    """
    inside = (
        (truth.boxes[:, :, None, :2] <= grid.centre) & (grid.centre <= truth.boxes[:, :, None, 2:])
    ).all(-1)
    unknown = (inside & truth.left_out[..., None]).any(1)
    sides = (truth.boxes[..., 2:] - truth.boxes[..., :2]).clamp(min=1)
    middle = (truth.boxes[..., :2] + truth.boxes[..., 2:]) / 2
    away = (grid.centre - middle[:, :, None]).abs()
    near = (away < torch.maximum(sides[:, :, None] * 0.35, grid.stride[:, None])).all(-1)
    size = sides.prod(-1, keepdim=True).sqrt()
    low, high = boxes.new_tensor(LEVEL_SIZES)[grid.level].T
    allowed = near & (low <= size) & (size < high) & truth.counted[..., None]
    shared = pairwise_iou(truth.boxes, boxes)
    metric = logits.sigmoid().sqrt()[:, None] * (shared**4 + 1e-4) * allowed
    best, where = metric.topk(CELLS, dim=-1)
    claim, face = torch.zeros_like(metric).scatter_(-1, where, best).max(1)
    quality = claim / best[..., 0].gather(1, face).clamp(min=1e-12)
    return Assignment(quality, face, ~unknown | (quality > 0))


def loss(
    logits: Tensor, places: Tensor, truth: Truth, grid: Cells, points_share: float = 18.0
) -> dict[str, Tensor]:
    """What scores, boxes and points cost, a number each; their sum is to become small.

    Of logits (n, cells) and places (n, cells, 14) in 0..6. Points cost the smooth L1 (Girshick,
    "Fast R-CNN", 2015) of how far off they are in sizes of the face, times `points_share`.
    """
    boxes, points = decode(places, grid)
    given = assign(logits, boxes, truth, grid)
    total = given.quality.sum().clamp(min=1)
    # As in the varifocal loss (Zhang et al., 2021) sure mistakes count, the many easy cells
    # hardly; with its own 0.75 and 2 hands and letters were taken for faces.
    weight = torch.where(given.quality > 0, 1.0, 1.5 * logits.detach().sigmoid() ** 1.5)
    score = functional.binary_cross_entropy_with_logits(logits, given.quality, reduction="none")
    n, cell = torch.nonzero(given.quality > 0, as_tuple=True)
    face, share = given.face[n, cell], given.quality[n, cell]
    true_box, true_points = truth.boxes[n, face], truth.points[n, face]
    size = (true_box[:, 2:] - true_box[:, :2]).clamp(min=1).prod(-1, keepdim=True).sqrt()
    away = (points[n, cell] - true_points) / size
    point = functional.smooth_l1_loss(away, torch.zeros_like(away), beta=0.01, reduction="none")
    point = (point * point.new_tensor(POINT_WEIGHT)).mean(-1)
    return {
        "score": (score * weight * given.judged).sum() / total,
        "box": 2 * (distance_iou_loss(boxes[n, cell], true_box) * share).sum() / total,
        "points": points_share * (point * share).sum() / total,
    }


def pairwise_iou(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union (..., a, b) of boxes (..., a, 4) and (..., b, 4)."""
    low = torch.maximum(one[..., :, None, :2], other[..., None, :, :2])
    high = torch.minimum(one[..., :, None, 2:], other[..., None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1) for b in (one, other)]
    return shared / (areas[0][..., :, None] + areas[1][..., None, :] - shared).clamp(min=1e-6)


def distance_iou_loss(one: Tensor, other: Tensor) -> Tensor:
    """1 - IoU, and the centres' distance beside it (Zheng et al., 2020), for boxes (n, 4) each."""
    shared = (
        (torch.minimum(one[:, 2:], other[:, 2:]) - torch.maximum(one[:, :2], other[:, :2]))
        .clamp(min=0)
        .prod(-1)
    )
    areas = [(b[:, 2:] - b[:, :2]).prod(-1) for b in (one, other)]
    iou = shared / (areas[0] + areas[1] - shared).clamp(min=1e-6)
    hull = torch.maximum(one[:, 2:], other[:, 2:]) - torch.minimum(one[:, :2], other[:, :2])
    apart = (one[:, :2] + one[:, 2:] - other[:, :2] - other[:, 2:]) / 2
    return 1 - iou + apart.square().sum(-1) / hull.square().sum(-1).clamp(min=1e-6)


def pad(faces: Sequence[Tensor], left_out: Sequence[Tensor]) -> Truth:
    """A batch's faces, rows (faces, 15) in pixels for each picture (see `labels`), with which of
    them (faces) are left out, as one; shorter lists end in zeros."""
    most = max(1, *(len(rows) for rows in faces))
    values = torch.zeros(len(faces), most, 15)
    counted, unknown = (torch.zeros(len(faces), most, dtype=torch.bool) for _ in range(2))
    for n, (rows, out) in enumerate(zip(faces, left_out, strict=True)):
        values[n, : len(rows)] = rows
        counted[n, : len(rows)] = ~out
        unknown[n, : len(rows)] = out
    return Truth(values[..., 1:5], values[..., 5:], counted, unknown)
