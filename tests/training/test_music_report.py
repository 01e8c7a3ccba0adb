"""MUSIC.md says what the code says: of the tables where they are at hand, else of the sidecar."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

pytest.importorskip("tqdm", reason="the train extra is not installed")

from training.music.measure import Tables, listened, measure_tables, together
from training.music.report import (
    HEAD,
    UNVALIDATED,
    composed,
    genres,
    leaks,
    tagger,
    words,
)

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "models_tflite"
TABLES = Path(os.environ.get("ATTUNE_MUSIC_TABLES", ROOT.parent / "shared/data/music"))
NUMBER = re.compile(r"-?\d+\.\d+")


@pytest.fixture(scope="module")
def written() -> str:
    return (MODELS / "MUSIC.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def found() -> Tables:
    if not (TABLES / "deam").is_dir():
        pytest.skip(f"no tables in {TABLES}; ATTUNE_MUSIC_TABLES may name their folder")
    return measure_tables(TABLES)


def section_like(written: str, said: str) -> str:
    """The section of the same title, which differs in nothing but the last digits."""
    title = said.partition("\n")[0]
    there = next(part for part in re.split(r"\n\n(?=## )", written) if part.startswith(title))
    there = there.strip()
    assert NUMBER.sub("#", there) == NUMBER.sub("#", said)
    numbers = [[float(number) for number in NUMBER.findall(each)] for each in (there, said)]
    assert numbers[0] == pytest.approx(numbers[1], abs=0.0101)
    return there


def test_what_needs_no_tables_is_as_the_code_says(written: str) -> None:
    assert written.startswith(HEAD)
    assert written.endswith(UNVALIDATED + "\n")
    assert section_like(written, tagger(MODELS)) == tagger(MODELS)


def test_what_the_tables_tell_is_as_the_code_says(written: str, found: Tables) -> None:
    for told in (leaks, genres, words):
        section_like(written, told(found))


def test_the_tags_of_the_tables_know_the_ratings(found: Tables) -> None:
    assert all(leak.within < 1e-12 for leak in found.leaks.values())
    assert found.swapped[0, 1] > 0.999
    assert found.swapped[0, 0] < 0.7


def test_figures_are_drawn(found: Tables, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")
    from training.music.figures import draw  # noqa: PLC0415 - needs the train extra

    drawn = draw(found, found.rated, tmp_path)
    assert {path.name for path in drawn} == {path.name for path in MODELS.glob("music-*.png")}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)


@pytest.mark.slow
def test_listening_orders_the_starter_library_as_its_composer_meant_it(
    written: str, tmp_path: Path
) -> None:
    starter = listened(ROOT / "music/starter", MODELS, tmp_path / "heard.jsonl")
    assert all(score.r["value"] > 0.85 for score in starter.scores)
    section_like(written, composed(starter))


def test_tags_that_go_together_are_told_from_those_that_do_not() -> None:
    like = [frozenset(pair) for pair in (("happy", "party"), ("sad", "melancholic"))] * 50
    unlike = [frozenset(pair) for pair in (("happy", "sad"), ("party", "melancholic"))] * 50
    assert together(like)[2]["value"] > 0.5
    assert together(unlike)[2]["value"] < -0.3
    assert together(like)[:2] == (4, 6)
