"""How long a client waits for its first view."""

import time

from benchmarks.load.connection import Connection, Totals
from benchmarks.load.dialect import View
from benchmarks.load.reactor import Reactor
from benchmarks.load.tilecast import TilecastDialect

_WITHIN_S = 120.0


def first_view_s(port: int, view: View) -> float:
    """Seconds from connecting until everything in ``view`` has come."""
    began = time.monotonic()
    reactor = Reactor()
    client = Connection(reactor, port, TilecastDialect(), view, Totals())
    if not reactor.run_until(lambda: client.ready, _WITHIN_S):
        raise TimeoutError(f"the view was not whole after {_WITHIN_S:.0f} s")
    took = time.monotonic() - began
    client.close()
    return took
