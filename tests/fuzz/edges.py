"""Every edge: where something from without comes in."""

from __future__ import annotations

from tests.fuzz import media, mqtt, text
from tests.fuzz.edge import Edge

EDGES: dict[str, Edge] = {
    "config": Edge(
        "configuration file: load, show, compare",
        "`ConfigError` with each problem; no secret in it",
        text.config_seeds, text.CONFIG_WORDS, text.config_attack,
    ),
    "mqtt": Edge(
        "MQTT payloads on each topic that is heard",
        "a command, what was left there cleared, or a line in the log",
        mqtt.seeds, mqtt.WORDS, mqtt.attack,
    ),
    "rest": Edge(
        "REST requests to each route",
        "never 5xx; errors are problem+json",
        text.rest_seeds, text.REST_WORDS, text.rest_attack,
    ),
    "labels": Edge(
        "`.attune.toml` and `mood.txt`",
        "each mistake is told",
        text.label_seeds, text.LABEL_WORDS, text.label_attack,
    ),
    "playlists": Edge(
        "M3U, M3U8, XSPF",
        "absolute paths, or `BadPlaylist`",
        text.playlist_seeds, text.PLAYLIST_WORDS, text.playlist_attack,
    ),
    "taste": Edge(
        "import of a taste: database, learning, choosing",
        "finite numbers, or refused",
        text.taste_seeds, text.TASTE_WORDS, text.taste_attack,
    ),
    "sound": Edge(
        "tags, headers and sound of ten formats: scan, announce, decode",
        "`Unplayable`, `CannotDo`, `CannotDecode`",
        media.sound_seeds, media.SOUND_WORDS, media.sound_attack,
    ),
    "pictures": Edge(
        "pictures and clips, for `attune look` and as a camera",
        "a frame, or `PartUnavailable`",
        media.picture_seeds, media.PICTURE_WORDS, media.picture_attack,
    ),
    "frames": Edge(
        "a camera's frames, through models, tracks and mood",
        "finite numbers",
        media.frame_seeds, (), media.frame_attack,
    ),
    "models": Edge(
        "model files and their sidecars",
        "`ModelError`; a changed model never reaches the runtime",
        media.model_seeds, media.MODEL_WORDS, media.model_attack,
    ),
}  # fmt: skip
