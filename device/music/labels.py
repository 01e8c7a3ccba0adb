"""The user's own word on files: `.attune.toml` and `mood.txt` beside them.

`.attune.toml` has a table for each file, and `["*"]` for all of the folder and those below:

    ["*"]
    mood = "calm"
    ["song.mp3"]
    valence = -0.2
    skip = true

`mood.txt` is plain: a word on a line of its own is the mood of the whole folder and those below,
`song.mp3: sad` that of one file, `song: sad` that of each sound file of this name whatever its
ending, and `#` begins a comment.
"""

from __future__ import annotations

import stat
import sys
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from device.music.endings import is_sound
from device.music.words import place_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OWN_TAGS = ".attune.toml"
MOOD_TEXT = "mood.txt"
LABEL_FILES = frozenset((OWN_TAGS, MOOD_TEXT))
ALL = "*"
"""The table that holds for every file of a folder, and of those below."""
LARGEST_BYTES = 1_000_000
"""A larger file is nothing that a person wrote."""


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the user says of one file: numbers -1..1, or a word for its mood, and more.

    `skip`: never play it. None: nothing is said.
    """

    valence: float | None = None
    arousal: float | None = None
    mood: str | None = None
    genre: str | None = None
    year: int | None = None
    explicit: bool | None = None
    skip: bool | None = None

    def __post_init__(self) -> None:
        for name, number in (("valence", self.valence), ("arousal", self.arousal)):
            if number is not None and not -1.0 <= number <= 1.0:
                msg = f"{name} must be -1..1, not {number}"
                raise ValueError(msg)
        if self.mood is not None and place_of(self.mood) is None:
            msg = f"mood {self.mood!r} is not a word known here; try happy, sad, calm or angry"
            raise ValueError(msg)
        if self.year is not None and not 1000 <= self.year < 2100:
            msg = f"year must be 1000..2099, not {self.year}"
            raise ValueError(msg)

    def over(self, other: Label) -> Label:
        """What both say; this one wins. Valence, arousal and mood are said together."""
        feels = self if (self.valence, self.arousal, self.mood) != (None, None, None) else other
        return Label(
            feels.valence,
            feels.arousal,
            feels.mood,
            other.genre if self.genre is None else self.genre,
            other.year if self.year is None else self.year,
            other.explicit if self.explicit is None else self.explicit,
            other.skip if self.skip is None else self.skip,
        )


class Labels(NamedTuple):
    """The labels of a folder: of `all` files, and by name."""

    all: Label
    by_name: Mapping[str, Label] = {}

    def of(self, name: str) -> Label:
        """Label of the file of this name."""
        if not self.by_name:
            return self.all
        own = self.by_name.get(plain(name))
        return self.all if own is None else own.over(self.all)


class Problem(NamedTuple):
    """A label that cannot be used, and why."""

    path: Path
    reason: str


def read_labels(
    folder: Path, names: Sequence[str], inherited: Label
) -> tuple[Labels, list[Problem]]:
    """The labels of a folder that holds files of these `names`; wrong ones are told."""
    problems: list[Problem] = []
    sounds = {plain(name) for name in names if is_sound(name)}
    entries: list[tuple[str, Label]] = []
    # `.attune.toml` is the more exact of the two: what comes later wins.
    for name in sorted(names, key=lambda name: (_says_more(name), name)):
        if name.casefold() not in LABEL_FILES:
            continue
        path = folder / name
        try:
            text = _read(path)
            read = list(_toml(text) if _says_more(name) else _mood_text(text, sounds))
        except (OSError, ValueError) as error:
            problems.append(Problem(path, f"not read: {error}"))
            continue
        for key, label in read:
            if isinstance(label, str):
                problems.append(Problem(path, label))
            elif key != ALL and plain(key) not in sounds:
                problems.append(Problem(path, f"{key!r}: there is no such sound file here"))
            else:
                entries.append((plain(key), label))
    everything, by_name = inherited, dict[str, Label]()
    for key, label in entries:
        if key == ALL:
            everything = label.over(everything)
        else:
            by_name[key] = label.over(by_name.get(key, Label()))
    return Labels(everything, by_name), problems


def _says_more(name: str) -> bool:
    """Whether this is `.attune.toml`; some drives write names in another case."""
    return name.casefold() == OWN_TAGS


def _read(path: Path) -> str:
    """Text of a label file. Raises `OSError` or `ValueError`."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a file")
    if status.st_size > LARGEST_BYTES:
        raise ValueError(f"it is larger than {LARGEST_BYTES // 1_000_000} MB")
    data = path.read_bytes()
    try:
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        if _says_more(path.name):
            raise
        return data.decode("cp1252")  # as Windows' editor wrote it


def _toml(text: str) -> Iterable[tuple[str, Label | str]]:
    """Entries of `.attune.toml`; a text says what is wrong with one. Raises `ValueError`."""
    for name, entry in tomllib.loads(text).items():
        if unquoted := list(_unquoted(name, entry)):
            yield from ((file, f'put {file!r} in quotes: ["{file}"]') for file in unquoted)
            continue
        try:
            yield name, msgspec.convert(entry, Label)
        except msgspec.ValidationError as error:
            yield name, f"entry {name!r}: {error}"


def _unquoted(name: str, entry: object) -> Iterator[str]:
    """Names whose tables lie within that one: without quotes, a dot parts them."""
    if isinstance(entry, dict):
        for key, inner in entry.items():
            if isinstance(inner, dict):
                whole = f"{name}.{key}"
                yield from list(_unquoted(whole, inner)) or [whole]


def _mood_text(text: str, sounds: Collection[str]) -> Iterable[tuple[str, Label | str]]:
    """Entries of `mood.txt`; a text says what is wrong with a line. Raises `ValueError`."""
    if "\0" in text:
        raise ValueError("it is not text")
    meant = _meant(sounds)
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, colon, mood = line.rpartition(":")
        try:
            label = Label(mood=mood.strip())
        except ValueError as error:
            yield line, f"line {number}: {error}"
            continue
        for key in meant.get(plain(name.strip()), [name.strip()]) if colon else [ALL]:
            yield key, label


def _meant(sounds: Collection[str]) -> Mapping[str, Sequence[str]]:
    """Each name that may be written -> the file of this name, or else those that end otherwise."""
    meant: dict[str, list[str]] = {}
    for sound in sounds:
        meant.setdefault(Path(sound).stem, []).append(sound)
    return meant | {sound: [sound] for sound in sounds}


def plain(name: str) -> str:
    """A file's name as it is compared: systems spell umlauts in two ways."""
    return unicodedata.normalize("NFC", name)
