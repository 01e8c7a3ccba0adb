"""`attune look` and `attune bench`: what the models see in files, and how fast."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from device import bench
from device.bench import Report, Run, one_face, table
from device.settings import HOME
from device.types import Emotion
from device.vision.runtime import available_runtimes

PORTRAITS = HOME / "config" / "portraits"


def attune(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "attune.toml").touch()
    environment = {**os.environ, "ATTUNE_CONFIG": str(folder / "attune.toml")}
    return subprocess.run(
        [sys.executable, "-m", "device.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


def test_both_portraits_are_read_as_promised(tmp_path: Path) -> None:
    done = attune(
        tmp_path, "look", "--json", str(PORTRAITS / "collins.jpg"), str(PORTRAITS / "hopper.jpg")
    )
    assert (done.returncode, done.stderr) == (0, "")
    collins, hopper = (json.loads(each) for each in done.stdout.splitlines())
    for told in (collins, hopper):
        assert told["frame"] == 0
        (face,) = told["faces"]
        assert face.keys() == {"box", "score", "emotion", "age", "age_interval"}
        assert face["emotion"].keys() == {emotion.value for emotion in Emotion}
        assert sum(face["emotion"].values()) == pytest.approx(1.0, abs=1e-3)
        assert len(face["box"]) == 4
    assert max(collins["faces"][0]["emotion"].items(), key=lambda item: item[1])[0] == "happiness"
    assert 25 <= collins["faces"][0]["age"] <= 50
    assert max(hopper["faces"][0]["emotion"].items(), key=lambda item: item[1])[0] != "happiness"
    assert 55 <= hopper["faces"][0]["age"] <= 90


def test_a_crop_and_words_for_people(tmp_path: Path) -> None:
    portrait = cv2.imread(str(PORTRAITS / "collins.jpg"))
    cv2.imwrite(str(tmp_path / "face.png"), portrait[60:190, 160:290])
    done = attune(tmp_path, "look", "--crop", str(tmp_path / "face.png"))
    assert done.returncode == 0
    assert "face.png 0: happiness" in done.stdout
    assert ", age " in done.stdout


def test_files_that_are_no_pictures_are_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "words.jpg").write_text("no picture")
    (tmp_path / "empty.png").touch()
    done = attune(
        tmp_path,
        "look",
        str(tmp_path / "words.jpg"),
        str(tmp_path / "none.jpg"),
        str(tmp_path / "empty.png"),
        str(PORTRAITS / "collins.jpg"),
    )
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert "no picture or clip" in lines[0]
    assert "No such file" in lines[1]
    assert "empty" in lines[2]
    assert "happiness" in lines[3]
    assert "Traceback" not in done.stderr


def test_a_picture_whose_name_is_no_utf_8_is_read(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"b\xe4d.jpg")).write_bytes((PORTRAITS / "collins.jpg").read_bytes())
    done = attune(tmp_path, "look", "--json", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["file"] == rf"{tmp_path}/b\udce4d.jpg"


@pytest.mark.parametrize("command", [["look", "x.jpg"], ["bench"]])
def test_missing_models_are_told_with_the_mend(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "attune.toml").write_text('[vision]\nmodels = "."\n')
    done = attune(tmp_path, *command)
    assert done.returncode == 1
    assert "restore it from the release" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_measures_every_stage() -> None:
    run = bench.measure_runtime(HOME / "models_tflite", available_runtimes()[0], 1)
    assert list(run.milliseconds) == ["detect", "align", "emotion", "age", "chain"]
    assert all(value > 0 for value in run.milliseconds.values())
    assert run.milliseconds["chain"] > run.milliseconds["emotion"]
    assert 20 < run.memory_mib < 1000


@pytest.mark.benchmark
def test_bench_measures_each_runtime_on_one_to_four_threads(tmp_path: Path) -> None:
    done = attune(tmp_path, "bench", "--json")
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert [(run["runtime"], run["threads"]) for run in told["runs"]] == [
        (runtime, threads) for runtime in available_runtimes() for threads in (1, 2, 3, 4)
    ]
    (fast,) = (r for r in told["runs"] if r["threads"] == 1 and r["runtime"] == "litert")
    assert fast["milliseconds"]["chain"] <= 12


def test_the_frame_holds_one_portrait() -> None:
    frame = one_face()
    assert frame.shape == (480, 640, 3)
    assert frame.dtype == np.uint8
    assert frame.std() > 20


def test_a_table_for_people() -> None:
    stages = {"detect": 4.1, "chain": 9.87}
    report = Report("Raspberry Pi 5", 0.1, "3.11", 640, 480, (Run("litert", 2, stages, 88.0),))
    text = table(report)
    assert text.splitlines()[-1].split() == ["litert", "2", "4.10", "9.87", "88"]
    assert "busy" not in text
    busy = Report("Raspberry Pi 5", 3.0, "3.11", 640, 480, ())
    assert "The machine was busy" in table(busy)
