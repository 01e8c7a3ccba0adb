"""A model file that is missing or damaged costs the eyes, nothing else, and only until it is
mended."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest

from device.settings import HOME
from device.types import Health, Status
from tests.faults.promises import Record
from tests.faults.witness import Witness, alive, plays, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FILES = tuple(
    f"{name}{suffix}"
    for name in ("face", "face-closer", "face-doubt", "emotion", "age")
    for suffix in (".tflite", ".json")
)


def harm(path: Path, way: str) -> None:
    content = bytearray(path.read_bytes())
    if way == "missing":
        path.unlink()
        return
    if way == "cut":
        del content[len(content) // 2 :]
    else:
        dice = random.Random(1)
        for _ in range(100):
            content[dice.randrange(len(content))] = dice.randrange(256)
    path.write_bytes(content)


def is_down(status: Status) -> bool:
    return status.camera.health is Health.DOWN


def test_a_damaged_model_is_named_and_seeing_goes_on_once_it_is_mended(
    tmp_path: Path, music: Path, record: Record
) -> None:
    slowest = 0.0
    told = []
    for name in FILES:
        for way in ("missing", "cut", "other bytes"):
            models = tmp_path / f"{name}-{way}"
            shutil.copytree(HOME / "models_tflite", models)
            harm(models / name, way)
            with alive(
                tmp_path / "d",
                vision={"models": str(models)},
                camera={"source": f"slideshow:{HOME / 'config/portraits'}"},
                music={"folders": [str(music)]},
            ) as daemon:
                until(daemon, is_down)
                assert name in daemon.client.status().camera.detail
                plays(daemon)
                time.sleep(1)
                shutil.copyfile(HOME / "models_tflite" / name, models / name)
                slowest = max(slowest, until(daemon, lambda s: s.people > 0))
                told.append(name)
            shutil.rmtree(models)
            shutil.rmtree(tmp_path / "d")
    record("model-damaged", slowest, f"{len(told)} of {len(told)} named by the status")


def test_models_damaged_while_they_are_in_use_change_nothing(tmp_path: Path, music: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(HOME / "models_tflite", models)
    with alive(
        tmp_path / "d",
        vision={"models": str(models)},
        camera={"source": f"slideshow:{HOME / 'config/portraits'}"},
        music={"folders": [str(music)]},
    ) as daemon:
        until(daemon, lambda s: s.people > 0)
        plays(daemon)
        with Witness(daemon) as witness:
            for name in FILES:
                harm(models / name, "other bytes")
            until(daemon, lambda s: s.people == 0)
            until(daemon, lambda s: s.people > 0)
        witness.kept_up()
