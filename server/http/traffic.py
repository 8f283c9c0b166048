"""HTTP requests by what they were for and how they were answered."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from server.exposition import counter, histogram
from server.histogram import SLOW_S, Histogram

TILE = "tile"
WEBSOCKET = "websocket"
OTHER = "other"
_OF_CANVAS = {
    "tiles": TILE,
    "region.png": "region",
    "pixel": "pixel",
    "activity": "activity",
    "tilejson.json": "tilejson",
    "stats": "stats",
    "ws": WEBSOCKET,
}
_OF_SERVER = {
    "": "page",
    "assets": "asset",
    "manifest.webmanifest": "asset",
    "api": "api",
    "healthz": "health",
    "readyz": "health",
    "metrics": "metrics",
    "docs": "docs",
    "openapi.json": "docs",
}
_CANVAS_PARTS = 3
ROUTES = tuple(dict.fromkeys((*_OF_CANVAS.values(), *_OF_SERVER.values(), OTHER)))
"""Every class of paths: labels, so there is no other."""
_FORESEEN = (200, 500, 503)
"""They are told from the start, so that the first is a rise."""


class Traffic:
    """Counts answers by route and status, and how long those took that took any time."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self._seconds = {route: Histogram(SLOW_S) for route in ROUTES}

    def answered(self, route: str, status: int) -> None:
        """Count an answer, or the answer to an upgrade."""
        self.answers[route, status] += 1

    def took(self, route: str, seconds: float) -> None:
        """A request's answer is sent. Connections that were upgraded don't count."""
        self._seconds[route].observe(seconds)

    def families(self) -> Iterator[Metric]:
        """A :data:`server.exposition.Source`."""
        known = {(route, status): 0 for route in ROUTES for status in _FORESEEN}
        for status in _FORESEEN:
            del known[WEBSOCKET, status]
        known |= {(WEBSOCKET, 101): 0, (WEBSOCKET, 403): 0, (WEBSOCKET, 503): 0} | self.answers
        yield counter(
            "http_requests",
            "HTTP requests by what they were for and the status of the answer; 101 is an upgrade.",
            ("route", "status"),
            [((route, str(status)), known[route, status]) for route, status in sorted(known)],
        )
        yield histogram(
            "http_request_seconds",
            "Time until an answer was sent; known tiles, answered on the spot, left out.",
            ("route",),
            [((route,), seconds) for route, seconds in self._seconds.items()],
        )


def classify(path: str) -> tuple[str, str]:
    """The class of a path below the root path, and the canvas that it names or ``''``."""
    parts = path.split("/", 4)
    if len(parts) < _CANVAS_PARTS or parts[1] != "c":
        return _OF_SERVER.get(parts[1], OTHER) if len(parts) > 1 else OTHER, ""
    if len(parts) == _CANVAS_PARTS:
        return "page", parts[2]
    return _OF_CANVAS.get(parts[3], OTHER), parts[2]
