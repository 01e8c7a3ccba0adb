"""REPORT.md and its figures, from nothing but the sidecars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from device.vision.runtime import ModelError, Sidecar, read_sidecar

if TYPE_CHECKING:
    from pathlib import Path


def write_report(models: Path) -> Path:
    """Write `models`/REPORT.md and PNGs; ModelError where a sidecar holds no figures."""
    emotion, age = (_measured(models, name) for name in ("emotion", "age"))
    _draw_confusion(emotion, models / "emotion.png")
    _draw_decades(age, models / "age.png")
    path = models / "REPORT.md"
    path.write_text("\n\n".join([_head(), _emotion(emotion), _age(age)]) + "\n")
    return path


def _measured(models: Path, name: str) -> Sidecar:
    path = models / f"{name}.json"
    sidecar = read_sidecar(path)
    if "test" not in sidecar.metrics:
        raise ModelError(f"{path} holds no figures: run `python -m conversion {name}`")
    return sidecar


def _head() -> str:
    return (
        "# The models, measured\n\n"
        "Written by `python -m training report` from the sidecars. Every figure is of the int8 "
        "TFLite file on the data set's test part, cut and run as the device does it; ranges are "
        "95 % bootstrap intervals."
    )


def _emotion(sidecar: Sidecar) -> str:
    test = sidecar.metrics["test"]
    rows = [
        f"| {name} | {row['count']} | {row['recall']:.2f} | {row['precision']:.2f} "
        f"| {row['f1']:.2f} |"
        for name, row in test["per_class"].items()
    ]
    return "\n".join(
        [
            "## Emotion",
            "",
            *_facts(sidecar),
            (
                f"- Accuracy {_range(test['accuracy'], 100, '%')}, "
                f"macro-F1 {_range(test['macro_f1'], 1, '')}."
            ),
            (
                f"- Calibration error {test['calibration_error']:.3f} after temperature "
                f"{sidecar.calibration['temperature']:.2f}, fitted on the validation part."
            ),
            "",
            "| emotion | faces | recall | precision | F1 |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "![Confusion of the emotions](emotion.png)",
        ]
    )


def _age(sidecar: Sidecar) -> str:
    test = sidecar.metrics["test"]
    rows = [
        f"| {name} | {row['count']} | {row['mean_absolute_error']:.1f} | {row['bias']:+.1f} |"
        for name, row in test["by_decade"].items()
    ]
    return "\n".join(
        [
            "## Age",
            "",
            *_facts(sidecar),
            (
                f"- Mean absolute error {_range(test['mean_absolute_error'], 1, 'years')}, "
                f"bias {test['bias']:+.2f} years."
            ),
            (
                f"- The 80 % interval holds {_range(test['interval_coverage'], 100, '%')} of the "
                f"true ages and is {test['interval_width']:.1f} years wide on average."
            ),
            "",
            "| true age | faces | mean absolute error | bias |",
            "|---|---|---|---|",
            *rows,
            "",
            "![Age error by decade](age.png)",
        ]
    )


def _facts(sidecar: Sidecar) -> list[str]:
    cost = sidecar.metrics["multiply_adds"] / 1e6
    size = sidecar.metrics["bytes"] / 1e3
    parity = sidecar.metrics["parity"]
    return [
        f"- For: {sidecar.intended_use}.",
        f"- {cost:.0f} million multiply-adds, {size:.0f} kB, {sidecar.quantization}.",
        (
            "- Data: "
            + "; ".join(f"{key}: {text}" for key, text in sidecar.data.items() if key != "faces")
            + f". Faces: {sidecar.data['faces']}, judged on {sidecar.metrics['test']['count']}."
        ),
        f"- Licence: {sidecar.licence}.",
        "- On the validation part: " + ", ".join(f"{k} {v:.3f}" for k, v in parity.items()) + ".",
    ]


def _range(figure: dict[str, float], scale: float, unit: str) -> str:
    value, low, high = (figure[key] * scale for key in ("value", "low", "high"))
    return f"**{value:.3g}** {unit} ({low:.3g} to {high:.3g})".replace("  ", " ")


def _figure(width: float, height: float) -> tuple[Any, Any]:
    import matplotlib as mpl  # noqa: PLC0415 - only drawing needs it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
    return figure, axes


def _draw_confusion(sidecar: Sidecar, path: Path) -> None:
    """Recall of each emotion (diagonal) and what it is taken for."""
    table = np.array(sidecar.metrics["test"]["confusion"], float)
    share = table / table.sum(1, keepdims=True)
    figure, axes = _figure(6, 5.2)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(share):
        axes.text(
            column,
            row,
            f"{value:.0%}",
            ha="center",
            va="center",
            color="white" if value > 0.5 else "black",
            fontsize=8,
        )
    axes.set_xticks(range(len(sidecar.labels)), sidecar.labels, rotation=35, ha="right")
    axes.set_yticks(range(len(sidecar.labels)), sidecar.labels)
    axes.set(xlabel="read", ylabel="labelled", title="RAF-DB test part")
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _draw_decades(sidecar: Sidecar, path: Path) -> None:
    decades = sidecar.metrics["test"]["by_decade"]
    figure, axes = _figure(6, 3.6)
    values = [row["mean_absolute_error"] for row in decades.values()]
    bars = axes.bar(list(decades), values, color="#3b6ea5")
    axes.bar_label(bars, [f"{row['count']}" for row in decades.values()], fontsize=8)
    axes.set(
        xlabel="true age in years (count above the bar)",
        ylabel="mean absolute error in years",
        title="UTKFace test part",
    )
    figure.savefig(path, dpi=110, metadata={"Software": None})
