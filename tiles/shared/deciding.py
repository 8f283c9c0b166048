"""What of this node's offers is decided, and may be told once the fold holds it."""

import threading
from collections import deque
from collections.abc import Iterator


class Deciding:
    """Tickets of the node's own commits, by the fold's commits that hold what they came to."""

    def __init__(self) -> None:
        self.told_ticket = 0
        """What the listener was told last is durable."""
        self._decided_ticket = 0
        self._ended = False
        self._waiting: deque[tuple[int, int, str]] = deque()
        self._changed = threading.Condition()

    def add(self, fold_ticket: int, ticket: int, info: str) -> None:
        """The fold's commit ``fold_ticket`` decides what there is up to ``ticket``.

        ``info`` are the settings that come with it, as they stand in the stream.
        """
        self._decided_ticket = max(self._decided_ticket, ticket)
        if ticket or info:
            self._waiting.append((fold_ticket, ticket, info))

    def written(self, fold_ticket: int) -> Iterator[tuple[int, str]]:
        """The tickets and settings that the fold holds, now that it has come so far."""
        while self._waiting and self._waiting[0][0] <= fold_ticket:
            _, ticket, info = self._waiting.popleft()
            yield ticket, info

    def told(self, ticket: int) -> None:
        """The listener knows that all up to ``ticket`` is durable."""
        with self._changed:
            self.told_ticket = ticket
            self._changed.notify_all()

    def end(self) -> None:
        """Nothing more will be decided."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait(self, ticket: int, timeout_s: float) -> None:
        """Block until that was told, or all that ever will be."""
        with self._changed:
            self._changed.wait_for(lambda: self.done(ticket), timeout_s)

    def done(self, ticket: int) -> bool:
        """Whether there is nothing to wait for."""
        return self.told_ticket >= (self._decided_ticket if self._ended else ticket)
