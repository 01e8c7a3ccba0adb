"""When what failed is tried again: lost sound, unplayable tracks, a drive that is not there yet."""

from __future__ import annotations

import logging
import random

from device.ports import Clock, PartUnavailable
from device.types import Health, Part

log = logging.getLogger(__name__)

SOUND_SECONDS = (1.0, 60.0)
"""First and longest wait before a lost sound output is tried again; doubling in between."""
FAILURES_IN_A_ROW = 8
"""So many unplayable tracks, one after the other, mean that the music folder is broken."""
FOLDER_SECONDS = 60.0
"""Wait before a broken music folder is tried again: as long as for sound at most."""
WELL_SECONDS = 5.0
"""A track that sounded for so long shows that the music folder is well."""
MOUNT_SECONDS = 90.0
"""So long after a start what is gone on with is waited for, where its drive is not there, before
other music plays: as long as systemd waits for a drive (systemd.mount(5), systemd-system.conf(5)).
"""


class Retries:
    """How the sound output is, and whether the player may be tried. Main thread alone."""

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock, self._random = clock, rng
        self.sound = Part(Health.OFF, "opens with the first track")
        self._retry_at = 0.0
        self._sound_seconds = SOUND_SECONDS[0]
        self._failures = 0
        self._scanned = False
        self._mount_until = 0.0

    @property
    def due(self) -> bool:
        """Whether nothing need be waited for any longer."""
        return self._clock.monotonic() >= self._retry_at

    def at_once(self) -> None:
        """Somebody asks for music: wait no longer."""
        self._retry_at = 0.0

    # --- sound ----------------------------------------------------------------------------

    def lose_sound(self, error: PartUnavailable) -> None:
        """The sound output is gone, or still is: try it later, and later each time."""
        if self.sound.health is not Health.DOWN:
            log.warning("sound is down: %s", error)
        self.sound = Part(Health.DOWN, str(error))
        self._retry_at = self._clock.monotonic() + self._sound_seconds * (
            0.75 + 0.5 * self._random.random()
        )
        self._sound_seconds = min(self._sound_seconds * 2, SOUND_SECONDS[1])

    def sound_works(self) -> None:
        """A track sounds."""
        if self.sound.health is Health.DOWN:
            log.info("sound is up again")
        self.sound = Part(Health.UP)
        self._sound_seconds = SOUND_SECONDS[0]

    # --- tracks ---------------------------------------------------------------------------

    def track_failed(self) -> None:
        """A track cannot be played: rest when it is one after another."""
        self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW:
            self._failures = 0
            self._retry_at = self._clock.monotonic() + FOLDER_SECONDS
            log.error(
                "%d tracks in a row could not be played; trying again in a minute. "
                "Is the drive with the music still there?",
                FAILURES_IN_A_ROW,
            )

    def tracks_play(self) -> None:
        """The music folder is well, or another one: what failed before does not count."""
        self._failures = 0

    # --- drives ---------------------------------------------------------------------------

    def await_drives(self) -> None:
        """The speaker has just started, and a drive may be mounted after it."""
        self._mount_until = self._clock.monotonic() + MOUNT_SECONDS

    def scanned(self) -> None:
        """The music folders were looked through: what waited for that waits no longer."""
        if not self._scanned:
            self._scanned, self._retry_at = True, 0.0

    @property
    def mounting(self) -> bool:
        """Whether a drive may yet come by itself."""
        return self._clock.monotonic() < self._mount_until

    @property
    def unsure(self) -> bool:
        """Whether a track of the library may be on a drive that has not come yet."""
        return not self._scanned and self.mounting

    def await_scan(self) -> None:
        """A track is not there yet: try nothing until it is known what is, if that is not."""
        if not self._scanned:
            self._retry_at = self._mount_until
