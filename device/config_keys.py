"""What the settings' types say of each key: bounds, choices, default and description."""

from __future__ import annotations

import enum
import functools
import re
import typing
from typing import Any, NamedTuple

from device.settings import Settings

MASK = "***"
LOGINS = re.compile(
    r"""(?i)((?:password|passwd|pwd|-pw|token|secret)["']?\s*[=:]\s*)(?!["']{2})"""
    r"""(?:\\?"[^"]+"|'[^']+'|[^\s"]+)"""
)
QUERY = re.compile(r"""(\w://[^\s"'?]*)\?[^\s"']*""")


class Bounds(NamedTuple):
    """The least and the greatest value that may be set; None where there is no such limit."""

    low: float | None
    high: float | None


class Key(NamedTuple):
    """One setting. `type` is its annotated type; `path` is "", "any" or "folder"."""

    table: str
    name: str
    type: Any
    default: object
    description: str
    secret: bool
    path: str

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.table}.{self.name}"

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of a setting with a closed set of them; else empty."""
        base = _base(self.type)
        if typing.get_origin(base) is typing.Literal:
            return tuple(str(value) for value in typing.get_args(base))
        if isinstance(base, type) and issubclass(base, enum.Enum):
            return tuple(str(member.value) for member in base)
        return ()

    @property
    def bounds(self) -> Bounds:
        """The least and the greatest value of a setting that is a number with both."""
        return Bounds(_constraint(self.type, "ge"), _constraint(self.type, "le"))

    @property
    def allowed(self) -> str:
        """What may be written, in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        base = _base(self.type)
        if base == list[str]:
            return "a list of texts"
        if base is bool:
            return "true or false"
        if base is str:
            return self._allowed_text()
        words = "a number" if base is float else "a whole number"
        low, high = self.bounds
        if low is None or high is None:
            return words
        return f"{words}, {_plain(low)} to {_plain(high)}"

    def _allowed_text(self) -> str:
        words = _constraint(self.type, "title") or "text"
        if maximum := _constraint(self.type, "max_length"):
            return f"{words}, 1 to {maximum} characters"
        return f"{words}, not empty" if _constraint(self.type, "min_length") else words


@functools.cache
def keys() -> tuple[Key, ...]:
    """Every setting, in the order of the file."""
    found = []
    defaults = Settings()
    for table, group in typing.get_type_hints(Settings).items():
        for name, kind in typing.get_type_hints(group, include_extras=True).items():
            extra = _constraint(kind, "extra") or {}
            found.append(
                Key(
                    table,
                    name,
                    kind,
                    getattr(getattr(defaults, table), name),
                    _constraint(kind, "description"),
                    secret=extra.get("secret", False),
                    path=extra.get("path", ""),
                )
            )
    return tuple(found)


def _base(annotated: object) -> object:
    """The bare type under `Annotated` and `| None`."""
    bare = typing.get_args(annotated)[0] if hasattr(annotated, "__metadata__") else annotated
    if type(None) in typing.get_args(bare):
        (bare,) = (part for part in typing.get_args(bare) if part is not type(None))
    return bare


def _constraint(annotated: object, name: str) -> Any:  # noqa: ANN401 - as various as Meta's fields
    """A field of the `Meta`s of an annotated type, None where none sets it."""
    values = (getattr(meta, name) for meta in getattr(annotated, "__metadata__", ()))
    return next((value for value in values if value is not None), None)


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


def masked(key: Key, value: object) -> object:
    """A setting's value fit to be shown."""
    if key.secret and value:
        return MASK
    if isinstance(value, list):
        return [redacted(each) for each in value]
    return redacted(value) if isinstance(value, str) else value


def redacted(text: str) -> str:
    """A text fit to be shown: addresses without user, password and query, and no password in what
    else may be said of a source, such as GStreamer's `user-pw`."""
    text = QUERY.sub(rf"\1?{MASK}", re.sub(r"(://)[^/\s]*@", r"\1", text))
    return LOGINS.sub(rf"\1{MASK}", text)
