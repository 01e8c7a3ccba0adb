from __future__ import annotations

from pathlib import Path

import pytest

from device.system.board import THROTTLED_FILE, read_board, read_model
from device.types import Board

NOWHERE = "no-such-command"


def lay(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def zone(number: int, kind: str, celsius: float) -> dict[str, str]:
    folder = f"sys/class/thermal/thermal_zone{number}"
    return {f"{folder}/type": kind + "\n", f"{folder}/temp": f"{round(celsius * 1000)}\n"}


def test_nothing_is_known_of_a_bare_machine(tmp_path: Path) -> None:
    assert read_board(tmp_path, NOWHERE) == Board()


@pytest.mark.parametrize(
    ("bits", "throttled", "under_voltage", "since_boot"),
    [
        ("0", False, False, (False, False)),
        ("50000", False, False, (True, True)),
        ("20000", False, False, (True, False)),
        ("10000", False, False, (False, True)),
        ("1", False, True, (False, False)),  # as no board says: the past holds the present
        ("20002", True, False, (True, False)),
        ("50005", True, True, (True, True)),
        ("80008", False, False, (False, False)),  # the soft limit
    ],
)
def test_raspberry_pi(
    tmp_path: Path, bits: str, throttled: bool, under_voltage: bool, since_boot: tuple[bool, bool]
) -> None:
    lay(tmp_path, zone(0, "cpu-thermal", 61.34) | {THROTTLED_FILE: bits + "\n"})
    assert read_board(tmp_path, NOWHERE) == Board(61.34, throttled, under_voltage, *since_boot)


@pytest.mark.parametrize(("answer", "throttled"), [("throttled=0x50005", True), ("huh", None)])
def test_the_firmware_is_asked_where_the_kernel_is_silent(
    tmp_path: Path, answer: str, throttled: bool | None
) -> None:
    tool = tmp_path / "vcgencmd"
    tool.write_text(f'#!/bin/sh\n[ "$1" = get_throttled ] && echo "{answer}"\n')
    tool.chmod(0o755)
    assert read_board(tmp_path / "root", str(tool)).throttled is throttled


def test_a_board_tells_its_name(tmp_path: Path) -> None:
    assert read_model(tmp_path) == ""
    lay(tmp_path, {"proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5\0"})
    assert read_model(tmp_path) == "Raspberry Pi 4 Model B Rev 1.5"


def test_a_failing_tool_is_no_news(tmp_path: Path) -> None:
    tool = tmp_path / "vcgencmd"
    tool.write_text("#!/bin/sh\necho 'VCHI initialization failed' >&2; exit 255\n")
    tool.chmod(0o755)
    assert read_board(tmp_path / "root", str(tool)) == Board()


@pytest.mark.parametrize(("alarm", "low"), [("0", False), ("1", True), ("", None)])
def test_the_kernels_voltage_alarm(tmp_path: Path, alarm: str, low: bool | None) -> None:
    folder = "sys/class/hwmon/hwmon1"
    lay(tmp_path, {f"{folder}/name": "rpi_volt\n", f"{folder}/in0_lcrit_alarm": alarm + "\n"})
    assert read_board(tmp_path, NOWHERE).under_voltage is low


def test_jetson(tmp_path: Path) -> None:
    lay(
        tmp_path,
        zone(0, "AO-therm", 90.0)
        | zone(1, "CPU-therm", 41.5)
        | zone(2, "PMIC-Die", 100.0)
        | {"sys/class/thermal/thermal_zone3/type": "cv0-thermal"},  # asleep: no temp
    )
    assert read_board(tmp_path, NOWHERE) == Board(41.5)


def test_garbage_is_unknown(tmp_path: Path) -> None:
    files = {"sys/class/thermal/thermal_zone0/type": "cpu-thermal"}
    lay(tmp_path, files | {"sys/class/thermal/thermal_zone0/temp": "warm", THROTTLED_FILE: "\xff"})
    assert read_board(tmp_path, NOWHERE) == Board()
