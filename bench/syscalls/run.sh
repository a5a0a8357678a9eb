#!/usr/bin/env bash
# System calls per request at depth 1: one connection, one process, one slot.
#
# For each app (a bare list, a generator with `close()`, Flask, Django) and for each time that END
# may wait for READY (0 and 50 microseconds), strace counts the calls of the core and of the app
# process separately. What the merge gains is the difference in writes of the app process.
#
# Usage: bench/syscalls/run.sh [--requests N] [--record]
# It needs strace and perf, and builds what is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v strace >/dev/null; then
  echo "failed: strace is missing (apt install strace)" >&2
  exit 1
fi
exec python3 bench/syscalls/count.py "$@"
