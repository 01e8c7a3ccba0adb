from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from device.vision.runtime import read_sidecar  # noqa: E402
from tests.training.test_loop import TINY, TINY_AGE, TINY_TEACHER  # noqa: E402
from tests.vision.faces import MODELS  # noqa: E402
from training import backbone, ensemble  # noqa: E402
from training.backbone import Backbone, load_faceres, read_tfjs  # noqa: E402
from training.crops import Places, digest_of_detector  # noqa: E402
from training.data import DataError, Sample, Years  # noqa: E402
from training.distill import Teachers, distilled, taught_by  # noqa: E402
from training.experiment import Experiment  # noqa: E402
from training.network import Convolution, build  # noqa: E402
from training.pool import Faces  # noqa: E402


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(MODELS, tmp_path / "cache")


def faces(folder: Path, labels: list[int] | list[Years]) -> list[Sample]:
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number, _ in enumerate(labels):
        cv2.imwrite(str(folder / f"{number}.png"), rng.integers(0, 256, (40, 40, 3), np.uint8))
    return [Sample(folder / f"{number}.png", label) for number, label in enumerate(labels)]


def run(folder: Path, plan: Experiment = TINY, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    folder.mkdir(parents=True)
    (folder / "experiment.json").write_text(json.dumps(dataclasses.asdict(plan)))
    torch.save({"network": build(plan).state_dict()}, folder / "best.pt")
    return folder


def test_the_good_candidate_gets_the_weight_and_a_useless_one_none() -> None:
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 7, (200,), generator=rng)
    truth = torch.nn.functional.one_hot(labels, 7).float()
    noise = torch.rand(3, 200, 7, generator=rng)
    good, fair, bad = (
        (share * truth + noise[n]) / (share + noise[n].sum(1, keepdim=True))
        for n, share in enumerate((4.0, 2.0, 0.0))
    )
    counts = ensemble.select("emotion", [good, fair, bad], labels)
    assert sum(counts) == ensemble.ROUNDS
    assert counts[0] > counts[1] >= counts[2] == 0


def test_two_that_err_differently_are_both_taken() -> None:
    labels = torch.tensor([30, 60])
    ages = torch.nn.functional.one_hot
    one = ages(torch.tensor([24, 66]), 101).float()
    other = ages(torch.tensor([36, 54]), 101).float()
    assert ensemble.select("age", [one, other], labels) == [10, 10]


def test_what_was_searched_is_read_back_and_asked(
    tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # runs are given from here on, as `training all` does it
    runs = [run(Path("runs", name), seed=seed) for seed, name in enumerate("ab")]
    chosen = faces(tmp_path / "faces", [0, 1, 2, 3, 4, 5, 6, 3])
    found = ensemble.search("emotion", runs, chosen, places)
    assert set(found["alone"]) == {"a", "a, flipped", "b", "b, flipped"}
    path = Path("runs", "ensemble.json")
    ensemble.write_ensemble(path, found)
    (tmp_path / "runs").rename(tmp_path / "moved")
    members = ensemble.read_ensemble(Path("moved", path.name))
    assert sum(member.weight for member in members) == pytest.approx(1)
    said = ensemble.ask(members, "emotion", chosen, places, "valid")
    assert said.sum(1).tolist() == pytest.approx([1] * 8, abs=1e-4)
    with pytest.raises(DataError, match="knows nothing of age"):
        ensemble.ask(members, "age", chosen, places, "valid")


def taught(folder: Path, plan: Experiment) -> Teachers:
    """An ensemble of one network that learned nothing."""
    members = [{"run": str(run(folder / plan.task, plan)), "flip": True, "weight": 1.0}]
    file = folder / f"{plan.task}.json"
    file.write_text(json.dumps({"members": members}))
    return Teachers(file, folder / "said")


def test_a_pool_carries_what_teachers_say_mixed_with_labels(tmp_path: Path, places: Places) -> None:
    pool = [
        Faces("happy", faces(tmp_path / "one", [3, 3]), "emotion"),
        Faces("aged", faces(tmp_path / "two", [30, 60]), "age"),
        Faces("grouped", faces(tmp_path / "three", [Years(20, 29)]), "age"),
    ]
    made = {}
    for plan in (TINY, TINY_AGE):
        teachers = taught(tmp_path, plan)
        learned = distilled(plan, pool, teachers, places)
        assert learned.images.shape == (5, TINY.canvas, TINY.canvas, 3)
        assert learned.targets.sum(1).tolist() == pytest.approx([1] * 5, abs=1e-2)
        assert torch.equal(distilled(plan, pool, teachers, places).targets, learned.targets)
        made[plan.task] = learned.targets
    assert made["emotion"][0, 3] > 0.25
    assert made["age"][2].argmax() == 30
    assert made["age"][4, 45:].sum() < 1e-3


def test_faces_cut_by_another_detector_are_asked_about_anew(tmp_path: Path, places: Places) -> None:
    pool = [Faces("happy", faces(tmp_path / "one", [3]), "emotion")]
    teachers = taught(tmp_path, TINY)
    distilled(TINY, pool, teachers, places)
    other = tmp_path / "models"
    other.mkdir()
    shutil.copy(MODELS / "face.json", other)
    text = (MODELS / "face-closer.json").read_text()
    digest = read_sidecar(MODELS / "face-closer.json").sha256
    (other / "face-closer.json").write_text(text.replace(digest, "0" * 64))
    (eyes,) = places.cache.glob("eyes-happy-*")
    key = digest_of_detector(other)[:12]
    shutil.copy(eyes, places.cache / f"eyes-happy-{key}.npz")  # as the other found them
    distilled(TINY, pool, teachers, places._replace(models=other))
    assert len(list(teachers.said.iterdir())) == 2


def test_faces_of_the_same_names_are_asked_about_anew(tmp_path: Path, places: Places) -> None:
    teachers = taught(tmp_path, TINY)
    for folder, shade in (("one", 0), ("two", 50), ("copy of one", 0)):
        chosen = faces(tmp_path / folder, [3])
        image = cv2.imread(str(chosen[0].path))
        cv2.imwrite(str(chosen[0].path), np.full_like(image, shade))
        distilled(TINY, [Faces("happy", chosen, "emotion")], teachers, places)
    assert len(list(teachers.said.iterdir())) == 2


def test_a_teacher_that_is_gone_is_named(tmp_path: Path, places: Places) -> None:
    pool = [Faces("happy", faces(tmp_path / "one", [3]), "emotion")]
    teachers = taught(tmp_path, TINY)
    (tmp_path / "emotion" / "best.pt").unlink()
    with pytest.raises(DataError, match=r"emotion/best\.pt cannot be read"):
        distilled(TINY, pool, teachers, places)
    (tmp_path / "emotion" / "experiment.json").unlink()
    with pytest.raises(DataError, match=r"experiment\.json describes no run"):
        taught_by(teachers)


@pytest.mark.parametrize("content", ["", "{}", '{"members": [{}]}', "[1]"])
def test_no_ensemble_is_a_clear_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ensemble.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"ensemble\.json is no ensemble"):
        ensemble.read_ensemble(path)


def tfjs(folder: Path, network: Backbone) -> Path:
    """A file like faceres.json, of a network's weights with normalization folded in."""
    entries, content = [], b""

    def add(name: str, values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
        nonlocal content
        kind = {"dtype": "float16", "original_dtype": "float32"}
        entries.append(
            {"name": name, "shape": values.shape, "dtype": "float32", "quantization": kind}
        )
        content += values.astype(np.float16).tobytes()

    names = ["conv1"] + [f"conv_{k}_{n}" for n in range(1, 14) for k in ("dw", "pw")]
    for name, layer in zip(names, network.convolutions, strict=True):
        kernel = layer.conv.weight.detach().numpy()
        if "_dw_" in name:
            add(f"{name}/depthwise_kernel", kernel.transpose(2, 3, 0, 1))
            add(f"{name}_bn/batchnorm_1/mul", np.ones(len(kernel), np.float32))
        else:
            add(f"{name}/convolution/merged_input", kernel.transpose(2, 3, 1, 0))
        add(f"{name}_bn/batchnorm_1/sub", layer.norm.bias.detach().numpy())
    (folder / "f.bin").write_bytes(content)
    path = folder / "f.json"
    path.write_text(json.dumps({"weightsManifest": [{"paths": ["f.bin"], "weights": entries}]}))
    return path


def test_faceres_answers_the_same_with_normalization_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With this mean the padding of both is the same grey, so that no edge differs.
    monkeypatch.setattr(backbone, "MEAN_BGR", (127.5, 127.5, 127.5))
    torch.manual_seed(0)
    source = Backbone(TINY_TEACHER).eval()
    for layer in source.convolutions:
        torch.nn.init.kaiming_normal_(layer.conv.weight)
        torch.nn.init.uniform_(layer.norm.bias, -0.1, 0.1)
    path = tfjs(tmp_path, source)
    assert len(read_tfjs(path)) == 2 * 14 + 3 * 13
    pictures = torch.rand(4, 3, 64, 64) * 255
    loaded = Backbone(dataclasses.replace(TINY_TEACHER, layers=9))
    load_faceres(loaded, path, pictures)
    with torch.no_grad():
        source.layers = source.layers[: len(loaded.layers)]
        # The file's network takes BGR less its mean, ours makes -1..1 of RGB.
        expected = source.features(127.5 * (pictures.flip(1) - 126.5))
        got = loaded.eval().features(pictures)
    assert (got - expected).abs().max() < 0.02 * expected.abs().max()
    assert loaded.convolutions[5].norm.running_var.std() > 0


def test_a_first_convolution_for_bgr_less_its_mean_takes_rgb() -> None:
    stem = Convolution(3, 4, 3, 2).eval()
    pictures = torch.rand(2, 3, 16, 16) * 255
    with torch.no_grad():
        expected = stem(pictures.flip(1) - torch.tensor(backbone.MEAN_BGR)[:, None, None])
        backbone._take_rgb(stem)
        got = stem(pictures / 127.5 - 1)
    # But for the edge, where padding stands for another colour.
    assert torch.allclose(got[:, :, :-1, :-1], expected[:, :, :-1, :-1], atol=1e-3)


@pytest.mark.parametrize("content", ["", "{}", '{"weightsManifest": [{"paths": ["no"]}]}'])
def test_another_file_than_faceres_is_a_clear_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "faceres.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"faceres\.json is no TensorFlow\.js model"):
        load_faceres(Backbone(TINY_TEACHER), path, torch.zeros(1, 3, 32, 32))
