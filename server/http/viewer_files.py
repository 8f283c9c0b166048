"""The built viewer: its files, held in memory, with their headers."""

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

_HASHED = re.compile(r"-[A-Za-z0-9_-]{8}\.[a-z0-9]+$")
_COMPRESSED = ("text/", "application/json", "application/manifest+json", "image/svg+xml")
_GZIP_MIN_BYTES = 512
_FOREVER = "public, max-age=31536000, immutable"
_CHECKED = "no-cache"
_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json"}
INDEX = "index.html"


@dataclass(frozen=True, slots=True)
class ViewerFile:
    """One file of the viewer; ``gzipped`` is ``None`` where that doesn't make it smaller."""

    content: bytes
    gzipped: bytes | None
    media_type: str
    tag: str
    cache_control: str


def load_viewer(root_path: str) -> dict[str, ViewerFile]:
    """The built viewer's files by path; empty where it isn't built.

    ``root_path`` goes before the page's own links.
    """
    folder = resources.files("server") / "static"
    if not (folder / INDEX).is_file():
        return {}
    files: dict[str, ViewerFile] = {}
    for path, content in _walk(folder, ""):
        files[path] = prepare(path, _below(root_path, content) if path == INDEX else content)
    return files


def _below(root_path: str, page: bytes) -> bytes:
    return re.sub(rb'(?<=["\'])/(?=assets/|manifest\.webmanifest)', f"{root_path}/".encode(), page)


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        else:
            found.append((prefix + entry.name, entry.read_bytes()))
    return found


def prepare(path: str, content: bytes) -> ViewerFile:
    """A file of that path in the viewer, as it is sent."""
    suffix = path[path.rfind(".") :]
    media_type = _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    gzipped = None
    if media_type.startswith(_COMPRESSED) and len(content) >= _GZIP_MIN_BYTES:
        # Without a time in it the same file is the same bytes.
        gzipped = gzip.compress(content, mtime=0)
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    return ViewerFile(
        content=content,
        gzipped=gzipped,
        media_type=media_type,
        tag=hashlib.blake2b(content, digest_size=12).hexdigest(),
        cache_control=_FOREVER if _HASHED.search(path) else _CHECKED,
    )
