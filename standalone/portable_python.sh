#!/bin/bash
# portable_python.sh FOLDER PYTHON: a CPython in FOLDER that needs no newer glibc than Debian 11's, made once. Needs root.
#
# It is built in a Debian 11 root from Debian's own sources of the newest stable release (apt checks their signatures):
# that gives a maintained Python and a maintained OpenSSL over an old glibc. Takes some minutes. Beside it is the first
# process of PyInstaller's programs, built there as well: the one in its wheel needs the system's libz. The pip of PYTHON
# fetches PyInstaller's pinned sources.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
prefix=$(cd "$1" && pwd)
bare=$(dirname "$prefix")/debian-11
root=$prefix.root
release=trixie

pins=$here/../requirements/dist.txt
recipe=$({ cat "$here"/portable_python*.sh; grep ^pyinstaller== "$pins"; } | sha256sum)
if [ "$(cat "$prefix/.complete" 2>/dev/null)" = "$recipe" ]; then exit 0; fi
"$here/debian_root.sh" "$bare"

unmount() { umount "$root/proc" "$root$prefix" 2>/dev/null || true; }
trap unmount EXIT
unmount
rm -rf "$root" "${prefix:?}"/* "$prefix/.complete"
cp -a "$bare" "$root"
mkdir -p "$root$prefix" "$root/build"
mount -t proc proc "$root/proc"
# Built and used under the same path: nothing has to be relocated.
mount --bind "$prefix" "$root$prefix"

mirror=$(awk '$1 == "deb" { print $2; exit }' "$root/etc/apt/sources.list")
keys=/usr/share/keyrings/debian-archive-keyring.gpg
cp "$keys" "$root$keys"
for suite in "$mirror $release" "$mirror $release-updates" "$mirror-security $release-security"; do
  echo "deb-src [signed-by=$keys] $suite main"
done >"$root/etc/apt/sources.list.d/sources-of-$release.list"
cp /etc/resolv.conf "$root/etc/resolv.conf"

sed -n '/^pyinstaller==/,/[^\\]$/p' "$pins" >"$root/build/pins.txt"
"$2" -m pip download --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-binary=pyinstaller \
  --require-hashes -r "$root/build/pins.txt" -d "$root/build"
cp "$here/portable_python_inside.sh" "$root/build/"
chroot "$root" /bin/bash /build/portable_python_inside.sh "$prefix" >"$prefix.log" 2>&1 || {
  tail -n 30 "$prefix.log" >&2
  exit 1
}
unmount
rm -rf "$root"
echo "$recipe" >"$prefix/.complete"
