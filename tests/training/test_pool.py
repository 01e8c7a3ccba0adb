"""What there is to learn from: one's own folders, or the published sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.layouts import make_emotion_folders, make_ferplus, picture
from training.data import EMOTIONS, DataError
from training.experiment import EXPERIMENTS
from training.pool import counts, pool


def test_a_plain_folder_per_class_is_learned_from(tmp_path: Path) -> None:
    make_emotion_folders(tmp_path)
    own, others = pool(EXPERIMENTS["emotion-small"], tmp_path)
    assert [sample.label for sample in own.samples] == sorted(range(7), key=EMOTIONS.__getitem__)
    assert {sample.path.parts[-3] for sample in own.samples} == {"train"}
    assert (own.labels, others) == ("emotion", [])


def test_what_is_learned_from_is_not_learned_from_beside_again(tmp_path: Path) -> None:
    make_ferplus(tmp_path)
    own, others = pool(EXPERIMENTS["emotion"], tmp_path)
    assert len(own.samples) == 7
    assert others == []


def test_what_is_there_but_broken_is_told_and_what_is_not_there_is_done_without(
    tmp_path: Path,
) -> None:
    lay_years(tmp_path)
    (tmp_path / "FER2013Test").mkdir()  # which is for measuring alone
    _, others = pool(EXPERIMENTS["age-wide"], tmp_path)
    assert others == []
    table = tmp_path / "FER2013Train/label.csv"
    table.parent.mkdir()
    table.write_text("fer0000000.png,no votes\n")
    with pytest.raises(DataError, match=r"label\.csv, line 1"):
        pool(EXPERIMENTS["age-wide"], tmp_path)


def test_the_sets_that_are_there_are_called_by_their_names(tmp_path: Path) -> None:
    make_ferplus(tmp_path)
    own, others = pool(EXPERIMENTS["age"], lay_years(tmp_path / "ages"))
    assert counts(own, others) == {"train": {"own": 1}, "beside": {}}
    own, others = pool(EXPERIMENTS["emotion"], tmp_path)
    assert counts(own, others)["train"] == {"ferplus": 7}


def lay_years(root: Path) -> Path:
    for part in ("train", "valid"):
        picture(root / part / "34" / "1.jpg")
    return root


def test_nothing_to_learn_from_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no data set known here"):
        pool(EXPERIMENTS["age"], tmp_path)
