"""FFmpeg's own loudness meter (EBU R 128), to check ours and what was sounded."""

from __future__ import annotations

from typing import Any, NamedTuple

import av
import av.filter
import numpy as np

from device.music.decode import RATE


class Measured(NamedTuple):
    lufs: float
    true_peak_db: float


def measured(sound: np.ndarray[Any, Any], rate: int = RATE) -> Measured:
    """Integrated loudness and true peak of stereo sound, shape (frames, 2), by `ebur128`."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        format="flt", sample_rate=rate, layout="stereo", time_base=f"1/{rate}"
    )
    meter = graph.add("ebur128", "metadata=1:peak=true")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(sound, dtype=np.float32).reshape(1, -1), format="flt", layout="stereo"
    )
    frame.sample_rate = rate
    graph.push(frame)
    graph.push(None)
    said: dict[str, str] = {}
    while True:
        try:
            said.update(graph.pull().metadata)
        except (av.EOFError, BlockingIOError):
            break
    peaks = [float(said[f"lavfi.r128.true_peaks_ch{side}"]) for side in (0, 1)]
    return Measured(float(said["lavfi.r128.I"]), float(20 * np.log10(max(*peaks, 1e-9))))
