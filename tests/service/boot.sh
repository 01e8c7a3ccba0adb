#!/usr/bin/env bash
# Boots the system in folder ROOT, inside `unshare --mount`, also where systemd is not process 1.
# usage: boot.sh ROOT SYSTEMD-NSPAWN-OPTION...
set -euo pipefail
root=$1
shift

mount -t tmpfs tmpfs /run # nothing of the host's own systemd
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
home=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
group=/sys/fs/cgroup/attune-test-$$
mkdir "$group"
echo $$ >"$group/cgroup.procs"

# bpf: its systemd lets a service open the devices that it may, and no other.
code=0 # whoever ends this script ends the system, too, in good order
SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 setpriv --pdeathsig TERM systemd-nspawn --quiet --boot \
    --directory "$root" --register no --keep-unit --console pipe --resolv-conf off \
    --system-call-filter bpf "$@" || code=$?

echo $$ >"$home/cgroup.procs"
find "$group" -depth -type d -exec rmdir {} +
exit $code
