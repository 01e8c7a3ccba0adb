"""Health of the board: how hot, throttled, short of power. Read from the kernel, never written."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from device.types import Board

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

UNDER_VOLTAGE = 1 << 0
FREQUENCY_CAPPED = 1 << 1
THROTTLED = 1 << 2
"""Present states in Raspberry Pi's `get_throttled`. Bit 3, the soft limit of a model 3B+ at 60
degrees, is everyday life and counts for nothing here."""
SINCE_BOOT = 16
"""Each state's bit, so much higher, tells that it was so at some time since the board booted."""
THROTTLED_FILE = "sys/devices/platform/soc/soc:firmware/get_throttled"
VCGENCMD_SECONDS = 2.0
PLAUSIBLE_CELSIUS = (-40.0, 150.0)


def read_board(root: Path = Path("/"), vcgencmd: str = "vcgencmd") -> Board:
    """The board as it is now; None where it does not tell. Never raises for what is missing."""
    bits, celsius = _throttled_bits(root, vcgencmd), _temperature(root)
    if bits is None:
        return Board(temperature_celsius=celsius, under_voltage=_low_voltage_alarm(root))
    past = bits >> SINCE_BOOT
    return Board(
        temperature_celsius=celsius,
        throttled=bool(bits & (FREQUENCY_CAPPED | THROTTLED)),
        under_voltage=bool(bits & UNDER_VOLTAGE),
        throttled_since_boot=bool(past & (FREQUENCY_CAPPED | THROTTLED)),
        under_voltage_since_boot=bool(past & UNDER_VOLTAGE),
    )


def read_model(root: Path = Path("/")) -> str:
    """The board's name, such as `Raspberry Pi 4 Model B Rev 1.5`; empty where it has none."""
    return _text(root / "proc/device-tree/model").rstrip("\0")


def _temperature(root: Path) -> float | None:
    """The hottest of the processor's zones, else of all, in degrees Celsius."""
    zones = dict(_zones(root))
    processor = [
        celsius for name, celsius in zones.items() if re.search("cpu|soc|tj|x86_pkg", name)
    ]
    return max(processor or zones.values(), default=None)


def _zones(root: Path) -> Iterator[tuple[str, float]]:
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        name, value = _text(zone / "type").lower(), _text(zone / "temp")
        # The power chip of a Jetson Nano always says 100 degrees.
        if "pmic" in name or not re.fullmatch(r"-?\d+", value):
            continue
        celsius = int(value) / 1000
        if PLAUSIBLE_CELSIUS[0] < celsius < PLAUSIBLE_CELSIUS[1]:
            yield f"{name} {zone.name}", celsius


def _throttled_bits(root: Path, vcgencmd: str) -> int | None:
    """Raspberry Pi's `get_throttled`, from the kernel, else from the firmware's tool."""
    told = _text(root / THROTTLED_FILE)
    if not told and shutil.which(vcgencmd):
        told = _ask(vcgencmd)
    match = re.fullmatch(r"(?:throttled=)?(?:0x)?([0-9a-fA-F]+)", told)
    return int(match[1], 16) if match else None


def _ask(vcgencmd: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command, found on the PATH
            [vcgencmd, "get_throttled"],
            capture_output=True,
            text=True,
            timeout=VCGENCMD_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        # Without access to /dev/vcio, which belongs to the group video.
        log.debug("vcgencmd does not answer: %s", error)
        return ""
    return done.stdout.strip()


def _low_voltage_alarm(root: Path) -> bool | None:
    """The alarm of the kernel's driver rpi_volt; None without it."""
    for sensor in (root / "sys/class/hwmon").glob("hwmon*"):
        if _text(sensor / "name") == "rpi_volt":
            alarm = _text(sensor / "in0_lcrit_alarm")
            return alarm != "0" if alarm in {"0", "1"} else None
    return None


def _text(path: Path) -> str:
    """A file of one line; empty where it cannot be read, as zones of sleeping parts cannot."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
