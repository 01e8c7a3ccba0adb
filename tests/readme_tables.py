"""The READMEs' tables that code can make: `python -m tests.readme_tables` writes them.

What the detector is worth comes from its sidecar, as `python -m conversion face` wrote it; speed
and memory from `tests/benchmarks/bench.json`, as `attune bench --json` printed it; what fuzzing
found from `tests/fuzz/results.json`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from device.config_text import markdown_table
from device.home.entities import ENTITIES
from device.settings import VisionSettings
from tests import regions
from tests.fuzz.edges import EDGES

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
MODELS = ROOT / "models_tflite"


def entities() -> str:
    """Every Home Assistant entity, a row each."""
    kinds: dict[str, list[str]] = {}
    for entity in ENTITIES:
        diagnostic = entity.category == "diagnostic"
        kind = "diagnostic" if diagnostic else entity.platform.replace("_", " ")
        kinds.setdefault(kind, []).append(entity.name)
    rows = [f"| {kind} | {', '.join(names)} |" for kind, names in kinds.items()]
    return "\n".join(["| kind | entities |", "|---|---|", *rows])


def interval(measure: dict[str, float], scale: float, unit: str) -> str:
    """A figure with its 95 % interval."""
    value, low, high = (measure[key] * scale for key in ("value", "low", "high"))
    return f"{value:.1f}{unit} ({low:.1f} to {high:.1f})"


def quality(task: str, test: dict[str, Any]) -> str:
    """What a model was measured at, in words."""
    if task == "face-closer":
        return "above: a second look at what `face` takes for one"
    if task == "face-doubt":
        return "above: whether a place that both leave in doubt shows a face"
    if task == "face":
        score = VisionSettings().minimum_score
        row = test["by_score"][str(score)]
        widths = [f"{100 * row[name]:.0f} % ({name})" for name in row if name.endswith("%")]
        return (
            f"faces found at the appliance's least score, {score}, by their width as a share of "
            f"the picture's longer side: {', '.join(widths)}; {row['false_faces']} false ones; "
            f"{test['faces']} faces"
        )
    if task == "emotion":
        return (
            f"accuracy {interval(test['accuracy'], 100, ' %')}, "
            f"macro-F1 {interval(test['macro_f1'], 100, ' %')}, "
            f"calibration error {test['calibration_error']:.3f}; {test['count']:,} faces"
        )
    coverage = test["interval_coverage"]["value"]
    return (
        f"mean absolute error {interval(test['mean_absolute_error'], 1, ' years')}, "
        f"the 80 % interval holds {coverage:.0%}; {test['count']:,} faces"
    )


def models() -> str:
    """The models that are our own, from their sidecars."""
    rows = []
    for name in ("face", "face-closer", "face-doubt", "emotion", "age"):
        sidecar = json.loads((MODELS / f"{name}.json").read_text(encoding="utf-8"))
        metrics = sidecar["metrics"]
        rows.append(
            f"| {name} | {sidecar['data']['name']} | {quality(name, metrics.get('test', {}))} "
            f"| {metrics['multiply_adds'] / 1e6:.0f} M | {metrics['bytes'] / 1e6:.2f} MB |"
        )
    head = "| model | data | on the test part | multiply-adds | size |\n|---|---|---|---|---|"
    return "\n".join([head, *rows])


def bench() -> str:
    """What the stages take, on the runtimes, as measured and kept."""
    report = json.loads((ROOT / "tests/benchmarks/bench.json").read_text(encoding="utf-8"))
    stages = list(report["runs"][0]["milliseconds"])
    # More threads than cores only show how a runtime spins.
    runs = [run for run in report["runs"] if run["threads"] <= 2]
    rows = [
        f"| {run['runtime']} | {run['threads']} | "
        + " | ".join(f"{run['milliseconds'][stage]:.2f}" for stage in stages)
        + f" | {run['memory_mib']:.0f} MiB |"
        for run in runs
    ]
    head = f"| runtime | threads | {' | '.join(f'{s}, ms' for s in stages)} | memory |"
    where = f"On {report['machine']}, at a load of {report['load']:.1f}."
    return "\n".join([head, "|---" * (len(stages) + 3) + "|", *rows, "", where])


def fuzz() -> str:
    """What harmed inputs did at each edge, as `python -m tests.fuzz` counted it."""
    kept = json.loads((ROOT / "tests/fuzz/results.json").read_text(encoding="utf-8"))
    rows = [
        f"| {EDGES[name].what} | {EDGES[name].promise} | {run['cases']:,} | {run['failures']} "
        f"| {run['slowest_seconds']:.1f} s |"
        for name, run in kept.items()
    ]
    head = "| what comes in | all that may come of it | cases | failures | slowest |"
    left = [f"`{name}`" for name in EDGES if name not in kept]
    told = ["", f"Not run to the end yet: {', '.join(left)}."] if left else []
    return "\n".join([head, "|---|---|---|---|---|", *rows, *told])


def detector_test() -> dict[str, Any]:
    """What the committed detector was measured at on the test part of the photos."""
    sidecar = json.loads((MODELS / "face.json").read_text(encoding="utf-8"))
    test: dict[str, Any] = sidecar["metrics"]["test"]
    return test


def detector() -> str:
    """Faces found by their width, against the teacher's, at the least score there is and at the
    appliance's own."""
    test = detector_test()
    least, asked = test["min_score"], VisionSettings().minimum_score
    widths = [name for name in test["by_score"][str(least)] if name.endswith("%")]

    def row(name: str, measured: dict[str, Any], milliseconds: float | None) -> list[str]:
        recalls = [f"{measured['by_width'][width]['recall']:.2f}" for width in widths]
        eyes = f"{100 * measured['eye_error']:.1f} %"
        took = "" if milliseconds is None else f"{milliseconds:.1f}"
        return [name, *recalls, str(measured["false_faces"]), eyes, took]

    at_asked = test["by_score"][str(asked)]
    times = test["milliseconds"]
    rows = [
        row(f"the three models, {least}", test, times["ours, least"]),
        [
            f"the same, {asked}, as the appliance asks",
            *(f"{at_asked[width]:.2f}" for width in widths),
            *(str(at_asked["false_faces"]), "", ""),
        ],
        *(
            row(
                f"YuNet at {size}, {least}",
                test["teacher"][f"YuNet, longer side {size}"],
                times.get(f"YuNet {size}, least"),
            )
            for size in (640, 320)
        ),
    ]
    first, *others = widths
    head = ["detector, least score", f"{first} of the longer side", *others]
    head += ["false faces", "eyes off, median", "ms"]
    return table(head, rows)


def judged() -> str:
    """Faces found and false ones where eyes said what is a face, by least score."""
    judged = detector_test()["judged"]
    rows = []
    for score, row in judged.items():
        if score == "faces":
            continue
        name = "the same" if rows else "the three models"
        theirs = [row[f"false_faces of YuNet {size} at this recall"] for size in (640, 320)]
        found = f"{100 * row['recall']:.1f} %"
        rows.append([f"{name}, {score}", found, *map(str, (row["false_faces"], *theirs))])
    head = ["detector, least score", "found", "false faces", "YuNet 640's, as many found"]
    return table([*head, "YuNet 320's"], rows)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table of figures, its first column of words."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def tables() -> dict[Path, dict[str, str]]:
    """By document: the name of each marked region and what belongs there."""
    return {
        README: {
            "entities": entities(),
            "settings": markdown_table().strip(),
            "models": models(),
            "bench": bench(),
            "fuzz": fuzz(),
        },
        MODELS / "README.md": {"detector": detector(), "judged": judged()},
    }


def filled(document: Path) -> str:
    """A document with every region as code makes it now."""
    return regions.filled(document.read_text(encoding="utf-8"), tables()[document])


if __name__ == "__main__":
    for document in tables():
        document.write_text(filled(document), encoding="utf-8")
