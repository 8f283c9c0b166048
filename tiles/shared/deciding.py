"""What of this node's offers is decided, and may be told once the fold holds it."""

import threading
from collections import deque
from collections.abc import Iterator


class Deciding:
    """Tickets of the node's own commits, by the fold's commits that hold what they came to."""

    def __init__(self) -> None:
        self.told_ticket = 0
        """What the listener was told last is durable."""
        self._waiting: deque[tuple[int, int, str]] = deque()
        self._changed = threading.Condition()

    def add(self, fold_ticket: int, ticket: int, info: str) -> None:
        """The fold's commit ``fold_ticket`` decides what there is up to ``ticket``.

        ``info`` are the settings that come with it, as they stand in the stream.
        """
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

    def wait(self, ticket: int, timeout_s: float) -> None:
        """Block until that was told."""
        with self._changed:
            self._changed.wait_for(lambda: self.told_ticket >= ticket, timeout_s)
