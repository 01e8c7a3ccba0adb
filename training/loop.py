"""The training loop: AdamW, one cycle, averaged weights, chosen on the validation part."""

from __future__ import annotations

import csv
import dataclasses
import json
import time
from copy import deepcopy
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from training.augment import augment, centre
from training.backbone import Backbone, digest_of_start, load_faceres
from training.data import DataError
from training.experiment import read_plan, read_record
from training.lessons import Lesson, complete
from training.machine import autocast, device, global_rng, set_global_rng, took
from training.network import build, save_keras
from training.publishers import FACERES, sets_of
from training.source import digest_of, forget, note_source, refuse_other

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from training.crops import Crops
    from training.experiment import Experiment


APART = ("took", "sets", "start_sets")
"""What a teacher's record tells that says nothing of the weights that come of it."""


class Parts(NamedTuple):
    """What to learn from, what to choose on, and what to learn from beside."""

    train: Lesson
    valid: Crops
    beside: Lesson | None = None
    sets: dict[str, dict[str, int]] | None = None
    """How many faces of which data sets, as `training.pool.counts` says it."""


def train(
    plan: Experiment,
    parts: Parts,
    folder: Path,
    *,
    start: Path | None = None,
    fresh: bool = False,
    taught_by: dict[str, Any] | None = None,
) -> Path:
    """Train, choose on the validation part; returns the file of the best weights.

    Starts from the weights in `start`, but for the head. Goes on from `folder`'s checkpoint, unless
    `fresh`, which takes away what the run before made; DataError where that is of another plan,
    machine, start, teachers or faces. Writes log.csv, last.pt, best.pt and experiment.json, where
    `taught_by` says who made the lesson.
    """
    run = _Run(plan, parts, folder)
    run.taught_by = taught_by
    if start is not None:
        run.start_from(start)
        run.source["start"] = digest_of_start(start)
    if fresh:
        forget(folder)
    else:
        run.resume()
    run.train()
    return folder / "best.pt"


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float, done: int) -> None:
    """Move a running average of a network's weights after `done` steps."""
    # Early on the average follows faster, so that the random start is soon forgotten.
    decay = min(decay, done / (done + 10))
    kept, new = average.state_dict(), network.state_dict()
    floats = [name for name, value in kept.items() if value.is_floating_point()]
    torch._foreach_lerp_([kept[n] for n in floats], [new[n] for n in floats], 1 - decay)


def export(folder: Path) -> Path:
    """Write a run's best network as a Keras model, and beside it the digest of its weights."""
    plan, network = load_run(folder)
    path = folder / f"{plan.task}.keras"
    save_keras(network, plan, path)
    note_source(path, folder / "best.pt")
    return path


def load_run(folder: Path) -> tuple[Experiment, nn.Module]:
    """The experiment of a run's folder and its best network, balanced where `training.balance`
    found by how much."""
    plan = read_plan(folder)
    network = build(plan).to(memory_format=torch.channels_last).eval()
    weights = load_weights(folder / "best.pt")
    record = read_record(folder)
    if "class_shift" in record:
        weights["head.bias"] += torch.tensor(record["class_shift"])
    network.load_state_dict(weights)
    return plan, network


def load_weights(path: Path) -> dict[str, Tensor]:
    """What a run's best.pt holds; DataError where that is no such file."""
    if not path.is_file():
        raise DataError(
            f"{path} is not there: the run was stopped in its first epoch, or is gone; train it"
        )
    try:
        weights: dict[str, Tensor] = torch.load(path, map_location="cpu")["network"]
    except (OSError, RuntimeError, EOFError, UnpicklingError, LookupError, TypeError) as error:
        raise DataError(f"{path} holds no weights of a run: train it again") from error
    return weights


class _Run:
    """A training under way."""

    def __init__(self, plan: Experiment, parts: Parts, folder: Path) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self.folder = plan, folder
        self.start: str | None = None
        self.start_sets: Sequence[str] = ()
        self.taught_by: dict[str, Any] | None = None
        self.source = {"lesson": digest_of(_arrays(parts))}
        self.took: dict[str, Any] = {}
        self.device = device()
        self.sets = parts.sets
        self.learned, self.held_out = parts.train.to(self.device), parts.valid
        self.beside = None if parts.beside is None else parts.beside.to(self.device)
        self.rng = torch.Generator(self.device).manual_seed(plan.seed)
        self.network = build(plan).to(self.device, memory_format=torch.channels_last)
        self.average = deepcopy(self.network).eval()
        self.steps = len(self.learned.targets) // plan.batch
        if not self.steps:
            raise DataError(
                f"{len(self.learned.targets)} faces to learn from are less than a batch of "
                f"{plan.batch}: give more faces, or a smaller --batch"
            )
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        free = [p for p in self.network.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed}, {"params": free, "weight_decay": 0.0}],
            lr=plan.peak_rate,
            weight_decay=plan.weight_decay,
            fused=True,
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, plan.peak_rate, plan.epochs * self.steps, cycle_momentum=False
        )
        self.epoch, self.best, self.best_epoch = 0, float("-inf"), 0
        self.seconds = 0.0

    def train(self) -> None:
        """All epochs that are left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._describe()
        while self.epoch < self.plan.epochs and self.epoch - self.best_epoch < self.plan.patience:
            begun = time.monotonic()
            loss = self._train_epoch()
            reached = validate(self.plan, self.average, self.held_out)
            self.epoch += 1
            if reached >= self.best:  # of equals the later: its rate was lower
                self.best, self.best_epoch = reached, self.epoch
                save(self.folder / "best.pt", {"network": self.average.state_dict()})
            self._log(loss, reached)
            self.seconds += time.monotonic() - begun
            self.took = took(self.seconds, self.took)
            self._describe()
            self._checkpoint()

    def _describe(self) -> None:
        """Write what this run is, and what it took so far."""
        faces = {"train": len(self.learned.targets)}
        faces[f"{self.plan.task} valid"] = len(self.held_out.labels)
        if self.beside is not None:
            faces["beside"] = len(self.beside.targets)
        record: dict[str, Any] = {"faces": faces, "start": self.start}
        record["start_sets"] = self.start_sets
        if self.taught_by is not None:
            record["taught_by"] = self.taught_by
        record |= {"took": self.took or took(0, {}), **dataclasses.asdict(self.plan)}
        if self.sets is not None:  # which the plan only allows
            record |= {"sets": self.sets, "others": list(self.sets["beside"])}
        (self.folder / "experiment.json").write_text(json.dumps(record, indent=2) + "\n")

    def _train_epoch(self) -> float:
        self.network.train()
        total = torch.zeros((), device=self.device)
        title = f"epoch {self.epoch + 1}/{self.plan.epochs}"
        bar = tqdm(self._batches(), title, self.steps, mininterval=2)
        for step, batch in enumerate(bar):
            loss = self._loss(batch)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            follow(self.average, self.network, self.plan.average, self.schedule.last_epoch)
            total += loss.detach()
            if step % 20 == 0:
                bar.set_postfix(loss=f"{float(total) / (step + 1):.3f}", best=f"{self.best:.4f}")
        return float(total) / self.steps

    def _loss(self, batch: list[Lesson]) -> Tensor:
        """Cross-entropy, averaged over pictures."""
        images = torch.cat([part.images for part in batch])
        pictures = augment(images, self.plan, self.rng)
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with autocast():
            logits = self.network(pictures).float()
        said = logits.split([len(part.images) for part in batch])
        targets = torch.cat(
            [
                complete(part.targets, answer) if part.partial else part.targets
                for part, answer in zip(batch, said, strict=True)
            ]
        )
        return functional.cross_entropy(logits, targets)

    def _batches(self) -> Iterator[list[Lesson]]:
        """An epoch's steps: pictures of the task's own, and some from beside."""
        sources = [(self.learned, self.plan.batch)]
        if self.beside is not None and self.epoch < self.plan.beside_share * self.plan.epochs:
            sources.append((self.beside, self.plan.beside_batch))
        orders = [self._order(len(source.targets), size) for source, size in sources]
        for step in range(self.steps):
            yield [
                source._replace(images=source.images[rows], targets=source.targets[rows])
                for (source, size), order in zip(sources, orders, strict=True)
                for rows in [order[step * size : (step + 1) * size]]
            ]

    def _order(self, count: int, size: int) -> Tensor:
        """Rows for all steps, each row as often as any other, give or take one."""
        rounds = -(-self.steps * size // count)
        orders = [
            torch.randperm(count, generator=self.rng, device=self.device) for _ in range(rounds)
        ]
        return torch.cat(orders)

    def _log(self, loss: float, reached: float) -> None:
        path = self.folder / "log.csv"
        header = not path.exists() or self.epoch == 1
        with path.open("w" if header else "a", newline="") as file:
            writer = csv.writer(file)
            if header:
                writer.writerow(["epoch", "rate", "loss", "validation"])
            rate = self.schedule.get_last_lr()[0]
            writer.writerow([self.epoch, f"{rate:.6f}", f"{loss:.4f}", f"{reached:.4f}"])
        tqdm.write(f"epoch {self.epoch}: loss {loss:.4f}, validation {reached:.4f}")

    def _checkpoint(self) -> None:
        state = {
            name: getattr(self, name).state_dict()
            for name in ("network", "average", "optimizer", "schedule")
        }
        state |= {"epoch": self.epoch, "best": self.best, "best_epoch": self.best_epoch}
        state |= {"seconds": self.seconds, "took": self.took, "device": self.device.type}
        state |= {"source": self._source()}
        state |= {"plan": dataclasses.asdict(self.plan), "rng": self.rng.get_state()}
        state |= {"global_rng": global_rng()}
        save(self.folder / "last.pt", state)

    def start_from(self, path: Path) -> None:
        """Take another run's best weights, or those of faceres.json: all, or all but the head where
        it learned something else or reads the features of another layer."""
        if path.suffix == ".json":
            if not isinstance(self.network, Backbone):
                raise DataError(f"{path} holds a mobilenet: {self.plan.trunk} cannot start from it")
            some = self._order(len(self.learned.images), 1)[:256]
            load_faceres(self.network, path, centre(self.learned.images[some], self.plan))
            self.average.load_state_dict(self.network.state_dict())
            self.start, self.start_sets = path.stem, FACERES
            return
        run = path.parent
        self.start, self.start_sets = run.name, sets_of(read_record(run))
        before = read_plan(run)
        weights = load_weights(path)
        if (before.task, before.layers) != (self.plan.task, self.plan.layers):
            for name in ("head.weight", "head.bias"):
                del weights[name]
        kept = {name: weights[name] for name in self.network.state_dict() if name in weights}
        try:
            if before.trunk != self.plan.trunk:
                raise RuntimeError("other layers")  # noqa: TRY301 - one answer to all that differs
            for network in (self.network, self.average):
                network.load_state_dict(kept, strict=False)
        except RuntimeError as error:
            raise DataError(
                f"{path} is of another make than the network that is to start from it: give "
                f"--start a run of a {self.plan.trunk} network of the same layers"
            ) from error

    def _source(self) -> dict[str, Any]:
        """What the weights come from beside the plan."""
        taught_by = self.taught_by or {}
        told = {
            name: {key: value for key, value in teacher.items() if key not in APART}
            for name, teacher in taught_by.items()
        }
        return {**self.source, "teachers": told}

    def resume(self) -> None:
        """Go on where a run of the same experiment stopped, if there is one."""
        path = self.folder / "last.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location="cpu", weights_only=False)
        source = self._source()
        refuse_other(
            path,
            # An earlier version did not keep the source: it is taken to be the same.
            {**state["plan"], "machine": state["device"], **state.get("source", source)},
            {**dataclasses.asdict(self.plan), "machine": self.device.type, **source},
        )
        for name in ("network", "average", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.epoch, self.best, self.best_epoch = (state[k] for k in ("epoch", "best", "best_epoch"))
        self.seconds = state["seconds"]
        self.took = state.get("took") or took(self.seconds, {})
        self.rng.set_state(state["rng"])
        set_global_rng(state["global_rng"])
        tqdm.write(f"going on after epoch {self.epoch}")


def _arrays(parts: Parts) -> Iterator[npt.NDArray[Any]]:
    """All that is learned from and chosen on."""
    for each in (parts.train, parts.beside):
        if each is not None:
            yield from (each.images.numpy(), each.targets.numpy())
    yield from (parts.valid.images, parts.valid.labels)


def validate(plan: Experiment, network: nn.Module, valid: Crops) -> float:
    """Accuracy, or minus the mean absolute error in years: higher is better."""
    probabilities = look(plan, network, torch.from_numpy(valid.images))
    return score(plan.task, probabilities, torch.from_numpy(valid.labels))


def score(task: str, probabilities: Tensor, labels: Tensor) -> float:
    """Accuracy, or minus the mean absolute error in years."""
    if task == "emotion":
        return (probabilities.argmax(1) == labels).float().mean().item()
    ages = torch.arange(probabilities.shape[1], dtype=torch.float32)
    return -(probabilities @ ages - labels).abs().mean().item()


@torch.no_grad()
def look(
    plan: Experiment,
    network: nn.Module,
    images: Tensor,
    *,
    flip: bool = True,
    title: str | None = None,
) -> Tensor:
    """Probabilities (n, outputs) from training crops (n, canvas, canvas, 3).

    With `flip` each face is looked at both ways, as the device does it. `title` is that of a
    progress bar, for many faces.
    """
    network.eval()
    place = next(network.parameters()).device
    batches = tqdm(images.split(128), title, mininterval=2, disable=title is None)
    inputs = (centre(batch.to(place), plan) for batch in batches)
    if flip:
        logits = torch.cat([network(x) + network(x.flip(-1)) for x in inputs]).cpu() / 2
    else:
        logits = torch.cat([network(x) for x in inputs]).cpu()
    return logits.float().softmax(1)


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a file so that an interrupted run leaves the old one."""
    unfinished = path.with_suffix(".part")
    torch.save(state, unfinished)
    unfinished.replace(path)
