#!/usr/bin/env bash
# Usage: run.sh
#   The first start writes a random session key into .env (git ignores it) and creates the database; one that is empty
#   gets the demo. Then the app is served on PORT (8501 unless set), for this machine only.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly CS_ML=.venv/bin/cs-ml
readonly PORT="${PORT:-8501}"

make_key() {
    if [ -n "${CS_ML_SESSION_KEY:-}" ] || grep -qs '^CS_ML_SESSION_KEY=' .env; then return; fi
    (
        umask 077
        touch .env
        [ -z "$(tail -c 1 .env)" ] || echo >>.env
        .venv/bin/python -c 'import secrets; print(f"CS_ML_SESSION_KEY={secrets.token_urlsafe(32)}")' >>.env
    )
}

make_key
"$CS_ML" db upgrade >/dev/null
"$CS_ML" demo seed --if-empty
echo "CS ML is at http://localhost:$PORT (Ctrl-C stops it)"
exec .venv/bin/streamlit run app.py --server.port "$PORT"
