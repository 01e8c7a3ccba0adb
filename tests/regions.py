"""Regions of a document that code writes: from `<!-- NAME -->` to `<!-- /NAME -->`."""

from __future__ import annotations

import re
from collections.abc import Mapping


def filled(text: str, regions: Mapping[str, str]) -> str:
    """The document with every region as given. Raises `ValueError` where one is not there once."""
    for name, content in regions.items():
        text, count = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
            lambda match, new=content: f"{match[1]}{new}\n{match[2]}",
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(f"{count} regions are named {name}, not one")
    return text
