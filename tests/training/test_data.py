from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.types import Emotion
from tests.training.layouts import (
    FERPLUS_BOX,
    SETS,
    hold_nothing_out,
    make_emotion_folders,
    make_fairface,
    make_ferplus,
    make_kaggle,
    make_official,
    make_utkface,
    picture,
)
from training import data
from training.data import DataError, Layout, Years, base, faces_of, load, recognise, samples
from training.data.age import (
    FAIRFACE_AGES,
    UTKFACE_GENDERS,
    UTKFACE_RACES,
    parse_utkface,
    split_fairface,
)
from training.data.emotion import majority, split_rafdb


@pytest.fixture(autouse=True)
def splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return hold_nothing_out(tmp_path / "splits", monkeypatch)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_classes_are_the_devices_emotions() -> None:
    assert [emotion.value for emotion in Emotion] == list(data.EMOTIONS)


@pytest.mark.parametrize(
    ("make", "layout"),
    [(make_kaggle, Layout.RAFDB_KAGGLE), (make_official, Layout.RAFDB_OFFICIAL)],
)
def test_rafdb_parts_do_not_overlap(make, layout: Layout, root: Path, splits: Path) -> None:  # noqa: ANN001
    make(root)
    assert recognise(root) is layout
    held_out = split_rafdb(root)
    assert held_out == split_rafdb(root)
    (splits / "rafdb.csv").write_text("file\n" + "\n".join(held_out))
    parts = {part: samples("emotion", root, part) for part in data.PARTS}
    assert {part: len(found) for part, found in parts.items()} == {
        "train": 63,
        "valid": 7,
        "test": 70,
    }
    assert Counter(s.label for s in parts["valid"]) == dict.fromkeys(range(7), 1)
    assert not set(parts["train"]) & set(parts["valid"])
    assert all(int(s.path.name.split("_")[1]) % 7 == s.label for s in parts["test"])


def test_what_is_near_a_held_out_face_is_left_out(root: Path, splits: Path) -> None:
    make_kaggle(root)
    (splits / "rafdb.csv").write_text("file\ntrain_00003_aligned.jpg\ntrain_00004_aligned.jpg\n")
    near_test = "train_00001_aligned.jpg,x\ntrain_00003_aligned.jpg,x\n"
    (splits / "rafdb_near_test.csv").write_text("file,near\n" + near_test)
    (splits / "rafdb_near_valid.csv").write_text("file,near\ntrain_00002_aligned.jpg,x\n")
    train = {path.name for path in faces_of(root)}
    assert len(train) == 66
    assert not train & {f"train_0000{n}_aligned.jpg" for n in (1, 2, 3, 4)}
    assert [s.path.name for s in samples("emotion", root, "valid")] == ["train_00004_aligned.jpg"]
    assert len(samples("emotion", root, "test")) == 70


def test_rafdb_with_a_wrong_class_names_it(root: Path) -> None:
    make_kaggle(root)
    picture(root / "DATASET/train/8/train_09999_aligned.jpg")
    with pytest.raises(DataError, match=r"train.8: RAF-DB's classes are folders named 1 to 7"):
        samples("emotion", root, "train")


@pytest.mark.parametrize("line", ["train_00001.jpg 9", "train_00001.jpg", "train_00001.jpg joy"])
def test_the_official_list_with_a_wrong_label_names_its_line(line: str, root: Path) -> None:
    make_official(root)
    labels = root / "basic/EmoLabel/list_patition_label.txt"
    labels.write_text(labels.read_text() + line)
    with pytest.raises(DataError, match=r"list_patition_label\.txt, line 141: .*train_00001"):
        samples("emotion", root, "train")


def test_the_official_list_with_pictures_missing_names_them(root: Path) -> None:
    make_official(root)
    for number in range(5):
        (root / f"basic/Image/aligned/train_0000{number}_aligned.jpg").unlink()
    with pytest.raises(DataError, match=r"train_00000_aligned.*and 2 more of 70.*aligned\.zip"):
        samples("emotion", root, "train")


def test_utkface_goes_by_the_list(root: Path) -> None:
    make_utkface(root)
    assert recognise(root) is recognise(root / "UTKFace") is Layout.UTKFACE
    train = samples("age", root, "train")
    assert [sample[1:] for sample in train] == [(26, "female", "white"), (50, "female", "asian")]
    (sample,) = samples("age", root / "UTKFace", "test")
    assert sample[1:] == (3, "male", None)
    assert faces_of(root) == [sample.path for sample in train]
    (root / "UTKFace/26_1_0_1.jpg.chip.jpg").unlink()
    with pytest.raises(DataError, match=r"26_1_0_1\.jpg.* of 2 pictures .*UTKFace\.tar\.gz"):
        samples("age", root, "train")


@given(
    st.integers(0, 116),
    st.sampled_from([0, 1]),
    st.none() | st.integers(0, 4),
    st.integers(0, 10**17),
    st.sampled_from([".jpg", ".jpg.chip.jpg", " .jpg.chip.jpg", "jpg.chip.jpg"]),
)
def test_utkface_names_are_read(
    age: int, gender: int, race: int | None, time: int, end: str
) -> None:
    middle = "" if race is None else f"_{race}"
    person = parse_utkface(f"{age}_{gender}{middle}_{time:017}{end}")
    assert person.age == age
    assert person.gender == UTKFACE_GENDERS[gender]
    assert person.race == (None if race is None else UTKFACE_RACES[race])


@given(st.text(max_size=30))
def test_other_names_are_refused_by_name(name: str) -> None:
    try:
        person = parse_utkface(name)
    except DataError as error:
        assert str(error).startswith(name)  # noqa: PT017
    else:
        assert 0 <= person.age <= base.OLDEST


@pytest.mark.parametrize("name", ["999_0_0_1.jpg", "20_2_0_1.jpg", "20_0_5_1.jpg", "-1_0_0_1.jpg"])
def test_impossible_people_are_refused(name: str) -> None:
    with pytest.raises(DataError, match=name):
        parse_utkface(name)


def test_fairface_is_read_and_its_tenth_held_out(root: Path, splits: Path) -> None:
    make_fairface(root)
    assert recognise(root) is Layout.FAIRFACE
    held_out = split_fairface(root)
    assert len(held_out) == 4
    (splits / "fairface.csv").write_text("file\n" + "\n".join(held_out))
    test, train = (samples("age", root, part) for part in ("test", "train"))
    assert (len(test), len(train)) == (4, 36)
    assert not {s.path for s in test} & {s.path for s in train}
    assert Counter(s.label for s in test) == {Years(70, 100): 2, Years(20, 29): 2}
    assert test[0][2:] == ("male", "latino hispanic")
    assert faces_of(root) == sorted(s.path for s in train)
    with pytest.raises(DataError, match="FairFace has no valid part"):
        samples("age", root, "valid")


def test_a_folder_of_several_data_sets_is_the_one_with_all_parts(root: Path) -> None:
    make_fairface(root / "fairface")
    make_ferplus(root / "ferplus")
    assert recognise(root, "age") is Layout.FAIRFACE
    make_utkface(root)
    make_kaggle(root / "rafdb")
    assert recognise(root, "age") is Layout.UTKFACE
    assert recognise(root, "emotion") is Layout.RAFDB_KAGGLE
    assert all(samples("age", root, part) for part in data.PARTS)
    assert data.fairface(root, "train")
    assert data.ferplus(root)


def test_fairface_with_a_wrong_age_or_no_column_names_it(root: Path) -> None:
    make_fairface(root, age="old")
    with pytest.raises(DataError, match=r"line 3 \(train/1\.jpg\): the age .* not 'old'"):
        samples("age", root, "train")
    (root / "fairface_label_train.csv").write_text("file,age\n")
    with pytest.raises(DataError, match="lacks the columns gender, race"):
        samples("age", root, "train")


def test_fairfaces_groups_cover_all_years_once() -> None:
    covered = [year for low, high in FAIRFACE_AGES.values() for year in range(low, high + 1)]
    assert covered == list(range(data.MAX_AGE + 1))


def test_ferplus_keeps_the_votes_and_leaves_doubtful_faces_out(root: Path) -> None:
    make_ferplus(root)
    assert recognise(root) is recognise(root, "emotion") is Layout.FERPLUS
    sample, *others = data.ferplus(root)
    assert len(others) == 6
    assert isinstance(sample.label, tuple)
    assert dict(zip(data.EMOTIONS, sample.label, strict=True)) == {
        **dict.fromkeys(data.EMOTIONS, 0),
        "neutral": 4,
        "happiness": 5,
        "surprise": 1,
    }
    with pytest.raises(DataError, match=r"FER2013Train.label\.csv"):
        data.ferplus(root / "FER2013Train")


def test_ferplus_is_tested_by_majority(root: Path) -> None:
    rows = [[8, 2, 0, 0, 0, 0, 0, 0, 0, 0], [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]]
    text = "".join(f"fer0000001.png,{FERPLUS_BOX},{','.join(map(str, row))}\n" for row in rows)
    make_ferplus(root, text, part="Test")
    (sample,) = samples("emotion", root, "test")
    assert data.EMOTIONS[int(sample.label)] == "neutral"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("votes", "winner"),
    [
        ([0, 6, 0, 0, 0, 0, 4, 0, 0, 0], "happiness"),
        ([0, 4, 1, 1, 1, 1, 1, 1, 0, 0], "happiness"),  # single votes are slips
        ([0, 5, 5, 0, 0, 0, 0, 0, 0, 0], None),  # half is no majority
        ([0, 0, 0, 0, 0, 0, 0, 9, 1, 0], None),  # contempt is none of the seven
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 10], None),
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], None),
    ],
)
def test_majority_is_the_papers(votes: list[float], winner: str | None) -> None:
    found = majority(votes)
    assert (None if found is None else data.EMOTIONS[found]) == winner


@pytest.mark.parametrize("votes", ["4,5,1", "4,5,1,0,0,0,0,0,0,x", "4,5,1,0,0,0,0,0,0,-1", ""])
def test_ferplus_with_a_wrong_row_names_its_line(votes: str, root: Path) -> None:
    make_ferplus(root, f"fer0000001.png,{FERPLUS_BOX},{votes}\n")
    with pytest.raises(DataError, match=r"label\.csv, line 1: expected .* ten counts"):
        data.ferplus(root)


def test_ferplus_with_a_picture_missing_names_it(root: Path) -> None:
    make_ferplus(root, f"fer0000009.png,{FERPLUS_BOX},9,0,0,0,0,0,0,0,0,0\n")
    with pytest.raises(DataError, match=r"fer0000009\.png of 1 pictures not there"):
        data.ferplus(root)


@pytest.mark.parametrize("part", ["train", ""])
def test_a_folder_per_emotion(part: str, root: Path) -> None:
    for emotion in data.EMOTIONS:
        for number in range(40):
            picture(root / part / emotion / f"{emotion}{number}.png")
    assert recognise(root) is Layout.EMOTION_FOLDERS
    train = samples("emotion", root, "train")
    assert {s.label for s in train} == set(range(7))
    assert all(data.EMOTIONS[int(s.label)] == s.path.parent.name for s in train)  # type: ignore[arg-type]
    if part:
        assert len(train) == 280
        with pytest.raises(DataError, match=r"holds train but no test"):
            samples("emotion", root, "test")
    else:
        parts = [samples("emotion", root, each) for each in data.PARTS]
        assert sum(map(len, parts)) == 280
        contents = [{s.path.read_bytes() for s in found} for found in parts]
        assert not contents[0] & contents[1]
        assert not contents[0] & contents[2]
        assert not contents[1] & contents[2]


def test_a_folder_per_year(root: Path) -> None:
    for years in ("3", "34"):
        for number in range(20):
            picture(root / "train" / years / f"{number}.jpg")
    assert recognise(root) is Layout.AGE_FOLDERS
    assert Counter(s.label for s in load(Layout.AGE_FOLDERS, root, "train")) == {3: 20, 34: 20}


def test_the_classes_of_emotions_are_no_ages(root: Path) -> None:
    make_kaggle(root)
    for folder in (root / "DATASET", root):
        with pytest.raises(DataError, match="holds RAF-DB in Kaggle's layout, nothing for age"):
            samples("age", folder, "test")


def test_plain_folders_with_a_wrong_class_name_it(root: Path) -> None:
    make_emotion_folders(root)
    (root / "train" / "joy").mkdir()
    with pytest.raises(DataError, match=r"train.joy: a class's folder must be one of surprise"):
        samples("emotion", root, "train")


@pytest.mark.parametrize(
    ("task", "hint"),
    [("emotion", r"DATASET/train/1"), ("age", r"UTKFace\.tar\.gz"), (None, "happiness")],
)
def test_a_missing_data_set_is_named_with_the_mend(
    task: str | None, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"(?s)holds no data set known here.*" + hint):
        recognise(tmp_path, task)
    with pytest.raises(DataError, match="is no folder"):
        recognise(tmp_path / "nowhere", task)


@pytest.mark.parametrize("loader", [data.rafdb, data.utkface, data.ferplus, data.fairface])
def test_each_loader_says_what_it_expected(loader, tmp_path: Path) -> None:  # noqa: ANN001
    with pytest.raises(DataError, match=r"holds no (RAF-DB|UTKFace|FER\+|FairFace): (exp|unpack)"):
        loader(tmp_path, "train")
    with pytest.raises(ValueError, match="part must be one of"):
        loader(tmp_path, "all")


class TestCommittedLists:
    """The lists in the repository, not those of the fixture."""

    @pytest.fixture(autouse=True)
    def committed(self, splits: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG002
        monkeypatch.setattr(base, "SPLITS", Path(data.__file__).parents[1] / "splits")

    def test_are_whole(self) -> None:
        with (base.SPLITS / "utkface.csv").open() as file:
            parts = Counter(row["split"] for row in csv.DictReader(file))
        assert parts == {"train": 18671, "valid": 2303, "test": 2314, "drop": 419}
        for name, count in {"rafdb": 1226, "fairface": 2617}.items():
            names = (base.SPLITS / f"{name}.csv").read_text().split()[1:]
            assert len(names) == len(set(names)) == count
            assert all(each.startswith("train") for each in names)

    def test_leave_nothing_of_a_test_part_out(self) -> None:
        tests = {
            "rafdb": lambda name: name.startswith("test_"),
            "utkface": base.listed("utkface", split="test").__contains__,
            "fairface": base.listed("fairface").__contains__,
            "ferplus": lambda _: False,
        }
        for name, held_out in tests.items():
            left = base.left_out(name, "train") | base.left_out(name, "valid")
            assert not any(map(held_out, left))

    @pytest.mark.parametrize(
        ("name", "part", "held_out"),
        [
            *((name, "test", name) for name in SETS),
            *((name, "valid", name) for name in ("rafdb", "utkface", "ferplus")),
            ("utkface", "test", "ferplus"),
            ("rafdb", "test", "ferplus"),
            ("ferplus", "test", "rafdb"),
            ("ferplus", "test", "utkface"),
            ("ferplus", "valid", "rafdb"),
            ("ferplus", "valid", "utkface"),
        ],
    )
    def test_hold_the_copies_within_and_across_sets(
        self, name: str, part: str, held_out: str
    ) -> None:
        with (base.SPLITS / f"{name}_near_{part}.csv").open() as file:
            assert held_out in {row["near"].split("/")[0] for row in csv.DictReader(file)}

    def test_leave_copies_of_another_sets_test_faces_out_of_training(self) -> None:
        with (base.SPLITS / "utkface_near_test.csv").open() as file:
            rows = [row for row in csv.DictReader(file) if row["near"].startswith("ferplus/")]
        assert rows
        assert {row["file"] for row in rows} <= base.left_out("utkface", "train")

    @pytest.mark.parametrize("name", SETS)
    def test_name_what_each_is_near_to(self, name: str) -> None:
        for part in ("valid", "test"):
            with (base.SPLITS / f"{name}_near_{part}.csv").open() as file:
                for row in csv.DictReader(file):
                    assert row["near"].split("/")[0] in SETS
