"""Entries on their way into a stream, and what it answers."""

import json
from collections.abc import Callable

from nats.aio.msg import Msg

from server.cluster.link import Link
from server.cluster.streams import check, log_subject
from tiles.loop import Handle
from tiles.shared.stream import StreamError


class Publisher:
    """Publishes one canvas's entries; each gets one answer, an error where none comes in time.

    The next entry doesn't wait for the answer to the one before. ``epoch`` says the stream's, None
    while it isn't known.
    """

    def __init__(
        self,
        link: Link,
        canvas: str,
        epoch: Callable[[], int | None],
        answered: Callable[[int, StreamError | None], None],
        timeout_s: float,
    ) -> None:
        self._link = link
        self._answered = answered
        self._timeout_s = timeout_s
        self._canvas = canvas
        self._epoch = epoch
        self._inbox = link.inbox()
        self._serial = 0
        self._waiting: dict[int, tuple[int, float]] = {}
        """The number and the deadline of each entry without an answer, by serial, oldest first."""
        self._timer: Handle | None = None
        self._subscription = link.subscribe(f"{self._inbox}.*", self._hear)
        self._watch = link.watch(self._changed)

    @property
    def waiting(self) -> int:
        """How many entries have no answer yet."""
        return len(self._waiting)

    def publish(self, number: int, data: bytes) -> None:
        """See :meth:`tiles.shared.stream.Stream.publish`."""
        epoch = self._epoch()
        if epoch is None:
            self._refuse(number, "the stream was not reached yet")
            return
        self._serial += 1
        subject = log_subject(self._canvas, epoch)
        if self._link.publish(subject, data, f"{self._inbox}.{self._serial}"):
            deadline = self._link.loop.time() + self._timeout_s
            self._waiting[self._serial] = (number, deadline)
            if self._timer is None:
                self._timer = self._link.loop.call_at(deadline, self._expire)
        else:
            up = self._link.up
            why = "it is too large, or too much waits" if up else "NATS is not connected"
            self._refuse(number, why)

    def close(self) -> None:
        """Hear nothing more; what was published may still arrive."""
        self._subscription.cancel()
        self._watch.cancel()
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _refuse(self, number: int, why: str) -> None:
        error = StreamError(f"the entry was not published: {why}")
        self._link.loop.call_soon(self._answered, number, error)

    def _hear(self, message: Msg) -> None:
        waited = self._waiting.pop(int(message.subject.rpartition(".")[2]), None)
        if waited is not None:
            self._answered(waited[0], _error(message))

    def _changed(self, error: StreamError | None) -> None:
        """The answers to what was sent over a connection that broke don't come any more."""
        if error is not None:
            waiting, self._waiting = self._waiting, {}
            for number, _ in waiting.values():
                self._answered(number, error)

    def _expire(self) -> None:
        self._timer = None
        now = self._link.loop.time()
        while self._waiting:
            serial, (number, deadline) = next(iter(self._waiting.items()))
            if deadline > now:
                self._timer = self._link.loop.call_at(deadline, self._expire)
                return
            del self._waiting[serial]
            self._answered(number, StreamError(f"no answer within {self._timeout_s} s"))


def _error(message: Msg) -> StreamError | None:
    """What an answer says is wrong, if anything."""
    if not message.data:
        return StreamError("the stream has no server that answers")
    try:
        check(json.loads(message.data))
    except StreamError as error:
        return error
    except ValueError:
        return StreamError("the stream's answer isn't JSON")
    return None
