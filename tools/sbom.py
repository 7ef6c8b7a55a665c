"""Writes what the product is made of as a CycloneDX list, from requirements.lock: `python tools/sbom.py FILE`."""

import json
import re
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parents[1] / "requirements.lock"
_LINE = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)([^\n\\]*(?:\\\n +--hash=sha256:[0-9a-f]{64} ?)*)", re.MULTILINE)


def bill(lock: str) -> dict[str, Any]:
    """Each locked package with its version and the digests of its files."""
    components = [
        {
            "type": "library",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name}@{version}",
            "hashes": [{"alg": "SHA-256", "content": each} for each in re.findall(r"sha256:([0-9a-f]{64})", rest)],
        }
        for name, version, rest in _LINE.findall(lock)
    ]
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(bill(LOCK.read_text(encoding="utf-8")), indent=1), encoding="utf-8")
