"""Random changes that keep a face's emotion and age, a whole batch at a time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from training.experiment import Experiment


def augment(canvas: Tensor, plan: Experiment, rng: torch.Generator) -> Tensor:
    """Inputs (n, 3, side, side), 0..255, from uint8 crops (n, canvas, canvas, 3) that are on the
    random numbers' own device."""
    pictures = canvas.permute(0, 3, 1, 2).float()
    pictures = _move(pictures, plan, rng)
    pictures = _recolour(pictures, plan, rng).clamp_(0, 255)
    pictures = _harm(pictures, plan, rng)
    return _erase(pictures, plan, rng).clamp_(0, 255)


def centre(canvas: Tensor, plan: Experiment) -> Tensor:
    """Inputs as the device makes them: the middle of the crops, untouched."""
    inner = slice(plan.margin, plan.margin + plan.side)
    return canvas[:, inner, inner].permute(0, 3, 1, 2).float()


def _around(count: int, spread: float, rng: torch.Generator) -> Tensor:
    """`count` values in -spread..spread."""
    return (_rand(count, rng=rng) * 2 - 1) * spread


def _rand(*shape: int, rng: torch.Generator) -> Tensor:
    """Values in 0..1."""
    return torch.rand(shape, generator=rng, device=rng.device)


def _randn_like(pictures: Tensor, rng: torch.Generator) -> Tensor:
    return torch.randn(pictures.shape, generator=rng, device=rng.device)


def _move(pictures: Tensor, plan: Experiment, rng: torch.Generator) -> Tensor:
    """Mirror, turn, scale and shift, cutting out the model's input."""
    count = len(pictures)
    angle = _around(count, math.radians(plan.turn), rng)
    # `affine_grid` maps the output's square -1..1 into the input's.
    size = (plan.side / plan.canvas) * (1 + _around(count, plan.scale, rng))
    mirror = torch.where(_rand(count, rng=rng) < 0.5, -1.0, 1.0)
    theta = torch.zeros(count, 2, 3, device=rng.device)
    theta[:, 0, 0] = size * angle.cos() * mirror
    theta[:, 0, 1] = -size * angle.sin()
    theta[:, 1, 0] = size * angle.sin() * mirror
    theta[:, 1, 1] = size * angle.cos()
    for axis in (0, 1):
        theta[:, axis, 2] = _around(count, 2 * plan.shift * plan.side / plan.canvas, rng)
    grid = functional.affine_grid(theta, [count, 3, plan.side, plan.side], align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def _recolour(pictures: Tensor, plan: Experiment, rng: torch.Generator) -> Tensor:
    """Brightness and contrast of all, colour out of some."""
    count = len(pictures)
    mean = pictures.mean((1, 2, 3), keepdim=True)
    gain = (1 + _around(count, plan.contrast, rng))[:, None, None, None]
    light = (1 + _around(count, plan.brightness, rng))[:, None, None, None]
    pictures = ((pictures - mean) * gain + mean) * light
    grey = _rand(count, rng=rng) < plan.grey
    # BT.601 luma, as OpenCV makes grey.
    luma = pictures.new_tensor([0.299, 0.587, 0.114])
    pictures[grey] = torch.einsum("nchw,c->nhw", pictures[grey], luma)[:, None].expand(
        -1, 3, -1, -1
    )
    return pictures


def _harm(pictures: Tensor, plan: Experiment, rng: torch.Generator) -> Tensor:
    """Noise for some, dim light for others, too few pixels for others again: what cheap cameras
    make of a living room at night."""
    dice = _rand(len(pictures), rng=rng) / plan.harm if plan.harm else None
    if dice is None:
        return pictures
    for third, harm in enumerate((_add_noise, _dim, _coarsen)):
        chosen = (third / 3 <= dice) & (dice < (third + 1) / 3)
        if chosen.any():
            pictures[chosen] = harm(pictures[chosen], rng)
    return pictures


def _add_noise(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Of a sensor's amplifier: the same everywhere, up to 40 of 255 levels."""
    spread = _rand(len(pictures), 1, 1, 1, rng=rng) * 40
    return pictures + spread * _randn_like(pictures, rng)


def _dim(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Of few photons: their number's own noise (Poisson's, as its normal approximation), before
    the display's gamma of 2.2; a camera's gain makes up for a part of the light."""
    dice = _rand(2, len(pictures), 1, 1, 1, rng=rng)
    photons = 7 * 12 ** dice[0]  # of a white pixel: 7 to 84
    gain = 0.07 * 8 ** dice[1]
    caught = photons * (pictures / 255) ** 2.2
    caught += (caught + 0.5).sqrt() * _randn_like(pictures, rng)
    return (caught.clamp_(min=0) / photons * gain) ** (1 / 2.2) * 255


def _coarsen(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Of a face far away: a half to a fifth of its rows and columns, enlarged again."""
    side = pictures.shape[-1]
    few = round(side * (0.2 + 0.3 * _rand(1, rng=rng).item()))
    small = functional.interpolate(pictures, (few, few), mode="area")
    return functional.interpolate(small, (side, side), mode="bilinear", align_corners=False)


def _erase(pictures: Tensor, plan: Experiment, rng: torch.Generator) -> Tensor:
    """Paint over a rectangle of 2 to 20 % of some pictures (Zhong et al., 2017)."""
    count, side = len(pictures), plan.side
    area = (0.02 + 0.18 * _rand(count, rng=rng)) * side * side
    aspect = torch.exp(_around(count, math.log(2), rng))
    half = torch.stack([(area * aspect).sqrt(), (area / aspect).sqrt()], 1) / 2
    middle = _rand(count, 2, rng=rng) * side
    place = torch.arange(side, device=rng.device) + 0.5
    inside = (place - middle[:, :, None]).abs() < half[:, :, None]
    hole = inside[:, 0, :, None] & inside[:, 1, None, :]
    hole &= (_rand(count, rng=rng) < plan.erase)[:, None, None]
    paint = _rand(count, 3, 1, 1, rng=rng) * 255
    return torch.where(hole[:, None], paint, pictures)
