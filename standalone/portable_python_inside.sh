#!/bin/bash
# portable_python_inside.sh PREFIX: the part of portable_python.sh that runs inside of its Debian 11 root.
set -euo pipefail
prefix=$1
export DEBIAN_FRONTEND=noninteractive
cd /build

apt-get -qq update
apt-get -qq install -y --no-install-recommends gcc libc6-dev make perl patch pkg-config dpkg-dev xz-utils \
  zlib1g-dev libffi-dev libbz2-dev liblzma-dev

# A mirror may list a version that it has not got yet, so the one before it serves as well.
for package in python3.13 openssl; do
  for version in $(apt-cache showsrc "$package" | awk '$1 == "Version:" { print $2 }' | sort -Vr | uniq); do
    apt-get -qq source --download-only "$package=$version" && break
  done
  dpkg-source --no-check -x "${package}"_*.dsc "$package"
done

# Shared, because two of Python's modules use it; only the libraries, and nothing that is loaded at run time.
cd /build/openssl
./Configure "linux-$(uname -m)" shared no-tests no-apps no-docs no-legacy no-module no-engine \
  --prefix="$prefix" --libdir=lib --openssldir=/etc/ssl
make -s -j"$(nproc)" build_libs
make -s install_dev install_runtime_libs

cd /build/python3.13
./configure --prefix="$prefix" --enable-shared --with-openssl="$prefix" --without-ensurepip --disable-test-modules \
  CFLAGS="-O2 -g0"
# Debian's configure does not pass LDFLAGS on.
flags=LDFLAGS="-s -Wl,-rpath,$prefix/lib"
make -s -j"$(nproc)" "$flags"
make -s install "$flags"

# What Python's modules and those of its wheels take from Debian 11 must not be taken from the system that the program
# is put together on.
for library in libffi.so.7 libz.so.1 libbz2.so.1.0 liblzma.so.5 libgcc_s.so.1; do
  cp -L "$(gcc -print-file-name="$library")" "$prefix/lib/"
done

cd /build
tar -xzf pyinstaller-*.tar.gz
cd pyinstaller-*/bootloader
"$prefix/bin/python3" ./waf --static-zlib all
mkdir "$prefix/bootloader"
cp build/release/run "$prefix/bootloader/"

"$prefix/bin/python3" -c 'import bz2, ctypes, lzma, ssl, sys, zlib; print(sys.version, ssl.OPENSSL_VERSION)'
