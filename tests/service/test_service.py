"""The installed service under a systemd that really runs it. Each test leaves it running."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator

import pytest

from tests.service.machine import PORTRAITS, ROOT, Machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

SETTINGS = "/etc/attune/attune.toml"


def settings(machine: Machine, text: str) -> None:
    machine.file(SETTINGS).write_text(text)


@contextlib.contextmanager
def these_settings(machine: Machine, text: str) -> Iterator[None]:
    before = machine.file(SETTINGS).read_text()
    settings(machine, text)
    try:
        yield
    finally:
        settings(machine, before)


def test_it_runs_once_installed(machine: Machine) -> None:
    assert machine.run("systemctl is-active attune").stdout == "active\n"
    assert machine.run("systemctl is-enabled attune").stdout == "enabled\n"
    assert machine.prop("NRestarts") == "0"
    assert machine.run("systemctl --failed --plain --no-legend").stdout == ""


def test_without_camera_and_sound_card_it_says_so_and_goes_on(machine: Machine) -> None:
    machine.run("attune play")
    for part in ("camera", "sound"):

        def is_down(part: str = part) -> bool:
            return bool(machine.status()[part]["health"] == "down")

        machine.wait(is_down, 20, f"the {part} to be missed")
        assert machine.status()[part]["detail"]
    pid, begun = machine.prop("MainPID"), time.monotonic()
    machine.run("systemctl restart attune")
    assert time.monotonic() - begun < 8
    assert machine.prop("MainPID") != pid
    assert machine.prop("Result") == "success"


def test_it_is_ready_soon(speaker: Machine, figures: dict[str, str]) -> None:
    taken = []
    for _ in range(3):
        speaker.run("systemctl restart attune")
        began, ready = (
            int(speaker.prop(f"{name}TimestampMonotonic"))
            for name in ("ExecMainStart", "ActiveEnter")
        )
        taken.append((ready - began) / 1e6)
    figures["READY after the start"] = ", ".join(f"{seconds:.2f}" for seconds in taken) + " s"
    assert min(taken) < 5


def test_it_runs_hardened(speaker: Machine) -> None:
    pid = speaker.prop("MainPID")
    told = dict(
        line.split(":\t", 1)
        for line in speaker.run(f"cat /proc/{pid}/status").stdout.splitlines()
        if ":\t" in line
    )
    user, group = (speaker.run(f"id {option} attune").stdout.strip() for option in ("-u", "-g"))
    assert set(told["Uid"].split()) == {user}
    assert set(told["Gid"].split()) == {group}
    assert int(told["CapEff"], 16) == int(told["CapBnd"], 16) == 0
    assert (told["NoNewPrivs"], told["Seccomp"]) == ("1", "2")
    assert speaker.run("stat -c '%a %U' /run/attune /var/lib/attune").stdout == "750 attune\n" * 2


def test_its_memory_is_jemallocs(speaker: Machine) -> None:
    """As the soak measures it (`tests.benchmarks.soak.as_the_service`)."""
    maps = speaker.run(f"cat /proc/{speaker.prop('MainPID')}/maps").stdout
    assert "libjemalloc.so.2" in maps
    assert "ld.so" not in speaker.run("journalctl -u attune -o cat").stdout


def test_its_exposure(speaker: Machine, figures: dict[str, str]) -> None:
    told = speaker.run("systemd-analyze security --no-pager attune.service").stdout
    level = re.search(r"Overall exposure level for attune\.service: ([\d.]+)", told)
    assert level is not None, told
    figures["exposure (systemd-analyze)"] = level[1]
    assert float(level[1]) <= 1.8


def test_it_sees_and_plays_hardened(speaker: Machine, figures: dict[str, str]) -> None:
    now = speaker.wait_playing()
    assert now["camera"]["health"] == now["sound"]["health"] == "up"
    assert now["age"] > 0
    position = now["track"]["position_seconds"]
    track = now["track"]["path"]
    assert track.startswith("/opt/attune")

    def goes_on() -> bool:
        track_now = speaker.status()["track"]
        return bool(track_now["path"] != track or track_now["position_seconds"] > position + 1)

    speaker.wait(goes_on, 20, "the track to go on")
    pid = speaker.prop("MainPID")
    kib = re.search(r"VmRSS:\s+(\d+)", speaker.run(f"cat /proc/{pid}/status").stdout)
    assert kib is not None
    figures["memory, seeing and playing"] = f"{int(kib[1]) / 1024:.0f} MiB"
    assert "Traceback" not in speaker.run("journalctl -u attune -o cat").stdout


def test_who_may_ask(speaker: Machine) -> None:
    speaker.run("useradd --groups attune member && useradd stranger")
    for user in ("root", "member"):
        assert speaker.run("attune status", user=user).stdout.startswith("Mood")
    refused = speaker.run("attune status", user="stranger", check=False)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "sudo usermod -aG attune" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_the_file_for_secrets_is_roots_alone(speaker: Machine) -> None:
    told = speaker.run("stat -c '%a %U %s' /etc/attune/environment").stdout
    assert told == "600 root 0\n"


def test_the_journal_has_fields(speaker: Machine) -> None:
    lines = speaker.run("journalctl -u attune -o json PART=camera").stdout.splitlines()
    entry = json.loads(lines[-1])
    assert entry["HEALTH"] == "up"
    assert entry["SYSLOG_IDENTIFIER"] == "attune"
    assert entry["PRIORITY"] == "6"
    down = json.loads(lines[0])  # before it was given portraits
    assert (down["HEALTH"], down["PRIORITY"]) == ("down", "4")


def test_a_report_tells_of_the_service_but_not_of_music_or_secrets(speaker: Machine) -> None:
    speaker.wait_playing()
    secret = speaker.file("/etc/attune/environment")
    secret.write_text("ATTUNE_MQTT_PASSWORD=correct-horse\n")
    # Whose name is the password, too, tells it: the settings show that name but for the mask.
    with these_settings(speaker, PORTRAITS + '[mqtt]\nusername = "correct-horse"\n'):
        try:
            speaker.run("attune report /root/report.tar.gz")
        finally:
            secret.write_text("")
    told = speaker.run("tar -xOzf /root/report.tar.gz && rm /root/report.tar.gz").stdout
    for word in (
        "ActiveState=active",
        "camera is up",
        "playing ***",
        "ok    models",
        "layout ",
        'username = "***"',
    ):
        assert word in told, word
    starter = [file.stem.replace("-", " ") for file in (ROOT / "music/starter").glob("*.ogg")]
    assert len(starter) >= 16
    for word in ("correct-horse", *starter):
        assert word not in told.lower(), word


def test_a_reload_applies_a_change_and_says_it(speaker: Machine) -> None:
    since, pid = speaker.mark(), speaker.prop("MainPID")
    with these_settings(
        speaker, PORTRAITS + '[music]\ngoal = "calm"\n[sound]\nbuffer_samples = 4096\n'
    ):
        speaker.run("systemctl reload attune")
        told = speaker.wait_told(since, "sound.buffer_samples")
    assert 'configuration: music.goal: "match" -> "calm"\n' in told
    assert "configuration: sound.buffer_samples: 2048 -> 4096 (after a restart)\n" in told
    assert speaker.status()["goal"] == "calm"
    speaker.run("systemctl reload attune")
    speaker.wait(lambda: speaker.status()["goal"] == "match", 10, "the old goal")
    assert speaker.prop("MainPID") == pid
    assert speaker.is_ready()


WRONG = PORTRAITS + '[music]\nvolum = 5\ngoal = "dance"\n[nonsense]\n'


def assert_every_mistake_is_told(text: str) -> None:
    for line, hint in ((4, "volume"), (5, "dance"), (6, "nonsense")):
        assert re.search(rf"attune\.toml:{line}: .*{hint}", text), text


def test_a_wrong_file_is_refused_and_all_goes_on(speaker: Machine) -> None:
    since, pid = speaker.mark(), speaker.prop("MainPID")
    with these_settings(speaker, WRONG):
        speaker.run("systemctl reload attune")
        assert_every_mistake_is_told(speaker.wait_told(since, "not reloaded"))
    assert speaker.prop("MainPID") == pid
    assert speaker.is_ready()
    assert speaker.status()["camera"]["health"] == "up"


def test_a_wrong_file_at_the_start_stays_down_and_is_shown(speaker: Machine) -> None:
    since = speaker.mark()
    with these_settings(speaker, WRONG):
        assert speaker.run("systemctl restart attune", check=False).returncode != 0
        time.sleep(8)  # longer than RestartSec
        assert speaker.prop("ActiveState") == "failed"
        assert speaker.prop("ExecMainStatus") == "78"
        assert speaker.prop("NRestarts") == "0"
        shown = speaker.run("systemctl status --no-pager --full attune", check=False).stdout
        assert_every_mistake_is_told(shown)
        assert_every_mistake_is_told(speaker.journal(since))
    speaker.run("systemctl start attune")


def test_killed_it_comes_back_where_it_was(speaker: Machine, figures: dict[str, str]) -> None:
    speaker.run("attune volume 37 && attune goal lift")
    pid = speaker.prop("MainPID")
    speaker.run(f"kill -9 {pid}")
    seconds = speaker.wait_restart(pid, 30)
    figures["back after kill -9"] = f"{seconds:.1f} s"
    now = speaker.status()
    assert (now["volume"], now["goal"]) == (37, "lift")
    speaker.run("attune volume 60 && attune goal match")


def test_a_hang_is_ended_by_the_watchdog(speaker: Machine, figures: dict[str, str]) -> None:
    since, pid = speaker.mark(), speaker.prop("MainPID")
    speaker.run(f"kill -STOP {pid}")
    seconds = speaker.wait_restart(pid, 60)
    figures["back after a hang"] = f"{seconds:.1f} s"
    told = speaker.journal(since)
    assert "Watchdog timeout" in told
    assert 'File "' in told, "where it hung is not told"


def test_it_stops_soon_and_says_goodbye(speaker: Machine, figures: dict[str, str]) -> None:
    def plays() -> bool:
        return bool(speaker.status()["playing"])

    speaker.wait(plays, 60, "music")
    since, begun = speaker.mark(), time.monotonic()
    speaker.run("systemctl stop attune")
    seconds = time.monotonic() - begun
    figures["stop while playing"] = f"{seconds:.1f} s"
    assert speaker.prop("Result") == "success"
    assert "stopping" in speaker.journal(since)
    told = speaker.run("attune status", check=False)
    assert told.returncode == 69
    assert "sudo systemctl start attune" in told.stderr
    speaker.run("systemctl start attune")
    assert seconds < 5


def test_a_full_disk_is_told_and_outlived(speaker: Machine) -> None:
    speaker.run("systemctl stop attune")
    since = speaker.mark()
    speaker.run("mount -t tmpfs -o size=16k tmpfs /var/lib/attune")
    try:
        speaker.run("cat /dev/zero >/var/lib/attune/full", check=False)
        speaker.run("systemctl start --no-block attune")
        told = speaker.wait_told(since, "Scheduled restart job, restart counter is at 2", 60)
    finally:
        speaker.run("systemctl stop attune; umount /var/lib/attune; systemctl start attune")
    assert "with some room" in told
    assert "Traceback" not in told


def test_it_starts_with_the_system_and_remembers(speaker: Machine) -> None:
    speaker.run("attune volume 41")
    speaker.stop()
    speaker.start()
    speaker.wait(speaker.is_ready, 30, "the service to start at boot")
    assert speaker.status()["volume"] == 41
    speaker.run("attune volume 60")
