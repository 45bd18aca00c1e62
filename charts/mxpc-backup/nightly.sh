# The shell is process 1 of the pod, which no signal ends by itself: it hands SIGTERM on, and the command cleans up.
run() {
  mxpc-backup-restore-cli "$@" &
  child=$!
  trap 'kill -TERM "$child"; wait "$child"; exit 143' TERM
  wait "$child"
}
file="/backup/$ENVIRONMENT-$(date -u +%Y%m%dT%H%M%SZ)$ENDING"
run backup "$@" -f "$file" && run verify -f "$file" || exit
# Older backups go only now. Their names sort by time; the eight digits keep those of app-2 out of what belongs to app.
set -- "/backup/$ENVIRONMENT"-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T*Z"$ENDING"
while [ $# -gt "$RETAIN" ]; do
  rm -- "$1"
  shift
done
