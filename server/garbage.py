"""When Python looks for garbage in cycles: among what is young, and nowhere else while it matters.

A look at everything stops the event loop for as long as there are objects to be looked at: 20 ms
for what an idle server has imported, 100 and more with thousands of connections. So connections
leave no cycles behind that would need it, and it is had only while nobody is connected.
"""

import gc
from collections.abc import Callable

from server.supervisor import Service

_YOUNG_OBJECTS = 10_000
"""So many new objects are looked at in one go: half a millisecond."""
_YOUNG_LOOKS = 5
"""Every so many looks those that remained are looked at once more, and then never again."""
_NEVER = 2**31 - 1
_INTERVAL_S = 60.0


def settle() -> None:
    """Look at nothing that is there now: modules, and canvases as they were opened.

    What of it is garbage stays: a look would take 45 ms of the time until the server is ready.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, _YOUNG_LOOKS, _NEVER)


def leave_all() -> None:
    """The process ends: what ten thousand connections leave would take seconds to be looked at."""
    gc.freeze()


class Sweeping:
    """Looks at everything else now and then, while ``connected()`` is 0."""

    def __init__(self, service: Service, connected: Callable[[], int]) -> None:
        self._service = service
        self._connected = connected
        service.on_restart(self._sweep_later)
        self._sweep_later()

    def _sweep_later(self) -> None:
        self._service.call_later(_INTERVAL_S, self._sweep)

    def _sweep(self) -> None:
        if self._connected() == 0:
            gc.collect()
        self._sweep_later()
