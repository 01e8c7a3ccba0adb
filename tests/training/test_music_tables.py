"""Tables that know the answers, or call one axis by the other's name, are found out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.data import DataError
from training.music.tables import agreement, leak, load, spotify_songs


def write(folder: Path, ratings: np.ndarray, tags: np.ndarray) -> Path:
    folder.mkdir()
    lines = [f"{n},{v},1.0,{a},1.0" for n, (v, a) in enumerate(ratings)]
    head = "song_id,valence_mean,valence_std,arousal_mean,arousal_std"
    (folder / "static_annotations.csv").write_text("\n".join([head, *lines]))
    rows = [",".join([str(n), *map(str, row)]) for n, row in enumerate(tags)]
    (folder / "mood_probabilities.csv").write_text("\n".join(["song_id,happy,sad", *rows]))
    return folder


@pytest.fixture
def ratings() -> np.ndarray:
    return np.random.default_rng(1).integers(2, 17, (300, 2)) / 2


def test_tags_that_were_made_from_the_ratings_are_found_out(
    tmp_path: Path, ratings: np.ndarray
) -> None:
    made = leak(load(write(tmp_path / "a", ratings, ratings / 9)))
    assert made.groups > 10
    assert made.within < 1e-12
    assert made.r2 > 0.95


def test_tags_with_a_life_of_their_own_are_not(tmp_path: Path, ratings: np.ndarray) -> None:
    noise = np.random.default_rng(2).normal(0, 0.3, ratings.shape)
    honest = leak(load(write(tmp_path / "a", ratings, ratings / 9 + noise)))
    assert honest.within > 0.1
    assert honest.r2 < 0.6


def test_swapped_axes_show(tmp_path: Path, ratings: np.ndarray) -> None:
    one = load(write(tmp_path / "a", ratings, ratings))
    other = load(write(tmp_path / "b", ratings[:200, ::-1], ratings[:200]))
    table = agreement(one, other)
    assert table[0, 1] == pytest.approx(1.0)
    assert table[1, 0] == pytest.approx(1.0)
    assert abs(table[0, 0]) < 0.5


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"static_annotations\.csv.*--tables"):
        load(tmp_path / "deam")


def test_a_song_whose_row_breaks_off_is_left_out(tmp_path: Path) -> None:
    head = "\ufeffTitle;Artist;Top Genre;Year;Energy;Valence"
    rows = [head, "Sunrise;Norah Jones;adult standards;2004;30;68", "Layla - Acoustic;;;;;"]
    (tmp_path / "spotify_2000.csv").write_text("\n".join(rows), encoding="utf-8")
    songs = spotify_songs(tmp_path)
    assert songs.artists == ["Norah Jones"]
    assert songs.years == [2004]
    assert songs.places == pytest.approx(np.array([[0.36, -0.4]]))
