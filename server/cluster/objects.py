"""Snapshots of canvases where every node finds them: files in an object store of JetStream.

A file is stored in chunks under a name of its own, then described by a message that makes it whole;
a file without one is none. So a node that dies while it stores leaves no broken snapshot, only
chunks, which the next one clears away. The layout is that of the object stores of NATS's own tools.
"""

import asyncio
import base64
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from server.cluster import streams
from server.cluster.link import Link
from tiles.shared.stream import MissingError, StreamError

T = TypeVar("T")

BUCKET = "TILECAST_SNAPSHOTS"
STREAM = f"OBJ_{BUCKET}"
CHUNK_BYTES = 128 << 10
WINDOW = 16
"""So many chunks are under way at once, either way."""
STEP_TIMEOUT_S = 10.0
"""How long one window may take."""
CATCH_UP_S = 5.0
"""A replica that doesn't have a chunk yet is given so long."""
_DESCRIPTIONS = f"$O.{BUCKET}.M.>"


class SnapshotError(StreamError):
    """A snapshot isn't whole, or no more what it was."""


class Snapshot(NamedTuple):
    """A snapshot that is stored: of which canvas and epoch, through which place of its stream.

    ``digest`` is its SHA-256; ``facts`` is what its maker said besides.
    """

    canvas: str
    epoch: int
    place: int
    size: int
    chunks: int
    digest: bytes
    key: str
    facts: Mapping[str, str]


class Snapshots:
    """The store. All of it blocks, for threads that aren't the event loop's.

    Everything raises :class:`StreamError` where NATS can't be reached or doesn't do it.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._unnamed: dict[str, set[str]] = {}
        """By canvas: the chunks that no snapshot named when it was looked last."""

    def prepare(self, replicas: int) -> None:
        """Make the store where there is none."""
        config = {
            "name": STREAM,
            "subjects": [_chunks(">"), _DESCRIPTIONS],
            "storage": "file",
            "retention": "limits",
            "discard": "new",
            "num_replicas": replicas,
            "max_msgs": -1,
            "max_bytes": -1,
            "max_age": 0,
            "max_consumers": -1,
            "duplicate_window": 1_000_000_000,
            "allow_rollup_hdrs": True,
            "allow_direct": True,
        }
        self._wait(streams.prepare(self._link, STREAM, config))

    def put(
        self, canvas: str, epoch: int, place: int, file: Path, facts: Mapping[str, str]
    ) -> Snapshot:
        """Store a file as a canvas's snapshot; it is one once this returns."""
        key = f"{canvas}-{secrets.token_hex(16)}"
        digest, size, chunks = hashlib.sha256(), 0, 0
        with file.open("rb") as source:
            while window := _window(source.fileno()):
                for chunk in window:
                    digest.update(chunk)
                    size += len(chunk)
                chunks += len(window)
                self._wait(self._store(_chunks(key), window))
        snapshot = Snapshot(canvas, epoch, place, size, chunks, digest.digest(), key, dict(facts))
        self._wait(self._describe(snapshot))
        return snapshot

    def get(self, snapshot: Snapshot, file: Path) -> None:
        """Write a snapshot to a new file, to disk, verified.

        Raises :class:`SnapshotError` where it is gone or damaged; the file is left then.
        """
        digest, chunks, after = hashlib.sha256(), 0, 0
        late_at = time.monotonic() + CATCH_UP_S
        with file.open("xb") as target:
            while chunks < snapshot.chunks:
                question = {
                    "seq": after + 1,
                    "next_by_subj": _chunks(snapshot.key),
                    "batch": WINDOW,
                }
                window = self._wait(streams.get_messages(self._link, STREAM, question))
                if window:
                    late_at = time.monotonic() + CATCH_UP_S
                elif time.monotonic() > late_at:
                    raise SnapshotError(f"the snapshot {_name(snapshot)} is gone")
                else:
                    time.sleep(0.1)
                    continue
                for chunk in window:
                    digest.update(chunk.data)
                    target.write(chunk.data)
                chunks += len(window)
                after = window[-1].place
            target.flush()
            os.fsync(target.fileno())
        if digest.digest() != snapshot.digest:
            raise SnapshotError(f"the snapshot {_name(snapshot)} is damaged")

    def all(self, canvas: str) -> list[Snapshot]:
        """A canvas's snapshots, by epoch and place."""
        return self._wait(self._described(canvas))

    def newest(self, canvas: str, epoch: int) -> Snapshot | None:
        """A canvas's last snapshot of an epoch."""
        return next((found for found in self.all(canvas)[::-1] if found.epoch == epoch), None)

    def keep(
        self, canvas: str, epoch: int, count: int, may: Callable[[], bool] = lambda: True
    ) -> list[Snapshot]:
        """Delete all of a canvas's but the last ``count`` of an epoch, and what isn't whole.

        For whoever alone stores snapshots of that canvas now; gives those that it keeps. Chunks
        that no snapshot names are deleted at the second call that finds them so: a server that was
        away may have answered. ``may`` is asked when it is known what is to go: whoever slept until
        then deletes nothing that came meanwhile; where it says no nothing is deleted.
        """
        stored = self._wait(self._stored_keys(canvas))
        found = self.all(canvas)
        kept = [snapshot for snapshot in found if snapshot.epoch == epoch][-count:]
        if not may():
            return kept
        for snapshot in found:
            if snapshot not in kept:
                self._wait(self._purge(_description(snapshot)))
                self._wait(self._purge(_chunks(snapshot.key)))
        unnamed = stored - {snapshot.key for snapshot in found}
        for key in unnamed & self._unnamed.get(canvas, set()):
            self._wait(self._purge(_chunks(key)))
        self._unnamed[canvas] = unnamed
        return kept

    # -- messages ------------------------------------------------------------------------------

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self._link.wait(work, STEP_TIMEOUT_S)

    async def _store(self, subject: str, window: list[bytes]) -> None:
        """Store chunks, in order, and wait until all are."""
        work = (self._link.request(subject, chunk, STEP_TIMEOUT_S) for chunk in window)
        for answer in await asyncio.gather(*work):
            streams.check(json.loads(answer.data))

    async def _describe(self, snapshot: Snapshot) -> None:
        """Say what a snapshot is, instead of what was said before."""
        about = {
            "name": _name(snapshot),
            "bucket": BUCKET,
            "nuid": snapshot.key,
            "size": snapshot.size,
            "chunks": snapshot.chunks,
            "digest": f"SHA-256={base64.urlsafe_b64encode(snapshot.digest).decode()}",
            "options": {"max_chunk_size": CHUNK_BYTES},
            "metadata": {
                **snapshot.facts,
                "canvas": snapshot.canvas,
                "epoch": str(snapshot.epoch),
                "place": str(snapshot.place),
            },
        }
        answer = await self._link.request(
            _description(snapshot),
            json.dumps(about).encode(),
            streams.API_TIMEOUT_S,
            {"Nats-Rollup": "sub"},
        )
        streams.check(json.loads(answer.data))

    async def _described(self, canvas: str) -> list[Snapshot]:
        """A canvas's snapshots, as the leader has them."""
        found: list[Snapshot] = []
        for subject in await self._subjects(_DESCRIPTIONS):
            if _canvas_of(subject) == canvas:
                with suppress(MissingError):  # it was deleted just now
                    answer = await streams.ask(
                        self._link, f"STREAM.MSG.GET.{STREAM}", {"last_by_subj": subject}
                    )
                    snapshot = _snapshot(base64.b64decode(answer["message"].get("data", "")))
                    if snapshot is not None:
                        found.append(snapshot)
        return sorted(found, key=lambda snapshot: snapshot[:3])

    async def _purge(self, subject: str) -> None:
        await streams.ask(
            self._link,
            f"STREAM.PURGE.{STREAM}",
            {"filter": subject},
            timeout_s=STEP_TIMEOUT_S,
        )

    async def _stored_keys(self, canvas: str) -> set[str]:
        """The keys of a canvas's chunks, as the leader has them."""
        keys = [subject.rpartition(".")[2] for subject in await self._subjects(_chunks(">"))]
        return {key for key in keys if key.rpartition("-")[0] == canvas}

    async def _subjects(self, pattern: str) -> list[str]:
        """What the stream's subjects are, as the leader has them."""
        subjects: list[str] = []
        while True:
            answer = await streams.ask(
                self._link,
                f"STREAM.INFO.{STREAM}",
                {"subjects_filter": pattern, "offset": len(subjects)},
            )
            page = answer["state"].get("subjects") or {}
            subjects += page
            if not page or len(subjects) >= answer.get("total", 0):
                return subjects


def _window(descriptor: int) -> list[bytes]:
    """The next chunks of a file; none at its end."""
    chunks: list[bytes] = []
    while len(chunks) < WINDOW and (chunk := os.read(descriptor, CHUNK_BYTES)):
        chunks.append(chunk)
    return chunks


def _name(snapshot: Snapshot) -> str:
    return f"{snapshot.canvas}/{snapshot.epoch}/{snapshot.place}"


def _chunks(key: str) -> str:
    return f"$O.{BUCKET}.C.{key}"


def _description(snapshot: Snapshot) -> str:
    name = base64.urlsafe_b64encode(_name(snapshot).encode()).decode()
    return f"$O.{BUCKET}.M.{name}"


def _canvas_of(subject: str) -> str:
    """The canvas that a description's subject is about; empty where it is of no snapshot."""
    try:
        name = base64.urlsafe_b64decode(subject.rpartition(".")[2]).decode()
    except ValueError:
        return ""
    return name.partition("/")[0]


def _snapshot(data: bytes) -> Snapshot | None:
    """What a description says; None where it is of no snapshot."""
    try:
        about = json.loads(data)
        facts = about["metadata"]
        return Snapshot(
            facts["canvas"],
            int(facts["epoch"]),
            int(facts["place"]),
            int(about["size"]),
            int(about["chunks"]),
            base64.urlsafe_b64decode(about["digest"].removeprefix("SHA-256=")),
            about["nuid"],
            {
                name: str(value)
                for name, value in facts.items()
                if name not in {"canvas", "epoch", "place"}
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
