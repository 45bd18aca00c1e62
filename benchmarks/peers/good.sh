#!/bin/sh
# The good script: what an experienced administrator writes, with the best tools for each step.
#
#   good.sh backup|restore FILE     BENCH_DATABASE=yes BENCH_FILES=yes choose the halves
#
# pigz is taken where it is installed, else gzip. RCLONE_CONFIG_S3_* describe the storage.
set -eu

file=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM INT HUP
gzip=$(command -v pigz || command -v gzip)

case $1 in
backup)
  if [ "${BENCH_DATABASE:-}" = yes ]; then
    mkdir "$work/db"
    pg_dump -Fc -O -x -f "$work/db/db.backup"
  fi
  if [ "${BENCH_FILES:-}" = yes ]; then
    rclone copy --transfers 32 --checkers 32 "s3:$BENCH_BUCKET" "$work/tree"
  fi
  tar -C "$work" -cf - . | "$gzip" >"$file"
  ;;
restore)
  "$gzip" -dc "$file" | tar -C "$work" -xf -
  if [ "${BENCH_DATABASE:-}" = yes ]; then
    pg_restore --clean --if-exists --single-transaction -O -x -d "$PGDATABASE" "$work/db/db.backup"
  fi
  if [ "${BENCH_FILES:-}" = yes ]; then
    mkdir "$work/flat"
    find "$work/tree" -type f -exec mv -t "$work/flat" {} +
    rclone copy --transfers 32 --checkers 32 "$work/flat" "s3:$BENCH_BUCKET"
  fi
  ;;
esac
