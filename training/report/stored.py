"""report.json: every figure of the report, so that it can be written again without data.

The file is `{"measured": {SECTION: FIGURES}, "skipped": {NAME: REASON}}`. SECTION is one of
`training.report.measure.SECTIONS`. FIGURES hold what that section's function returns, how many
`seconds` it took, which `runtime` it ran on and, in `models`, the SHA-256 (first 12 digits) of
each TFLite file that it measured. `readers` in it name who was measured: `Attune` and baselines.
A figure with a 95 % interval is `{"value", "low", "high"}`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from device.vision.runtime import ModelError, default_runtime, read_sidecar
from training.report.measure import DETECTOR, MEASURES

if TYPE_CHECKING:
    from pathlib import Path

    Section = dict[str, Any]

NAME = "report.json"


def load_report(models: Path) -> dict[str, Any]:
    """What was measured; ModelError where nothing was."""
    path = models / NAME
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        report["measured"], report["skipped"]
    except FileNotFoundError as error:
        raise ModelError(
            f"{path} is not there: measure first, with `python -m training report --data DIR`"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} holds no report ({error}): measure again with --data") from error
    return report


def save_report(models: Path, done: dict[str, Section], skipped: dict[str, str]) -> None:
    """Add what was measured just now to what was before, and baselines likewise, where those were
    measured on the same faces."""
    before: dict[str, Section] = {}
    if (models / NAME).exists():
        before = load_report(models)["measured"]
    stamped = {name: {**figures, **_stamp(models, name)} for name, figures in done.items()}
    for name, figures in stamped.items():
        for part in ("readers", "models measured"):
            if part in figures and name in before and _same_faces(before[name], figures):
                figures[part] = {**before[name][part], **figures[part]}
    report = {"measured": {**before, **stamped}, "skipped": skipped}
    unfinished = models / f"{NAME}.part"
    unfinished.write_text(_compact(report) + "\n", encoding="utf-8")
    unfinished.replace(models / NAME)


def is_current(models: Path, section: Section) -> bool:
    """Whether a section's figures are of the model files that lie there now."""
    return all(_digest(models, name) == digest for name, digest in section["models"].items())


def _same_faces(before: Section, now: Section) -> bool:
    """Whether two measurements of a section are of the same faces, found by the same detector."""
    counts = [{r["count"] for r in each.get("readers", {}).values()} for each in (before, now)]
    return (
        before["every"] == now["every"]
        and all(before["models"].get(name) == now["models"][name] for name in DETECTOR)
        and counts[0] == counts[1]
    )


def _stamp(models: Path, section: str) -> Section:
    digests = {name: _digest(models, name) for name in MEASURES[section]}
    return {"models": digests, "runtime": default_runtime()}


def _digest(models: Path, name: str) -> str:
    return read_sidecar(models / f"{name}.json").sha256[:12]


def _compact(value: object, depth: int = 0) -> str:
    """JSON with a line for each thing of the upper levels, so that a change reads as one."""
    if not isinstance(value, dict) or depth == 3 or not value:
        return json.dumps(value, ensure_ascii=False)
    indent = "  " * (depth + 1)
    lines = [f"{indent}{json.dumps(k)}: {_compact(v, depth + 1)}" for k, v in value.items()]
    return "{\n" + ",\n".join(lines) + "\n" + "  " * depth + "}"
