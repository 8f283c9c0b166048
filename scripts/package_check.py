"""Checks what is shipped: builds the wheel and the source distribution and looks inside.

python -m scripts.package_check
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

_PACKAGES = ("protocol", "tiles", "server", "client")
_BUILT_PAGE = "server/static/index.html"
# Without these a source distribution can't build the viewer, or itself.
_SDIST_MUST_HOLD = (
    *("LICENSE", "hatch_build.py", "pyproject.toml", "scripts/viewer_build.py"),
    *("viewer/index.html", "viewer/package.json", "viewer/package-lock.json", _BUILT_PAGE),
)


def complaints(root: Path) -> list[str]:
    """What is wrong with the packages that the tree at `root` makes.

    Raises subprocess.CalledProcessError if they can't be built.
    """
    with tempfile.TemporaryDirectory(prefix="tilecast-package-") as folder:
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "--directory", folder],
            cwd=root,
            check=True,
        )
        (wheel,) = Path(folder).glob("*.whl")
        (sdist,) = Path(folder).glob("*.tar.gz")
        with zipfile.ZipFile(wheel) as archive:
            in_wheel = set(archive.namelist())
        with tarfile.open(sdist) as archive:
            in_sdist = {name.partition("/")[2] for name in archive.getnames()}
        return [
            *_wheel_complaints(in_wheel, _python_files(root)),
            *(
                f"the source distribution lacks {name}"
                for name in _SDIST_MUST_HOLD
                if name not in in_sdist
            ),
            *_start_complaints(wheel, Path(folder) / "installed"),
        ]


def _python_files(root: Path) -> Iterable[str]:
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            yield path.relative_to(root).as_posix()


def _wheel_complaints(in_wheel: set[str], wanted: Iterable[str]) -> Iterable[str]:
    for name in (_BUILT_PAGE, *wanted):
        if name not in in_wheel:
            yield f"the wheel lacks {name}"
    for name in sorted(in_wheel):
        if not name.startswith((*(f"{package}/" for package in _PACKAGES), "tilecast-")):
            yield f"the wheel holds {name}"


def _start_complaints(wheel: Path, folder: Path) -> Iterable[str]:
    """Whether the command starts from the wheel's own files, the tree being out of sight."""
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--target", str(folder), str(wheel)], check=True)
    look = (
        "import importlib.resources, server.cli;"
        "page = importlib.resources.files('server') / 'static' / 'index.html';"
        f"assert server.cli.__file__.startswith({str(folder)!r}), server.cli.__file__;"
        "assert page.is_file(), page"
    )
    for command in (["-c", look], [str(folder / "bin" / "tilecast"), "--help"]):
        done = subprocess.run(
            [sys.executable, "-P", *command],
            cwd=folder,
            env={"PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            yield f"installed from the wheel, {command[-1]!r} fails:\n{done.stderr}"


def main() -> int:
    """Check the tree that this file stands in; 0 if nothing is wrong."""
    found = complaints(Path(__file__).resolve().parent.parent)
    for complaint in found:
        print(complaint, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
