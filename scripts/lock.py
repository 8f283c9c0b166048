"""Pins every package that the project is run, built or checked with: `locks/*.txt`, with hashes.

    python -m scripts.lock             resolves afresh and writes the locks
    python -m scripts.lock --check     tells, without the network, whether they fit pyproject.toml

The locks hold for Python 3.11 and newer on every platform, and name no package registry.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_LOCKS = _ROOT / "locks"
# Lock → what it is resolved from. The later ones keep to the versions of the first.
_SOURCES = {
    "runtime": ("pyproject.toml",),
    "build": ("--group", "build"),
    "node": ("--group", "node"),
    "fuzz": ("--group", "fuzz"),
    "dev": ("pyproject.toml", "--group", "dev"),
}


def _header() -> str:
    """The first line of every lock: names the inputs, so that --check can compare."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    inputs = [project["project"]["requires-python"], project["project"]["dependencies"]]
    inputs.append(project["dependency-groups"])
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return f"# Written by `make lock`; the dependencies in pyproject.toml then: {digest[:16]}\n"


def _resolve(name: str) -> str:
    """The text of lock `name`, from the registry."""
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile"),
        *("--quiet", "--universal", "--python-version", "3.11"),
        *("--generate-hashes", "--no-header", "--no-annotate"),
        *("--no-emit-index-url", "--no-emit-find-links"),
        *_SOURCES[name],
    ]
    if name != "runtime":
        command += ["--constraint", str(_LOCKS / "runtime.txt")]
    # A developer's own indexes must not leave their mark on what everybody installs.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not (name.startswith("UV_") and ("INDEX" in name or "FIND_LINKS" in name))
    }
    environment["UV_NO_CONFIG"] = "1"
    done = subprocess.run(command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def complaints() -> list[str]:
    """What is wrong with the locks as they are; uses no network."""
    header, found = _header(), []
    for name in _SOURCES:
        path = _LOCKS / f"{name}.txt"
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if not text.startswith(header):
            found.append(f"locks/{name}.txt doesn't fit pyproject.toml: run `make lock`")
        if "://" in text or "index-url" in text:
            found.append(f"locks/{name}.txt names a package registry")
    return found


def main() -> int:
    """Write or check the locks; 0 if they are right afterwards."""
    parser = argparse.ArgumentParser(description="Pin the packages in locks/.")
    parser.add_argument("--check", action="store_true", help="write nothing, use no network")
    if not parser.parse_args().check:
        _LOCKS.mkdir(exist_ok=True)
        for name in _SOURCES:
            text = _header() + _resolve(name)
            (_LOCKS / f"{name}.txt").write_text(text, encoding="utf-8")
    found = complaints()
    for complaint in found:
        print(complaint, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
