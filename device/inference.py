"""TFLite interpreters of whichever runtime is there, for every room that runs a model."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

Description = TypeVar("Description", bound=msgspec.Struct)

RUNTIMES = {
    "litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}
"""Name and module of each runtime, best first: LiteRT runs int8 through XNNPACK."""

STDERR = threading.Lock()
"""Held while descriptor 2 of the whole process is another, and by who starts a child with it."""


class ModelError(Exception):
    """A model cannot be used; the message names the file, what is wrong and the mend."""


def available_runtimes() -> list[str]:
    """The runtimes that import here, best first."""
    return [name for name in RUNTIMES if _interpreter_class(name) is not None]


def default_runtime() -> str:
    """The best runtime that imports here; ModelError where there is none. The others are not
    imported: that would take a megabyte and a half."""
    for name in RUNTIMES:
        if _interpreter_class(name) is not None:
            return name
    raise ModelError(
        "no TFLite runtime is installed: `pip install ai-edge-litert` (or tflite-runtime)"
    )


def decode_sidecar(path: Path, kind: type[Description]) -> Description:
    """A sidecar's content; ModelError where it is missing or malformed."""
    try:
        return msgspec.json.decode(read_file(path), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(
            f"{path} is no valid sidecar ({error}): restore or regenerate it"
        ) from error


def read_file(path: Path) -> bytes:
    """Its content; ModelError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror}): restore it from the release"
        ) from error


def check_digest(path: Path, content: bytes, expected: str) -> None:
    """ModelError where a model's content is not what its sidecar describes."""
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise ModelError(
            f"{path} is not the model that its sidecar describes (sha256 {digest[:12]}…, "
            f"expected {expected[:12]}…): restore both files of one release"
        )


def open_interpreter(path: Path, content: bytes, threads: int, runtime: str) -> Any:  # noqa: ANN401 - two unrelated classes
    """An allocated interpreter of a model; ModelError where the runtime refuses it."""
    interpreter_class = _interpreter_class(runtime)
    if interpreter_class is None:
        raise ModelError(
            f"runtime {runtime} does not import here: choose one of {available_runtimes()}"
        )
    try:
        with _without_greetings():
            interpreter = interpreter_class(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else "no reason given"
        raise ModelError(
            f"{path} is refused by {runtime} ({reason}): restore it from the release"
        ) from error
    return interpreter


def _interpreter_class(runtime: str) -> Any:  # noqa: ANN401 - two unrelated classes
    """The runtime's Interpreter, or None where it does not import."""
    try:
        return importlib.import_module(RUNTIMES[runtime]).Interpreter
    except (KeyError, ImportError, AttributeError):
        return None


@contextlib.contextmanager
def _without_greetings() -> Iterator[None]:
    """Keep the runtime's INFO lines off stderr, let the rest through afterwards.

    The C++ logger writes to file descriptor 2 and has no switch in Python.
    """
    with STDERR, tempfile.TemporaryFile() as caught:
        sys.stderr.flush()
        saved = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            caught.seek(0)
            for line in caught:
                if not line.startswith(b"INFO: "):
                    os.write(2, line)
