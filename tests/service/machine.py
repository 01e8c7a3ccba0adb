"""A Debian of its own, booted beside this system: what `setup.sh install` changes is its alone."""

from __future__ import annotations

import ast
import contextlib
import fcntl
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from device.client import Client

ROOT = Path(__file__).resolve().parents[2]
GIT = f"git -C {shlex.quote(str(ROOT))}"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "attune/test-service"
SUITE = "bookworm"
PACKAGES = "systemd,dbus"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
PIP_CACHE = "/mnt/pip"
HOST = "/mnt/host"
ALONE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private")
ENTER = ("nsenter", "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w")
TREE = Path("/root/attune")
HOOK = "/srv/attune-test"
BOOT = Path(__file__).with_name("boot.sh")
PORTRAITS = '[camera]\nsource = "slideshow:/opt/attune/config/portraits"\n'

Result = TypeVar("Result")


def why_not() -> str | None:
    """Why this machine can boot no system of its own; None where it can."""
    if os.geteuid() != 0:
        return "only root can boot a system of its own"
    for program in ("debootstrap", "systemd-nspawn", "git"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return None


def base_root() -> Path:
    """A minimal Debian, made once and kept."""
    base = CACHE / SUITE
    if not base.exists():
        fresh = base.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(fresh)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        fresh.rename(base)
    return base


def pip_environment() -> dict[str, str]:
    """How pip reaches its packages from here, as variables."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    environment = {}
    for line in sorted(listed.stdout.splitlines(), reverse=True):  # ":env:" comes last, and wins
        name, _, value = line.partition("=")
        option = name.rpartition(".")[2].upper().replace("-", "_")
        environment[f"PIP_{option}"] = " ".join(ast.literal_eval(value).split())
    return environment


def lent(environment: dict[str, str]) -> tuple[dict[str, str], set[Path]]:
    """The variables as they read in there, and what of this machine must be seen under `HOST`."""
    shown, paths = {}, set()
    for name, value in environment.items():
        words = []
        for word in value.split():
            path = Path(word.removeprefix("file://"))
            if path.is_absolute() and path.exists():
                paths.add(path.parent if word.startswith("file://") else path)  # files lie beside
                words.append(word.replace(str(path), f"{HOST}{path}"))
            else:
                words.append(word)
        shown[name] = " ".join(words)
    return shown, paths


def _children(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    return []


def _name(pid: int) -> str:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


class Machine:
    """The booted system; its files lie under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._commit = subprocess.check_output(
            [*shlex.split(GIT), "rev-parse", "HEAD"], text=True
        ).strip()
        pip, self._lent = lent(pip_environment())
        self._environment = {
            "PATH": PATH,
            "HOME": "/root",
            "LANG": "C.UTF-8",
            **{name: os.environ[name] for name in PROXIES if name in os.environ},
            **pip,
            "PIP_CACHE_DIR": PIP_CACHE,
        }
        self._boot: subprocess.Popen[bytes] | None = None
        self._pid = 0

    # --- its power button -----------------------------------------------------------------

    def start(self, *options: str) -> None:
        """Boot, with options of systemd-nspawn's, and wait until everything has started."""
        pip_cache = CACHE / "pip"
        pip_cache.mkdir(parents=True, exist_ok=True)
        binds = [f"--bind={pip_cache}:{PIP_CACHE}"]
        binds += [f"--bind-ro={path}:{HOST}{path}" for path in self._lent]
        with (self.root.parent / "console").open("ab") as console:
            self._boot = subprocess.Popen(
                [
                    *ALONE,
                    str(Path(__file__).with_name("boot.sh")),
                    str(self.root),
                    *binds,
                    *options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        self._pid = self.wait(self._find_init, 30, "its systemd to start")
        self.wait(lambda: self._state() in ("running", "degraded"), 60, "the boot to end")

    def stop(self) -> None:
        """Shut down in good order, or else hard."""
        if self._boot is None:
            return
        self.run("systemctl poweroff --no-block", check=False)
        try:
            self._boot.wait(60)
        except subprocess.TimeoutExpired:
            self._boot.kill()
            self._boot.wait()
        self._boot = None

    def _find_init(self) -> int | None:
        """The process that is number 1 in there: boot.sh's child's child."""
        assert self._boot is not None
        assert self._boot.poll() is None, (self.root.parent / "console").read_text()
        children = [self._boot.pid]
        for _ in range(2):
            children = [child for pid in children for child in _children(pid)]
        return next((pid for pid in children if _name(pid) == "systemd"), None)

    def _state(self) -> str:
        return self.run("systemctl is-system-running", check=False).stdout.strip()

    # --- what is done in there ------------------------------------------------------------

    def run(
        self, command: str, *, user: str = "root", check: bool = True, seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell's command line in there."""
        become = [] if user == "root" else ["runuser", "-u", user, "--"]
        environment = [f"{name}={value}" for name, value in self._environment.items()]
        told = subprocess.run(
            [
                *ENTER,
                "-t",
                str(self._pid),
                "env",
                "-i",
                *environment,
                *become,
                "bash",
                "-c",
                command,
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        assert not check or told.returncode == 0, f"{command}:\n{told.stdout}{told.stderr}"
        return told

    def file(self, path: str | Path) -> Path:
        """Where a file of that system lies in ours."""
        return self.root / str(path).lstrip("/")

    def seen(self, path: str | Path) -> Path:
        """Where we reach a file as that system sees it, also on what is mounted there alone."""
        return Path(f"/proc/{self._pid}/root") / str(path).lstrip("/")

    def wait(self, ask: Callable[[], Result | None], seconds: float, what: str) -> Result:
        """The first answer that is not nothing."""
        deadline = time.monotonic() + seconds
        while True:
            answer = ask()
            if answer:
                return answer
            if time.monotonic() > deadline:
                pytest.fail(f"waited {seconds:g} s in vain for {what}")
            time.sleep(0.2)

    # --- the service in there ------------------------------------------------------------

    def prop(self, name: str) -> str:
        """What systemd says of the service, as `systemctl show` names it."""
        return self.run(f"systemctl show attune --value -p {name}").stdout.strip()

    def is_ready(self) -> bool:
        """Whether it has started, and told so."""
        return self.prop("ActiveState") == "active"

    def status(self) -> dict[str, Any]:
        """What the speaker says of itself."""
        told: dict[str, Any] = json.loads(self.run("attune status --json").stdout)
        return told

    @property
    def client(self) -> Client:
        """The speaker's local API, as the command line in there uses it."""
        return Client((self.seen("/run/attune/api.sock"),))

    def mark(self) -> str:
        """A place in the journal."""
        return self.run("journalctl -n 0 --show-cursor").stdout.split("-- cursor: ")[1].strip()

    def journal(self, since: str) -> str:
        """What the service told since then."""
        return self.run(f"journalctl -u attune -o cat --after-cursor '{since}'").stdout

    def wait_told(self, since: str, text: str, seconds: float = 20) -> str:
        """Wait until the journal says something; all of it since then."""

        def told() -> str | None:
            lines = self.journal(since)
            return lines if text in lines else None

        return self.wait(told, seconds, f"{text!r} in the journal")

    def wait_restart(self, old: str, seconds: float) -> float:
        """Seconds until the service is ready again, in another process."""
        begun = time.monotonic()
        self.wait(
            lambda: self.prop("MainPID") not in (old, "0") and self.is_ready(),
            seconds,
            "systemd to restart the service",
        )
        return time.monotonic() - begun

    def wait_playing(self, seconds: float = 60) -> dict[str, Any]:
        """Wait until it sees somebody and plays."""

        def at_work() -> dict[str, Any] | None:
            now = self.status()
            sees = now["people"] > 0 and now["mood"]["label"] not in ("nobody", "uncertain")
            return now if sees and now["playing"] and now["track"] else None

        return self.wait(at_work, seconds, "a face and a track")

    @contextlib.contextmanager
    def drop_in(self, name: str, *lines: str) -> Iterator[None]:
        """The service restarted with other settings of its unit, and again without."""
        file = self.file(f"/etc/systemd/system/attune.service.d/{name}.conf")
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(("[Service]", *lines, "")))
        restart = "systemctl daemon-reload && systemctl restart attune"
        try:
            self.run(restart)
            yield
        finally:
            file.unlink()
            self.run(restart)

    @contextlib.contextmanager
    def hooked(self) -> Iterator[None]:
        """The service with `sitecustomize.py` from here in it."""
        hook = self.file(HOOK)
        hook.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(__file__).with_name("sitecustomize.py"), hook)
        with self.drop_in("hook", f"Environment=PYTHONPATH={HOOK}"):
            yield

    def lay_tree(self) -> None:
        """The project as it was last committed when the system was booted, fresh."""
        tree = self.file(TREE)
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir(parents=True)
        archive = f"{GIT} archive {self._commit} | tar -x -C {shlex.quote(str(tree))}"
        subprocess.run(["bash", "-o", "pipefail", "-c", archive], check=True)

    def install_ssh(self) -> None:
        """An SSH server as Debian brings it."""
        packages = "openssh-server openssh-client"
        self.run(f"DEBIAN_FRONTEND=noninteractive apt-get -qq -y install {packages}", seconds=600)

    def authorize(self, user: str, key: str) -> None:
        """Let a public key in as a user."""
        folder = f"/home/{user}/.ssh"
        self.run(
            f"install -d -m 700 -o {user} {folder}"
            f" && install -m 600 -o {user} {key} {folder}/authorized_keys"
        )

    def setup(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the tree's setup.sh in there."""
        command = f"{TREE}/setup.sh {shlex.join(arguments)}"
        return self.run(command, check=check, seconds=1200)


@contextlib.contextmanager
def booted() -> Iterator[Machine]:
    """A fresh system, running; one at a time on this machine."""
    base = base_root()
    folder = CACHE / "machine"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        root = folder / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", str(base), str(root)], check=True)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        machine = Machine(root)
        try:
            machine.start()
            yield machine
        finally:
            machine.stop()
            shutil.rmtree(folder)
