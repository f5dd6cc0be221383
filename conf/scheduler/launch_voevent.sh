#!/bin/bash
# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
#
# Starts ingest, match and route for a night, and waits until they have ended. For cron:
#   05 00 * * * $FINK_HOME/scheduler/rubin/launch_voevent.sh -s rubin
# The listener is not started: it runs all the time (conf/systemd).
[ -f "$HOME/.bash_profile" ] && . "$HOME/.bash_profile"

usage="Usage: $(basename "$0") [-s SURVEY] [-c CONF] [-night YYYYMMDD] [-stop_at DATE] [STAGE...]

  -s        rubin (default) or ztf
  -c        configuration of Fink; default: conf/SURVEY/fink.conf.prod
  -night    night to match; default: today
  -stop_at  when the services stop; default: '20:00 today'
  STAGE     ingest, match or route; default: all three"

survey=rubin night=$(date +%Y%m%d) stop_at="20:00 today" conf="" stages=""
while [ "$#" -gt 0 ]; do
  case "$1" in
    -h) echo "$usage"; exit ;;
    -s) survey=$2; shift 2 ;;
    -c) conf=$2; shift 2 ;;
    -night) night=$2; shift 2 ;;
    -stop_at) stop_at=$2; shift 2 ;;
    ingest|match|route) stages="$stages $1"; shift ;;
    *) echo "unknown argument: $1; -h lists all" >&2; exit 1 ;;
  esac
done
if [ -z "$FINK_HOME" ]; then
  echo "FINK_HOME is not set: set it to the checkout of fink-broker" >&2
  exit 1
fi
conf=${conf:-$FINK_HOME/conf/$survey/fink.conf.prod}
seconds=$(( $(date +%s -d "$stop_at") - $(date +%s) ))
if [ "$seconds" -le 0 ]; then
  echo "-stop_at $stop_at is in the past: give a later time" >&2
  exit 1
fi
mkdir -p "$FINK_HOME/broker_logs"

start() {
  log=$FINK_HOME/broker_logs/voevent_$1_$night.log
  "$FINK_HOME/bin/fink" start "voevent_$1" -s "$survey" -c "$conf" -night "$night" \
    -exit_after "$seconds" > "$log" 2>&1
  code=$?
  # 143: it was stopped. Fink's check_status.sh searches for the word Traceback.
  if [ "$code" -ne 0 ] && [ "$code" -ne 143 ]; then
    echo "Traceback: voevent_$1 has ended with code $code; the lines above say why" \
      >> "$log"
  fi
  return "$code"
}

worst=0 jobs=""
for stage in ${stages:-ingest match route}; do
  start "$stage" &
  jobs="$jobs $!"
done
for job in $jobs; do
  wait "$job" || worst=$?
done
exit "$worst"
