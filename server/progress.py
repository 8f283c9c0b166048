"""What a command that takes a while says of how far it has come, on standard error."""

import sys
import time

_INTERVAL_S = 0.2
_LINE_INTERVAL_S = 5.0


class Progress:
    """One line that changes on a terminal; elsewhere a line now and then."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._next = time.monotonic() + (0 if self._terminal else _LINE_INTERVAL_S)
        self._shown = False

    def say(self, text: str) -> None:
        """Say it, unless something was said just before."""
        now = time.monotonic()
        if now < self._next:
            return
        if self._terminal:
            self._next = now + _INTERVAL_S
            self._shown = True
            print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)
        else:
            self._next = now + _LINE_INTERVAL_S
            print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Take the line away: something else is about to be said."""
        if self._shown:
            self._shown = False
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
