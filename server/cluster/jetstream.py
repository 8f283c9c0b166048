"""A canvas's stream on NATS JetStream, for the shared log."""

from collections.abc import Sequence

from server.cluster import streams
from server.cluster.consumer import Consumer, Patience
from server.cluster.link import Link
from server.cluster.publisher import Publisher
from server.cluster.streams import Identity, Life
from tiles.shared.stream import Bounds, Delivered, Follower, StreamError

PUBLISH_TIMEOUT_S = 2.0
DEFAULT_PATIENCE = Patience()
ANSWER_TIMEOUT_S = 5.0
"""How long :meth:`JetStreamStream.bounds` and :meth:`JetStreamStream.read` block at most."""


class JetStreamStream:
    """A :class:`tiles.shared.stream.Stream`; its own thread is the link's event loop.

    The stream has to exist (:func:`server.cluster.streams.create`). Which one it is, is settled by
    the first :meth:`bounds`, or by :meth:`follow`: one that is put in its place later is another.
    """

    def __init__(
        self,
        link: Link,
        canvas: str,
        *,
        publish_timeout_s: float = PUBLISH_TIMEOUT_S,
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        self._link = link
        self._canvas = canvas
        self._publish_timeout_s = publish_timeout_s
        self._patience = patience
        self._identity: Identity | None = None
        self.life: Life | None = None
        """As of the last :meth:`bounds`."""
        self._publisher: Publisher | None = None
        self._consumer: Consumer | None = None

    @property
    def waiting(self) -> int:
        """How many published entries have no answer yet."""
        return 0 if self._publisher is None else self._publisher.waiting

    @property
    def buffered(self) -> int:
        """How many entries wait for :meth:`release`."""
        return 0 if self._consumer is None else self._consumer.buffered

    @property
    def mended(self) -> int:
        """How often following had to begin afresh."""
        return 0 if self._consumer is None else max(0, self._consumer.mended - 1)

    def bounds(self) -> Bounds:
        """What it holds. Raises :class:`StreamError`, also where it has no room for entries."""
        seen = self._link.wait(streams.state(self._link, self._canvas), ANSWER_TIMEOUT_S)
        identity = seen.identity
        streams.check_room(self._canvas, seen)
        if self._identity is None:
            self._identity = identity
        elif self._identity != identity:
            raise StreamError("the stream is another one than it was")
        self.life = seen.life
        return seen.bounds

    def read(self, after: int, limit: int) -> Sequence[Delivered]:
        """Up to ``limit`` of the entries past ``after``; see :func:`server.cluster.streams.read`.

        Raises :class:`MissingError`, :class:`StreamError`.
        """
        work = streams.read(self._link, self._canvas, after, limit)
        return self._link.wait(work, ANSWER_TIMEOUT_S)

    def follow(self, after: int, follower: Follower) -> None:
        """Deliver all entries past ``after``. Once in its life."""
        if self._consumer is not None:
            raise RuntimeError("the stream is followed already")
        self._publisher = Publisher(
            self._link, self._canvas, self._epoch, follower.answered, self._publish_timeout_s
        )
        self._consumer = Consumer(
            self._link, self._canvas, after, follower, self._identity, self._patience
        )

    def publish(self, number: int, data: bytes) -> None:
        """Offer an entry; it is answered for within the timeout."""
        if self._publisher is None:
            raise RuntimeError("the stream isn't followed yet")
        self._publisher.publish(number, data)

    def hold(self) -> None:
        """Deliver nothing more until :meth:`release`."""
        if self._consumer is not None:
            self._consumer.hold()

    def release(self) -> None:
        """Go on delivering."""
        if self._consumer is not None:
            self._consumer.release()

    def close(self) -> None:
        """Deliver nothing more."""
        if self._consumer is not None:
            self._consumer.close()
        if self._publisher is not None:
            self._publisher.close()

    def _epoch(self) -> int | None:
        return None if self._consumer is None else self._consumer.epoch
