"""Every entity that Home Assistant shows of a speaker.

Keys are for good: the hub knows its entities by them, whatever they are called.
"""

from __future__ import annotations

from device.config_keys import keys
from device.home.commands import AUTO
from device.home.diagnostics import DIAGNOSTICS
from device.home.entity import (
    AFFECT,
    CAMERA,
    MEASUREMENT,
    SENSED,
    SOUND,
    SWITCHED,
    Entity,
    button,
    enum_of,
    event,
)
from device.types import (
    LONGEST_SLEEP_MINUTES,
    AgeChanged,
    AgeGroup,
    Arrived,
    Departed,
    Emotion,
    Goal,
    MoodChanged,
    MoodLabel,
    NowStarted,
)

ROOM_EVENTS = tuple(
    str(news.__struct_config__.tag) for news in (MoodChanged, AgeChanged, Arrived, Departed)
)
MUSIC_EVENTS = (str(NowStarted.__struct_config__.tag),)
_VOLUME = next(key for key in keys() if key.label == "music.volume").bounds

ROOM = (
    Entity(
        key="mood",
        platform="sensor",
        name="Mood",
        icon="mdi:emoticon-outline",
        value="value_json.mood.label",
        needs=CAMERA,
        options=enum_of(*(label.value for label in MoodLabel)),
    ),
    Entity(
        key="valence",
        platform="sensor",
        name="Valence",
        icon="mdi:emoticon-happy-outline",
        value="value_json.mood.valence",
        needs=CAMERA,
        options=AFFECT,
    ),
    Entity(
        key="arousal",
        platform="sensor",
        name="Arousal",
        icon="mdi:pulse",
        value="value_json.mood.arousal",
        needs=CAMERA,
        options=AFFECT,
    ),
    Entity(
        key="confidence",
        platform="sensor",
        name="Confidence",
        icon="mdi:gauge",
        value="(value_json.mood.confidence * 100) | round | int",
        needs=CAMERA,
        options=MEASUREMENT | {"unit_of_measurement": "%"},
    ),
    Entity(
        key="people",
        platform="sensor",
        name="People",
        icon="mdi:account-multiple",
        value="value_json.people",
        needs=CAMERA,
        options=MEASUREMENT,
    ),
    Entity(
        key="age",
        platform="sensor",
        name="Age",
        icon="mdi:cake-variant",
        value="value_json.age",
        attributes="{'interval': value_json.age_interval} | tojson",
        needs=CAMERA,
        options=MEASUREMENT | {"unit_of_measurement": "y", "suggested_display_precision": 0},
    ),
    Entity(
        key="age_group",
        platform="sensor",
        name="Age group",
        icon="mdi:human-male-child",
        value="value_json.age_group",
        needs=CAMERA,
        options=enum_of(*(group.value for group in AgeGroup)),
    ),
    Entity(
        key="presence",
        platform="binary_sensor",
        name="Presence",
        value="value_json.presence",
        needs=CAMERA,
        options=SENSED | {"device_class": "occupancy"},
    ),
    event("events", "Room events", "mdi:account-eye", ROOM_EVENTS, CAMERA),
)

MUSIC = (
    Entity(
        key="now_playing",
        platform="sensor",
        name="Now playing",
        icon="mdi:music",
        value="value_json.title",
        attributes="{'artist': value_json.track.artist,"
        " 'duration_seconds': value_json.track.duration_seconds} | tojson"
        " if value_json.track else '{}'",
        needs=SOUND,
    ),
    Entity(
        key="why",
        platform="sensor",
        name="Why",
        icon="mdi:comment-question-outline",
        value="value_json.because",
        needs=SOUND,
    ),
    Entity(
        key="volume_cap",
        platform="sensor",
        name="Volume cap",
        icon="mdi:volume-minus",
        value="value_json.volume_why or 'none'",
        attributes="{'volume_now': value_json.volume_now} | tojson",
        needs=SOUND,
    ),
    event("track_events", "Track events", "mdi:music-note", MUSIC_EVENTS, SOUND),
)

CONTROLS = (
    Entity(
        key="playing",
        platform="switch",
        name="Playing",
        icon="mdi:play-pause",
        value="value_json.playing",
        command="playing",
        needs=SOUND,
        options=SWITCHED,
    ),
    button("next", "Next", "mdi:skip-next", SOUND),
    button("previous", "Previous", "mdi:skip-previous", SOUND),
    button("like", "Like", "mdi:thumb-up", SOUND),
    button("dislike", "Dislike", "mdi:thumb-down", SOUND),
    Entity(
        key="volume",
        platform="number",
        name="Volume",
        icon="mdi:volume-high",
        value="value_json.volume",
        attributes="{'level': value_json.volume / 100} | tojson",
        command="volume",
        options={
            "min": _VOLUME.low,
            "max": _VOLUME.high,
            "step": 1,
            "unit_of_measurement": "%",
            "mode": "slider",
        },
    ),
    Entity(
        key="goal",
        platform="select",
        name="Goal",
        icon="mdi:target",
        value="value_json.goal",
        command="goal",
        options={"options": [goal.value for goal in Goal]},
    ),
    Entity(
        key="sleep",
        platform="number",
        name="Sleep timer",
        icon="mdi:sleep",
        value="value_json.sleep_minutes or 0",
        command="sleep",
        options={
            "min": 0,
            "max": LONGEST_SLEEP_MINUTES,
            "step": 1,
            "unit_of_measurement": "min",
            "device_class": "duration",
            "mode": "box",
        },
    ),
    Entity(
        key="announcement",
        platform="notify",
        name="Announcement",
        icon="mdi:bullhorn",
        command="say",
        needs=SOUND,
    ),
    Entity(
        key="privacy",
        platform="switch",
        name="Privacy",
        icon="mdi:eye-off",
        value="value_json.privacy",
        command="privacy",
        options=SWITCHED,
    ),
    Entity(
        key="mood_override",
        platform="select",
        name="Mood override",
        icon="mdi:emoticon-cool-outline",
        value="value_json.mood_override",
        command="mood",
        category="config",
        options={"options": [AUTO, *(emotion.value for emotion in Emotion)]},
    ),
)

VERSION = Entity(
    key="version",
    platform="update",
    name="Version",
    icon="mdi:package-up",
    # Nothing is fetched: what runs is all that is known.
    value="{'installed_version': value_json.version, 'latest_version': value_json.version}"
    " | tojson",
    category="diagnostic",
    options={"enabled_by_default": False, "title": "Attune"},
)

ENTITIES = (*ROOM, *MUSIC, *CONTROLS, *DIAGNOSTICS, VERSION)
