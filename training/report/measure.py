"""Measures everything that the report shows and that needs data."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from device.types import AgeGroup
from device.vision.detect import CLOSER, DOUBT, FIRST, open_detector
from device.vision.runtime import Model
from training.baselines import Baseline
from training.data import DataError
from training.data.emotion import kaggle_base, official_base
from training.evaluate import (
    evaluate_scenes,
    grouped,
    read_faces,
    reader,
    score,
    years_of,
)
from training.metrics import by_group, interval_metrics, mean_figure
from training.pool import SETS
from training.report.cost import cost
from training.report.robustness import robustness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from device.vision.look import CropDetector
    from training.data import Sample
    from training.evaluate import Read

    Section = dict[str, Any]
    Values = npt.NDArray[np.float64]

log = logging.getLogger(__name__)

OURS = "Attune"
DETECTOR = (FIRST, CLOSER)
"""What finds eyes in crops; in whole pictures what is in doubt is asked a third, too."""
MODELS = (*DETECTOR, DOUBT, "emotion", "age")


class Bench(NamedTuple):
    """What a run measures with; `every` takes each n-th face only, to try the report out."""

    models: Path
    data: Path
    baselines: Sequence[Baseline] = ()
    every: int = 1

    def detector(self) -> CropDetector:
        """The device's, fresh."""
        return open_detector(self.models)

    def readers(self, task: str) -> dict[str, Read]:
        """Ours and the baselines of a task."""
        model = Model(self.models, task)
        others = {each.name: each.read for each in self.baselines if each.task == task}
        return {OURS: reader(model), **others}

    def samples(self, name: str) -> list[Sample]:
        """The test part of a data set, wherever training finds it."""
        _, load = SETS[name]
        return load(self.data, "test")[:: self.every]


def measure(bench: Bench, names: Sequence[str]) -> Iterator[tuple[str, Section | str]]:
    """Each of these sections' name with its figures, or with the reason why it was skipped."""
    for name in names:
        started = time.monotonic()
        try:
            figures = SECTIONS[name](bench)
        except DataError as error:
            log.warning("%s is skipped: %s", name, error)
            yield name, str(error)
            continue
        taken = round(time.monotonic() - started, 1)
        yield name, {**figures, "every": bench.every, "seconds": taken}


def _emotion(bench: Bench) -> Section:
    return _read_emotions(bench, bench.samples("rafdb"))


def _ferplus(bench: Bench) -> Section:
    return _read_emotions(bench, bench.samples("ferplus"))


def _read_emotions(bench: Bench, chosen: list[Sample]) -> Section:
    readings = read_faces(chosen, bench.detector(), bench.readers("emotion"))
    labels = np.array([sample.label for sample in chosen], np.int64)
    return {
        "found": mean_figure(readings.found),
        "readers": {n: score("emotion", rows, labels) for n, rows in readings.rows.items()},
    }


def _age(bench: Bench) -> Section:
    chosen = bench.samples("utkface")
    readings = read_faces(chosen, bench.detector(), bench.readers("age"))
    years = np.array([sample.label for sample in chosen], np.int64)
    ours = readings.rows[OURS][:, 0]
    error = np.abs(ours - years)
    return {
        "found": mean_figure(readings.found),
        "readers": {n: score("age", rows, years) for n, rows in readings.rows.items()},
        "groups": {
            **_people(chosen, error),
            "age group": by_group(
                error,
                np.array([_words(AgeGroup.of(age)) for age in years]),
                [_words(group) for group in AgeGroup],
            ),
        },
        "points": {"true": years.tolist(), "read": np.round(ours, 1).tolist()},
    }


def _fairface(bench: Bench) -> Section:
    chosen = bench.samples("fairface")
    readings = read_faces(chosen, bench.detector(), bench.readers("age"))
    known = [years_of(sample) for sample in chosen]
    groups, labels = grouped(known)
    ours = readings.rows[OURS][:, 0]
    inside = np.array([low <= age < high + 1 for age, (low, high) in zip(ours, known, strict=True)])
    return {
        "found": mean_figure(readings.found),
        "readers": {
            name: interval_metrics(rows[:, 0], groups, labels)
            for name, rows in readings.rows.items()
        },
        "groups": {
            **_people(chosen, inside),
            "age group": by_group(
                inside,
                np.array([f"{low}-{high}" for low, high in known]),
                [f"{low}-{high}" for low, high in groups],
            ),
        },
    }


def _words(group: AgeGroup) -> str:
    return group.value.replace("_", " ")


def _people(chosen: Sequence[Sample], values: Values | npt.NDArray[np.bool_]) -> Section:
    """Values by gender, by race and by both, of those whose publisher says them."""
    said = np.array([s.gender is not None and s.race is not None for s in chosen])
    genders = np.array([str(sample.gender) for sample in chosen])[said]
    races = np.array([str(sample.race) for sample in chosen])[said]
    both = np.array([f"{race}, {gender}" for race, gender in zip(races, genders, strict=True)])
    return {
        "gender": by_group(values[said], genders),
        "race": by_group(values[said], races),
        "race and gender": by_group(values[said], both),
    }


def _scenes(bench: Bench) -> Section:
    base = kaggle_base(bench.data) or official_base(bench.data) or bench.data / "rafdb"
    return evaluate_scenes(bench.models, base, every=bench.every)


def _robust_emotion(bench: Bench) -> Section:
    chosen = bench.samples("rafdb")
    return robustness("emotion", chosen, bench.detector(), bench.readers("emotion")[OURS])


def _robust_age(bench: Bench) -> Section:
    chosen = bench.samples("utkface")
    return robustness("age", chosen, bench.detector(), bench.readers("age")[OURS])


def _cost(bench: Bench) -> Section:
    figures: Section = {name: cost(bench.models, name) for name in MODELS}
    for each in bench.baselines:
        figures[each.name] = {
            "what": each.what,
            "multiply_adds": each.multiply_adds,
            "bytes": each.bytes,
        }
    return {"models measured": figures}


SECTIONS: dict[str, Callable[[Bench], Section]] = {
    "cost": _cost,
    "emotion": _emotion,
    "age": _age,
    "ferplus": _ferplus,
    "fairface": _fairface,
    "scenes": _scenes,
    "robust emotion": _robust_emotion,
    "robust age": _robust_age,
}
"""What is measured, cheap parts first."""

MEASURES = {
    "emotion": ("emotion", *DETECTOR),
    "age": ("age", *DETECTOR),
    "ferplus": ("emotion", *DETECTOR),
    "fairface": ("age", *DETECTOR),
    "scenes": ("emotion", *DETECTOR, DOUBT),
    "robust emotion": ("emotion", *DETECTOR),
    "robust age": ("age", *DETECTOR),
    "cost": MODELS,
}
"""The models that each section's figures are of."""
