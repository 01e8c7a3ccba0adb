"""MODEL_CARD.md (Mitchell et al., "Model cards for model reporting", 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.report.measure import OURS
from training.report.text import megas, percent, plain, table, years

if TYPE_CHECKING:
    from device.vision.runtime import Sidecar

Section = dict[str, Any]

FORBIDDEN = """\
- **At work or in education, to read people's emotions.** The European Union forbids it but for \
medical or safety reasons: Regulation (EU) 2024/1689 (AI Act), Article 5(1)(f). Anywhere outside \
of one's own household, systems that recognise emotions are high-risk (Annex III, 1(c)), and the \
people seen must be told (Article 50(3)).
- **To decide anything about a person**: no hiring, letting, lending, policing, insurance, \
teaching, advertising or access.
- **As a proof of age.** The interval is wrong for one face in five by design.
- **As a medical or psychological finding.** The look of a face is not what a person feels \
(Barrett et al., "Emotional expressions reconsidered", 2019).
- **To tell who somebody is, their gender or race.** The models do not say it; groups stand below \
only to show whom they fail.
- **On people who do not know of it.** Attune shows its state, and a switch stops its camera."""


def card(sidecars: dict[str, Sidecar], measured: dict[str, Section]) -> str:
    """The card of all models together; what was not measured is said."""
    return "\n\n".join(
        [
            "# Model card",
            (
                "Written by `python -m training report`. All figures, with how they were measured: "
                "[REPORT.md](REPORT.md)."
            ),
            "## What they are",
            table(
                ["model", "what for", "size", "arithmetic"],
                [
                    [
                        f"`{name}`",
                        each.intended_use,
                        _size(each),
                        each.quantization,
                    ]
                    for name, each in sidecars.items()
                ],
                words=4,
            ),
            (
                "They run on the device alone: no picture, crop or embedding is kept or sent. Mood "
                "and age choose music at home, where a wrong guess costs a song."
            ),
            "## What they must not be used for",
            FORBIDDEN,
            "## What they learned from, and the terms",
            *(_data(name, each) for name, each in sidecars.items()),
            (
                "Copies of held-out faces, in the same data set or another, are left out of what "
                "is learned from, as far as they were found (`training/splits`)."
            ),
            "## Whom they fail",
            "\n".join([*_detector_limits(sidecars), *_limits(measured)]) or "Not measured yet.",
            "## How to repeat",
            (
                "`python -m training --help` names the commands from the data sets to these files; "
                "the last of them measures them again and writes this card."
            ),
        ]
    )


def _size(sidecar: Sidecar) -> str:
    cost = sidecar.metrics.get("multiply_adds")
    size = f"{sidecar.metrics['bytes'] / 1e3:,.0f} kB" if "bytes" in sidecar.metrics else ""
    return f"{megas(cost)} multiply-adds, {size}" if cost else size


def _data(name: str, sidecar: Sidecar) -> str:
    apart = ("learned_from", "run")
    lines = [f"- {key}: {plain(said)}" for key, said in sidecar.data.items() if key not in apart]
    if "run" in sidecar.data:
        lines.append(f"- how it was trained: `run` in [{name}.json]({name}.json)")
    parts = [f"**`{name}`** ({sidecar.licence})", "\n".join(lines)]
    if learned := sidecar.data.get("learned_from"):
        rows = [[title, *words.values()] for title, words in learned.items()]
        head = ["it or its teachers learned from", "by", "to be had from", "terms"]
        parts.append(table(head, rows, words=4))
    return "\n\n".join(parts)


def _detector_limits(sidecars: dict[str, Sidecar]) -> list[str]:
    """Faces that are overlooked, where the detector's sidecar says how many."""
    detector = sidecars.get("face")
    if detector is None or "test" not in detector.metrics:
        return []
    test = detector.metrics["test"]
    said = ", ".join(
        f"{100 * row['recall']:.0f} % ({row['faces']}) of those {width} wide"
        for width, row in test["by_width"].items()
    )
    where = f"of the picture's longer side, at a score of {test['min_score']}"
    return [
        (
            f"- Faces: finds {said}, {where}; strongly turned, tilted or covered ones less often. "
            "By group of people it is unknown: the photos say nothing of who is in them."
        )
    ]


def _limits(measured: dict[str, Section]) -> list[str]:
    """The plainest figures of each measured group."""
    parts = []
    if "emotion" in measured:
        classes = measured["emotion"]["readers"][OURS]["per_class"]
        worst = sorted(classes, key=lambda name: classes[name]["recall"]["value"])[:2]
        said = " and ".join(
            f"{name} in {percent(classes[name]['recall'], 0)} of the faces that show it"
            for name in worst
        )
        parts.append(f"- Emotion: recognises {said}; it is unknown by group of people.")
    for name, what, shown in (
        ("age", "mean absolute error in years, UTKFace", years),
        ("fairface", "faces read in their age group, FairFace", percent),
    ):
        for by, groups in measured.get(name, {}).get("groups", {}).items():
            if gap := groups["gap"]:
                ends = [groups["groups"][gap[end]] for end in ("least", "most")]
                parts.append(
                    f"- Age by {by} ({what}): from {shown(ends[0]['mean'])} for {gap['least']} "
                    f"({ends[0]['count']} faces) to {shown(ends[1]['mean'])} for {gap['most']} "
                    f"({ends[1]['count']} faces)."
                )
    for task, what, shown in (
        ("emotion", "accuracy", percent),
        ("age", "mean absolute error in years", years),
    ):
        if robust := measured.get(f"robust {task}"):
            harsh = {name: row[-1] for name, row in robust["harmed"].items()}
            worst = sorted(harsh, key=lambda name: -harsh[name]["cost"]["value"])[:3]
            said = ", ".join(f"{name} {shown(harsh[name]['score'])}" for name in worst)
            clean = shown(robust["clean"]["score"])
            parts.append(f"- Worst for {task} ({what}, clean {clean}), each at its harsh: {said}.")
    return parts
