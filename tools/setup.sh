#!/usr/bin/env bash
# Usage: setup.sh environment | browser
#   environment  .venv with exactly what requirements.lock names (hashes checked) and the project itself, editable;
#                does nothing when a stamp in .venv says that this was done for these very files.
#   browser      a Chromium for the browser tests, where root may install one; says so where it could not.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly PY=.venv/bin/python
readonly STAMP=.venv/.setup-stamp

fail() {
    echo "$1" >&2
    exit 1
}

# apt_install PACKAGE: quietly, only as root on a Debian-like system; fails otherwise.
apt_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1 && return
    apt-get update -qq >/dev/null 2>&1 && apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.11 was not found. Install it, or name it: make setup PYTHON=/path/to/python3.11"
}

create_venv() {
    local python
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "Installing python3.11-venv ..."
        apt_install python3.11-venv ||
            fail "$python cannot create environments. As an administrator, run: apt-get install python3.11-venv"
    fi
    rm -rf .venv
    "$python" -m venv .venv
}

# The lock's lines about uv (1), or all the others (0): an entry is a line and the indented hashes that follow it.
locked_uv() {
    awk -v wanted="$1" '/^[^ ]/ { is_uv = index($0, "uv==") == 1 } is_uv == wanted' requirements.lock
}

install_locked() {
    local entries
    entries=$(mktemp)
    locked_uv 1 >"$entries"
    if "$PY" -m pip install -qq --require-hashes --no-deps -r "$entries"; then
        .venv/bin/uv pip sync --quiet --python "$PY" --require-hashes requirements.lock
        .venv/bin/uv pip install --quiet --python "$PY" --no-build-isolation --no-deps --editable .
    else
        echo "uv could not be installed; pip does the same, more slowly."
        locked_uv 0 >"$entries"
        "$PY" -m pip install -qq --require-hashes --no-deps -r "$entries"
        "$PY" -m pip install -qq --no-build-isolation --no-deps --editable .
    fi
    rm -f "$entries"
}

# Scripts in .venv name its absolute place, so a moved folder needs a new one: the place is part of the key.
setup_key() {
    { pwd -P && cat requirements.lock pyproject.toml tools/setup.sh; } | sha256sum
}

environment() {
    local key
    key=$(setup_key)
    if [ -x "$PY" ] && [ "$(cat "$STAMP" 2>/dev/null)" = "$key" ]; then
        return
    fi
    echo "Setting up .venv ..."
    "$PY" -m pip --version 2>/dev/null | grep -qF "$(pwd -P)/.venv/" || create_venv
    rm -f "$STAMP"
    install_locked
    echo "$key" >"$STAMP"
}

browser() {
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        if command -v "$name" >/dev/null; then return; fi
    done
    echo "Installing chromium for the browser tests ..."
    apt_install chromium || echo "No Chromium or Chrome could be installed: tests that need a browser cannot run."
}

case "${1:-}" in
environment | browser) "$1" ;;
*) fail "usage: tools/setup.sh environment | browser" ;;
esac
