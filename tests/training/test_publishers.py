"""Whose data the models learned from."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.vision.runtime import read_sidecar
from tests.vision.faces import MODELS
from training.pool import SETS
from training.publishers import PUBLISHERS, learned_from

README = Path(__file__).parents[2] / "README.md"


def test_every_data_set_has_a_publisher() -> None:
    assert set(PUBLISHERS) == {*SETS, "faceres", "vggface2", "yunet", "own"}


def test_only_what_was_used_is_told() -> None:
    alone = {"task": "emotion", "faces": {"train": 9}, "others": ["ferplus"], "start": None}
    assert list(learned_from(alone)) == ["RAF-DB, single-label"]
    beside = {**alone, "faces": {"train": 9, "beside": 3}}
    assert list(learned_from(beside)) == ["RAF-DB, single-label", "FER+"]
    sets = {"train": {"own": 9}, "beside": {"ferplus": 3}}
    assert list(learned_from({**beside, "sets": sets})) == ["faces of one's own", "FER+"]
    taught = {**alone, "start": "large", "taught_by": {"large": {**alone, "start": "faceres"}}}
    assert list(learned_from(taught)) == [
        "RAF-DB, single-label",
        "`faceres` weights",
        "VGGFace2, through `faceres`",
    ]


def test_what_teachers_and_the_weights_before_learned_from_is_told() -> None:
    own = {"task": "age", "faces": {"train": 9}, "others": [], "start": None}
    own |= {"sets": {"train": {"own": 9}, "beside": {}}}
    teacher = {**own, "sets": {"train": {"utkface": 9}, "beside": {"fairface": 3}}}
    taught = {**own, "taught_by": {"large": {**teacher, "start_sets": ["faceres", "vggface2"]}}}
    assert list(learned_from(taught)) == [
        "faces of one's own",
        "UTKFace, aligned and cropped",
        "FairFace",
        "`faceres` weights",
        "VGGFace2, through `faceres`",
    ]
    went_on = {**own, "start": "age", "start_sets": ["utkface"]}
    assert list(learned_from(went_on)) == ["faces of one's own", "UTKFace, aligned and cropped"]


@pytest.mark.parametrize("name", ["emotion", "age"])
def test_the_committed_models_say_what_they_learned_from(name: str) -> None:
    data = read_sidecar(MODELS / f"{name}.json").data
    assert data["learned_from"] == learned_from(data["run"])
    told = (MODELS / "MODEL_CARD.md").read_text()
    part = told[told.index(f"**`{name}`**") :].partition("\n\n**`")[0]
    for title, words in data["learned_from"].items():
        assert f"| {title} | {words['by']} | {words['source']} | {words['terms']} |" in part


@pytest.mark.parametrize("name", [*SETS, "faceres"])
def test_the_readme_names_the_same_terms(name: str) -> None:
    title, _, _, terms = PUBLISHERS[name]
    rows = [line for line in README.read_text().splitlines() if line.startswith(f"| {title} |")]
    assert len(rows) == 1
    assert rows[0].endswith(f"| {terms} |")
