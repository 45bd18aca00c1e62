#!/bin/sh
# Pack the chart with the image that it is to start: chart.sh REPOSITORY DIGEST FOLDER. HELM names another helm.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R charts/mxpc-backup "$work"
values=$work/mxpc-backup/values.yaml
sed -i.before -e "s|^  repository: \"\"\$|  repository: \"$1\"|" -e "s|^  digest: \"\"\$|  digest: \"$2\"|" "$values"
grep -q "repository: \"$1\"" "$values" && grep -q "digest: \"$2\"" "$values"
rm "$values.before"
mkdir -p "$3"
"${HELM:-helm}" package "$work/mxpc-backup" --destination "$3"
