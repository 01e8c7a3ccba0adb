"""Signal processing in plain NumPy. Frequencies in hertz, times in seconds, levels linear.

Filters are given as complex responses and applied by FFT, which equals running the biquads
but needs no sample-by-sample loop.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 44_100

_PIECE, _RINGING = 65_536, 16_384

Signal = npt.NDArray[np.float64]  # (n,) mono or (n, 2) stereo
Response = Callable[[Signal], npt.NDArray[np.complex128]]  # hertz -> complex gain


def samples(seconds: float) -> int:
    """How many samples last that long, at least one."""
    return max(1, round(seconds * SAMPLE_RATE))


def fast_length(length: int) -> int:
    """The smallest 2^k, 3·2^k or 5·2^k that is not below `length`: quick for the FFT."""
    power = 1 << max(0, (length - 1).bit_length())
    return min(size for size in (power, power * 3 // 4, power * 5 // 8) if size >= length)


def _biquad(numerator: tuple[float, ...], denominator: tuple[float, ...]) -> Response:
    def response(hertz: Signal) -> npt.NDArray[np.complex128]:
        z = np.exp(-2j * np.pi * hertz / SAMPLE_RATE)
        top = numerator[0] + z * (numerator[1] + z * numerator[2])
        return np.asarray(top / (denominator[0] + z * (denominator[1] + z * denominator[2])))

    return response


def _rbj(hertz: float, q: float) -> tuple[float, float]:
    """Cosine and alpha of R. Bristow-Johnson's Audio EQ Cookbook."""
    omega = 2 * np.pi * min(hertz, 0.45 * SAMPLE_RATE) / SAMPLE_RATE
    return float(np.cos(omega)), float(np.sin(omega) / (2 * q))


def lowpass(hertz: float, q: float = 0.707) -> Response:
    """Second-order low-pass."""
    cosine, alpha = _rbj(hertz, q)
    side = (1 - cosine) / 2
    return _biquad((side, 1 - cosine, side), (1 + alpha, -2 * cosine, 1 - alpha))


def highpass(hertz: float, q: float = 0.707) -> Response:
    """Second-order high-pass."""
    cosine, alpha = _rbj(hertz, q)
    side = (1 + cosine) / 2
    return _biquad((side, -1 - cosine, side), (1 + alpha, -2 * cosine, 1 - alpha))


def bandpass(hertz: float, q: float) -> Response:
    """Second-order band-pass with unit gain at its centre."""
    cosine, alpha = _rbj(hertz, q)
    return _biquad((alpha, 0.0, -alpha), (1 + alpha, -2 * cosine, 1 - alpha))


def peak(hertz: float, decibels: float, q: float = 1.0) -> Response:
    """A bell that lifts or lowers the surroundings of one frequency."""
    cosine, alpha = _rbj(hertz, q)
    root = 10 ** (decibels / 40)
    return _biquad(
        (1 + alpha * root, -2 * cosine, 1 - alpha * root),
        (1 + alpha / root, -2 * cosine, 1 - alpha / root),
    )


def high_shelf(hertz: float, decibels: float) -> Response:
    """Lifts or lowers everything above a frequency."""
    cosine, alpha = _rbj(hertz, 0.707)
    root = 10 ** (decibels / 40)
    slope = 2 * np.sqrt(root) * alpha
    plus, minus = root + 1, root - 1
    return _biquad(
        (
            root * (plus + minus * cosine + slope),
            -2 * root * (minus + plus * cosine),
            root * (plus + minus * cosine - slope),
        ),
        (
            plus - minus * cosine + slope,
            2 * (minus - plus * cosine),
            plus - minus * cosine - slope,
        ),
    )


def together(*responses: Response) -> Response:
    """Responses side by side: their outputs are added (formants)."""

    def response(hertz: Signal) -> npt.NDArray[np.complex128]:
        total = np.zeros(hertz.shape, dtype=np.complex128)
        for one in responses:
            total += one(hertz)
        return total

    return response


def scaled(gain: float, one: Response) -> Response:
    """A response, made louder or softer."""
    return lambda hertz: np.asarray(gain * one(hertz))


def filtered(signal: Signal, *responses: Response) -> Signal:
    """The signal behind a chain of filters; same shape.

    Long ones are taken piece by piece and added where they overlap; filters ring for less
    than `_RINGING` samples (a third of a second).
    """
    length = signal.shape[0]
    size = min(fast_length(length + 4096), _PIECE)
    step = length if length + 4096 <= size else size - _RINGING
    gain = _chain(size, responses)
    out = np.zeros((length + size, *signal.shape[1:]))
    for start in range(0, length, step):
        spectrum = np.fft.rfft(signal[start : start + step], size, axis=0)
        spectrum *= gain if signal.ndim == 1 else gain[:, None]
        out[start : start + size] += np.fft.irfft(spectrum, size, axis=0)
    return out[:length]


def _chain(size: int, responses: tuple[Response, ...]) -> npt.NDArray[np.complex128]:
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    gain = np.ones(hertz.shape, dtype=np.complex128)
    for response in responses:
        gain *= response(hertz)
    return gain


def convolved(signal: Signal, impulse: Signal) -> Signal:
    """Stereo convolution, (n, 2) with (m, 2) -> (n, 2); what rings on after n is cut."""
    length = signal.shape[0]
    size = fast_length(length + impulse.shape[0])
    out = np.empty_like(signal)
    for side in range(2):
        product = np.fft.rfft(signal[:, side], size) * np.fft.rfft(impulse[:, side], size)
        out[:, side] = np.fft.irfft(product, size)[:length]
    return out


def saw(hertz: Signal, phase: float, width: float | None = None) -> Signal:
    """A band-limited sawtooth along a course of frequencies, or with `width` a pulse.

    PolyBLEP (Välimäki and Huovilainen, "Antialiasing oscillators", 2007).
    """
    step = hertz / SAMPLE_RATE
    turns = phase + np.cumsum(step)
    wave = _blep_saw(turns % 1.0, step)
    if width is None:
        return wave
    return wave - _blep_saw((turns + width) % 1.0, step)


def _blep_saw(turn: Signal, step: Signal) -> Signal:
    wave = 2 * turn - 1
    early = turn < step
    ratio = turn[early] / step[early]
    wave[early] -= 2 * ratio - ratio * ratio - 1
    late = turn > 1 - step
    ratio = (turn[late] - 1) / step[late]
    wave[late] -= ratio * ratio + 2 * ratio + 1
    return wave


def envelope(length: int, attack: float, sustain: float, release: float) -> Signal:
    """Raised-cosine rise, full until `sustain` seconds, raised-cosine fall, then nothing."""
    times = np.arange(length) / SAMPLE_RATE
    attack = max(attack, 0.001)
    rise = 0.5 - 0.5 * np.cos(np.pi * np.clip(times / attack, 0, 1))
    fall = 0.5 + 0.5 * np.cos(np.pi * np.clip((times - sustain) / max(release, 0.001), 0, 1))
    return np.asarray(rise * fall)


def widened(signal: Signal, pan: float) -> Signal:
    """Mono or stereo placed between left (-1) and right (1), constant power; (n, 2)."""
    angle = (pan + 1) * np.pi / 4
    gains = np.sqrt(2) * np.array([np.cos(angle), np.sin(angle)])
    return np.asarray((signal[:, None] if signal.ndim == 1 else signal) * gains)
