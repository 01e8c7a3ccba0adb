# shellcheck shell=bash
# Attune's rules for the SSH server, installed only on wish. Sourced by setup.sh.

readonly RULES=/etc/ssh/sshd_config.d/10-attune.conf ADMIN_KEYS=$SETTINGS/admin_keys
readonly FORMER=$RULES.former # sshd reads *.conf alone
readonly SSHD=/usr/sbin/sshd
readonly KEY='(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/]+' # how a line begins that is a key without options

ssh_rules() { # [--admin-key FILE.pub | --remove]
    case "$#:${1:-}" in
    0: | 2:--admin-key | 1:--remove) ;;
    *) wrong_use "ssh takes nothing, --admin-key FILE.pub or --remove" ;;
    esac
    $DRY_RUN || [[ $EUID -eq 0 ]] || die "this changes the system: sudo ./setup.sh ssh"
    $DRY_RUN || [[ -x $SSHD ]] || die "no SSH server is installed: sudo apt-get install openssh-server"
    if [[ ${1:-} == --remove ]]; then
        run rm -f "$RULES" "$FORMER" "$ADMIN_KEYS"
        remove_admin
        reload_sshd
        note "the SSH server's own rules hold again"
        return
    fi
    [[ -L $LINK ]] || $DRY_RUN || die "first sudo ./setup.sh install: the restricted key's command lies there"
    $DRY_RUN || [[ $# -eq 0 ]] || is_public_key "$2" || die "$2 is no public key (name the .pub file)"
    $DRY_RUN || key_holder >/dev/null || die "nobody here has a key without options in ~/.ssh/authorized_keys:" \
        "without passwords nobody could come in; from your computer: ssh-copy-id ${SUDO_USER:-USER}@$(hostname)"
    say "Rules for the SSH server, in $RULES"
    lay_rules
    if [[ $# -eq 2 ]]; then add_admin_key "$2"; fi
    reload_sshd
    $DRY_RUN || note "keys alone from now on; $(key_holder) has one. Try a second login before you end this one"
}

is_public_key() { # FILE: of one line, which is a key and nothing else
    [[ $(grep -c '' "$1" 2>/dev/null) == 1 ]] && grep -qE "^$KEY" "$1" &&
        ssh-keygen -l -f "$1" >/dev/null 2>&1
}

# Somebody but root who can still come in once passwords cannot. A key with options may run one
# command alone, or come from one place alone: it is no way in.
key_holder() {
    local name home shell
    while IFS=: read -r name _ _ _ _ home shell; do
        [[ $name != root && $shell != */nologin && $shell != */false ]] || continue
        if grep -qsE "^[[:space:]]*$KEY" "$home/.ssh/authorized_keys"; then
            echo "$name"
            return
        fi
    done < <(getent passwd)
    return 1
}

# The file takes effect as a whole or not at all: sshd reads it once it is there.
lay_rules() {
    run install -D -m 0644 --backup=simple --suffix=.former config/ssh/attune.conf "$RULES"
    if $DRY_RUN; then return; fi
    local why heeded
    why=$("$SSHD" -t 2>&1) || withdraw_rules "sshd refuses the rules, nothing was changed: $why"
    # Into a variable, not a pipe: grep -q hangs up early, which would pass for a failure.
    heeded=$("$SSHD" -T -C user=attune-admin,host=localhost,addr=127.0.0.1 2>/dev/null) || true
    # Only these rules force that command; passwords may be refused without them, or let in by others.
    { grep -qx "forcecommand $LINK/config/ssh/attune-admin" <<<"$heeded" &&
        grep -qx 'passwordauthentication no' <<<"$heeded"; } ||
        withdraw_rules "sshd does not heed $RULES, nothing was changed: /etc/ssh/sshd_config must begin" \
            "with 'Include /etc/ssh/sshd_config.d/*.conf', and nothing before $RULES may let passwords in"
    rm -f "$FORMER"
}

withdraw_rules() { # WHY...
    if [[ -e $FORMER ]]; then mv "$FORMER" "$RULES"; else rm -f "$RULES"; fi
    die "$@"
}

add_admin_key() { # FILE.pub
    getent passwd attune-admin >/dev/null ||
        run useradd --system --gid attune --home-dir /nonexistent --no-create-home \
            --shell /bin/sh --comment 'Attune over SSH' attune-admin
    if $DRY_RUN; then
        run append "$1" "$ADMIN_KEYS"
        return
    fi
    install -m 0640 -o root -g attune /dev/null "$ADMIN_KEYS.new"
    # One line a key, each once: what was there stays, but for the tunnel of earlier versions.
    { sed 's/^restrict,pty,port-forwarding /restrict,pty /' "$ADMIN_KEYS" 2>/dev/null || true
        sed 's/^/restrict,pty /' "$1"; } |
        sort -u >"$ADMIN_KEYS.new"
    mv "$ADMIN_KEYS.new" "$ADMIN_KEYS"
    note "$1 may run attune, and nothing else: ssh attune-admin@$(hostname) status"
}

remove_admin() {
    getent passwd attune-admin >/dev/null || return 0
    if run pkill -KILL -u attune-admin; then run sleep 1; fi # whoever is still in goes, too
    run userdel attune-admin
}

reload_sshd() { # where there is one: whoever uninstalls may have none
    if $DRY_RUN || { [[ -d /run/systemd/system ]] && systemctl cat ssh.service >/dev/null 2>&1; }; then
        run systemctl try-reload-or-restart ssh.service
    fi
}
