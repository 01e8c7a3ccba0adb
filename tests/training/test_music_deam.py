"""The harness over rated audio, on a tiny folder in DEAM's layout: clips of the starter library
with made-up ratings."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tqdm", reason="the train extra is not installed")
import soundfile

from device.music.probe import probe
from device.types import Heard
from training.__main__ import main
from training.data import DataError
from training.music.audio import hear
from training.music.deam import SIGNAL, _features, judge, lines, rated_songs

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "models_tflite"
STARTER = sorted((ROOT / "music/starter").glob("*.ogg"))
TABLES = "annotations/annotations averaged per song/song_level"
HEAD = "song_id, valence_mean, valence_std, arousal_mean, arousal_std"


def lay_out(folder: Path, *, swapped: bool = False) -> Path:
    """Six seconds of each piece; rated as its composer meant it."""
    rows = []
    (folder / "MEMD_audio").mkdir(parents=True)
    for number, piece in enumerate(STARTER, 2):
        samples, rate = soundfile.read(piece, start=44_100 * 20, frames=44_100 * 6)
        soundfile.write(folder / f"MEMD_audio/{number}.wav", samples, rate)
        tags = probe(piece).tags
        assert tags.valence is not None
        assert tags.arousal is not None
        valence, arousal = 5 + 4 * tags.valence, 5 + 4 * tags.arousal
        rows.append((number, *((arousal, valence) if swapped else (valence, arousal))))
    tables = folder / TABLES
    tables.mkdir(parents=True)
    # Two tables, as DEAM has, and a song without a file.
    rows.append((2001, 5.0, 5.0))
    for name, part in (("1_2000", rows[:8]), ("2000_2058", rows[8:])):
        text = [HEAD, *(f"{song},{v:.2f},1.0,{a:.2f},1.0" for song, v, a in part)]
        path = tables / f"static_annotations_averaged_songs_{name}.csv"
        path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def deam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out(tmp_path_factory.mktemp("deam"))


@pytest.fixture(scope="module")
def cache(deam: Path) -> Path:
    """What was heard of it, and what an interruption leaves of a line."""
    path = deam.parent / "heard.jsonl"
    heard, failed = hear([song.path for song in rated_songs(deam)], MODELS, path)
    assert len(heard) == len(STARTER)
    assert failed == {}
    path.write_bytes(path.read_bytes() + b'{"key":"half')
    return path


def test_what_is_heard_is_set_against_the_ratings(deam: Path, cache: Path) -> None:
    judged = judge(deam, MODELS, cache)
    assert judged.songs == len(STARTER)
    assert not judged.swapped
    assert all(score.r["value"] > 0.5 for score in judged.shipped.scores)
    assert judged.shipped.true.min() >= -1
    assert len(judged.features) == 55
    predicted = judged.line(np.zeros((1, 55)))
    assert predicted[0] == pytest.approx(judged.shipped.true.mean(axis=0))
    told = "\n".join(lines(judged))
    for word in ("as shipped, valence: R2", "refitted, tenfold, arousal: R2", "RMSE", "happy"):
        assert word in told


def test_the_command_listens_to_nothing_twice(
    deam: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = cache.read_bytes()
    words = ["music", "--data", deam, "--cache", cache, "--models", MODELS]
    assert main([str(word) for word in words]) == 0
    assert f"{len(STARTER)} songs" in capsys.readouterr().out
    assert cache.read_bytes() == before


def test_swapped_ratings_are_told(tmp_path: Path, cache: Path, deam: Path) -> None:
    folder = lay_out(tmp_path / "swapped", swapped=True)
    judged = judge(folder, MODELS, cache)
    after = cache.read_bytes()
    assert judge(folder, MODELS, cache).axes == pytest.approx(judged.axes)
    assert cache.read_bytes() == after, "what follows the line that was cut off is read again"
    straight = judge(deam, MODELS, cache)
    assert judged.swapped
    assert judged.axes == pytest.approx(straight.axes[:, ::-1])
    assert judged.shipped.scores == straight.shipped.scores
    assert "SWAPPED" in "\n".join(lines(judged))


def test_what_is_no_sound_is_named_and_left_out(tmp_path: Path, cache: Path) -> None:
    broken = tmp_path / "7.mp3"
    broken.write_bytes(b"no sound" * 100)
    heard, failed = hear([broken], MODELS, cache)
    assert heard == {}
    assert list(failed) == [broken]


def test_a_process_that_dies_is_told(
    deam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.music.audio._start", sys.exit)
    with pytest.raises(DataError, match="the same command goes on"):
        hear([song.path for song in rated_songs(deam)][:2], MODELS, tmp_path / "heard.jsonl")


def test_what_a_sound_does_not_tell_is_the_mean_of_what_others_tell() -> None:
    def heard(tempo: float | None, **tags: float) -> Heard:
        return Heard(-18.0, 5.0, -1.0, 0.0, 0.0, tempo, 4.0, 1500.0, "C major", 0.2, tags)

    names, values = _features([heard(64.0, sad=0.5), heard(256.0, happy=0.9), heard(None)])
    assert names == ["happy", "sad", *SIGNAL]
    assert values[:, names.index("tempo")] == pytest.approx([6, 8, 7])
    assert values[:, names.index("sad")] == pytest.approx([0, np.log(1e-4), np.log(1e-4)], abs=1e-3)


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (None, "unpack DEAM_Annotations.zip"),
        ("song_id,valence_mean\n2,5\n", "no column 'arousal_mean'"),
        (f"{HEAD}\n2,good,1,5,1\n", "line 2: could not convert"),
        (f"{HEAD}\n2,11,1,5,1\n", "line 2: ratings must be 1 to 9"),
        (f"{HEAD}\n2,5,1,5,1\n", "0 of 1 rated songs have a file"),
    ],
)
def test_a_folder_that_will_not_do_is_told(tmp_path: Path, table: str | None, fault: str) -> None:
    if table is not None:
        (tmp_path / "static_annotations_averaged_songs_1_2000.csv").write_text(table)
    with pytest.raises(DataError, match=fault):
        rated_songs(tmp_path)
