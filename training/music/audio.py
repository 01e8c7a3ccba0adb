"""What the device hears of files, by its own chain, in several processes and each file once."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import msgspec
from tqdm import tqdm

from device.music.decode import CannotDecode
from device.music.ffmpeg import DAMAGED
from device.music.listen import VERSION
from device.music.listen.analyse import listen
from device.music.listen.tagger import Tagger
from device.music.probe import Unplayable, probe
from device.types import Heard
from training.data import DataError

_tagger: list[Tagger] = []
"""Of this process, where it is one of those that listen."""


class _Line(msgspec.Struct):
    """One line of the cache: what is heard under a key that changes with file and analysis."""

    key: str
    heard: Heard


def hear(
    paths: Sequence[Path], models: Path, cache: Path
) -> tuple[dict[Path, Heard], dict[Path, str]]:
    """What was heard of each file, and why not of the others.

    Each is written to the file `cache` at once, so that an interrupted run goes on from there.
    Raises ModelError, and DataError where a process dies.
    """
    model = Tagger(models).sidecar.sha256[:12]
    keys = {path: _key(path, model) for path in paths}
    known = _cached(cache)
    heard = {path: known[key] for path, key in keys.items() if key in known}
    failed: dict[Path, str] = {}
    new = [path for path in paths if path not in heard]
    if not new:
        return heard, failed
    cache.parent.mkdir(parents=True, exist_ok=True)
    workers = min(len(new), os.cpu_count() or 1)
    # Not forked: the network's threads would not come along.
    context = multiprocessing.get_context("spawn")
    processes = ProcessPoolExecutor(workers, context, _start, (models,))
    try:
        with cache.open("ab") as file:
            # An earlier run may have broken off within a line.
            file.write(b"\n")
            jobs = {processes.submit(_listen, path): path for path in new}
            for job in tqdm(as_completed(jobs), "listening", len(jobs), mininterval=1, leave=False):
                path, told = jobs[job], job.result()
                if isinstance(told, str):
                    failed[path] = told
                    continue
                heard[path] = told
                file.write(msgspec.json.encode(_Line(keys[path], told)) + b"\n")
                file.flush()
    except BrokenProcessPool as error:
        raise DataError(
            "a process that listened died, perhaps for want of memory; the same command goes on "
            "with what was not heard yet"
        ) from error
    finally:
        # Interrupted, only what is being listened to is waited for.
        processes.shutdown(cancel_futures=True)
    return heard, failed


def _start(models: Path) -> None:
    # Ctrl-C reaches the whole group: the process that asked decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _tagger.append(Tagger(models))


def _listen(path: Path) -> Heard | str:
    try:
        return listen(str(path), probe(path).seconds, _tagger[0])
    except (CannotDecode, Unplayable) as error:
        return str(error)
    except DAMAGED as error:
        return f"damaged: {error}"


def _key(path: Path, model: str) -> str:
    stat = path.stat()
    return f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns} {VERSION} {model}"


def _cached(cache: Path) -> dict[str, Heard]:
    """All whole lines: the last one may have been cut off."""
    found = {}
    for line in cache.read_bytes().splitlines() if cache.exists() else ():
        try:
            read = msgspec.json.decode(line, type=_Line)
        except msgspec.DecodeError:
            continue
        found[read.key] = read.heard
    return found
