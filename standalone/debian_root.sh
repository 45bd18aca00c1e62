#!/bin/bash
# debian_root.sh FOLDER: a bare Debian 11 (glibc 2.31, no Python, no libpq) in FOLDER, made once. Needs root, on Debian or
# Ubuntu. DEBIAN_MIRROR names another mirror than debootstrap's own.
set -euo pipefail
root=$1

if [ -e "$root/.complete" ]; then exit 0; fi
if [ "$(id -u)" != 0 ]; then
  echo "$0: debootstrap needs root" >&2
  exit 1
fi
if ! command -v debootstrap >/dev/null; then
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends debootstrap debian-archive-keyring
fi
rm -rf "$root"
mkdir -p "$root"
if ! debootstrap --variant=minbase bullseye "$root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$root.log" 2>&1; then
  tail -n 20 "$root.log" >&2
  exit 1
fi
touch "$root/.complete"
