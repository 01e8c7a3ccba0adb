from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
# Not imported here: TensorFlow and tflite-runtime do not share a process.
if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("the train extra is not installed", allow_module_level=True)

from conversion.quantize import quantize_file  # noqa: E402
from conversion.sidecar import describe  # noqa: E402
from device.vision.runtime import Model, available_runtimes  # noqa: E402
from training import quantized  # noqa: E402
from training.crops import Crops  # noqa: E402
from training.experiment import EXPERIMENTS  # noqa: E402
from training.network import Network  # noqa: E402

TINY = dataclasses.replace(
    EXPERIMENTS["emotion-small"],
    side=32,
    margin=4,
    stem=8,
    stages=((8, 1), (16, 2)),
    epochs=3,
    batch=16,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose network has random weights and statistics of the made pictures."""
    torch.manual_seed(0)
    network = Network(TINY).train()
    for _ in range(5):
        images = torch.from_numpy(made(64).images[:, 4:-4, 4:-4])
        network(images.permute(0, 3, 1, 2).float())
    folder = tmp_path_factory.mktemp("run")
    torch.save({"network": network.state_dict()}, folder / "best.pt")
    (folder / "experiment.json").write_text(json.dumps(dataclasses.asdict(TINY)))
    return folder


def made(count: int) -> Crops:
    """Pictures whose brightness tells the label."""
    rng = np.random.default_rng(count)
    labels = rng.integers(0, 7, count)
    noise = rng.integers(0, 60, (count, TINY.canvas, TINY.canvas, 3))
    images = (labels[:, None, None, None] * 30 + noise).astype(np.uint8)
    return Crops(images, labels, np.ones(count, bool))


def load(run: Path) -> Network:
    network = Network(TINY).eval()
    network.load_state_dict(torch.load(run / "best.pt")["network"])
    return network


def test_rounding_changes_little_and_training_moves_the_ranges(run: Path) -> None:
    network = load(run)
    pictures = torch.from_numpy(made(64).images[:, 4:-4, 4:-4]).permute(0, 3, 1, 2).float()
    module = quantized.quantized(network).train()
    with torch.no_grad():
        expected = network(pictures)
        module(pictures)
        ends = module.range0.ends.tolist(), module.range2.ends.clone()
        said = module.eval()(pictures)
        module(pictures / 2)
    assert ends[0] == [0, 255]  # the input's, which the device relies on
    assert torch.equal(module.range2.ends, ends[1])  # not in evaluation
    assert (said - expected).abs().max() < 0.1 * expected.abs().max()
    assert not torch.equal(said, expected)


def test_steps_bring_the_rounded_network_nearer(run: Path) -> None:
    module = quantized.quantized(load(run))
    images = torch.from_numpy(made(160).images)
    quantized.calibrate(module, TINY, images)
    tuning = quantized.Tuning(5, 1e-3)
    first, *_, last = quantized.losses(module, load(run), TINY, images, tuning)
    assert last < first


def test_the_file_says_what_the_rounded_network_says(run: Path, tmp_path: Path) -> None:
    keras_file = quantized.fine_tune(run, torch.from_numpy(made(160).images), epochs=1)
    assert keras_file == run / "emotion-rounded.keras"
    pictures = made(96).images[:, 4:-4, 4:-4]
    content = quantize_file(keras_file, pictures[:1], pictures[:1]).content
    (tmp_path / "emotion.tflite").write_bytes(content)
    record = {"task": "emotion", "faces": {}, "start": None}
    sidecar = describe(TINY, content, 0, record)
    (tmp_path / "emotion.json").write_bytes(msgspec.json.encode(sidecar))
    module = quantized.quantized(load(run)).eval()
    module.load_state_dict(torch.load(run / "emotion-rounded.pt"))
    with torch.no_grad():
        expected = module(torch.from_numpy(pictures).permute(0, 3, 1, 2).float()).numpy()
    for runtime in available_runtimes():
        model = Model(tmp_path, "emotion", runtime=runtime)
        step = model._outputs[0]["quantization"][0]
        said = np.stack([model.run(picture)[0] for picture in pictures])
        off = np.abs(said - expected) / step
        assert off.max() < 2.5
        assert off.mean() < 0.5
