"""A system for setup.sh to run on, played by fake programs; nothing is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

FAKE_PYTHON = r"""#!/bin/bash
case "$*" in
*version_info*) echo "${FAKE_VERSION-3.11}" ;;
*CDLL*) [[ ${FAKE_SOUND-yes} == yes ]] ;;
*"-m venv --"*)
    mkdir -p "$4/bin" && rm -f "$4"/stamp-* && cp "$0" "$4/bin/python"
    echo "#!$PWD/$4/bin/python" >"$4/bin/pip"
    printf '#!/bin/bash\necho "attune runs: $*"\n' >"$4/bin/attune" && chmod +x "$4/bin/attune"
    echo venv >>calls
    ;;
*"-m pip "*)
    echo pip >>calls
    failures=$(cat failures 2>/dev/null || echo 0)
    [[ $failures == 0 ]] || { echo $((failures - 1)) >failures; exit 1; }
    ;;
esac
"""

TOOLS = (
    "bash cat chmod cmp cp cut date df dirname env find getent grep head mkdir mv readlink rm sed"
    " setpriv sha256sum sort tail uname xargs"
)

SYSTEMS = {
    "bookworm": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"',
    "trixie": 'ID=debian\nVERSION_ID="13"',
    "sid": "ID=debian",
    "raspbian": 'ID=raspbian\nID_LIKE=debian\nVERSION_ID="12"',
    "jammy": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"',
    "noble": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"',
    "fedora": 'ID=fedora\nVERSION_ID="42"\nPRETTY_NAME="Fedora Linux 42"',
}


class Machine:
    """A copy of the tree's outside, and a PATH whose programs may be faked or left out."""

    def __init__(self, folder: Path) -> None:
        self.tree = folder / "attune"
        self.bin = folder / "bin"
        self.bin.mkdir()
        for program in TOOLS.split():
            found = shutil.which(program, path="/usr/bin:/bin")
            assert found is not None, program
            (self.bin / program).symlink_to(found)
        for name in ("setup.sh", "pyproject.toml", "systemd", ".ci", "config"):
            self._copy(name)
        for name in ("device", "models_tflite", "music"):
            (self.tree / name).mkdir()
        (self.tree / "README.md").write_text("Attune")
        (self.tree / "PRIVACY.md").write_text("No picture is ever stored")
        (self.tree / "LICENSE").write_text("MIT")
        self.os_release = folder / "os-release"
        self.be("bookworm")
        self.fake("python3", FAKE_PYTHON)
        self.fake("dpkg", "#!/bin/sh\necho ${FAKE_ARCHITECTURE-amd64}\n")
        for name in (
            "apt-get",
            "systemctl",
            "mosquitto",
            "shellcheck",
            "strace",
            "sleep",
            "gcc",
            "pkg-config",
        ):
            self.fake(name, "#!/bin/sh\n")

    def _copy(self, name: str) -> None:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, self.tree / name)
        else:
            self.tree.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, self.tree / name)

    def be(self, system: str) -> None:
        self.os_release.write_text(SYSTEMS[system] + "\n")

    def leave_out(self, program: str) -> None:
        (self.bin / program).unlink(missing_ok=True)

    def fake(self, program: str, script: str) -> None:
        self.leave_out(program)
        (self.bin / program).write_text(script)
        (self.bin / program).chmod(0o755)

    def setup(
        self, *arguments: str, as_nobody: bool = False, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        return subprocess.run(
            [*(nobody if as_nobody and os.geteuid() == 0 else []), "./setup.sh", *arguments],
            cwd=self.tree,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "PATH": str(self.bin),
            "HOME": str(self.tree),
            "ATTUNE_OS_RELEASE": str(self.os_release),
            **more,
        }

    def files(self) -> set[Path]:
        return set(self.tree.rglob("*"))

    def calls(self) -> list[str]:
        path = self.tree / "calls"
        calls = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return calls


# --- with root, in a folder that stands for / ------------------------------------------------

ABSOLUTE = re.compile(r"(?<![\w./$}!])/(opt|etc|usr|var/lib|run/systemd)\b")
INSTALLING_TOOLS = "awk install ln ls realpath ssh-keygen touch"

FAKE_ACCOUNTS = {
    "getent": 'if [[ $# == 1 ]]; then cat "$ROOT/etc/$1"; else grep "^$2:" "$ROOT/etc/$1"; fi',
    "groupadd": 'echo "${!#}:x:990:" >>"$ROOT/etc/group"',
    "groupdel": 'sed -i "/^$1:/d" "$ROOT/etc/group"',
    "useradd": """while [[ $# -gt 1 ]]; do
    case $1 in --home-dir) home=$2 ;; --shell) shell=$2 ;; esac
    shift
done
echo "$1:x:990:990::$home:$shell" >>"$ROOT/etc/passwd\"""",
    "usermod": "",
    "userdel": 'sed -i "/^$1:/d" "$ROOT/etc/passwd"',
    "id": 'echo "$2 users"',
    # Owners are left out: whom the accounts above name, the system that tests does not know.
    "install": """words=()
while [[ $# -gt 0 ]]; do
    case $1 in -o | -g) shift ;; *) words+=("$1") ;; esac
    shift
done
exec /usr/bin/install "${words[@]}\"""",
}

FAKE_SYSTEMCTL = """case $1 in
cat) ;;
show) echo NRestarts=0; echo ActiveState="$(cat "$ROOT/state")" ;;
is-active) [[ $(cat "$ROOT/state") == active ]] ;;
restart)
    if [[ -e $ROOT/opt/attune/device/fails ]]; then state=failed; else state=active; fi
    echo $state >"$ROOT/state" && [[ $state == active ]]
    ;;
esac
"""

# Reads as sshd does: the first value of a keyword counts, but for whom a block names, the block's.
FAKE_SSHD = """cd "$ROOT/etc/ssh"
settings() {
    if grep -q ^Include sshd_config; then cat sshd_config.d/*.conf 2>/dev/null; fi
    cat sshd_config
    echo Match all
    echo "StrictModes yes"
    echo "AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2"
    echo "AuthenticationMethods any"
    echo "ForceCommand none"
    echo "PermitUserRC yes"
}
case $1 in
-t) ! settings | grep -n Nonsense >&2 ;;
-T) settings | awk -v "who=$3" '
    /^ *#/ || NF == 0 || $1 == "Include" { next }
    $1 == "Match" {
        block = $2 != "all"
        skip = block && index("," who ",", "," tolower(substr($2, 1, 4)) "=" $3 ",") == 0
        next
    }
    skip { next }
    { $1 = tolower($1) }
    $1 ~ /^(allow|deny)(users|groups)$/ { for (i = 2; i <= NF; i++) print $1, $i; next }
    block && !($1 in special) { special[$1] = $0 }
    !block && !($1 in general) { general[$1] = $0 }
    END {
        for (keyword in general) print keyword in special ? special[keyword] : general[keyword]
    }' ;;
esac
"""


class RootMachine(Machine):
    """One on which setup.sh is root, and its absolute paths lie in `root`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.root = folder / "root"
        for name in ("etc/ssh", "etc/systemd/system", "opt", "run/systemd/system", "var/lib"):
            (self.root / name).mkdir(parents=True)
        (self.root / "usr/local/bin").mkdir(parents=True)
        (self.root / "usr/bin").symlink_to(self.bin)
        (self.root / "usr/sbin").symlink_to(self.bin)
        self.file("etc/passwd").write_text("root:x:0:0::/root:/bin/bash\n")
        self.file("etc/group").write_text("root:x:0:\n")
        self.file("etc/shells").write_text("/bin/sh\n/bin/bash\n")
        self.file("etc/ssh/sshd_config").write_text("Include /etc/ssh/sshd_config.d/*.conf\n")
        self.file("state").write_text("inactive\n")
        for name in ("setup.sh", "systemd/install.sh", "systemd/ssh.sh", "config/ssh/attune.conf"):
            script = self.tree / name
            script.write_text(ABSOLUTE.sub(rf"{self.root}/\1", script.read_text()))
        for program in INSTALLING_TOOLS.split():
            found = shutil.which(program)
            assert found is not None, program
            (self.bin / program).symlink_to(found)
        for program, script in FAKE_ACCOUNTS.items():
            self.play(program, script)
        self.play("systemctl", FAKE_SYSTEMCTL)
        self.play("sshd", FAKE_SSHD)
        self.play("df", "echo Avail; echo 9999999")
        self.play("dpkg-query", "echo installed")
        self.play("hostname", "[[ $1 == -I ]] && echo 192.168.0.7 fd00::7 || echo speaker")
        for program in ("journalctl", "pkill"):
            self.play(program, "")

    def play(self, program: str, script: str) -> None:
        """Fake a program that knows where / is."""
        self.fake(program, f"#!/bin/bash\nROOT={self.root}\n{script}\n")

    def file(self, name: str) -> Path:
        return self.root / name

    def user(self, name: str, home: str, uid: int = 1000, shell: str = "/bin/bash") -> Path:
        """Give somebody a login; returns the home."""
        path = self.file(home.lstrip("/"))
        path.mkdir(parents=True)
        with self.file("etc/passwd").open("a") as passwd:
            passwd.write(f"{name}:x:{uid}:{uid}::{path}:{shell}\n")
        return path

    def users(self) -> list[str]:
        return [line.split(":")[0] for line in self.file("etc/passwd").read_text().splitlines()]

    def as_root(self, *arguments: str, umask: int = 0o022) -> subprocess.CompletedProcess[str]:
        """Run setup.sh as root, or as whom it takes for that."""
        become = [] if os.geteuid() == 0 else ["/usr/bin/unshare", "--map-root-user"]
        return subprocess.run(
            [*become, "./setup.sh", *arguments],
            cwd=self.tree,
            env=self.environment(),
            umask=umask,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def may_be_root() -> bool:
    """Whether `RootMachine.as_root` works here."""
    if os.geteuid() == 0:
        return True
    tried = subprocess.run(["unshare", "--map-root-user", "true"], capture_output=True, check=False)
    return tried.returncode == 0
