"""The report's words on the runs that the models came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.report.text import table

if TYPE_CHECKING:
    from device.vision.runtime import Sidecar


def runs(sidecars: dict[str, Sidecar]) -> str | None:
    """Time and memory of each model's last run and of its teachers', as the sidecars say."""
    rows = []
    for name, sidecar in sidecars.items():
        run = sidecar.data.get("run", {})
        teachers = run.get("taught_by", {})
        rows += [_row(teacher, record) for teacher, record in teachers.items() if "took" in record]
        if "took" in run:
            rows.append(_row(f"**{name}**", run))
    if not rows:
        return None
    return "\n\n".join(
        [
            "## What training took",
            (
                "`python -m training all --dry-run` shows the commands. Minutes are of the epochs "
                "themselves: finding eyes in a hundred thousand faces takes some ten more, once, "
                "and teachers' answers to them some five for each teacher."
            ),
            table(
                ["run", "started from", "processor", "pixels", "faces", "epochs", "min", "MiB"],
                rows,
                words=3,
            ),
        ]
    )


def _row(name: str, run: dict[str, Any]) -> list[str]:
    took = run["took"]
    faces = " + ".join(f"{run['faces'][k]:,}" for k in ("train", "beside") if k in run["faces"])
    return [
        name,
        str(run.get("start") or "nothing"),
        f"{took['processor']}, {took['cores']} cores",
        str(run["side"]),
        faces,
        str(run["epochs"]),
        f"{took['minutes']:.0f}",
        f"{took['memory_mib']:,}",
    ]
