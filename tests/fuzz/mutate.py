"""Cases for the fuzzer: real inputs, harmed in the ways that harm finds mistakes by.

A case is told by edge, seed and number alone, so that it can be made again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

BYTES = (0, 1, 0x0A, 0x20, 0x22, 0x7F, 0x80, 0xC0, 0xFE, 0xFF)
NUMBERS = (0, 1, -1, 2, 127, 128, 255, 256, 32_767, 32_768, 65_535, 65_536)
NUMBERS += (2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1, -(2**31), -(2**63))
TEXT_NUMBERS = (*map(str, NUMBERS), "0.0", "-0", "1e308", "1e999", "-1e999", "5e-324", "NaN", "inf")
TEXT_NUMBERS += ("9" * 400, "0x10", "1_000", "1e-400", "٣")
TEXTS = (" ", "\0", "a" * 500, "\ud800", "\u202e", "é", "e\u0301", "🙂", "../..", "/dev/zero")
TEXTS += ("/", ".", "a\nb", "%00", "%s%n", "{{7*7}}", "'; --", "null", "\ufeff", "\x1b[2J")
HEADER_BYTES = 600
"""Half of all harm is done within the first bytes, where formats keep what they are."""
LONGEST_BYTES = 4_000_000


class Case(NamedTuple):
    """One input: of a kind (a file's ending, a route, a topic), and its bytes."""

    kind: str
    data: bytes


class Cases:
    """All cases of an edge: `seeds` are good inputs by kind, `words` what its language is of."""

    def __init__(
        self, name: str, seed: int, seeds: Mapping[str, Sequence[bytes]], words: Sequence[bytes]
    ) -> None:
        self._name, self._seed, self._seeds = name, seed, seeds
        self._kinds = sorted(seeds)
        self._words = (*words, b"\0", b"\r\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80")

    def case(self, number: int) -> Case:
        """The case of a number; the first ones are the good inputs as they are."""
        dice = Random(f"{self._name}:{self._seed}:{number}")
        # Of one kind in a row: what is slow to begin with, models above all, begins seldom.
        kind = Random(f"{self._name}:{self._seed}:{number // 20}").choice(self._kinds)
        seeds = self._seeds[kind]
        if number < 2 * len(self._kinds):
            kind = self._kinds[number % len(self._kinds)]
            return Case(kind, self._seeds[kind][0])
        if dice.random() < 0.02:
            return Case(kind, dice.randbytes(dice.randrange(300)))
        data = dice.choice(seeds)
        if data[:1] in (b"{", b"[") and dice.random() < 0.6:
            data = _harmed_json(data, dice)
        else:
            other = dice.choice(seeds)
            data = self._harmed(data, other, dice)
        return Case(kind, data[:LONGEST_BYTES])

    def _harmed(self, data: bytes, other: bytes, dice: Random) -> bytes:
        content = bytearray(data)
        for _ in range(1 + int(dice.expovariate(0.4))):
            dice.choice(HARMS)(content, other, self._words, dice)
        return bytes(content)


def _place(content: bytearray, dice: Random) -> int:
    end = len(content)
    return dice.randrange((min(end, HEADER_BYTES) if dice.random() < 0.5 else end) + 1)


def _length(dice: Random) -> int:
    return min(int(dice.paretovariate(0.7)), 100_000)


Harm = Callable[[bytearray, bytes, Sequence[bytes], Random], None]


def _flip(content: bytearray, _other: bytes, _words: Sequence[bytes], dice: Random) -> None:
    if content:
        content[_place(content, dice) - 1] ^= 1 << dice.randrange(8)


def _set_byte(content: bytearray, _other: bytes, _words: Sequence[bytes], dice: Random) -> None:
    if content:
        content[_place(content, dice) - 1] = dice.choice((*BYTES, dice.randrange(256)))


def _set_number(content: bytearray, _other: bytes, _words: Sequence[bytes], dice: Random) -> None:
    size = dice.choice((2, 4, 8))
    number = dice.choice(NUMBERS) % 256**size
    at = _place(content, dice)
    content[at : at + size] = number.to_bytes(size, dice.choice(("little", "big")))


def _drop(content: bytearray, _other: bytes, _words: Sequence[bytes], dice: Random) -> None:
    at = _place(content, dice)
    del content[at : at + _length(dice)]


def _repeat(content: bytearray, _other: bytes, _words: Sequence[bytes], dice: Random) -> None:
    at, length = _place(content, dice), _length(dice)
    content[at:at] = content[at : at + length] * min(dice.choice((1, 2, 50)), 1 + 20_000 // length)


def _insert(content: bytearray, _other: bytes, _words: Sequence[bytes], dice: Random) -> None:
    at = _place(content, dice)
    content[at:at] = dice.randbytes(min(_length(dice), 2000))


def _insert_word(content: bytearray, _other: bytes, words: Sequence[bytes], dice: Random) -> None:
    at, word = _place(content, dice), dice.choice(words)
    content[at : at + dice.choice((0, len(word)))] = word


def _clear(content: bytearray, _other: bytes, _words: Sequence[bytes], dice: Random) -> None:
    at = _place(content, dice)
    length = len(content[at : at + _length(dice)])
    content[at : at + length] = bytes([dice.choice(BYTES)]) * length


def _cut(content: bytearray, _other: bytes, _words: Sequence[bytes], dice: Random) -> None:
    if dice.random() < 0.3:  # it leaves the other harms little to do
        del content[_place(content, dice) :]


def _splice(content: bytearray, other: bytes, _words: Sequence[bytes], dice: Random) -> None:
    at, start = _place(content, dice), dice.randrange(len(other) + 1)
    piece = other[start : start + _length(dice)]
    content[at : at + dice.choice((0, len(piece)))] = piece


def _set_text(content: bytearray, _other: bytes, _words: Sequence[bytes], dice: Random) -> None:
    """Another number, or another text, where one is written out."""
    found = list(re.finditer(rb"-?\d+(?:\.\d+)?|\"[^\"]{0,200}\"", bytes(content[:20_000])))
    if not found:
        return
    match = dice.choice(found)
    text = dice.choice(TEXT_NUMBERS)
    if match[0].startswith(b'"'):
        text = f'"{dice.choice(TEXTS)}"'
    content[match.start() : match.end()] = text.encode("utf-8", "surrogatepass")


HARMS: tuple[Harm, ...] = (
    _flip, _set_byte, _set_number, _drop, _repeat, _insert, _insert_word, _insert_word, _clear,
    _cut, _splice, _set_text, _set_text,
)  # fmt: skip


# --- JSON, harmed so that it stays JSON ----------------------------------------------------------


def _harmed_json(data: bytes, dice: Random) -> bytes:
    try:
        root = json.loads(data)
    except ValueError:
        return data
    box = {"": root}
    rounds = 1 + int(dice.expovariate(0.5))
    for left in reversed(range(rounds)):
        _replace(*_somewhere(box, dice), dice, most=2 if left else 300)
    try:
        text = json.dumps(box[""], ensure_ascii=dice.random() < 0.5)
    except RecursionError:  # deeper than Python writes it
        return b"[" * 5000 + data
    return text.encode("utf-8", "surrogatepass")


def _somewhere(root: dict[Any, Any], dice: Random) -> tuple[Any, Any]:
    """A holder and a key in it, anywhere."""
    holder: Any = root
    key: Any = ""  # of the box that the root lies in
    while True:
        value = holder[key]
        if not isinstance(value, (dict, list)) or not value or dice.random() < 0.15:
            return holder, key
        holder = value
        key = dice.choice(list(value)) if isinstance(value, dict) else dice.randrange(len(value))


def _is_box(holder: Any) -> bool:
    return isinstance(holder, dict) and "" in holder


def _replace(holder: Any, key: Any, dice: Random, *, most: int) -> None:
    value, choice = holder[key], dice.random()
    if choice < 0.15 and not _is_box(holder):
        del holder[key]
    elif choice < 0.25 and isinstance(holder, dict) and not _is_box(holder):
        holder[dice.choice(TEXTS)] = value
    elif choice < 0.35 and isinstance(holder, list):
        holder.extend([value] * dice.choice((1, most)))  # once many, or they multiply
    elif choice < 0.4:
        nested: Any = value
        for _ in range(dice.choice((1, 30, 300))):
            nested = [nested] if dice.random() < 0.5 else {"a": nested}
        holder[key] = nested
    elif choice < 0.7 and isinstance(value, (int, float)) and not isinstance(value, bool):
        holder[key] = dice.choice(
            (*NUMBERS, 1e308, -1e308, 5e-324, 0.5, value * 2, -value, value + 1e-9, float("inf"))
        )
    elif choice < 0.8 and isinstance(value, str):
        holder[key] = dice.choice((*TEXTS, value.upper(), value + "x", value * 40))
    else:
        holder[key] = dice.choice(
            (None, True, False, 0, -1, 0.5, "", "x", [], {}, [[]], "0", 1e308)
        )
