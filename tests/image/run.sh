#!/bin/bash
# The image's entry point as a container runtime starts it: root file system read-only, the image's user and PATH, and
# nothing of this machine but what is mounted. Arguments are the command's. What there is to write to:
#   MXPC_IMAGE_BACKUP=FOLDER   that folder, at /backup, and nothing else; no /tmp
#   otherwise                  an empty /tmp, and in it the folder above HOME and that of KUBECONFIG, under their own paths
# MXPC_IMAGE_USER=N runs it as another number, MXPC_IMAGE_PID=yes as process 1, MXPC_IMAGE_ENTRYPOINT another program.
# Folders that a user may write belong to that user, as a claim of a pod with `fsGroup` does.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${MXPC_IMAGE_INSIDE:-}" ]; then
  export MXPC_IMAGE_INSIDE=yes
  exec unshare --mount --propagation private ${MXPC_IMAGE_PID:+--pid --fork --kill-child} "$0" "$@"
fi
root=$(readlink -f "$here/../../.cache/image/root")
user=${MXPC_IMAGE_USER:-65532}
at_its_own_path() { chmod a+x "$1" && mkdir -p "$root$1" && mount --bind "$1" "$root$1"; }

mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
if [ -n "${MXPC_IMAGE_BACKUP:-}" ]; then
  chown -R "$user" "$MXPC_IMAGE_BACKUP"
  mount --bind "$MXPC_IMAGE_BACKUP" "$root/backup"
  HOME=/backup
else
  mount -t tmpfs tmpfs "$root/tmp"
  chown -R "$user" "$HOME"
  at_its_own_path "$(dirname "$HOME")"
  if [ -f "${KUBECONFIG:-}" ]; then
    chown -R "$user" "$(dirname "$KUBECONFIG")"
    at_its_own_path "$(dirname "$KUBECONFIG")"
  fi
fi
folder=/backup
[ ! -d "$root$PWD" ] || folder=$PWD
program=${MXPC_IMAGE_ENTRYPOINT:-/opt/mxpc/bin/mxpc-backup-restore-cli}
export PATH=/opt/mxpc/bin:/usr/local/bin:/usr/bin:/bin
unset "${!MXPC_IMAGE@}"
exec /usr/sbin/chroot --userspec="$user:$user" --groups= "$root" \
  /bin/sh -c 'cd "$1" && shift && exec "$@"' sh "$folder" "$program" "$@"
