"""The training loop: AdamW, one cycle, averaged weights, chosen on the validation part."""

from __future__ import annotations

import csv
import dataclasses
import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from training.augment import augment, centre
from training.network import Network, save_keras

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from training.crops import Crops
    from training.experiment import Experiment


class Parts(NamedTuple):
    """What to learn from, what to choose on, and what to learn from beside."""

    train: Crops
    valid: Crops
    extra: Crops | None = None


def train(
    plan: Experiment,
    parts: Parts,
    folder: Path,
    *,
    start: Path | None = None,
    teachers: Sequence[Path] = (),
    fresh: bool = False,
) -> Path:
    """Train, choose on the validation part; returns the Keras model's file.

    Starts from the weights in `start`, but for the head. `teachers` are best.pt of other runs of
    the same experiment; what they say of a picture, on average, is learned beside its label.
    Goes on from `folder`'s checkpoint unless `fresh`. Writes log.csv, last.pt and best.pt.
    """
    run = _Run(plan, parts, folder)
    run.learn_from(teachers)
    if start is not None:
        run.start_from(start)
    if not fresh:
        run.resume()
    run.train()
    return run.export()


class _Run:
    """A training under way."""

    def __init__(self, plan: Experiment, parts: Parts, folder: Path) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self.folder = plan, folder
        self.faces = {
            name: len(crops.labels) for name, crops in parts._asdict().items() if crops is not None
        }
        self.start: str | None = None
        self.teachers: dict[str, Network] = {}
        self.learned = _tensors(plan, parts.train)
        self.beside = None if parts.extra is None else _tensors(plan, parts.extra)
        self.held_out = torch.from_numpy(parts.valid.images), torch.from_numpy(parts.valid.labels)
        self.rng = torch.Generator().manual_seed(plan.seed)
        self.network = Network(plan).to(memory_format=torch.channels_last)
        self.average = deepcopy(self.network).eval()
        self.steps = len(self.learned[1]) // plan.batch
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
        # Emulated bfloat16 would be slower than float32.
        self.bfloat16 = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001
        self.epoch, self.best, self.best_epoch = 0, float("-inf"), -1

    def train(self) -> None:
        """All epochs that are left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        record = {"faces": self.faces, "start": self.start, "teachers": list(self.teachers)}
        record |= dataclasses.asdict(self.plan)
        (self.folder / "experiment.json").write_text(json.dumps(record, indent=2) + "\n")
        while self.epoch < self.plan.epochs and self.epoch - self.best_epoch <= self.plan.patience:
            loss = self._train_epoch()
            score = validate(self.plan, self.average, *self.held_out)
            self.epoch += 1
            if score >= self.best:  # of equals the later: its rate was lower
                self.best, self.best_epoch = score, self.epoch
                _save(self.folder / "best.pt", {"network": self.average.state_dict()})
            self._log(loss, score)
            self._checkpoint()

    def export(self) -> Path:
        """Write the best weights as a Keras model."""
        self.average.load_state_dict(torch.load(self.folder / "best.pt")["network"])
        path = self.folder / f"{self.plan.task}.keras"
        save_keras(self.average, self.plan, path)
        return path

    def _train_epoch(self) -> float:
        self.network.train()
        total = 0.0
        title = f"epoch {self.epoch + 1}/{self.plan.epochs}"
        bar = tqdm(self._batches(), title, self.steps, mininterval=2)
        for step, (images, targets) in enumerate(bar):
            pictures = augment(images, self.plan, self.rng)
            pictures = pictures.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
                logits = self.network(pictures)
            loss = functional.cross_entropy(logits.float(), self._taught(pictures, targets))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            self._update_average()
            total += loss.item()
            if step % 20 == 0:
                bar.set_postfix(loss=f"{total / (step + 1):.3f}", best=f"{self.best:.4f}")
        return total / self.steps

    @torch.no_grad()
    def _taught(self, pictures: Tensor, targets: Tensor) -> Tensor:
        """The targets, mixed with what the teachers say of the same pictures."""
        if not self.teachers:
            return targets
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            said = [teacher(pictures).float().softmax(1) for teacher in self.teachers.values()]
        share = self.plan.teacher_share
        return (1 - share) * targets + share * torch.stack(said).mean(0)

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """An epoch of images and targets, half of them from beside in the first epochs."""
        sources = [self.learned]
        if self.beside is not None and self.epoch < self.plan.extra_share * self.plan.epochs:
            sources.append(self.beside)
        orders = [torch.randperm(len(targets), generator=self.rng) for _, targets in sources]
        for step in range(self.steps):
            rows = [
                order[step * self.plan.batch : (step + 1) * self.plan.batch] for order in orders
            ]
            picked = [
                (images[r], targets[r]) for (images, targets), r in zip(sources, rows, strict=True)
            ]
            images, targets = zip(*picked, strict=True)
            yield torch.cat(images), torch.cat(targets)

    @torch.no_grad()
    def _update_average(self) -> None:
        done = self.schedule.last_epoch
        # Early on the average follows faster, so that the random start is soon forgotten.
        decay = min(self.plan.average, done / (done + 10))
        kept, new = self.average.state_dict(), self.network.state_dict()
        floats = [name for name, value in kept.items() if value.is_floating_point()]
        torch._foreach_lerp_([kept[n] for n in floats], [new[n] for n in floats], 1 - decay)

    def _log(self, loss: float, score: float) -> None:
        path = self.folder / "log.csv"
        header = not path.exists() or self.epoch == 1
        with path.open("w" if header else "a", newline="") as file:
            writer = csv.writer(file)
            if header:
                writer.writerow(["epoch", "rate", "loss", "validation"])
            rate = self.schedule.get_last_lr()[0]
            writer.writerow([self.epoch, f"{rate:.6f}", f"{loss:.4f}", f"{score:.4f}"])
        tqdm.write(f"epoch {self.epoch}: loss {loss:.4f}, validation {score:.4f}")

    def _checkpoint(self) -> None:
        state = {
            name: getattr(self, name).state_dict()
            for name in ("network", "average", "optimizer", "schedule")
        }
        state |= {"epoch": self.epoch, "best": self.best, "best_epoch": self.best_epoch}
        state |= {"plan": dataclasses.asdict(self.plan), "rng": self.rng.get_state()}
        state |= {"global_rng": torch.get_rng_state()}
        _save(self.folder / "last.pt", state)

    def start_from(self, path: Path) -> None:
        """Take all but the head from another run's best weights."""
        self.start = path.parent.name
        weights = torch.load(path)["network"]
        kept = {name: value for name, value in weights.items() if not name.startswith("head.")}
        for network in (self.network, self.average):
            network.load_state_dict(kept, strict=False)

    def learn_from(self, paths: Sequence[Path]) -> None:
        """Take the best networks of other runs as teachers."""
        for path in paths:
            teacher = Network(self.plan).to(memory_format=torch.channels_last).eval()
            teacher.load_state_dict(torch.load(path)["network"])
            self.teachers[path.parent.name] = teacher

    def resume(self) -> None:
        """Go on where a run of the same experiment stopped, if there is one."""
        path = self.folder / "last.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=False)
        if state["plan"] != dataclasses.asdict(self.plan):
            tqdm.write(f"{path} is of another experiment: starting afresh")
            return
        for name in ("network", "average", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.epoch, self.best, self.best_epoch = (state[k] for k in ("epoch", "best", "best_epoch"))
        self.rng.set_state(state["rng"])
        torch.set_rng_state(state["global_rng"])
        tqdm.write(f"going on after epoch {self.epoch}")


def _tensors(plan: Experiment, crops: Crops) -> tuple[Tensor, Tensor]:
    """Images and what to answer to them: a distribution over the outputs."""
    return torch.from_numpy(crops.images), _targets(plan, torch.from_numpy(crops.labels))


def _targets(plan: Experiment, labels: Tensor) -> Tensor:
    """Smoothed classes or votes, or a Gaussian around the age."""
    if plan.task == "age":
        ages = torch.arange(plan.outputs, dtype=torch.float32)
        distance = (ages - labels.clamp(max=plan.outputs - 1)[:, None]) / plan.label_sigma
        return functional.softmax(-distance.square() / 2, dim=1)
    votes = labels if labels.ndim == 2 else functional.one_hot(labels, plan.outputs)
    share = votes.float() / votes.sum(1, keepdim=True)
    return share * (1 - plan.label_smoothing) + plan.label_smoothing / plan.outputs


@torch.no_grad()
def validate(plan: Experiment, network: Network, images: Tensor, labels: Tensor) -> float:
    """Accuracy, or minus the mean absolute error in years: higher is better.

    Each face is looked at both ways, as the device does it.
    """
    inputs = [centre(batch, plan) for batch in images.split(256)]
    logits = torch.cat([network(x) + network(x.flip(-1)) for x in inputs]) / 2
    if plan.task == "emotion":
        return (logits.argmax(1) == labels).float().mean().item()
    ages = torch.arange(plan.outputs, dtype=torch.float32)
    return -(logits.softmax(1) @ ages - labels).abs().mean().item()


def _save(path: Path, state: dict[str, Any]) -> None:
    """Write a file so that an interrupted run leaves the old one."""
    unfinished = path.with_suffix(".part")
    torch.save(state, unfinished)
    unfinished.replace(path)
