"""Small values that all nodes share: read, set, compared and set; and leases by them.

They stand in a key-value bucket of JetStream, as its other clients know it.
"""

import base64
import json
import secrets
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from server.cluster import streams
from server.cluster.link import Link
from tiles.shared.stream import MissingError

BUCKET = "TILECAST"
STREAM = f"KV_{BUCKET}"
VALUE_MAX_BYTES = 64 << 10
WRONG_REVISION = 10071
"""JetStream's number for a value that isn't the one that was to be replaced."""


class Entry(NamedTuple):
    """A key's value. ``revision`` rises with whatever is set in the bucket."""

    value: bytes
    revision: int


class Keys:
    """The bucket. Keys are dotted words of a-z, 0-9, ``_`` and ``-``. For the event loop."""

    def __init__(self, link: Link) -> None:
        self._link = link

    @property
    def link(self) -> Link:
        """What it is reached over."""
        return self._link

    async def prepare(self, replicas: int) -> None:
        """Make the bucket where there is none. Raises :class:`StreamError`."""
        question = {
            "name": STREAM,
            "subjects": [_subject(">")],
            "storage": "file",
            "retention": "limits",
            "discard": "new",
            "num_replicas": replicas,
            "max_msgs_per_subject": 1,
            "max_msgs": -1,
            "max_bytes": -1,
            "max_age": 0,
            "max_consumers": -1,
            "max_msg_size": VALUE_MAX_BYTES,
            "duplicate_window": 1_000_000_000,
            "deny_delete": True,
            "allow_rollup_hdrs": True,
            "allow_direct": True,
        }
        await streams.prepare(self._link, STREAM, question)

    async def get(self, key: str) -> Entry | None:
        """A key's value, as the bucket's leader has it. Raises :class:`StreamError`."""
        try:
            answer = await streams.ask(
                self._link, f"STREAM.MSG.GET.{STREAM}", {"last_by_subj": _subject(key)}
            )
        except MissingError:
            return None
        return _entry(answer["message"])

    async def put(self, key: str, value: bytes) -> int:
        """Set a value, whatever it was; its revision. Raises :class:`StreamError`."""
        revision = await self._set(key, value, None)
        assert revision is not None
        return revision

    async def create(self, key: str, value: bytes) -> int | None:
        """Set a value where there is none; its revision, or None. Raises :class:`StreamError`."""
        return await self._set(key, value, await self._vacant(key))

    async def update(self, key: str, value: bytes, revision: int) -> int | None:
        """Set a value where that is the revision of now; the new one, or None.

        Raises :class:`StreamError`; it may have been set then all the same.
        """
        return await self._set(key, value, revision)

    async def delete(self, key: str, revision: int | None = None) -> bool:
        """Delete a value, or only that revision of it; whether it did."""
        return await self._set(key, b"", revision, {"KV-Operation": "DEL"}) is not None

    async def _vacant(self, key: str) -> int:
        """The revision that a value has to replace where there is none."""
        try:
            answer = await streams.ask(
                self._link, f"STREAM.MSG.GET.{STREAM}", {"last_by_subj": _subject(key)}
            )
        except MissingError:
            return 0
        message = answer["message"]
        return int(message["seq"]) if _entry(message) is None else 0

    async def _set(
        self, key: str, value: bytes, expected: int | None, headers: dict[str, str] | None = None
    ) -> int | None:
        headers = dict(headers or {})
        if expected is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(expected)
        message = await self._link.request(
            _subject(key), value, streams.API_TIMEOUT_S, headers or None
        )
        answer: dict[str, Any] = json.loads(message.data)
        if (answer.get("error") or {}).get("err_code") == WRONG_REVISION:
            return None
        streams.check(answer)
        return int(answer["seq"])


class Lease:
    """A task that one node at a time has: for ``ttl_s`` from when it last said so.

    Nobody's clock is compared with another's: who wants a lease that is held waits until it has
    seen it unrenewed for as long, by its own. ``fence`` rises from holder to holder, so that what
    an old one still does can be told.
    """

    def __init__(
        self,
        keys: Keys,
        name: str,
        ttl_s: float,
        # Not the event loop's clock, which may be late by what stopped the process.
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.fence = 0
        """The number of this hold; 0 while it isn't held."""
        self._now = now
        self._keys = keys
        self._key = f"lease.{name}"
        self._ttl_s = ttl_s
        self._holder = secrets.token_hex(8)
        self._revision = 0
        self._until = 0.0
        self._seen: tuple[int, float] | None = None
        """The revision that another holds it by, and when it was first seen."""

    def held(self) -> bool:
        """Whether it is certainly ours now."""
        return self.fence != 0 and self._now() < self._until

    async def acquire(self) -> bool:
        """Take it, or renew it; whether it is ours. To be tried again every third of the time.

        Raises :class:`StreamError`; it may be ours then all the same, until it has run out.
        """
        began = self._now()
        if self.fence and not self.held():
            self.fence = 0
        entry = await self._keys.get(self._key)
        holder = "" if entry is None else _holder(entry.value)
        if entry is not None and holder == self._holder:
            revision = await self._keys.update(self._key, self._value(), entry.revision)
        elif entry is None:
            revision = await self._keys.create(self._key, self._value())
        else:
            self.fence = 0
            if self._seen is None or self._seen[0] != entry.revision:
                self._seen = (entry.revision, began)
            if began - self._seen[1] < self._ttl_s:
                return False
            revision = await self._keys.update(self._key, self._value(), entry.revision)
        if revision is None:  # another was faster
            self.fence = 0
            return False
        self._seen = None
        self._revision = revision
        self._until = began + self._ttl_s
        # Once it had run out others may have held it in between: this is another hold.
        self.fence = self.fence or revision
        return True

    async def release(self) -> None:
        """Give it back, if it is ours still. Raises :class:`StreamError`."""
        revision, self.fence = self._revision, 0
        if revision:
            self._revision = 0
            await self._keys.delete(self._key, revision)

    def _value(self) -> bytes:
        return json.dumps({"holder": self._holder}).encode()


def _holder(value: bytes) -> str:
    try:
        holder = json.loads(value)["holder"]
    except (ValueError, KeyError, TypeError):
        return ""
    return holder if isinstance(holder, str) else ""


def _subject(key: str) -> str:
    return f"$KV.{BUCKET}.{key}"


def _entry(message: dict[str, Any]) -> Entry | None:
    """What a stored message says; None where it says that the key was deleted."""
    if b"KV-Operation:" in base64.b64decode(message.get("hdrs", "")):
        return None
    return Entry(base64.b64decode(message.get("data", "")), int(message["seq"]))
