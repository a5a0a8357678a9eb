#!/bin/bash
# Starts the Flask and the Django example behind maitred and leaves them running; stops them.
#
# `make demo` and `make demo-stop` call it when everything is built. Called again while they run,
# it says so; when the build is newer than what runs, it starts them anew. All that it writes is
# in .demo: the ports, the logs, the database.

set -euo pipefail
cd "$(dirname "$0")/.."

MAITRED=${MAITRED:-target/debug/maitred}
PYTHON=.venv/bin/python
STATE=.demo
BOOT_SECONDS_MAX=60
STOP_SECONDS_MAX=30

export DJANGO_DATABASE="$PWD/$STATE/django.sqlite3"

# The process that was started for the app $1, if it still is that process.
pid_of() {
    local pid
    pid=$(cat "$STATE/$1.pid" 2>/dev/null) || return 1
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "serve.*examples/$1" || return 1
    echo "$pid"
}

# The first port from $1 on that nobody listens on.
free_port() {
    "$PYTHON" - "$1" <<'PYTHON'
import socket
import sys

for port in range(int(sys.argv[1]), 65536):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        print(port)
        break
PYTHON
}

answers() {
    "$PYTHON" - "$1" 2>/dev/null <<'PYTHON'
import sys
import urllib.request

urllib.request.urlopen(sys.argv[1], timeout=5).read()
PYTHON
}

# Whether the programs or the settings are newer than what runs.
outdated() {
    local file
    for file in "$MAITRED" .venv/.sdk; do
        [ "$file" -nt "$STATE/$1.pid" ] && return 0
    done
    return 1
}

start() {
    local app=$1 port pid
    if pid=$(pid_of "$app"); then
        if ! outdated "$app"; then
            return
        fi
        stop "$app"
    fi
    port=$(free_port "$2")
    # A session of its own: it outlives this terminal and hears nothing of its Ctrl-C.
    setsid "$MAITRED" serve "$PWD/examples/$app" --port "$port" --name "$app-$port" \
        --python "$PWD/$PYTHON" >"$STATE/$app.log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$STATE/$app.pid"
    echo "$port" >"$STATE/$app.port"
    local until=$((SECONDS + BOOT_SECONDS_MAX))
    until answers "http://127.0.0.1:$port/"; do
        if ! kill -0 "$pid" 2>/dev/null || [ $SECONDS -ge $until ]; then
            echo "The $app example did not start. Its log, $STATE/$app.log, ends with:" >&2
            tail -n 20 "$STATE/$app.log" >&2
            exit 1
        fi
        sleep 0.1
    done
}

stop() {
    local app=$1 pid
    if pid=$(pid_of "$app"); then
        kill -TERM "$pid"
        local until=$((SECONDS + STOP_SECONDS_MAX))
        while [ -d "/proc/$pid" ] && [ $SECONDS -lt $until ]; do
            sleep 0.1
        done
        echo "stopped $app (pid $pid)"
    fi
    rm -f "$STATE/$app.pid" "$STATE/$app.port"
}

tell() {
    local flask django
    flask=$(cat "$STATE/flask.port")
    django=$(cat "$STATE/django.port")
    cat <<TEXT
Running: Flask on port $flask (pid $(cat "$STATE/flask.pid")), Django on port $django \
(pid $(cat "$STATE/django.pid")).

  curl http://127.0.0.1:$flask/
  curl -X POST http://127.0.0.1:$flask/order      # answers at once, works on for 300 ms
  curl http://127.0.0.1:$django/hello
  http://127.0.0.1:$django/admin/                 # user demo, password demo

  $MAITRED status --instance flask-$flask
  $MAITRED status --instance django-$django --watch
  tail -f $STATE/flask.log $STATE/django.log

  make demo-stop
TEXT
}

case "${1:-}" in
start)
    mkdir -p "$STATE"
    "$PYTHON" examples/django/manage.py prepare
    start flask 8000
    start django 8001
    tell
    ;;
stop)
    stop flask
    stop django
    ;;
*)
    echo "usage: $0 start | stop" >&2
    exit 2
    ;;
esac
