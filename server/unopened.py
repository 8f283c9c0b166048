"""Canvases that are there and can't be opened now."""

import logging
import time
from typing import NamedTuple

logger = logging.getLogger(__name__)

SICK_S = 60.0
"""A canvas that can't be opened for so long isn't waited for any more: others are served."""


class _Failure(NamedTuple):
    """Why, and since when (``time.monotonic``)."""

    why: str
    since: float


class Unopened:
    """Of one server, by name."""

    def __init__(self) -> None:
        self._failures: dict[str, _Failure] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._failures

    @property
    def lately(self) -> bool:
        """Whether one of them may be opened by one of the next tries."""
        began = time.monotonic() - SICK_S
        return any(failure.since > began for failure in self._failures.values())

    def failed(self, name: str, error: Exception) -> None:
        """One can't be opened; it is said once for each reason."""
        known = self._failures.get(name)
        if known is None or known.why != str(error):
            logger.warning("%s (it is tried again)", error, extra={"canvas": name})
        since = time.monotonic() if known is None else known.since
        self._failures[name] = _Failure(str(error), since)

    def opened(self, name: str) -> None:
        """One was opened."""
        self._failures.pop(name, None)
