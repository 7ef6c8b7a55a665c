"""Every benchmark that needs no argument, one after the other: `python -m benchmarks [--json FILE]`, or `make bench`.

FILE gets `{"results": [...]}`: name, ours, floor, unit, ratio, goal, met. Ends with 1 where a goal is missed.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

MODULES = (
    "context",
    "ctas",
    "importing",
    "llm.client",
    "llm.overhead",
    "llm.redaction",
    "llm.tokens",
    "operations.batch",
    "page",
    "portfolio",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, dest="file", metavar="FILE")
    options = parser.parse_args()
    results = [result for module in MODULES for result in _results(module)]
    if options.file:
        options.file.write_text(json.dumps({"results": results}, indent=2) + "\n", encoding="utf-8")
    return 0 if all(result["met"] for result in results) else 1


def _results(module: str) -> list[dict[str, object]]:
    """Of a process of its own: what one benchmark leaves in memory is no burden of the next."""
    command = [sys.executable, "-m", f"benchmarks.{module}"]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


if __name__ == "__main__":
    sys.exit(main())
