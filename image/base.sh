#!/bin/sh
# What both stages of the image stand on: Python, the libraries that PostgreSQL's clients link to, certificates, a user.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# The base may be some weeks old; security updates are not.
apt-get upgrade -qq -y
# libssl, krb5, lz4, zstd and zlib are Debian's, so Debian's updates reach them.
apt-get install -qq -y --no-install-recommends \
  ca-certificates python3 libssl3t64 libgssapi-krb5-2 liblz4-1 libzstd1 zlib1g >/dev/null
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /var/cache/ldconfig/aux-cache

# A name for the number, for programs that ask; any other number works as well (OpenShift chooses its own).
echo 'mxpc:x:65532:65532::/backup:/usr/sbin/nologin' >>/etc/passwd
echo 'mxpc:x:65532:' >>/etc/group
install -d -o 65532 -g 65532 -m 0775 /backup

# Nobody in this image has to become somebody else.
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
