"""What a shared log asks of the stream under it: entries, in an order that is everybody's."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Delivered(NamedTuple):
    """An entry as the stream holds it.

    ``place`` counts 1, 2, … without a gap. ``time_ms`` is when the stream took it, Unix time, the
    same for whoever reads it.
    """

    place: int
    time_ms: int
    data: bytes


class Bounds(NamedTuple):
    """What a stream holds: the entries from place ``first`` to ``last``.

    ``first`` is ``last + 1`` where it holds none. ``epoch`` was given when the stream was made;
    ``canvas_epoch`` is what clients are told: another one since the stream lost entries.
    """

    first: int
    last: int
    epoch: int
    canvas_epoch: int


class StreamError(Exception):
    """The stream can't be reached, or doesn't take an entry; the text says why."""


class MissingError(StreamError):
    """There is no such stream, or what is asked of it is trimmed."""


class Follower(Protocol):
    """Who reads a stream as it grows. Called on the stream's own thread; it never raises."""

    def delivered(self, entries: Sequence[Delivered], behind: int) -> None:
        """The next entries, at least one, in order and without a gap.

        ``behind``: so many more the stream held when the last of them was sent.
        """

    def answered(self, number: int, error: StreamError | None) -> None:
        """The stream took the entry that was published as ``number``, or gave no such answer.

        With an error it may be in the stream all the same, now or later.
        """

    def linked(self, error: StreamError | None) -> None:
        """The stream can't be reached (``error``), or is reached again (``None``).

        It comes in turn, the first one with an error: at :meth:`Stream.follow` it is reached.
        """

    def lost(self, error: StreamError) -> None:
        """The stream isn't what it was: trimmed beyond what was delivered, cut short, or replaced.

        Nothing more is delivered.
        """


class Stream(Protocol):
    """One canvas's stream.

    :meth:`bounds` and :meth:`read` block and are for a thread that isn't the stream's own; all else
    is for the stream's own thread.
    """

    def bounds(self) -> Bounds:
        """What it holds. Raises :class:`StreamError`."""

    def read(self, after: int, limit: int) -> Sequence[Delivered]:
        """Up to ``limit`` of the entries past ``after``, in order, without a gap.

        Raises :class:`MissingError` where the first of them is trimmed, :class:`StreamError`.
        """

    def follow(self, after: int, follower: Follower) -> None:
        """Deliver all entries past ``after``, those of now and those to come. Once in its life."""

    def publish(self, number: int, data: bytes) -> None:
        """Offer an entry; entries of one node are taken in the order of these calls.

        ``number`` is what :meth:`Follower.answered` names it by.
        """

    def hold(self) -> None:
        """Deliver nothing more until :meth:`release`; no more than a bounded number is buffered."""

    def release(self) -> None:
        """Go on delivering."""

    def close(self) -> None:
        """Deliver nothing more; entries that were published may still arrive."""
