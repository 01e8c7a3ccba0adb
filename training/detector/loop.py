"""The training loop: AdamW, one cycle, averaged weights, chosen on the validation photos."""

from __future__ import annotations

import csv
import dataclasses
import json
import time
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from training.backbone import digest_of_start
from training.data import DataError
from training.detector.augment import NO_CROPS, Maker
from training.detector.batches import batches
from training.detector.crops import load_crops
from training.detector.judged import corrected, read_judged
from training.detector.labels import COLUMNS, SAME_FACE_IOU, distinct
from training.detector.loss import cells, decode, loss
from training.detector.measure import average_precision, match
from training.detector.network import DetectorNetwork
from training.detector.photos import photos, read_photo
from training.detector.plan import read_plan
from training.detector.teacher import load_labels
from training.loop import follow, load_weights, save
from training.machine import autocast, device, global_rng, set_global_rng, took
from training.source import digest_of, forget, refuse_other

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from training.detector.augment import Crops
    from training.detector.batches import Batch, PictureMaker
    from training.detector.labels import Faces, Source
    from training.detector.loss import Truth
    from training.detector.plan import AnyPlan, DetectorPlan

LOWEST_SCORE = 0.05
NOWHERE: Faces = np.empty((0, 4), np.float32)


class Labelled(NamedTuple):
    """Photos (BGR), the teacher's faces in them, boxes (n, 4) of what only looks like one, and
    faces that came cut out."""

    images: list[npt.NDArray[np.uint8]]
    faces: list[Faces]
    decoys: list[Faces]
    crops: Crops = NO_CROPS

    def arrays(self) -> list[npt.NDArray[Any]]:
        """All of them."""
        return [*self.images, *self.faces, *self.decoys, *self.crops.images, *self.crops.faces]

    def sets(self) -> dict[str, int]:
        """How many photos, and how many faces that came cut out of which data set."""
        return {"photos": len(self.images), **self.crops.sets}


def load(source: Source, part: str) -> Labelled:
    """A part of the photos, labelled by the teacher and corrected by what was judged of it; beside
    those to learn from, the cut-out faces that `source` has."""
    chosen = photos(source.data, part)
    judged = read_judged()
    places = [judged.get(photo.key) for photo in chosen]
    said = load_labels(chosen, source.teacher, source.cache)
    return Labelled(
        [read_photo(photo.path) for photo in chosen],
        [corrected(faces, seen) for faces, seen in zip(said, places, strict=True)],
        [NOWHERE if seen is None else seen.none for seen in places],
        load_crops(source) if part == "train" else NO_CROPS,
    )


def train_detector(
    plan: DetectorPlan,
    source: Source,
    folder: Path,
    *,
    start: Path | None = None,
    fresh: bool = False,
) -> Path:
    """Label the photos where that was not done yet, and `train` on them."""
    learned, valid = load(source, "train"), load(source, "valid")
    return train(plan, lesson_of(plan, learned, valid), folder, start=start, fresh=fresh)


class Lesson(NamedTuple):
    """What is learned from, how a network is judged on the validation photos (the more the
    better), a digest of all that both go by, and how many images are learned from, by set."""

    maker: PictureMaker
    judge: Callable[[Any], float]
    digest: str
    sets: dict[str, int]


class Learner(NamedTuple):
    """A network that learns, what its answers to a batch cost (by name; their sum is to become
    small), and the name and file of the weights that it begins with, if it does."""

    network: nn.Module
    cost: Callable[[nn.Module, Tensor, Truth], dict[str, Tensor]]
    start: tuple[str, Path] | None = None


def lesson_of(plan: DetectorPlan, learned: Labelled, valid: Labelled) -> Lesson:
    """The first look's: whole photos, judged by precision over recall."""
    longer = [max(image.shape[:2]) for image in valid.images]

    def judge(network: DetectorNetwork) -> float:
        found = [look(network, image, plan.longer_side) for image in valid.images]
        return average_precision(match(found, valid.faces, longer))

    digest = digest_of([*learned.arrays(), *valid.arrays()])
    return Lesson(Maker(plan, *learned), judge, digest, learned.sets())


def train(
    plan: DetectorPlan,
    lesson: Lesson,
    folder: Path,
    *,
    start: Path | None = None,
    fresh: bool = False,
) -> Path:
    """Train, choose on the validation photos; returns best.pt, the chosen weights.

    Begins with the weights in `start`, another run's best.pt, if that is given.
    Goes on from `folder`'s checkpoint, unless `fresh`, which takes away what the run before
    made; DataError where that is of another plan, start, photos or labels. Writes log.csv, last.pt
    and best.pt.
    """
    torch.manual_seed(plan.seed)
    network = DetectorNetwork(plan)
    if start is not None:
        deepen(network, load_weights(start))
    cost = partial(_detector_cost, points=plan.points)
    named = (start.parent.name, start) if start is not None else None
    return learn(plan, lesson, folder, Learner(network, cost, named), fresh=fresh)


def learn(
    plan: AnyPlan, lesson: Lesson, folder: Path, learner: Learner, *, fresh: bool = False
) -> Path:
    """`train`, for any network: chosen on the validation photos, going on from a checkpoint unless
    `fresh`."""
    run = _Run(plan, lesson, folder, learner)
    if fresh:
        forget(folder)
    else:
        run.resume()
    run.train()
    return folder / "best.pt"


class _Run:
    """A training under way."""

    def __init__(self, plan: AnyPlan, lesson: Lesson, folder: Path, learner: Learner) -> None:
        self.plan, self.folder, self.lesson, self.cost = plan, folder, lesson, learner.cost
        self.device = device()
        self.network = learner.network.to(self.device, memory_format=torch.channels_last)
        self.average = deepcopy(self.network).eval()
        learned = [p for p in self.network.parameters() if p.requires_grad]
        decayed = [p for p in learned if p.ndim > 1]
        free = [p for p in learned if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed}, {"params": free, "weight_decay": 0.0}],
            lr=plan.peak_rate,
            weight_decay=plan.weight_decay,
            fused=True,
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer,
            plan.peak_rate,
            plan.epochs * plan.steps,
            pct_start=0.1,
            cycle_momentum=False,
        )
        self.epoch, self.best, self.best_epoch = 0, float("-inf"), 0
        self.seconds = 0.0
        self.took: dict[str, Any] = {}
        self.start: str | None = None
        self.source = {"lesson": lesson.digest}
        if learner.start is not None:
            self.start, file = learner.start
            self.source["start"] = digest_of_start(file)

    def train(self) -> None:
        """All epochs that are left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._describe()
        first = self.epoch * self.plan.steps
        made = batches(self.plan, self.lesson.maker, first, gpu=self.device.type == "cuda")
        while self.epoch < self.plan.epochs and self.epoch - self.best_epoch < self.plan.patience:
            begun = time.monotonic()
            costs = self._train_epoch(made)
            score = self.lesson.judge(self.average)
            self.epoch += 1
            if score >= self.best:
                self.best, self.best_epoch = score, self.epoch
                save(self.folder / "best.pt", {"network": self.average.state_dict()})
            self._log(costs, score)
            self.seconds += time.monotonic() - begun
            self.took = took(self.seconds, self.took)
            self._describe()
            self._checkpoint()

    def _describe(self) -> None:
        """Write what this run is, and what it took so far."""
        record = {
            "start": self.start,
            "sets": self.lesson.sets,
            "took": self.took or took(0, {}),
            **dataclasses.asdict(self.plan),
        }
        (self.folder / "experiment.json").write_text(json.dumps(record, indent=2) + "\n")

    def _train_epoch(self, made: Iterator[Batch]) -> dict[str, float]:
        self.network.train()
        total: dict[str, Tensor] = {}
        bar = tqdm(range(self.plan.steps), f"epoch {self.epoch + 1}", mininterval=5)
        for step in bar:
            for name, value in self._step(next(made)).items():
                total[name] = total.get(name, torch.zeros_like(value)) + value
            if step % 20 == 0:
                bar.set_postfix({name: f"{v / (step + 1):.3f}" for name, v in total.items()})
        return {name: float(value) / self.plan.steps for name, value in total.items()}

    def _step(self, batch: Batch) -> dict[str, Tensor]:
        """Learn from one batch; returns what it cost."""
        pictures = batch.pictures.to(self.device).permute(0, 3, 1, 2).float()
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        costs = self.cost(self.network, pictures, batch.truth.to(self.device))
        self.optimizer.zero_grad()
        sum(costs.values()).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.optimizer.step()
        self.schedule.step()
        follow(self.average, self.network, self.plan.average, self.schedule.last_epoch)
        return {name: value.detach() for name, value in costs.items()}

    def _log(self, costs: dict[str, float], score: float) -> None:
        path = self.folder / "log.csv"
        header = not path.exists() or self.epoch == 1
        with path.open("w" if header else "a", newline="") as file:
            writer = csv.writer(file)
            if header:
                writer.writerow(["epoch", "rate", *costs, "validation"])
            rate = self.schedule.get_last_lr()[0]
            values = [f"{value:.4f}" for value in (*costs.values(), score)]
            writer.writerow([self.epoch, f"{rate:.6f}", *values])
        tqdm.write(f"epoch {self.epoch}: validation {score:.4f}")

    def _checkpoint(self) -> None:
        state: dict[str, Any] = {
            name: getattr(self, name).state_dict()
            for name in ("network", "average", "optimizer", "schedule")
        }
        state |= {"epoch": self.epoch, "best": self.best, "best_epoch": self.best_epoch}
        state |= {"plan": dataclasses.asdict(self.plan), "global_rng": global_rng()}
        state |= {"seconds": self.seconds, "took": self.took, "source": self.source}
        save(self.folder / "last.pt", state)

    def resume(self) -> None:
        """Go on where `folder`'s checkpoint of the same plan ends."""
        path = self.folder / "last.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location="cpu")
        refuse_other(
            path,
            # An earlier version did not keep the source: it is taken to be the same.
            {**state["plan"], **state.get("source", self.source)},
            {**dataclasses.asdict(self.plan), **self.source},
        )
        for name in ("network", "average", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.epoch, self.best, self.best_epoch = (state[k] for k in ("epoch", "best", "best_epoch"))
        self.seconds = state["seconds"]
        self.took = state.get("took") or took(self.seconds, {})
        if "global_rng" in state:  # an earlier version did not keep it
            set_global_rng(state["global_rng"])
        tqdm.write(f"going on after epoch {self.epoch}")


def _detector_cost(
    network: nn.Module, pictures: Tensor, truth: Truth, *, points: float
) -> dict[str, Tensor]:
    with autocast():
        logits, places = network(pictures)
    grid = cells(*pictures.shape[2:]).to(pictures.device)
    return loss(logits.float(), places.float(), truth, grid, points)


def load_network(best: Path) -> DetectorNetwork:
    """The network of a run of `face` or `face-closer`, from its best.pt; DataError where that or
    its plan is no such."""
    network = DetectorNetwork(read_plan(best.parent / "experiment.json")).eval()
    deepen(network, load_weights(best))
    return network


@torch.no_grad()
def deepen(network: DetectorNetwork, weights: dict[str, Tensor]) -> None:
    """Give a network the weights of one whose stages may have fewer blocks. Each block that is
    new changes nothing at first: its last normalization says 0 (Goyal et al., "Accurate, Large
    Minibatch SGD", 2017). DataError where they differ in anything else."""
    new = [
        (name, block)
        for stage, blocks in enumerate(network.stages)
        for number, block in enumerate(blocks)
        if (name := f"stages.{stage}.{number}.") + "first.conv.weight" not in weights
    ]
    for _, block in new:
        block.second.norm.weight.zero_()
    own = {
        name: value
        for name, value in network.state_dict().items()
        if name.startswith(tuple(name for name, _ in new))
    }
    try:
        network.load_state_dict(own | weights)
    except RuntimeError as error:
        raise DataError(f"the start's network is of another make: {error}") from error


@torch.no_grad()
def look(
    network: DetectorNetwork,
    image: npt.NDArray[np.uint8],
    longer_side: int,
) -> Faces:
    """Faces in a BGR photo, shown as the device does it, in the photo's pixels."""
    height, width = image.shape[:2]
    scale = longer_side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    view = np.zeros((-(-size[1] // 32) * 32, -(-size[0] // 32) * 32, 3), np.uint8)
    view[: size[1], : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    rgb = torch.from_numpy(view[:, :, ::-1].copy()).permute(2, 0, 1)[None].float()
    rgb = rgb.to(next(network.parameters()).device, memory_format=torch.channels_last)
    logits, places = (said.cpu() for said in network(rgb))
    scores = logits[0].sigmoid()
    keep = scores > LOWEST_SCORE
    grid = cells(*view.shape[:2])
    boxes, points = decode(places[0], grid)
    rows = torch.cat([scores[keep, None], boxes[keep], points[keep]], 1).numpy()
    rows[:, 1:] *= np.tile([width / size[0], height / size[1]], 7)
    return distinct(rows.reshape(-1, COLUMNS), SAME_FACE_IOU)
