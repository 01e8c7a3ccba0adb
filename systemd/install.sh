# shellcheck shell=bash
# Attune as a service: install, upgrade, roll back, uninstall. Sourced by setup.sh, whose helpers it uses.

readonly LINK=/opt/attune VERSIONS=/opt/attune.versions COMMAND_LINK=/usr/local/bin/attune
readonly PREVIOUS=$VERSIONS/previous
readonly SETTINGS=/etc/attune STATE=/var/lib/attune UNIT=/etc/systemd/system/attune.service
readonly SHIPPED=(device models_tflite music config systemd pyproject.toml README.md PRIVACY.md LICENSE
    setup.sh)

check_system() {
    local architecture home
    debian_like || die "this is $(os PRETTY_NAME): only Debian and what comes from it (Raspberry Pi OS," \
        "Ubuntu, JetPack) can be installed on; ./setup.sh demo may still work"
    command -v systemctl >/dev/null || die "there is no systemd here, which is to run the service"
    architecture=$(dpkg --print-architecture)
    case $architecture in
    amd64 | arm64) ;;
    armhf)
        [[ $(uname -m) == armv7l && $(version_of /usr/bin/python3) == 3.1[01] ]] ||
            die "on 32-bit ARM the models run with an armv7 kernel and Python up to 3.11 alone;" \
                "install the 64-bit system"
        ;;
    *) die "no TensorFlow Lite runtime exists for $architecture; amd64 and arm64 have one" ;;
    esac
    PATH=/usr/bin:$PATH # the system's Python, for whose version its camera packages are built
    supported "$(version_of python3)" || [[ -z $(version_of python3) ]] ||
        die "Attune needs Python 3.10 to 3.13; this system's is $(version_of python3)"
    home=$(user_home)
    [[ -z $home || $home == "$STATE" ]] ||
        die "attune is somebody's login here, at home in $home, and the service needs that name for itself;" \
            "as another user: sudo usermod -l NEW attune && sudo groupmod -n NEW attune"
    $DRY_RUN || [[ $EUID -eq 0 ]] || die "this changes the system: sudo ./setup.sh $SUBCOMMAND"
    $DRY_RUN || [[ $(df --output=avail -k /opt | tail -n 1) -gt 1500000 ]] ||
        die "/opt needs 1.5 GB of room; it has $(df --output=avail -h /opt | tail -n 1)"
}

candidate() { # PACKAGE: has the distribution such a one?
    apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'
}

install_packages() {
    local package missing=()
    local packages=(python3-venv python3-systemd libjemalloc2
        "$(renamed libglib2.0-0)" "$(renamed libasound2)")
    if [[ $(dpkg --print-architecture) == arm* ]]; then
        for package in python3-libcamera python3-picamera2; do
            candidate "$package" && packages+=("$package")
        done
    fi
    for package in "${packages[@]}"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            missing+=("$package")
    done
    [[ ${#missing[@]} -eq 0 ]] || apt_install "${missing[@]}"
}

user_home() { # of user attune: $STATE where it is the service's, nothing where there is no such user
    getent passwd attune | cut -d : -f 6 || true
}

make_user() {
    local group
    getent group attune >/dev/null || run groupadd --system attune
    getent passwd attune >/dev/null ||
        run useradd --system --gid attune --home-dir "$STATE" --no-create-home \
            --shell /usr/sbin/nologin --comment 'Attune speaker' attune
    for group in video audio render gpio; do
        if getent group "$group" >/dev/null; then run usermod --append --groups "$group" attune; fi
    done
}

# Copies the tree into a folder of its own, named by its content, and points /opt/attune there:
# one rename, and one rename back if the new version does not start.
build_version() { # FOLDER
    if [[ -e $1/complete ]]; then
        note "$1 is built already"
        return
    fi
    run rm -rf "$1"
    run install -d -m 0755 "$VERSIONS" "$1"
    run cp -R "${SHIPPED[@]}" "$1"
    run find "$1" -name __pycache__ -prune -exec rm -rf {} +
    run chmod -R u=rwX,go=rX "$1"
    say "Installing Python packages into $1/.venv (minutes)"
    run /usr/bin/python3 -m venv --system-site-packages "$1/.venv"
    pip_install "$1/.venv" --editable "$1"
    { run "$1/.venv/bin/python" -m compileall -q "$1/device" && run "$1/.venv/bin/attune" --version; } ||
        die "this version cannot run, see above; nothing was switched"
    write "$1/complete" "$(date --iso-8601=seconds)"
}

point_to() { # FOLDER
    run ln -sfn "$1" "$LINK.new"
    run mv -T "$LINK.new" "$LINK"
}

lay_settings() {
    local file=$SETTINGS/attune.toml secrets=$SETTINGS/environment
    run install -d -m 0750 -o root -g attune "$SETTINGS"
    run install -d -m 0750 -o attune -g attune "$STATE"
    # sudoedit keeps the mode of a file that is there, and gives a new one to all who may enter.
    if [[ ! -e $secrets ]]; then run install -m 0600 /dev/null "$secrets"; fi
    run chmod 0600 "$secrets"
    if [[ ! -e $file ]]; then
        run install -m 0640 -o root -g attune config/attune.toml "$file"
    elif cmp -s config/attune.toml "$file"; then
        run rm -f "$file.new"
    else
        note "$file is yours and stays; today's defaults lie beside it as attune.toml.new"
        run install -m 0640 -o root -g attune config/attune.toml "$file.new"
    fi
}

start_service() { # FOLDER of before, FOLDER of now
    local unit=$2/systemd/attune.service
    if [[ $1 == "$2" ]] && cmp -s "$unit" "$UNIT" && systemctl is-active --quiet attune.service; then
        note "runs already, and nothing changed"
        return
    fi
    run install -m 0644 "$unit" "$UNIT"
    if [[ ! -d /run/systemd/system ]] && ! $DRY_RUN; then
        run systemctl enable attune.service
        note "systemd does not run here: the service starts at the next boot"
        return
    fi
    run systemctl daemon-reload
    run systemctl enable attune.service
    restart_lastingly
}

restart_lastingly() { # a bug may show only once it has started
    # A version that failed again and again leaves its count of restarts.
    run systemctl reset-failed attune.service 2>/dev/null || true
    run systemctl restart attune.service || return
    run sleep 10
    $DRY_RUN || [[ $(systemctl show attune.service --property ActiveState,NRestarts) == \
        $'NRestarts=0\nActiveState=active' ]]
}

roll_back() { # FOLDER of before, empty when there was none; FOLDER of now
    journalctl --unit attune.service --lines 20 --no-pager >&2 || true
    [[ -d $1 && $1 != "$2" ]] || die "the service does not run: see above, and attune doctor"
    point_to "$1"
    run install -m 0644 "$1/systemd/attune.service" "$UNIT"
    run systemctl daemon-reload
    restart_lastingly ||
        die "the version that was asked for does not run (see above), nor does the one before, to which" \
            "$LINK points again: journalctl -u attune, and attune doctor"
    die "the version that was asked for does not run (see above); the one before runs again"
}

install_service() {
    local before version
    check_system
    say "System packages"
    install_packages
    say "User and groups"
    make_user
    before=$(readlink "$LINK" || true)
    version=$VERSIONS/$(content_hash)
    say "Program, into $version"
    build_version "$version"
    say "Settings in $SETTINGS, memory in $STATE"
    lay_settings
    run "$version/.venv/bin/attune" config check "$SETTINGS/attune.toml" ||
        die "nothing was switched: mend $SETTINGS/attune.toml as told above," \
            "then once more: sudo ./setup.sh $SUBCOMMAND"
    point_to "$version"
    run ln -sfn "$LINK/.venv/bin/attune" "$COMMAND_LINK"
    say "Service"
    start_service "$before" "$version" || roll_back "$before" "$version"
    keep_two "$before" "$version"
    say "Installed. Next:"
    note "sudo attune doctor              checks camera, sound, models, power"
    note "sudo usermod -aG attune ${SUDO_USER:-YOU}    lets you use attune without sudo (log in again)"
    note "sudoedit $SETTINGS/attune.toml   music folders; [mqtt] is off until you name your broker;"
    note "                                then sudo systemctl restart attune"
    note "attune watch                    see what it sees; journalctl -u attune tells the rest"
}

# Names what would be installed: the tree's content and the Python that it is for.
content_hash() {
    {
        find "${SHIPPED[@]}" -type f -not -path '*/__pycache__/*' -print0 | sort -z |
            xargs -0 sha256sum
        version_of /usr/bin/python3
    } | sha256sum | cut -c 1-12
}

upgrade() {
    [[ -L $LINK ]] || $DRY_RUN || die "nothing is installed at $LINK; use ./setup.sh install"
    install_service
}

keep_two() { # FOLDER of before, FOLDER of now: the version before stays, to go back to
    local old
    if [[ -d $1 && $1 != "$2" ]]; then run ln -sfn "$1" "$PREVIOUS"; fi
    for old in "$VERSIONS"/*; do
        [[ ! -d $old || $old == "$PREVIOUS" || $old == "$2" || $old -ef $PREVIOUS ]] || run rm -rf "$old"
    done
}

rollback() {
    local now before
    $DRY_RUN || [[ $EUID -eq 0 ]] || die "this changes the system: sudo ./setup.sh rollback"
    $DRY_RUN || [[ -L $LINK ]] || die "nothing is installed at $LINK; use ./setup.sh install"
    now=$(readlink "$LINK") || now=$LINK
    before=$(readlink "$PREVIOUS") || before=$PREVIOUS
    $DRY_RUN || [[ -d $before ]] || die "no version is kept to go back to: only an upgrade leaves one"
    say "Back to the version before, in $before"
    run "$before/.venv/bin/attune" config check "$SETTINGS/attune.toml" ||
        die "nothing was switched: that version does not know these settings; mend them as told above," \
            "then once more: sudo ./setup.sh rollback"
    point_to "$before"
    start_service "$now" "$before" || roll_back "$now" "$before"
    run ln -sfn "$now" "$PREVIOUS"
    note "sudo ./setup.sh rollback once more leads to the version of before"
    note "where that one remembers in a form that this one cannot read, what was remembered before"
    note "the upgrade holds, for both from now on; the rest is kept in $STATE as attune.db.later-N:"
    note "journalctl -u attune tells, and README.md how to have it again"
}

uninstall() { # [--purge]
    [[ $# -eq 0 || $* == --purge ]] || wrong_use "uninstall does not know $*"
    $DRY_RUN || [[ $EUID -eq 0 ]] || die "this changes the system: sudo ./setup.sh uninstall"
    say "Removing the service and the program"
    if [[ -e $UNIT ]] || $DRY_RUN; then
        if [[ -d /run/systemd/system ]]; then run systemctl stop attune.service || true; fi
        run systemctl disable attune.service || true
        run rm -f "$UNIT"
        if [[ -d /run/systemd/system ]]; then run systemctl daemon-reload; fi
    fi
    run rm -rf "$COMMAND_LINK" "$LINK" "$VERSIONS"
    if [[ ${1:-} == --purge ]]; then
        say "Removing settings, memory and user"
        run rm -rf "$SETTINGS" "$STATE" "$UNIT.d" "$RULES" "$FORMER" "${ALBUMS%/*}"
        remove_admin
        reload_sshd
        if [[ $(user_home) == "$STATE" ]]; then
            run userdel attune || note "user attune stays, for the reason above"
        elif [[ -n $(user_home) ]]; then
            note "user attune stays: it is somebody's login, not the service's"
        fi
        # userdel leaves a group that has other members.
        if getent group attune >/dev/null && ! getent passwd attune >/dev/null; then
            run groupdel attune
        fi
    else
        note "kept: $SETTINGS, $STATE and user attune (--purge removes them)"
        if [[ -e $RULES ]]; then
            note "kept: $RULES, and user attune-admin where there is one: as before,"
            note "keys alone are let in, but a restricted key finds nothing to run;"
            note "sudo ./setup.sh ssh --remove takes both away"
        fi
    fi
    note "System packages stay: others may use them"
}
