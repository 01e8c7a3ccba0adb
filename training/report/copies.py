"""The report's words on test faces of which another data set's train part has a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.data.base import copied
from training.report.origins import learned_sets

if TYPE_CHECKING:
    from device.vision.runtime import Sidecar

    Section = dict[str, Any]

TESTS = (
    ("emotion", "rafdb", "RAF-DB"),
    ("emotion", "ferplus", "FER+"),
    ("age", "utkface", "UTKFace"),
    ("age", "fairface", "FairFace"),
)
"""Task, name in the lists and in words of each test part."""
WHOSE = "of which another data set that is learned from has a copy"


def held_out(sidecar: Sidecar, name: str, count: int) -> str:
    """Of a test part that is measured whole, as its publisher has it."""
    copies = len(copied(name, "test", learned_sets(sidecar)))
    if not copies:
        return ""
    return (
        f" {copies} of them, {WHOSE} (`training/splits`), make {100 * copies / count:.2f} % of the "
        "figure at most, where the copies were found after the model was trained; of copies within "
        "the data set itself [README.md](README.md#copies-of-test-faces) tells."
    )


def elsewhere(sidecar: Sidecar, name: str, section: Section) -> str:
    """Of a test part that is measured beside: without those faces, if that was done already."""
    if "copies" in section:
        return f" {section['copies']} more, {WHOSE}, are left out."
    copies = len(copied(name, "test", learned_sets(sidecar)))
    return (
        f" {copies} of them, {WHOSE} (`training/splits`), are "
        "still among these, for the copies were found later: measured again, they are left out."
    )


def overview(sidecars: dict[str, Sidecar]) -> str:
    """How many there are, for who reads no more than the card."""
    counts = {
        words: len(copied(n, "test", learned_sets(sidecars[task]))) for task, n, words in TESTS
    }
    told = ", ".join(f"{count} of {words}'s" for words, count in counts.items() if count)
    return (
        "Copies of test faces are left out of what is learned from (`training/splits`). Of the "
        f"test faces {WHOSE}, there are {told or 'none'}; a model that was trained before a copy "
        "was found may have learned from it: [README.md](README.md#copies-of-test-faces) says "
        "which did."
    )
