"""Every setting: type, default, bounds, unit and what it is for, in one place.

The configuration file, its checks, the JSON schema and the README's table are generated
from these types by `device.config`.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from device.types import HOURS, Goal

HOME = Path(__file__).resolve().parent.parent
"""Where Attune is installed: the folder that holds `models_tflite/` and `music/`."""

Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
Seconds = Annotated[float, Meta(ge=0.0, le=86_400.0)]
Name = Annotated[
    str,
    Meta(
        title="letters, digits, _ and -",
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9_-]+$",
    ),
]
TopicPath = Annotated[
    str,
    Meta(
        title="a topic without # and +",
        min_length=1,
        max_length=200,
        pattern=r"^[^#+\x00/][^#+\x00]*$",
    ),
]
Hours = Annotated[
    str,
    Meta(
        title='HH:MM-HH:MM, or ""',
        pattern=HOURS,
    ),
]
SECRET = {"secret": True}
"""Marks a setting that is never shown, and that the environment may override."""
PATH = {"path": "any"}
"""Marks a setting that names a path: relative ones count from the configuration file's folder.

What is not there, or may not be read, is told by the part that needs it, and keeps no other down.
"""
FOLDER = {"path": "folder"}
"""A path to a folder that must be there."""


class Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of a table of the configuration file."""


class CameraSettings(Group, frozen=True, kw_only=True):
    """Where pictures come from. They are looked at and forgotten; none is ever stored or sent."""

    source: Annotated[
        str,
        Meta(
            min_length=1,
            description="auto (picamera2, else the first V4L2 camera), picamera2, /dev/videoN, "
            "rtsp://… or http://… (MJPEG), a video file, a folder of images, slideshow:FOLDER "
            "(the demonstration's portraits), or gst:PIPELINE (Jetson: the system's OpenCV must "
            "be visible)",
            extra=PATH,
        ),
    ] = "auto"
    width: Annotated[
        int, Meta(ge=160, le=4096, description="pixels asked of the camera, across")
    ] = 640
    height: Annotated[
        int, Meta(ge=120, le=4096, description="pixels asked of the camera, down")
    ] = 480
    rotate: Annotated[
        Literal[0, 90, 180, 270],
        Meta(description="degrees clockwise that a picture is turned before it is looked at"),
    ] = 0
    loop: Annotated[bool, Meta(description="start a video file or a folder again at its end")] = (
        True
    )
    idle_hertz: Annotated[
        float, Meta(ge=0.2, le=8.0, description="looks a second while nobody is in view")
    ] = 1.5
    face_hertz: Annotated[
        float,
        Meta(ge=0.5, le=30.0, description="looks a second, at most, while somebody is in view"),
    ] = 8.0
    timeout_seconds: Annotated[
        float, Meta(ge=0.5, le=15.0, description="a camera silent for so long is opened anew")
    ] = 5.0


class VisionSettings(Group, frozen=True, kw_only=True):
    """How faces are found and read."""

    models: Annotated[
        str,
        Meta(
            description="folder of the TFLite models; empty: the ones that came with Attune",
            extra=FOLDER,
        ),
    ] = ""
    threads: Annotated[
        int,
        Meta(
            ge=1,
            le=8,
            description="processor threads per model; more than the board has idle cores slow it "
            "down. Set 2 on a Raspberry Pi 4: by an estimate it does not keep face_hertz with 1",
        ),
    ] = 1
    minimum_score: Annotated[
        Fraction, Meta(description="a face found with less confidence is not believed")
    ] = 0.6
    maximum_faces: Annotated[
        int, Meta(ge=1, le=20, description="only the largest so many faces are read")
    ] = 5


class MoodSettings(Group, frozen=True, kw_only=True):
    """How readings become the mood of the room."""

    smoothing_seconds: Annotated[
        float, Meta(ge=0.1, le=120.0, description="time constant of the mood's running average")
    ] = 3.0
    hold_seconds: Annotated[
        Seconds, Meta(description="a new label must lead for so long before it is believed")
    ] = 2.0
    margin: Annotated[
        Fraction, Meta(description="probability by which a new label must lead the present one")
    ] = 0.08
    uncertain_below: Annotated[
        Fraction, Meta(description="a leading label less probable than this shows as uncertain")
    ] = 0.3
    absence_seconds: Annotated[
        Seconds, Meta(description="nobody in view for so long: the music fades and pauses")
    ] = 30.0


class MusicSettings(Group, frozen=True, kw_only=True):
    """What is played, and how."""

    folders: Annotated[
        list[str],
        Meta(
            description="folders with music; empty: the starter library that came with Attune",
            extra=PATH,
        ),
    ] = msgspec.field(default_factory=list)
    listen: Annotated[
        bool,
        Meta(
            description="listen through the library in the background, at idle priority, for "
            "its loudness, tempo, silence at both ends and mood; a change needs a restart"
        ),
    ] = True
    goal: Annotated[
        Goal,
        Meta(
            description="match the mood, lift it, calm it, or help to focus; what is chosen "
            "by hand later is remembered and wins"
        ),
    ] = Goal.MATCH
    volume: Annotated[int, Meta(ge=0, le=100, description="percent, until changed by hand")] = 60
    child_volume: Annotated[
        int,
        Meta(ge=0, le=100, description="percent, at most, while a child may be listening"),
    ] = 70
    quiet_hours: Annotated[
        Hours,
        Meta(
            description='when the volume is capped, such as "22:00-07:00", by the local time; '
            "empty: never"
        ),
    ] = ""
    quiet_volume: Annotated[
        int, Meta(ge=0, le=100, description="percent, at most, in quiet hours")
    ] = 30
    autoplay: Annotated[bool, Meta(description="start to play when somebody comes into view")] = (
        True
    )
    change_with_mood: Annotated[
        bool,
        Meta(
            description="when the mood has been another for 20 s, or was set by hand, go over to "
            "a fitting track; false: when the track has ended"
        ),
    ] = True
    minimum_play_seconds: Annotated[
        Seconds, Meta(description="a track sounds at least so long before a mood change ends it")
    ] = 10.0
    fade_seconds: Annotated[
        float,
        Meta(ge=0.0, le=15.0, description="length of fades in, out and across when you ask"),
    ] = 1.5
    crossfade_seconds: Annotated[
        float,
        Meta(
            ge=0.0,
            le=12.0,
            description="how long a track that ends sounds together with the next one, a third of "
            "either at most; 0: one after the other. Within an album they join without a gap",
        ),
    ] = 3.0
    loudness: Annotated[
        Literal["album", "track", "off"],
        Meta(
            description="bring each track to the same loudness (-18 LUFS); album: but keep the "
            "differences within an album that is played in its order; off: as they are"
        ),
    ] = "album"
    repeat_hours: Annotated[
        float,
        Meta(
            ge=0.0,
            le=720.0,
            description="a track is not played again for so long, "
            "unless more than half of the library would be out",
        ),
    ] = 2.0
    learn: Annotated[
        bool,
        Meta(
            description="let what is liked, skipped and heard out here weigh in the choice; "
            "`attune taste` shows what was learned"
        ),
    ] = True
    path_step: Annotated[
        float,
        Meta(
            ge=0.05,
            le=2.0,
            description="how fast lift and calm lead: valence and arousal, each -1 to 1, a track",
        ),
    ] = 0.25
    path_reach: Annotated[
        float,
        Meta(
            ge=0.1,
            le=1.0,
            description="how far lift and calm lead: the share of the way from the mood to the "
            "brightest, or the quietest",
        ),
    ] = 1.0
    albums_together: Annotated[
        bool, Meta(description="after a track of an album, play the next one on it")
    ] = False
    random_seed: Annotated[
        int | None, Meta(description="makes choices repeatable; for tests and demonstrations")
    ] = None


class SoundSettings(Group, frozen=True, kw_only=True):
    """Where the sound goes."""

    device: Annotated[
        str,
        Meta(
            description="name of the sound card as `attune doctor` lists it; empty: the "
            "system's default"
        ),
    ] = ""
    mono: Annotated[
        bool, Meta(description="the same sound on both sides, as for a single loudspeaker")
    ] = False
    balance: Annotated[
        float, Meta(ge=-1.0, le=1.0, description="-1: left alone, 0: both sides, 1: right alone")
    ] = 0.0
    announcements: Annotated[
        str,
        Meta(
            description="folder whose sound files may be announced by name, also over MQTT; "
            "empty: none",
            extra=PATH,
        ),
    ] = ""
    buffer_samples: Annotated[
        Literal[512, 1024, 2048, 4096], Meta(description="larger: safer, smaller: snappier")
    ] = 2048


class MqttSettings(Group, frozen=True, kw_only=True):
    """The broker that Home Assistant listens to."""

    enabled: Annotated[bool, Meta(description="talk to a broker at all")] = False
    host: Annotated[str, Meta(min_length=1, description="name or address of the broker")] = (
        "localhost"
    )
    port: Annotated[int, Meta(ge=1, le=65_535, description="8883 is usual with TLS")] = 1883
    username: Annotated[str, Meta(description="empty: no login")] = ""
    password: Annotated[
        str,
        Meta(
            description="better kept out of this file: the environment's ATTUNE_MQTT_PASSWORD wins",
            extra=SECRET,
        ),
    ] = ""
    tls: Annotated[bool, Meta(description="encrypt, and check the broker's certificate")] = False
    ca_file: Annotated[
        str,
        Meta(
            description="PEM of who signed the broker's certificate; empty: the system's",
            extra=PATH,
        ),
    ] = ""
    certificate_file: Annotated[
        str, Meta(description="PEM of our own certificate, if asked", extra=PATH)
    ] = ""
    key_file: Annotated[str, Meta(description="PEM of our own key, if asked", extra=PATH)] = ""
    base_topic: Annotated[
        TopicPath, Meta(description="first part of Attune's own topics; the id follows")
    ] = "attune"
    discovery_prefix: Annotated[
        TopicPath, Meta(description="Home Assistant's discovery prefix")
    ] = "homeassistant"
    id: Annotated[Name, Meta(description="tells two speakers in one home apart")] = "attune"
    name: Annotated[
        str, Meta(min_length=1, max_length=64, description="what Home Assistant calls the speaker")
    ] = "Attune"


class ApiSettings(Group, frozen=True, kw_only=True):
    """The local API that the `attune` command talks to."""

    socket: Annotated[
        str,
        Meta(
            description="path of the UNIX socket; empty: /run/attune/api.sock as a service, "
            "api.sock in the state folder otherwise",
            extra=PATH,
        ),
    ] = ""


class PageSettings(Group, frozen=True, kw_only=True):
    """The page, and the API for programs: on this machine alone, unless it has a password."""

    enabled: Annotated[bool, Meta(description="serve the page at all")] = True
    address: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=45,
            description="IP address to listen on: 127.0.0.1 or ::1 for this machine alone, one of "
            "its others or 0.0.0.0 for the network, where a password must be set",
        ),
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1024, le=65_535, description="port to listen on")] = 8088
    names: Annotated[
        list[str],
        Meta(
            description="further host names that lead here, such as a proxy's; then a password is "
            "needed at any address"
        ),
    ] = msgspec.field(default_factory=list)
    certificate_file: Annotated[
        str, Meta(description="PEM of a certificate, and its chain: https", extra=PATH)
    ] = ""
    key_file: Annotated[str, Meta(description="PEM of the certificate's key", extra=PATH)] = ""

    @property
    def local(self) -> bool:
        """Whether none but this machine reaches the page, so that no login is needed."""
        return ipaddress.ip_address(self.address).is_loopback and not self.names

    @property
    def url(self) -> str:
        """Where the page is."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        scheme = "https" if self.certificate_file else "http"
        return f"{scheme}://{host}:{self.port}"


class StateSettings(Group, frozen=True, kw_only=True):
    """What is remembered."""

    folder: Annotated[
        str,
        Meta(
            description="folder of the database; empty: /var/lib/attune as a service, "
            "~/.local/state/attune otherwise",
            extra=PATH,
        ),
    ] = ""
    keep_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36_500,
            description="plays, moods and copies of the database older than so many days are "
            "erased; 0: none before you do it (`attune forget`)",
        ),
    ] = 400


class LogSettings(Group, frozen=True, kw_only=True):
    """What is told to the journal."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="how much is told")
    ] = "info"


class Settings(Group, frozen=True, kw_only=True):
    """The whole configuration: one field for each table of the file."""

    camera: CameraSettings = CameraSettings()
    vision: VisionSettings = VisionSettings()
    mood: MoodSettings = MoodSettings()
    music: MusicSettings = msgspec.field(default_factory=MusicSettings)
    sound: SoundSettings = SoundSettings()
    mqtt: MqttSettings = MqttSettings()
    api: ApiSettings = ApiSettings()
    page: PageSettings = msgspec.field(default_factory=PageSettings)
    state: StateSettings = StateSettings()
    log: LogSettings = LogSettings()

    @property
    def models_folder(self) -> Path:
        """Where the TFLite models lie."""
        return Path(self.vision.models) if self.vision.models else HOME / "models_tflite"

    @property
    def music_folders(self) -> tuple[Path, ...]:
        """Where the music lies."""
        return tuple(Path(folder) for folder in self.music.folders) or (HOME / "music",)
