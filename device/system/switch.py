"""The privacy switch, also kept beside the database: an empty file that is there while it is on.

A damaged database is begun anew, and whoever goes back to an older version of Attune goes back to
an older database. Neither may open the camera.
"""

from __future__ import annotations

import os
from pathlib import Path

FILE = "privacy.on"


def is_on(folder: Path) -> bool:
    """Whether the file is there; where the disk does not tell, it is taken to be."""
    try:
        (folder / FILE).lstat()
    except OSError as error:
        return not isinstance(error, FileNotFoundError)
    return True


def keep(folder: Path, *, on: bool) -> None:
    """Have the file there or not; only a change is written. Raises `OSError`."""
    if on is is_on(folder):
        return
    if on:
        (folder / FILE).touch(mode=0o600)
    else:
        (folder / FILE).unlink()
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
