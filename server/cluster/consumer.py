"""A stream read as it grows: in order, without a gap, whatever breaks.

JetStream delivers through a consumer, an object of its servers that can vanish with one of them,
stand still, or skip what it lost on the way. So it is believed in nothing: places are counted,
silence is timed, the stream itself is asked every few seconds, and at any doubt another consumer is
made, from the entry that was delivered last. That entry comes again and has to be the same.
"""

import asyncio
import json
import random
import secrets
import zlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, NamedTuple

from nats.aio.msg import Msg

from server.cluster import streams
from server.cluster.link import Link
from server.cluster.replies import parse_reply
from server.cluster.streams import Identity, StreamState, check_room, stream_name
from server.lasting import lasting
from tiles.shared.stream import Delivered, Follower, MissingError, StreamError

CAPACITY = 256
"""So many entries are asked for ahead: the most that wait for :meth:`Consumer.release`."""
REQUEST_MAX_BYTES = 4 << 20
"""The most that one request brings; as each asks for half the capacity, two at most are open."""
REQUEST_EXPIRES_S = 30.0
INACTIVE_S = 60.0
"""The servers drop a consumer that nobody asks anything for so long."""
RETRY_INITIAL_S = 0.05
RETRY_MAX_S = 0.5
ANSWER_S = 1.0
"""While it is mended: servers that have no leader say nothing, and may have one at any time."""
NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a consumer is believed, in seconds.

    The servers are to say something every ``heartbeat_s``; after ``silence_s`` without a word the
    consumer is given up. Every ``check_s`` the stream's leader is asked whether the stream is what
    it was. One that looks shorter or older, or isn't there, may be what a server says that was
    away, or a leader that is cut off and will know after 10 s (NATS's lost-quorum interval); it is
    believed when it has looked so for ``doubt_s``.
    """

    heartbeat_s: float = 1.0
    silence_s: float = 3.0
    check_s: float = 3.0
    doubt_s: float = 12.0


class LostError(StreamError):
    """The stream isn't what it was."""


class _Last(NamedTuple):
    """The entry that was taken last."""

    place: int
    time_ns: int
    checksum: int


class Consumer:
    """Delivers a canvas's entries past ``after`` to a follower, for good."""

    def __init__(
        self,
        link: Link,
        canvas: str,
        after: int,
        follower: Follower,
        identity: Identity | None,
        patience: Patience,
    ) -> None:
        self._link = link
        self._patience = patience
        self._canvas = canvas
        self._follower = follower
        self._identity = identity
        self._place = after
        self._last: _Last | None = None
        self._name = ""
        """The consumer of now; empty while there is none."""
        self._recheck: _Last | None = None
        """What its first entry has to be."""
        self._count = 0
        self._asked = 0
        """So many entries are asked for and haven't come."""
        self._heard_at = 0.0
        self._arrived: list[Delivered] = []
        self._behind = 0
        self._due = False
        self._held = False
        self._linked = True
        self._ended = False
        self._doubt_at: float | None = None
        self._seen_last = 0
        self._retry_s = RETRY_INITIAL_S
        self._inbox = link.inbox()
        self._subscription = link.subscribe(f"{self._inbox}.*", self._hear)
        self._watch = link.watch(self._changed)
        self._mending: asyncio.Task[None] | None = None
        self._watching = self._keep("watching the stream", self._watch_over, self._mend)
        self.mended = 0
        """How often a consumer was made."""
        self._mend()

    @property
    def epoch(self) -> int | None:
        """The stream's; None while it isn't known."""
        return None if self._identity is None else self._identity.epoch

    @property
    def buffered(self) -> int:
        """How many entries have come and wait to be delivered."""
        return len(self._arrived)

    def hold(self) -> None:
        """Deliver nothing more for now."""
        self._held = True

    def release(self) -> None:
        """Go on."""
        if self._held:
            self._held = False
            self._flush_soon()
            self._ask()

    def close(self) -> None:
        """Deliver nothing more."""
        if self._ended:
            return
        self._ended = True
        self._drop()
        self._subscription.cancel()
        self._watch.cancel()
        self._watching.cancel()
        if self._mending is not None:
            self._mending.cancel()

    # -- what comes ----------------------------------------------------------------------------

    def _hear(self, message: Msg) -> None:
        if self._ended or not self._name:
            return
        if message.reply.startswith("$JS.ACK."):
            self._take(message)
        elif message.subject == f"{self._inbox}.{self._name}":
            self._obey(message.headers or {})

    def _take(self, message: Msg) -> None:
        """An entry."""
        reply = parse_reply(message.reply)
        if reply.consumer != self._name:
            return
        self._heard_at = self._link.loop.time()
        self._retry_s = RETRY_INITIAL_S
        self._asked -= 1
        self._count += 1
        entry = _Last(reply.place, reply.time_ns, zlib.crc32(message.data))
        recheck, self._recheck = self._recheck, None
        if recheck is not None and reply.place == recheck.place and reply.serial == self._count:
            if entry == recheck:
                self._ask()
            else:
                self._lose(LostError(f"entry {reply.place} is another one than it was"))
            return
        if reply.serial != self._count or reply.place != self._place + 1 or recheck is not None:
            self._mend(StreamError(f"entry {self._place + 1} was left out"))
            return
        self._place = reply.place
        self._last = entry
        self._arrived.append(Delivered(reply.place, reply.time_ns // 1_000_000, message.data))
        self._behind = reply.pending
        self._flush_soon()

    def _obey(self, headers: dict[str, str]) -> None:
        """A word of the servers about what was asked."""
        self._heard_at = self._link.loop.time()
        status, text = headers.get("Status", ""), headers.get("Description", "")
        if status == "100":
            self._retry_s = RETRY_INITIAL_S
        elif "Nats-Pending-Messages" in headers and "Deleted" not in text:
            # The request is over, by its time or its size, and so many entries didn't come.
            self._asked = max(0, self._asked - int(headers["Nats-Pending-Messages"]))
            self._ask()
        else:
            self._mend(StreamError(f"the stream's consumer is gone: {status} {text}".strip()))

    def _flush_soon(self) -> None:
        """Deliver what has come by the next turn of the loop, as one group."""
        if not self._due:
            self._due = True
            self._link.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._due = False
        if self._held or self._ended or not self._arrived:
            return
        entries, self._arrived = self._arrived, []
        self._follower.delivered(entries, self._behind)
        self._ask()

    def _ask(self) -> None:
        """Ask for more, once half of what may wait has been delivered."""
        room = CAPACITY - self._asked - len(self._arrived)
        if self._held or self._ended or not self._name or room < CAPACITY // 2:
            return
        request = {
            "batch": room,
            "max_bytes": REQUEST_MAX_BYTES,
            "expires": int(REQUEST_EXPIRES_S * NANOSECONDS),
            "idle_heartbeat": int(self._patience.heartbeat_s * NANOSECONDS),
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream_name(self._canvas)}.{self._name}"
        if self._link.publish(subject, json.dumps(request).encode(), f"{self._inbox}.{self._name}"):
            self._asked += room

    # -- mending -------------------------------------------------------------------------------

    def _changed(self, error: StreamError | None) -> None:
        """The link came up or went down."""
        if error is None:
            self._mend()
        else:
            self._drop()
            self._unlink(error)

    def _mend(self, error: StreamError | None = None) -> None:
        """Make another consumer, for as long as it takes; ``error`` is why."""
        if self._ended:
            return
        self._drop()
        if error is not None:
            self._unlink(error)
        if self._mending is not None:
            self._mending.cancel()
        self._mending = self._keep("following", self._mend_until_done, self._unlink)

    async def _mend_until_done(self) -> None:
        while True:
            try:
                await self._make()
                break
            except LostError as error:
                self._lose(error)
                return
            except StreamError as error:
                self._unlink(error)
            await asyncio.sleep(self._retry_s * random.uniform(0.5, 1.5))
            self._retry_s = min(2 * self._retry_s, RETRY_MAX_S)
        self._ask()
        if not self._linked:
            self._linked = True
            self._follower.linked(None)

    async def _make(self) -> None:
        """Another consumer. Raises :class:`LostError`, :class:`StreamError`."""
        first = (await self._look(ANSWER_S)).bounds.first
        recheck = self._last if self._last is not None and self._last.place >= first else None
        name = secrets.token_hex(8)
        await streams.ask(
            self._link,
            f"CONSUMER.CREATE.{stream_name(self._canvas)}.{name}",
            {
                "stream_name": stream_name(self._canvas),
                "action": "create",
                "config": {
                    "name": name,
                    "deliver_policy": "by_start_sequence",
                    "opt_start_seq": self._place + (recheck is None),
                    "ack_policy": "none",
                    "replay_policy": "instant",
                    "inactive_threshold": int(INACTIVE_S * NANOSECONDS),
                    "max_waiting": 16,
                    "mem_storage": True,
                    "num_replicas": 1,
                },
            },
        )
        self._name, self._recheck = name, recheck
        self._count = self._asked = 0
        self._heard_at = self._link.loop.time()
        self.mended += 1

    async def _look(self, timeout_s: float) -> StreamState:
        """What the stream is now. Raises :class:`LostError`, or :class:`StreamError` in doubt."""
        place = self._place  # entries may come while the answer is under way
        try:
            seen = await streams.state(self._link, self._canvas, timeout_s)
        except MissingError as error:
            raise self._doubt(error) from error
        identity = seen.identity
        if self._identity is None:
            self._identity = identity
        elif identity.created > self._identity.created:
            raise LostError("the stream is another one than it was")
        elif identity != self._identity:
            raise self._doubt(StreamError("the stream is another one than it was"))
        if seen.bounds.last < place:
            text = f"the stream ends at {seen.bounds.last}, before {place}"
            raise self._doubt(StreamError(text))
        if seen.bounds.first > self._place + 1:
            text = f"entry {self._place + 1} is trimmed: the first is {seen.bounds.first}"
            raise LostError(text)
        self._doubt_at = None
        check_room(self._canvas, seen)
        return seen

    def _doubt(self, error: StreamError) -> StreamError:
        """The error, or that the stream is lost if it has looked so for long enough."""
        now = self._link.loop.time()
        if self._doubt_at is None:
            self._doubt_at = now
        return LostError(str(error)) if now - self._doubt_at >= self._patience.doubt_s else error

    def _drop(self) -> None:
        """Leave the consumer; the servers forget it, sooner if they hear of it."""
        name, self._name = self._name, ""
        if name:
            call = f"$JS.API.CONSUMER.DELETE.{stream_name(self._canvas)}.{name}"
            self._link.publish(call, b"")

    def _unlink(self, error: StreamError) -> None:
        if self._linked and not self._ended:
            self._linked = False
            self._follower.linked(error)

    def _keep(
        self,
        name: str,
        work: Callable[[], Coroutine[Any, Any, None]],
        tell: Callable[[StreamError], None],
    ) -> "asyncio.Task[None]":
        """Have work done for good; while it fails the stream is as good as not reached."""

        def failed(error: Exception) -> None:
            tell(StreamError(f"{name} failed: {error!r}"))

        return lasting(self._link.loop, name, work, failed, canvas=self._canvas)

    def _lose(self, error: StreamError) -> None:
        if not self._ended:
            self.close()
            self._follower.lost(error)

    # -- watching ------------------------------------------------------------------------------

    async def _watch_over(self) -> None:
        """Notice silence, and what no consumer tells."""
        loop, patience = self._link.loop, self._patience
        interval_s = min(patience.silence_s, patience.check_s) / 6
        checked_at = loop.time()
        while True:
            began = loop.time()
            await asyncio.sleep(interval_s)
            if not self._name or loop.time() - began > 2 * interval_s:
                continue  # it is being mended; or we were stopped, and the socket wasn't read yet
            if self._asked and loop.time() - self._heard_at > patience.silence_s:
                self._mend(StreamError(f"the stream is silent for {patience.silence_s:g} s"))
            elif loop.time() - checked_at > patience.check_s:
                await self._check()
                checked_at = loop.time()

    async def _check(self) -> None:
        """Ask the leader; a stream without one takes no entries, whatever its consumer says."""
        name, place = self._name, self._place
        try:
            seen = await self._look(streams.API_TIMEOUT_S)
        except LostError as error:
            self._lose(error)
            return
        except StreamError as error:
            if name == self._name:
                self._mend(error)
            return
        if name == self._name and place == self._place < self._seen_last and not self._held:
            self._mend(StreamError(f"entry {place + 1} didn't come"))
        self._seen_last = seen.bounds.last
