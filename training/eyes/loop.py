"""The training loop: AdamW, one cycle, averaged weights, chosen on the validation photos."""

from __future__ import annotations

import csv
import dataclasses
import json
import time
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from device.vision.detect import GridDetector
from device.vision.eyes import EyeFinder
from device.vision.runtime import Model
from training.detector.evaluate import as_faces
from training.detector.loop import load
from training.eyes.faces import Maker, faces_in_crops, faces_in_photos
from training.eyes.measure import eyes_measured
from training.eyes.network import EyeNetwork, as_model
from training.loop import follow, save
from training.machine import autocast, device, took, took_of_gpu

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from training.detector.labels import Faces, Source
    from training.eyes.faces import Face
    from training.eyes.plan import EyePlan

SOFT = 0.01
"""Distances of the eyes below which an error counts by its square."""


class Seen(NamedTuple):
    """Photos (BGR) with the teacher's faces, and those that the detector finds in them."""

    images: list[npt.NDArray[np.uint8]]
    found: list[Faces]
    truth: list[Faces]


def train_eyes(
    plan: EyePlan,
    source: Source,
    models: Path,
    folder: Path,
    *,
    start: Path | None = None,
    fresh: bool = False,
) -> Path:
    """Label faces where that was not done yet, and `train` on them; `models` holds the detector
    whose eyes are to be corrected, `start` its weights (best.pt)."""
    learned, valid = load(source, "train"), load(source, "valid")
    photos = faces_in_photos(*learned)
    detector = GridDetector(Model(models, "face"))
    found = [as_faces(detector, image) for image in tqdm(valid.images, "finding", mininterval=1)]
    seen = Seen(valid.images, found, valid.faces)
    run = _Run(plan, photos, faces_in_crops(plan, source), seen, folder)
    if start is not None:
        run.start_from(start)
    if not fresh:
        run.resume()
    run.train()
    return folder / "best.pt"


class _Run:
    """A training under way."""

    def __init__(
        self,
        plan: EyePlan,
        photos: Sequence[Face],
        crops: Sequence[Face],
        valid: Seen,
        folder: Path,
    ) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self.folder, self.valid = plan, folder, valid
        self.maker = Maker(plan, photos, crops)
        self.faces = {"of photos": len(photos), "of crops": len(crops)}
        self.device = device()
        self.network = EyeNetwork(plan).to(self.device, memory_format=torch.channels_last)
        self.average = deepcopy(self.network).eval()
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        free = [p for p in self.network.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed}, {"params": free, "weight_decay": 0.0}],
            lr=plan.peak_rate,
            weight_decay=plan.weight_decay,
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer,
            plan.peak_rate,
            plan.epochs * plan.steps,
            pct_start=0.1,
            cycle_momentum=False,
        )
        self.epoch, self.best = 0, float("inf")
        self.seconds = 0.0
        self.start: str | None = None

    def train(self) -> None:
        """All epochs that are left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._describe()
        while self.epoch < self.plan.epochs:
            begun = time.monotonic()
            cost = self._train_epoch()
            finder = EyeFinder(as_model(self.average, self.plan))
            error = eyes_measured(finder, *self.valid)["eye_error"]
            self.epoch += 1
            if error <= self.best:
                self.best = error
                save(self.folder / "best.pt", {"network": self.average.state_dict()})
            self._log(cost, error)
            self.seconds += time.monotonic() - begun
            self._describe()
            self._checkpoint()

    def _train_epoch(self) -> float:
        self.network.train()
        total = torch.zeros((), device=self.device)
        first = self.epoch * self.plan.steps
        for step in tqdm(range(self.plan.steps), f"epoch {self.epoch + 1}", mininterval=5):
            rng = np.random.default_rng([self.plan.seed, first + step])
            torch.manual_seed(int(rng.integers(2**31)))  # what dropout drops, resumed or not
            cv2.setRNGSeed(int(rng.integers(2**31)))
            made = [self.maker.make(rng) for _ in range(self.plan.batch)]
            crops, away = (torch.from_numpy(np.stack(each)) for each in zip(*made, strict=True))
            total += self._step(crops, away)
        return float(total) / self.plan.steps

    def _step(self, crops: Tensor, away: Tensor) -> Tensor:
        """Learn from one batch; returns the eyes' mean error."""
        pictures = crops.to(self.device).permute(0, 3, 1, 2).float()
        with autocast():
            said = self.network(pictures.contiguous(memory_format=torch.channels_last))
        # A face's points move together, so their distance counts, not each coordinate.
        off = (said.float() - away.to(self.device)).square().sum(-1)
        error = (off + SOFT**2).sqrt() - SOFT
        weight = error.new_tensor([1.0] * 2 + [self.plan.others_points] * 3)
        self.optimizer.zero_grad()
        (error * weight).sum(1).mean().backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.optimizer.step()
        self.schedule.step()
        follow(self.average, self.network, self.plan.average, self.schedule.last_epoch)
        return error[:, :2].mean().detach()

    def _log(self, cost: float, error: float) -> None:
        path = self.folder / "log.csv"
        header = not path.exists() or self.epoch == 1
        with path.open("w" if header else "a", newline="") as file:
            writer = csv.writer(file)
            if header:
                writer.writerow(["epoch", "rate", "eyes", "validation"])
            rate = self.schedule.get_last_lr()[0]
            writer.writerow([self.epoch, f"{rate:.6f}", f"{cost:.4f}", f"{error:.4f}"])
        tqdm.write(f"epoch {self.epoch}: validation {error:.4f}")

    def _describe(self) -> None:
        """Write what this run is, and what it took so far."""
        record = {
            "start": self.start,
            "faces": self.faces,
            "took": took(self.seconds) | took_of_gpu(),
            **dataclasses.asdict(self.plan),
        }
        (self.folder / "experiment.json").write_text(json.dumps(record, indent=2) + "\n")

    def _checkpoint(self) -> None:
        state: dict[str, Any] = {
            name: getattr(self, name).state_dict()
            for name in ("network", "average", "optimizer", "schedule")
        }
        state |= {"epoch": self.epoch, "best": self.best, "plan": dataclasses.asdict(self.plan)}
        save(self.folder / "last.pt", state | {"seconds": self.seconds, "start": self.start})

    def start_from(self, path: Path) -> None:
        """Take the detector's weights where the layers are the same."""
        self.start = path.parent.name
        for network in (self.network, self.average):
            network.start_from(path)

    def resume(self) -> None:
        """Go on where `folder`'s checkpoint of the same plan ends."""
        path = self.folder / "last.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location="cpu")
        if json.dumps(state["plan"]) != json.dumps(dataclasses.asdict(self.plan)):
            tqdm.write(f"{path} is of another plan: starting afresh")
            return
        for name in ("network", "average", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        for name in ("epoch", "best", "seconds", "start"):
            setattr(self, name, state[name])
        tqdm.write(f"going on after epoch {self.epoch}")
