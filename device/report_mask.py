"""What a report for strangers may not tell: secrets, and names of music."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from device.config_keys import MASK, keys, redacted
from device.settings import Settings

SHORTEST_NAME = 4
"""Shorter names ("Yes", "U2") would mask half of all words."""
SHORTEST_SECRET = 4


class Mask:
    """Puts `MASK` in the place of secrets, of `names`, and of whatever lies in the music folders,
    to the end of its line: a file's name may hold any other character.

    `names` None: names of music may stand.
    """

    def __init__(self, settings: Settings, names: Iterable[str] | None) -> None:
        self._secrets = [
            value
            for key in keys()
            if key.secret
            and isinstance(value := getattr(getattr(settings, key.table), key.name), str)
            and len(value) >= SHORTEST_SECRET
        ]
        self._names: list[str] = []
        self._folders: list[str] = []
        if names is not None:
            telling = {name for name in names if len(name) >= SHORTEST_NAME}
            self._names = sorted(telling, key=len, reverse=True)  # a title may hold another one
            announcements = settings.sound.announcements
            folders = [*map(str, settings.music_folders), *filter(None, [announcements])]
            self._folders = [folder.rstrip("/") for folder in folders]

    def __call__(self, text: str) -> str:
        """The text, fit to be passed on."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        text = redacted(text)
        for folder in self._folders:
            text = re.sub(rf"{re.escape(folder)}/[^\n]+", f"{folder}/{MASK}", text)
        for name in self._names:
            if name in text:
                text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", MASK, text)
        return text

    def within(self, value: Any) -> Any:  # noqa: ANN401 - whatever JSON is made of
        """A value with each text in it fit to be passed on: encoded, it would be another text."""
        if isinstance(value, dict):
            return {key: self.within(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.within(each) for each in value]
        return self(value) if isinstance(value, str) else value


def file_names(path: str) -> tuple[str, str, str]:
    """By what a file may be named: its path, its last part, that without its ending."""
    file = Path(path)
    return path, file.name, file.stem
