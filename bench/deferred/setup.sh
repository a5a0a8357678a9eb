#!/bin/bash
# Sees to the peers that come from Debian: installs those that are missing, or names them.
#
# The packages' own services are not started by it: one that listens, or uses the CPU, would be
# measured along. What comes from Python's index is in bench/requirements.txt.

set -euo pipefail

PACKAGES=(unicorn puma passenger nginx-light haproxy ruby-rack)
PROGRAMS=(unicorn puma passenger nginx haproxy)
POLICY=/usr/sbin/policy-rc.d
export PATH=$PATH:/usr/sbin:/sbin

missing_programs() {
    local program
    for program in "${PROGRAMS[@]}"; do
        command -v "$program" >/dev/null 2>&1 || echo "$program"
    done
}

install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
    if [ ! -e "$POLICY" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$POLICY"
        chmod +x "$POLICY"
        trap 'rm -f "$POLICY"' EXIT
    fi
    apt-get update -qq || return 1
    DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends "${PACKAGES[@]}" >/dev/null
}

missing=$(missing_programs)
if [ -n "$missing" ]; then
    install || true
    missing=$(missing_programs)
fi
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086 # one word each
    echo "missing:" $missing "- as root: apt install ${PACKAGES[*]}" >&2
    exit 1
fi
