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
                "`python -m training --help` tells the commands. Each row is of a model's last "
                "training, or its teacher's, and minutes are of the epochs themselves: what comes "
                "before them, eyes to find and teachers to ask, takes minutes more, which "
                "[README.md](README.md#from-data-to-these-files) tells."
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
    faces = run.get("faces")  # of the second look, a share of its plan
    counts = faces if isinstance(faces, dict) else _photos_and_faces(run["sets"])
    learned = " + ".join(f"{counts[k]:,}" for k in ("train", "beside") if k in counts)
    # The detector's runs name the sides of what they were shown by batch.
    sides = [run["side"]] if "side" in run else [side for side, _ in run["batches"]]
    return [
        name,
        str(run.get("start") or "nothing"),
        f"{took['processor']}, {took['cores']} cores",
        ", ".join(map(str, sides)),
        learned,
        str(run["epochs"]),
        f"{took['minutes']:.0f}",
        f"{took['memory_mib']:,}",
    ]


def _photos_and_faces(sets: dict[str, int]) -> dict[str, int]:
    """What a run of the detector learned from: photos, beside them faces that came cut out."""
    photos = sets["photos"]
    return {"train": photos, "beside": sum(sets.values()) - photos}
