"""The dashboard as a person sees it: in a real browser, logged in to the real hub."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.home_assistant.browser import browser
from tests.home_assistant.hub import Hub

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CARDS = {
    "music": {
        *("hui-heading-card", "hui-media-control-card", "hui-markdown-card", "hui-tile-card"),
        *("hui-numeric-input-card-feature", "hui-select-options-card-feature"),
        *("hui-horizontal-stack-card", "hui-button-card", "hui-gauge-card"),
        "hui-history-graph-card",
    },
    "health": {"hui-entities-card", "hui-sensor-entity-row", "hui-logbook-card"},
}
BROKEN = {"hui-error-card", "hui-warning"}
WORDS = {"music": ("Mood", "Volume", "Privacy"), "health": ("Camera", "Memory", "Last error")}


def test_every_card_is_drawn_and_none_is_an_error(hub: Hub, tmp_path: Path) -> None:
    # Where the pictures shall lie that the README shows.
    pictures = Path(os.environ.get("ATTUNE_PICTURES") or tmp_path)
    hub.call("switch.turn_on", "switch.attune_playing")
    now = int(time.time() * 1000)
    tokens = {**hub.tokens, "hassUrl": hub.url, "clientId": f"{hub.url}/"}
    tokens["expires"] = now + int(tokens["expires_in"]) * 1000
    with browser() as page:
        page.open(f"{hub.url}/manifest.json")  # so that what is stored belongs to the hub's pages
        page.run(f"localStorage.setItem('hassTokens', {json.dumps(json.dumps(tokens))})")
        for view, cards in CARDS.items():
            page.open(f"{hub.url}/attune-home/{view}")
            missing = cards
            deadline = time.monotonic() + 120
            while missing and time.monotonic() < deadline:
                time.sleep(0.5)
                missing = cards - page.tags()
            page.picture(pictures / f"home-assistant-{view}-{hub.version}.png")
            assert not missing, page.text()[:2000]
            time.sleep(3)  # an error would be drawn after its card
            assert not BROKEN & page.tags(), page.text()[:2000]
            text = page.text()
            for word in WORDS[view]:
                assert word in text
            page.picture(pictures / f"home-assistant-{view}-{hub.version}.png")
