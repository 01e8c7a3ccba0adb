# shellcheck shell=bash
# Attune's rules for the SSH server, installed only on wish. Sourced by setup.sh.

readonly RULES=/etc/ssh/sshd_config.d/10-attune.conf ADMIN_KEYS=$SETTINGS/admin_keys
readonly FORMER=$RULES.former # sshd reads *.conf alone
readonly SSHD=/usr/sbin/sshd
readonly KEY='(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/]+' # how a line begins that is a key without options

ssh_rules() { # [--admin-key FILE.pub | --remove]
    local holder
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
    $DRY_RUN || holder=$(key_holder) || die "without passwords nobody could come in: nobody but root has a key" \
        "without options in ~/.ssh/authorized_keys, in folders that nobody else may write, and is let in by sshd;" \
        "from your computer: ssh-copy-id ${SUDO_USER:-USER}@$(hostname)"
    say "Rules for the SSH server, in $RULES"
    lay_rules
    if [[ $# -eq 2 ]]; then add_admin_key "$2"; fi
    reload_sshd
    $DRY_RUN || note "keys alone from now on; $holder has one. Try a second login before you end this one"
}

is_public_key() { # FILE: of one line, which is a key and nothing else
    [[ $(grep -c '' "$1" 2>/dev/null) == 1 ]] && grep -qE "^$KEY" "$1" &&
        ssh-keygen -l -f "$1" >/dev/null 2>&1
}

# --- who can come in -------------------------------------------------------------------------

# Somebody but root who can still come in once passwords cannot. A key with options may run one
# command alone, or come from one place alone: it is no way in.
key_holder() {
    local name uid home
    while IFS=: read -r name uid home; do
        if comes_in "$name" "$uid" "$home"; then
            echo "$name"
            return
        fi
    done < <(people)
    return 1
}

people() { # NAME:UID:HOME of each who may have a shell; a service such as git or postgres is nobody
    local name uid home shell
    while IFS=: read -r name _ uid _ _ home shell; do
        if [[ $uid -ge 1000 ]] && grep -qxF -- "$shell" /etc/shells; then echo "$name:$uid:$home"; fi
    done < <(getent passwd)
}

comes_in() { # NAME UID HOME: by a key alone, to a shell
    local held file files
    held=$(in_force "$1")
    grep -qx 'forcecommand none' <<<"$held" || return
    grep -qE '^authenticationmethods (.* )?(any|publickey)( |$)' <<<"$held" || return
    is_let_in "$1" "$held" || return
    read -ra files < <(sed -n 's/^authorizedkeysfile //p' <<<"$held")
    for file in "${files[@]}"; do
        file=${file//%u/$1}
        file=${file//%h/$3}
        [[ $file == /* ]] || file=$3/$file
        grep -qsE "^[[:space:]]*$KEY" "$file" || continue
        if grep -qx 'strictmodes no' <<<"$held" || is_strict "$file" "$2" "$3"; then return; fi
    done
    return 1
}

# What sshd holds for somebody who comes from this network: a Match block may say otherwise for a
# user, a group or an address than all the files do.
in_force() { # USER
    local address
    address=$(hostname -I) || true
    address=${address%% *}
    address=${address:-127.0.0.1}
    "$SSHD" -T -C "user=$1,host=$address,addr=$address,laddr=$address,lport=22" 2>/dev/null || true
}

is_let_in() { # NAME HELD: AllowUsers and the like
    local groups
    read -ra groups < <(id -Gn "$1")
    ! is_listed denyusers "$2" "$1" && ! is_listed denygroups "$2" "${groups[@]}" || return
    ! grep -q '^allowusers ' <<<"$2" || is_listed allowusers "$2" "$1" || return
    ! grep -q '^allowgroups ' <<<"$2" || is_listed allowgroups "$2" "${groups[@]}"
}

is_listed() { # KEYWORD HELD NAME...: from wherever, where a pattern has an @
    local keyword=$1 held=$2 word pattern name
    shift 2
    while read -r word pattern; do
        [[ $word == "$keyword" ]] || continue
        for name in "$@"; do
            # shellcheck disable=SC2053 # it is a pattern
            if [[ $name == ${pattern%%@*} ]]; then return; fi
        done
    done <<<"$held"
    return 1
}

# As sshd's StrictModes wants it: nobody but root and the owner may write the file, nor a folder
# above it, up to the home.
is_strict() { # FILE UID HOME
    local path home
    path=$(realpath "$1")
    home=$(realpath "$3")
    while [[ -z $(find "$path" -maxdepth 0 '(' -perm /022 -or -not -user "$2" -not -user 0 ')') ]]; do
        [[ $path != "$home" && $path != / ]] || return 0
        path=$(dirname "$path")
    done
    return 1
}

# --- laying and withdrawing ------------------------------------------------------------------

# The file takes effect as a whole or not at all: sshd reads it once it is there.
lay_rules() {
    local port=8088 why user keywords
    $DRY_RUN || port=$(page_port) || die "nothing was changed: mend the settings as told above; the tunnel" \
        "leads to the port that they name"
    run mkdir -p "${RULES%/*}"
    if [[ -e $RULES ]]; then run cp -p "$RULES" "$FORMER"; fi
    write "$RULES" "$(sed "s/:8088/:$port/g" config/ssh/attune.conf)"
    if $DRY_RUN; then return; fi
    why=$("$SSHD" -t 2>&1) || withdraw_rules "sshd refuses the rules, nothing was changed: $why"
    for user in attune-admin root $(people | cut -d : -f 1); do
        keywords=$(unheeded "$user")
        [[ -z $keywords ]] || withdraw_rules "sshd does not heed ${keywords//$'\n'/, } of $RULES for $user," \
            "nothing was changed: /etc/ssh/sshd_config must begin with" \
            "'Include /etc/ssh/sshd_config.d/*.conf', and neither what comes before $RULES nor a Match block" \
            "anywhere may say otherwise"
    done
    rm -f "$FORMER"
}

page_port() {
    "$COMMAND_LINK" config show | sed -n '/^\[page\]/,/^\[/s/^port = //p'
}

unheeded() { # USER: the keywords of ours that sshd does not hold for them
    local held
    held=$(in_force "$1")
    ours "$1" | grep -vxF -- "$held" | cut -d ' ' -f 1 | sort || true
}

ours() { # USER: the rules that we lay for them, as sshd tells them: a block's before all others
    awk -v "user=$1" '
        /^ *#/ || NF == 0 { next }
        $1 == "Match" { others = $2 == "User" && $3 != user; next }
        !others { $1 = tolower($1); rule[$1] = $0 }
        END { for (keyword in rule) print rule[keyword] }' "$RULES"
}

withdraw_rules() { # WHY...
    if [[ -e $FORMER ]]; then mv "$FORMER" "$RULES"; else rm -f "$RULES"; fi
    die "$@"
}

# --- the restricted key ----------------------------------------------------------------------

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
