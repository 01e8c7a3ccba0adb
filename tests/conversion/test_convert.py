from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import shutil
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from conversion import convert as conversion
from conversion import floors
from conversion.convert import (
    ConversionError,
    calibrate,
    check_loss,
    check_runtimes,
    convert,
    install,
)
from conversion.quantize import quantize_file
from conversion.sidecar import describe
from device.vision.reader import both_ways
from device.vision.runtime import Model, available_runtimes, read_sidecar
from training.crops import Places
from training.data.base import EMOTIONS, SPLITS, DataError
from training.evaluate import evaluate
from training.experiment import EXPERIMENTS, read_plan

TRAIN_EXTRA = all(importlib.util.find_spec(name) for name in ("tensorflow", "torch"))
needs_training = pytest.mark.skipif(not TRAIN_EXTRA, reason="the train extra is not installed")
MODELS = Path(__file__).parents[2] / "models_tflite"
TINY = dataclasses.replace(EXPERIMENTS["emotion-small"], side=32, stem=8, stages=((8, 1), (16, 1)))
MENDS = {"emotion-rounded": "training quantize .* again", "emotion": "again, which writes it"}
"""What is told where one of the models in a run's folder is of another training."""
RECORD = {"faces": {"train": 9}, "start": "both", **dataclasses.asdict(TINY)}


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained run's."""
    from training.network import Network, save_keras  # noqa: PLC0415 - needs the train extra

    folder = tmp_path_factory.mktemp("run")
    save_keras(Network(TINY).eval(), TINY, folder / "emotion.keras")
    (folder / "experiment.json").write_text(json.dumps(RECORD))
    trained(folder, "weights", "emotion")
    return folder / "emotion.keras"


def trained(folder: Path, weights: str, *made: str) -> None:
    """Weights in a run's folder, and that these models were made of them."""
    (folder / "best.pt").write_text(weights)
    for name in made:
        digest = hashlib.sha256(weights.encode()).hexdigest()
        (folder / f"{name}.sha256").write_text(digest)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set in RAF-DB's layout, of noise."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    held_out = (SPLITS / "rafdb.csv").read_text().split()[1:]
    for label in range(1, 8):
        names = [f"train/{label}/train_{90000 + label}_aligned.jpg"]
        names += [f"train/{label}/{name}" for name in held_out[10 * label : 10 * label + 2 + label]]
        names += [f"test/{label}/test_{90000 + 10 * label + n}_aligned.jpg" for n in range(4)]
        for name in names:
            path = root / "DATASET" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), rng.integers(0, 256, (100, 100, 3), np.uint8))
    return root


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A folder with the committed models."""
    shutil.copytree(MODELS, tmp_path / "models")
    return Places(tmp_path / "models", tmp_path / "cache")


@pytest.fixture
def run(keras_file: Path, tmp_path: Path) -> Path:
    """A copy of the run's folder, to harm."""
    return shutil.copytree(keras_file.parent, tmp_path / "run")


def pair(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "emotion.tflite").read_bytes(), (folder / "emotion.json").read_bytes()


@needs_training
def test_the_file_runs_everywhere_and_says_what_keras_says(
    keras_file: Path, tmp_path: Path
) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), np.uint8)
    made = quantize_file(keras_file, pictures, pictures)
    assert (
        made.multiply_adds
        == 3 * 9 * 8 * 256 + 2 * 8 * 9 * 8 * 256 + (8 * 9 * 16 + 16 * 9 * 16 + 8 * 16) * 64 + 16 * 7
    )
    (tmp_path / "emotion.tflite").write_bytes(made.content)
    sidecar = describe(TINY, made.content, made.multiply_adds, RECORD)
    assert sidecar.data["run"] == RECORD
    assert sidecar.sha256 == hashlib.sha256(made.content).hexdigest()
    (tmp_path / "emotion.json").write_bytes(msgspec.json.encode(sidecar))
    for runtime in available_runtimes():
        model = Model(tmp_path, "emotion", runtime=runtime)
        said = np.stack([both_ways(model, picture) for picture in pictures])
        assert np.abs(said - made.logits).max() < 0.1 * np.abs(made.logits).max()


@needs_training
def test_what_an_untrained_network_reaches_is_not_written(
    keras_file: Path, data: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pair(places.models)
    monkeypatch.setitem(floors.MAX_LOSS, "emotion", 1.0)  # so few faces say nothing of it
    with pytest.raises(ConversionError, match=r"accuracy 0\.\d+ is 0\.\d+ below 0\.87"):
        convert(keras_file, data, places)
    assert pair(places.models) == before


@needs_training
def test_what_is_too_large_is_refused_unmeasured(
    keras_file: Path, data: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pair(places.models)
    monkeypatch.setitem(floors.FLOORS, "emotion", (floors.Bound("bytes", most=1000),))
    with pytest.raises(ConversionError, match=r"bytes .* above 1000"):
        convert(keras_file, data, places)
    assert pair(places.models) == before


@needs_training
def test_what_is_written_carries_what_evaluate_says(
    keras_file: Path, data: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(floors.MAX_LOSS, "emotion", 1.0)
    monkeypatch.setitem(floors.FLOORS, "emotion", ())
    convert(keras_file, data, places)
    sidecar = read_sidecar(places.models / "emotion.json")
    assert sidecar.metrics["test"] == evaluate(places.models, "emotion", data)
    assert sidecar.metrics["parity"]["int8"] == sidecar.metrics["test"]["accuracy"]["value"]
    parity = sidecar.metrics["parity"]
    assert parity["float"] == sidecar.metrics["float"]["accuracy"]["value"]
    for part in ("", ", validation"):
        lost = parity[f"float{part}"] - parity[f"int8{part}"]
        assert parity[f"loss{part}"] == pytest.approx(lost, abs=1e-4)
    assert sidecar.metrics["bytes"] == (places.models / "emotion.tflite").stat().st_size
    assert sidecar.data["run"] == json.loads(json.dumps(RECORD))
    assert not list(places.models.glob("*.part"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A plain folder for each class, of noise."""
    rng = np.random.default_rng(1)
    for part, count in (("train", 2), ("valid", 6), ("test", 3)):
        for emotion in EMOTIONS:
            for n in range(count):
                path = tmp_path / "own" / part / emotion / f"{n}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), rng.integers(0, 256, (100, 100, 3), np.uint8))
    return tmp_path / "own"


@needs_training
def test_a_model_of_ones_own_faces_is_written_as_such(
    run: Path, own: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(floors.MAX_LOSS, "emotion", 1.0)
    monkeypatch.setitem(floors.FLOORS, "emotion", ())
    record = {**RECORD, "start": None, "sets": {"train": {"own": 14}, "beside": {}}}
    (run / "experiment.json").write_text(json.dumps(record))
    convert(run / "emotion.keras", own, places)
    sidecar = read_sidecar(places.models / "emotion.json")
    assert sidecar.data["name"] == "faces of one's own"
    assert list(sidecar.data["learned_from"]) == ["faces of one's own"]
    told = msgspec.json.encode(sidecar).decode()
    assert not [word for word in ("RAF-DB", "research", "Weak on fear") if word in told]
    assert sidecar.metrics["test"]["count"] == 21


@needs_training
def test_a_run_is_not_converted_on_another_data_set_than_it_learned_from(
    run: Path, data: Path, places: Places
) -> None:
    record = {**RECORD, "sets": {"train": {"own": 14}, "beside": {}}}
    (run / "experiment.json").write_text(json.dumps(record))
    before = pair(places.models)
    with pytest.raises(ConversionError, match=r"learned from faces of one's own, .* holds RAF-DB"):
        convert(run / "emotion.keras", data, places)
    assert pair(places.models) == before


@needs_training
def test_a_model_without_its_record_is_refused(
    keras_file: Path, data: Path, places: Places, tmp_path: Path
) -> None:
    shutil.copy(keras_file, tmp_path)
    with pytest.raises(DataError, match=r"experiment\.json describes no run"):
        convert(tmp_path / "emotion.keras", data, places)


@needs_training
def test_of_the_plain_and_the_fine_tuned_model_validation_chooses(
    keras_file: Path, data: Path, places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torch  # noqa: PLC0415 - needs the train extra

    from training.network import Network, save_keras  # noqa: PLC0415

    monkeypatch.setitem(floors.MAX_LOSS, "emotion", 1.0)
    monkeypatch.setitem(floors.FLOORS, "emotion", ())
    worth = {}
    for name in ("plain", "other", "both"):
        folder = tmp_path / name
        shutil.copytree(keras_file.parent, folder)
        if name != "plain":
            network = Network(TINY).eval()
            torch.nn.init.zeros_(network.head.weight)
            network.head.bias.data = torch.arange(7.0)  # always neutral, of which there are most
            target = "emotion" if name == "other" else "emotion-rounded"
            save_keras(network, TINY, folder / f"{target}.keras")
            trained(folder, name, "emotion", "emotion-rounded")
        sidecar = convert(folder / "emotion.keras", data, places)
        worth[name] = sidecar.metrics["parity"]["int8, validation"]
    assert worth["plain"] != worth["other"]
    assert worth["both"] == max(worth["plain"], worth["other"])
    # It wins on validation, and neither wins nor loses on test: what it costs is judged there.
    assert sidecar.metrics["parity"]["loss, validation"] < -0.01 < sidecar.metrics["parity"]["loss"]
    monkeypatch.setitem(floors.MAX_LOSS, "emotion", -0.01)
    convert(folder / "emotion.keras", data, places)
    monkeypatch.setitem(floors.MAX_LOSS, "emotion", -0.9)
    with pytest.raises(ConversionError, match=r"on validation, .*training quantize"):
        convert(folder / "emotion.keras", data, places)


@needs_training
@pytest.mark.parametrize("name", MENDS)
@pytest.mark.parametrize("made_of", [None, "0" * 64])
def test_what_was_made_of_an_earlier_training_is_refused(
    run: Path, data: Path, places: Places, name: str, made_of: str | None
) -> None:
    if name != "emotion":
        shutil.copy(run / "emotion.keras", run / f"{name}.keras")
    (run / f"{name}.sha256").unlink(missing_ok=True)
    if made_of is not None:
        (run / f"{name}.sha256").write_text(made_of)
    before = pair(places.models)
    refusal = rf"{name}\.keras was not made of .*best\.pt as it is now: .*{MENDS[name]}"
    with pytest.raises(ConversionError, match=refusal):
        convert(run / "emotion.keras", data, places)
    assert pair(places.models) == before


@needs_training
def test_a_run_without_its_weights_is_refused(run: Path, data: Path, places: Places) -> None:
    (run / "best.pt").unlink()
    with pytest.raises(ConversionError, match=r"was not made of .*best\.pt"):
        convert(run / "emotion.keras", data, places)


@pytest.mark.parametrize("task", ["emotion", "age"])
def test_the_committed_sidecars_say_what_is_said_of_their_runs(task: str, tmp_path: Path) -> None:
    sidecar = read_sidecar(MODELS / f"{task}.json")
    record = sidecar.data["run"]
    (tmp_path / "experiment.json").write_text(json.dumps(record))
    content = (MODELS / f"{task}.tflite").read_bytes()
    said = describe(read_plan(tmp_path), content, sidecar.metrics["multiply_adds"], record)
    kept = {"calibration": sidecar.calibration, "metrics": sidecar.metrics}
    assert msgspec.structs.replace(said, **kept) == sidecar


def test_too_much_lost_by_quantization_is_refused_with_the_mend() -> None:
    check_loss("emotion", 0.003, Path("runs/emotion"))
    with pytest.raises(ConversionError, match="training quantize runs/emotion"):
        check_loss("emotion", 0.0031, Path("runs/emotion"))


def test_runtimes_that_disagree_are_refused() -> None:
    good, bad = (np.eye(7, dtype=np.float32)[g] * 9 for g in ([0] * 10, [0] * 9 + [1]))
    assert check_runtimes(TINY, {"litert": good, "tflite-runtime": good}) == {
        "litert agrees with tflite-runtime": 1.0
    }
    with pytest.raises(ConversionError, match="agree on 90"):
        check_runtimes(TINY, {"litert": good, "tflite-runtime": bad})


def test_an_end_while_writing_leaves_the_old_pair(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pair(places.models)
    sidecar = describe(TINY, b"new", 1, RECORD)

    def killed(_: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(conversion, "_encoded", killed)
        with pytest.raises(KeyboardInterrupt):
            install([(b"new", sidecar)], places.models)
    assert pair(places.models) == before
    install([(b"new", sidecar)], places.models)
    assert pair(places.models)[0] == b"new"


def test_the_age_interval_is_calibrated_to_80_percent() -> None:
    rng = np.random.default_rng(0)
    ages = np.arange(101)
    centre = rng.uniform(20, 70, 1500)
    said = -((ages - centre[:, None]) ** 2) / (2 * 2.0**2)  # claims to be 2 years wide
    truth = np.rint(centre + rng.normal(0, 6, len(centre))).astype(int)  # is 6
    found = calibrate(EXPERIMENTS["age"], said.astype(np.float32), truth)
    assert found["interval_temperature"] == pytest.approx(9, rel=0.15)
