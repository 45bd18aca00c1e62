#!/bin/sh
# Fill /opt/mxpc (the command) and /usr/lib/postgresql/N (clients) from pinned and hashed packages. Runs in the build stage.
set -eu
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_CACHE_DIR=1 DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends python3-venv >/dev/null
cd /source

python3 -m venv /tools
/tools/bin/pip install -q --require-hashes -r requirements/wheel.txt
/tools/bin/python -m hatchling build -t wheel -d /wheel

# No pip in the result: nothing is installed there any more.
python3 -m venv --without-pip /opt/mxpc
into="/tools/bin/pip --python /opt/mxpc/bin/python install -q"
$into --require-hashes -r requirements/runtime.txt
$into --no-deps --no-index /wheel/*.whl

/tools/bin/python image/clients.py /usr/lib/postgresql 14 15 16 17 18
