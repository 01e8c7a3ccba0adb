#!/usr/bin/env bash
# Sets Attune up: to try it, to test it, or to install it as a service.
set -euo pipefail
umask 022 # the service's user reads what root installs; what is private says so itself
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
    cat <<'END'
usage: ./setup.sh COMMAND [--dry-run]

To try it
  demo [--seconds N] [--summary FILE] [--camera SRC]
                        everything it needs, then see it work, here and now
  music                 offer 28 pieces from Debian's packages to play (CC BY-SA 3.0)
To work on it
  test [PYTEST OPTIONS] everything the tests need, then linters, types and tests
  test-all              the tests on each Python from 3.10 to 3.13 found here
  test-api [EXAMPLES]   the API, fuzzed from its own OpenAPI document
  test-service          the installed service, in a Debian booted for it (as root)
  test-page             the page in a real browser: clicks, keyboard, phone, accessibility
  test-home-assistant   two real Home Assistants and a real broker, with the daemon
  test-privacy          that no picture leaves the daemon: traced, and cut off from every network
  fuzz [EDGE ...] [--cases N] [--seed N]
                        100,000 harmed inputs at each edge; a wrong EDGE is told which there are
  test-faults           everything that may go wrong goes wrong (half an hour)
  test-training         the tests of training and conversion, with TensorFlow and PyTorch
  train                 .venv-train, with both, to train and convert models
To live with it (as root; Raspberry Pi, Jetson, any Debian or Ubuntu with systemd)
  install               /opt/attune, /etc/attune, user attune, service attune.service
  upgrade               the same, from this tree, over what is installed
  rollback              back to the version before the last upgrade
  uninstall [--purge]   remove it; --purge: settings and what it remembers, too
  ssh [--admin-key FILE.pub | --remove]
                        the SSH server lets in keys alone; a key that may run attune alone

  --dry-run             say what would be done, and do nothing
END
}

readonly PYTHONS=(3.10 3.11 3.12 3.13)
readonly OS_RELEASE=${ATTUNE_OS_RELEASE:-/etc/os-release} # the tests show it other systems

DRY_RUN=false
PYTHON=

# shellcheck source=systemd/install.sh
. systemd/install.sh
# shellcheck source=systemd/ssh.sh
. systemd/ssh.sh

# --- telling and doing -----------------------------------------------------------------------

say() {
    if [[ -t 1 ]]; then printf '\033[1m==> %s\033[0m\n' "$*"; else printf '==> %s\n' "$*"; fi
}
note() { printf '    %s\n' "$*"; }
die() {
    printf 'setup.sh: %s\n' "$*" >&2
    exit 1
}
wrong_use() {
    printf 'setup.sh: %s; see ./setup.sh --help\n' "$*" >&2
    exit 2
}

# Runs a command, or only shows it with --dry-run.
run() {
    if $DRY_RUN; then
        printf '+'
        printf ' %q' "$@"
        printf '\n'
    else
        "$@"
    fi
}

as_root() {
    if [[ $EUID -eq 0 ]]; then run "$@"; else run sudo "$@"; fi
}

quietly() { # what a command says is told only when it fails: apt's reasons are among it
    local said code=0
    if $DRY_RUN; then
        "$@"
        return
    fi
    said=$("$@" 2>&1) || code=$?
    [[ $code -eq 0 ]] || printf '%s\n' "$said" >&2
    return $code
}

write() { # FILE TEXT
    if $DRY_RUN; then printf '+ write %s\n' "$1"; else printf '%s\n' "$2" >"$1"; fi
}

os() { # one field of os-release, empty where there is none
    # shellcheck disable=SC1090 # another file on each system
    (. "$OS_RELEASE" 2>/dev/null && printf '%s' "${!1:-}") || true
}

# --- system packages -------------------------------------------------------------------------

debian_like() {
    [[ " $(os ID) $(os ID_LIKE) " == *" debian "* ]] && command -v apt-get >/dev/null
}

# Debian 13 and Ubuntu 24.04 renamed libraries when time_t grew to 64 bits.
renamed() { # PACKAGE
    local oldest=13
    [[ $(os ID) == ubuntu ]] && oldest=24
    local version
    version=$(os VERSION_ID)
    version=${version%%.*}
    if [[ -z $version || $version -ge $oldest ]]; then echo "$1t64"; else echo "$1"; fi
}

loads() { # LIBRARY
    [[ -n $PYTHON ]] && "$PYTHON" -c "import ctypes; ctypes.CDLL('$1')" 2>/dev/null
}

has() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null; }

can_become_root() {
    [[ $EUID -eq 0 ]] || sudo -n true 2>/dev/null || { command -v sudo >/dev/null && [[ -t 0 ]]; }
}

apt_install() { # PACKAGE...
    local line="apt-get install $*"
    debian_like || die "missing here, install by your system's own means (names as in Debian): $*"
    $DRY_RUN || can_become_root ||
        die "packages are missing; as root run this, then ./setup.sh again: $line"
    say "Installing system packages: $*"
    quietly as_root apt-get -qq -o DPkg::Lock::Timeout=120 update ||
        note "the package lists could not be renewed; going on with the ones that are there"
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=120 \
        install --no-install-recommends "$@" || die "that failed; mend it, or try by hand: $line"
}

# Installs what WHAT... (python, sound, mosquitto, systemd-bindings, a program's name) lack here.
need() {
    local missing=() what fresh_broker=false
    for what in "$@"; do
        case $what in
        python)
            if find_python; then
                "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || missing+=("${PYTHON##*/}-venv")
            elif [[ -n $(version_of python3) ]]; then
                die "Attune needs Python 3.10 to 3.13; here is $(version_of python3) alone"
            else
                missing+=(python3 python3-venv)
            fi
            ;;
        sound) # pygame's wheel brings SDL, which opens these
            loads libglib-2.0.so.0 || missing+=("$(renamed libglib2.0-0)")
            loads libasound.so.2 || missing+=("$(renamed libasound2)")
            ;;
        systemd-bindings) # systemd-python comes as source
            { has gcc && has pkg-config && pkg-config --exists libsystemd; } ||
                missing+=(gcc pkg-config libsystemd-dev)
            [[ -n $PYTHON ]] && "$PYTHON" -c 'import os, sysconfig, sys
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
                missing+=("${PYTHON:-python3}-dev")
            ;;
        systemd-nspawn) has systemd-nspawn || missing+=(systemd-container) ;;
        chromedriver) has chromedriver || missing+=(chromium-driver) ;;
        mosquitto) has mosquitto || { missing+=(mosquitto) && fresh_broker=true; } ;;
        *) has "$what" || missing+=("$what") ;;
        esac
    done
    [[ ${#missing[@]} -eq 0 ]] || apt_install "${missing[@]}"
    if $fresh_broker && [[ -d /run/systemd/system ]]; then
        note "only mosquitto's program is wanted: its service, fresh from the package, is switched off"
        as_root systemctl disable --now mosquitto.service
    fi
    [[ -n $PYTHON ]] || find_python || $DRY_RUN ||
        die "Attune needs Python 3.10 to 3.13; this system's packages have $(version_of python3)"
}

# --- Python ----------------------------------------------------------------------------------

version_of() { # INTERPRETER -> 3.11, nothing when it does not run
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

supported() { [[ -n $1 && " ${PYTHONS[*]} " == *" $1 "* ]]; }

# The system's own where it fits: its packages (cameras) are built for it.
find_python() {
    local name
    for name in python3 python3.11 python3.12 python3.13 python3.10; do
        if supported "$(version_of "$name")"; then
            PYTHON=$name
            return
        fi
    done
    return 1
}

interpreter() { # VERSION -> path of such an interpreter, nothing when there is none
    local candidate
    for candidate in "python$1" "${HOME:-}/.pyenv/versions/$1".*/bin/python; do
        if [[ $(version_of "$candidate") == "$1" ]]; then
            echo "$candidate"
            return
        fi
    done
}

pip_install() { # VENV ARGUMENTS...
    local pip=("$1/bin/python" -m pip --disable-pip-version-check --quiet install)
    shift
    run "${pip[@]}" "$@" && return
    note "that failed; once more, in case the network hiccupped"
    $DRY_RUN || sleep 5
    run "${pip[@]}" "$@" || die "the Python packages could not be installed; the lines above say why"
}

# Makes VENV for PYTHON with the project and its EXTRA, if it is not so already.
make_venv() { # VENV [EXTRA]
    local venv=$1 extra=${2:-} python=${PYTHON:-python3} version stamp
    version=$(version_of "$python")
    # A virtual environment serves one Python, and only where it was made.
    if [[ $(version_of "$venv/bin/python") != "$version" ||
        $(head -qn 1 "$venv/bin/pip" 2>/dev/null) != "#!$PWD/$venv/bin/python"* ]]; then
        say "Making $venv for Python $version"
        run "$python" -m venv --clear "$venv"
    fi
    stamp=$(sha256sum <pyproject.toml)
    # Whatever extra was installed, what is needed to run is there.
    if grep -qsxF -- "$stamp" "$venv/stamp-$extra"*; then return; fi
    say "Installing Python packages into $venv (minutes, the first time)"
    pip_install "$venv" --editable ".${extra:+[$extra]}"
    write "$venv/stamp-$extra" "$stamp"
}

# --- to try it, to work on it ----------------------------------------------------------------

demo() {
    need python sound mosquitto
    make_venv .venv
    say "Starting the demonstration"
    run exec .venv/bin/attune demo "$@"
}

test_api() { # [EXAMPLES]
    need python sound
    make_venv .venv-api dev,api
    say "Fuzzing the API (minutes)"
    run exec .venv-api/bin/python -m tests.fuzz_api "$@"
}

check_sources() { # VENV
    say "Linters and types"
    run "$1/bin/ruff" check .
    run "$1/bin/ruff" format --check .
    run "$1/bin/mypy"
    run shellcheck setup.sh systemd/install.sh systemd/ssh.sh tests/service/boot.sh .ci/run
}

readonly AXE=4.14.1 # the version of axe-core
readonly QUICK='not slow and not benchmark'

tests() {
    need python sound mosquitto shellcheck strace systemd-bindings
    make_venv .venv dev,service
    check_sources .venv
    say "Tests"
    note "Left out: slow and benchmark; run them with ./setup.sh test -m 'slow or benchmark'"
    note "Skipped: training and conversion; run them with ./setup.sh test-training"
    note "Each with a command of its own: ./setup.sh test-service, test-page, test-home-assistant,"
    note "test-api, test-privacy, test-faults and fuzz. What else is skipped is told at the end"
    run exec .venv/bin/python -m pytest -m "$QUICK" "$@"
}

test_all() {
    local version python results=() failed=false
    need python sound mosquitto
    for version in "${PYTHONS[@]}"; do
        python=$(interpreter "$version")
        if [[ -z $python ]]; then
            results+=("Python $version: not found here")
            continue
        fi
        PYTHON=$python
        make_venv ".venv-$version" dev
        say "Tests on Python $version"
        if run ".venv-$version/bin/python" -m pytest -q -m "$QUICK" "$@"; then
            results+=("Python $version: passed")
        else
            results+=("Python $version: FAILED")
            failed=true
        fi
    done
    say "On each Python"
    for version in "${results[@]}"; do note "$version"; done
    ! $failed
}

test_privacy() {
    need python sound mosquitto strace
    make_venv .venv dev
    say "Watching the daemon's system calls, where there is no network but its broker"
    run .venv/bin/python -m tests.privacy
    run .venv/bin/python -m tests.privacy.tables
    run exec .venv/bin/python -m pytest tests/privacy "$@"
}

fuzz() {
    need python sound
    make_venv .venv dev
    say "Harming what comes in"
    run .venv/bin/python -m tests.fuzz "$@"
    run .venv/bin/python -m tests.readme_tables
}

test_service() {
    [[ $EUID -eq 0 ]] || $DRY_RUN ||
        die "this boots a system of its own, which root alone may: sudo ./setup.sh test-service"
    need python git debootstrap systemd-nspawn
    make_venv .venv dev
    say "Installing what was last committed in a Debian of its own, and trying the service there"
    note "The first time makes that Debian, in minutes, and keeps it in ~/.cache/attune"
    run exec .venv/bin/python -m pytest -m slow tests/service "$@"
}

test_page() {
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/attune/axe
    need python sound chromium chromedriver npm
    make_venv .venv dev,page
    if [[ ! -f $cache/package/axe.min.js ]]; then
        say "Fetching axe-core, which checks accessibility, into $cache"
        run mkdir -p "$cache"
        run npm pack --silent --pack-destination "$cache" "axe-core@$AXE" >/dev/null
        run tar -xzf "$cache/axe-core-$AXE.tgz" -C "$cache"
    fi
    say "The page, in Chromium"
    run exec env ATTUNE_AXE="$cache/package/axe.min.js" \
        .venv/bin/python -m pytest -m slow tests/page "$@"
}

test_home_assistant() {
    need python sound mosquitto openssl chromium
    make_venv .venv dev,home-assistant
    say "Home Assistant, each version on a Python that it runs on"
    note "The first time installs them, in minutes, and keeps them in ~/.cache/attune"
    note "Where a newer Python is needed than there is, a Debian that has it is made (as root)"
    run .venv/bin/python -m tests.home_assistant.install
    run exec .venv/bin/python -m pytest -m slow tests/home_assistant "$@"
}

# --- music to try it with --------------------------------------------------------------------

readonly ALBUMS=/usr/local/share/attune/music # links, for zaz has its noises beside its music
readonly ALBUM_PACKAGES=(hyperrogue-music:/usr/share/hyperrogue/music
    singularity-music:/usr/share/games/singularity/music zaz-data:/usr/share/games/zaz)

agreed() { # QUESTION; where nobody can be asked, who called has answered
    local answer
    if $DRY_RUN || [[ ! -t 0 ]]; then return; fi
    read -r -p "    $1 [Y/n] " answer
    [[ ${answer,,} != n* ]]
}

music() {
    local album missing=()
    debian_like || die "these albums are packages of Debian and Ubuntu; this is $(os PRETTY_NAME)"
    say "Music under CC BY-SA 3.0, from games' packages"
    note "hyperrogue-music   17 pieces, 57 MB: dark and dreamy, for a world without end"
    note "                   (FFmpeg 8 cannot open three of them; they are left out)"
    note "singularity-music  16 pieces, 51 MB: calm electronic music"
    note "zaz-data            4 pieces, 21 MB: a light arcade game"
    for album in "${ALBUM_PACKAGES[@]}"; do
        [[ -d ${album#*:} ]] || missing+=("${album%%:*}")
    done
    if [[ ${#missing[@]} -gt 0 ]]; then
        agreed "Install ${missing[*]}?" || exit 0
        apt_install "${missing[@]}"
    fi
    as_root mkdir -p "$ALBUMS/zaz"
    as_root ln -sfn /usr/share/hyperrogue/music "$ALBUMS/hyperrogue"
    as_root ln -sfn /usr/share/games/singularity/music "$ALBUMS/singularity"
    as_root ln -sf /usr/share/games/zaz/mus{1,2,3,4}.ogg "$ALBUMS/zaz/"
    say "Ready, in $ALBUMS. To play it, add that folder to your own in /etc/attune/attune.toml:"
    note "[music]"
    note "folders = [\"/opt/attune/music\", \"$ALBUMS\"]"
    note "and then: sudo systemctl restart attune"
}

test_faults() {
    need python sound mosquitto gcc
    make_venv .venv dev
    say "Breaking what may break, and measuring how long it takes until all is well again"
    run .venv/bin/python -m pytest -m '' tests/faults --write-results "$@"
    run exec .venv/bin/python -m tests.faults.promises
}

train_venv() {
    need python
    make_venv .venv-train train,dev
}

test_training() {
    train_venv
    run exec .venv-train/bin/python -m pytest tests/training tests/conversion "$@"
}

train() {
    train_venv
    say "Ready. Next: .venv-train/bin/python -m training --help"
}

# --- what was asked --------------------------------------------------------------------------

arguments=()
for argument in "$@"; do
    case $argument in
    --dry-run) DRY_RUN=true ;;
    -h | --help) usage && exit ;;
    *) arguments+=("$argument") ;;
    esac
done
set -- "${arguments[@]}"
SUBCOMMAND=${1:-}
[[ -n $SUBCOMMAND ]] || { usage >&2 && exit 2; }
shift
case $SUBCOMMAND in
demo) demo "$@" ;;
test) tests "$@" ;;
test-all) test_all "$@" ;;
test-api) test_api "$@" ;;
test-service) test_service "$@" ;;
test-page) test_page "$@" ;;
test-home-assistant) test_home_assistant "$@" ;;
test-privacy) test_privacy "$@" ;;
fuzz) fuzz "$@" ;;
test-faults) test_faults "$@" ;;
test-training) test_training "$@" ;;
train | music | install | upgrade | rollback)
    [[ $# -eq 0 ]] || wrong_use "$SUBCOMMAND takes no arguments"
    case $SUBCOMMAND in
    install) install_service ;;
    *) "$SUBCOMMAND" ;;
    esac
    ;;
uninstall) uninstall "$@" ;;
ssh) ssh_rules "$@" ;;
*) wrong_use "unknown command $SUBCOMMAND" ;;
esac
