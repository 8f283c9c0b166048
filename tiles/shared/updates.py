"""Settings that threads of this node wait for, until the fold holds them."""

import threading
from dataclasses import dataclass, field

from tiles.log.base import LogError


@dataclass(slots=True, eq=False)
class Update:
    """Somebody waits for ``text``."""

    text: str
    _over: threading.Event = field(default_factory=threading.Event)
    _error: LogError | None = None

    def end(self, error: LogError | None) -> None:
        """It is stored, or can't be waited for any more."""
        self._error = error
        self._over.set()

    def wait(self, timeout_s: float) -> None:
        """Block until it is stored. Raises :class:`LogError`: then it may be, now or later."""
        if not self._over.wait(timeout_s):
            raise LogError(f"the settings were not stored within {timeout_s:g} s")
        if self._error is not None:
            raise self._error


class Updates:
    """Used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Update] = []
        self._closed: LogError | None = None

    def add(self, text: str) -> Update:
        """Begin to wait."""
        update = Update(text)
        with self._lock:
            if self._closed is None:
                self._waiting.append(update)
            else:
                update.end(self._closed)
        return update

    def drop(self, update: Update) -> None:
        """Nobody waits for it any more."""
        with self._lock:
            if update in self._waiting:
                self._waiting.remove(update)

    def stored(self, text: str) -> None:
        """Settings, whoever's, are stored."""
        with self._lock:
            done = [update for update in self._waiting if update.text == text]
            self._waiting = [update for update in self._waiting if update.text != text]
        for update in done:
            update.end(None)

    def close(self, error: LogError) -> None:
        """Nothing is stored from here on."""
        with self._lock:
            self._closed = error
            waiting, self._waiting = self._waiting, []
        for update in waiting:
            update.end(error)
