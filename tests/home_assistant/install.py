"""Home Assistant from PyPI, each version on a Python that it runs on, made once and kept.

Where this system has no such Python, a Debian that has one is made beside it (as root).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
CACHE = CACHE / "attune/test-home-assistant"
RESOLVER = "/etc/resolv.conf"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
NEEDED = (
    *("mqtt", "frontend", "recorder", "universal", "template", "automation", "logbook"),
    # Imported wherever the hub runs: by mqtt's set-up, and by what tells the pages of services.
    *("hassio", "assist_satellite", "camera", "stream"),
)
"""The integrations that the tests' configuration uses, and those that these import."""


class Release(NamedTuple):
    """A version of Home Assistant, the oldest Python it takes (its minor version alone is sure to
    have all wheels), and the Debian that has it."""

    version: str
    python: tuple[int, int, int]
    suite: str


RELEASES = (
    Release("2025.4.4", (3, 13, 0), "trixie"),
    Release("2026.11.0", (3, 14, 2), "forky"),
)


class Installation:
    """One Home Assistant. Paths within `root` are what it sees; root is / without a Debian."""

    def __init__(self, release: Release) -> None:
        self.version = release.version
        self._folder = CACHE / release.version
        self._python = _interpreter(release.python)
        self.root = Path("/") if self._python else self._folder / "debian"
        self._venv = self._folder / "venv" if self._python else Path("/hub")

    def make(self, suite: str) -> None:
        """Install what is not there yet. Raises CalledProcessError, or RuntimeError with the
        mend."""
        stamp = self._folder / "complete"
        what = " ".join(NEEDED)
        if stamp.exists() and stamp.read_text() == what:
            return
        if self._python is None and not self.root.exists():
            self._make_debian(suite)
        self._run(self._python or "python3", "-m", "venv", "--clear", str(self._venv))
        with tempfile.TemporaryDirectory(dir=self.root / "tmp") as scratch:
            inside = "/" / Path(scratch).relative_to(self.root)
            wheels = ("--no-deps", "--quiet", "-d", str(inside))
            self._pip("download", *wheels, f"homeassistant=={self.version}")
            (wheel,) = Path(scratch).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extract("homeassistant/package_constraints.txt", scratch)
                requirements = sorted(set(_requirements(archive, NEEDED)))
            constraints = str(inside / "homeassistant/package_constraints.txt")
            self._pip("install", "--quiet", "-c", constraints, str(inside / wheel.name))
            self._pip("install", "--quiet", "-c", constraints, *requirements)
        stamp.write_text(what)

    def command(self, *arguments: str) -> list[str]:
        """What runs Home Assistant."""
        return self._inside(str(self._venv / "bin/python"), "-m", "homeassistant", *arguments)

    def folder(self) -> Path:
        """A fresh folder that Home Assistant sees, too."""
        return Path(tempfile.mkdtemp(prefix="attune-hub-", dir=self.root / "tmp"))

    def seen(self, path: Path) -> str:
        """What a path of ours is called in there."""
        return f"/{path.relative_to(self.root)}"

    def _make_debian(self, suite: str) -> None:
        if os.geteuid() != 0 or shutil.which("debootstrap") is None:
            raise RuntimeError(
                f"Home Assistant {self.version} needs a newer Python than there is here: run this "
                "as root with debootstrap installed, and a Debian that has it is made beside yours"
            )
        fresh = self.root.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.parent.mkdir(parents=True, exist_ok=True)
        script = "/usr/share/debootstrap/scripts/sid"  # older tools know no newer suites
        # A few of the packages have no wheel for the newest Python.
        packages = "--include=python3,python3-venv,python3-dev,g++,ca-certificates"
        mirror = ""  # debootstrap's own
        subprocess.run(
            ["debootstrap", "--variant=minbase", packages, suite, str(fresh), mirror, script],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for shared in (RESOLVER, CERTIFICATES):
            shutil.copy(shared, fresh / shared.lstrip("/"))
        fresh.rename(self.root)

    def _pip(self, *arguments: str) -> None:
        self._run(str(self._venv / "bin/python"), "-m", "pip", *arguments)

    def _run(self, *command: str) -> None:
        subprocess.run(self._inside(*command), check=True, env=environment())

    def _inside(self, *command: str) -> list[str]:
        return list(command) if self._python else ["/usr/sbin/chroot", str(self.root), *command]


def environment() -> dict[str, str]:
    """Ours, without what would mix our packages into the hub's."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _requirements(archive: zipfile.ZipFile, integrations: tuple[str, ...]) -> Iterator[str]:
    """What the integrations and all that they depend on need, as their manifests say."""
    seen: set[str] = set()
    waiting = list(integrations)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        text = archive.read(f"homeassistant/components/{name}/manifest.json")
        manifest = json.loads(text)
        yield from manifest.get("requirements", ())
        waiting += manifest.get("dependencies", ())


def _interpreter(oldest: tuple[int, int, int]) -> str | None:
    """Path of a Python of this minor version, new enough; None where there is none."""
    name = f"python{oldest[0]}.{oldest[1]}"
    own = Path.home() / ".pyenv/versions"
    places = [name, *map(str, own.glob(f"{oldest[0]}.{oldest[1]}.*/bin/python"))]
    for candidate in places:
        code = "import sys, venv, ensurepip; print(*sys.version_info[:3], sys.executable)"
        try:
            told = subprocess.run(
                [candidate, "-c", code], capture_output=True, text=True, check=True
            ).stdout.split(maxsplit=3)
        except (OSError, subprocess.CalledProcessError):
            continue
        major, minor, patch = (int(part) for part in told[:3])
        if (major, minor) == oldest[:2] and patch >= oldest[2]:
            return told[3].strip()
    return None


def main() -> None:
    """Make all of them."""
    for release in RELEASES:
        installation = Installation(release)
        print(f"    Home Assistant {release.version}", flush=True)  # noqa: T201 - it is a command
        installation.make(release.suite)


if __name__ == "__main__":
    main()
