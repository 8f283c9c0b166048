"""A process full of clients: viewers, painters, or both."""

from collections import Counter, deque
from collections.abc import Callable
from time import monotonic, process_time

from benchmarks.load.connection import Connection, Totals
from benchmarks.load.dialect import Checking, View
from benchmarks.load.pacing import Pacing
from benchmarks.load.painting import Painting
from benchmarks.load.worker import Answer, Command, Worker, dialect_maker

_CONNECT_WITHIN_S = 120.0


class Crowd:
    """The connections, and what they are told to do."""

    def __init__(self, worker: Worker) -> None:
        self.connections: list[Connection] = []
        self.totals = Totals()
        self._worker = worker
        self.connection_class = Connection
        self._painting: Painting | None = None
        self._pacing: Pacing | None = None
        worker.on("connect", self.connect)
        worker.on("paint", self.paint)
        worker.on("hush", self.hush)
        worker.on("counts", self.counts)
        worker.on("each", self.each)
        worker.on("check", self.check)
        worker.on("sockets", self.sockets)
        worker.on("stop_reading", self.stop_reading)
        worker.on("leave", self.leave)

    def connect(self, command: Command) -> Answer:
        """Connect one client for each of ``views``, ``in_flight`` at a time; wait for all."""
        make = dialect_maker(command["dialect"])
        waiting = deque(None if view is None else View(*view) for view in command["views"])
        pending: set[Connection] = set()
        mine: list[Connection] = []

        def go_on() -> bool:
            settled = {client for client in pending if client.ready or client.close_code}
            pending.difference_update(settled)
            while waiting and len(pending) < command["in_flight"]:
                client = self.connection_class(
                    self._worker.reactor, command["port"], make(), waiting.popleft(), self.totals
                )
                pending.add(client)
                mine.append(client)
            return not pending

        self._worker.reactor.run_until(go_on, _CONNECT_WITHIN_S)
        self.connections += mine
        codes = Counter(client.close_code for client in mine if client.close_code is not None)
        return {
            "ready": sum(client.ready for client in mine),
            "asked": len(command["views"]),
            "close_codes": [[code, count] for code, count in codes.items()],
        }

    def paint(self, command: Command) -> Answer:
        """Paint from now on, ``rate`` pixels a second in all, ``together`` in a frame."""
        box = tuple(command["box"]) if command["box"] else None
        together = command.get("together", 1)
        self._painting = Painting(self.connections, box, command["seed"], together)
        self.keep_doing(command["rate"] / together, self._painting)
        return {}

    def keep_doing(self, rate: float, act: Callable[[], None]) -> None:
        """Act ``rate`` times a second until told to hush; instead of what was done before."""
        self.hush({})
        self._pacing = Pacing(rate, act)
        self._worker.reactor.keep_doing(self._pacing)

    def hush(self, _: Command) -> Answer:
        """Do no more than read."""
        if self._pacing is not None:
            self._worker.reactor.stop_doing(self._pacing)
            self._pacing = None
        return {}

    def counts(self, _: Command) -> Answer:
        """What was received and sent until now."""
        painting = self._painting
        tiles = painting.tiles if painting is not None else {}
        checking = [
            client.dialect for client in self.connections if isinstance(client.dialect, Checking)
        ]
        return {
            "at": monotonic(),
            "cpu_s": process_time(),
            "pixels": self.totals.pixels,
            "frames": self.totals.frames,
            "reads": self.totals.reads,
            "bytes": self.totals.bytes,
            "sent_frames": self.totals.sent_frames,
            "blocked": self.totals.blocked,
            "painted": painting.painted if painting is not None else 0,
            "painted_tiles": [[tx, ty, count] for (tx, ty), count in tiles.items()],
            "strays": sum(dialect.strays for dialect in checking),
            "split_flushes": sum(dialect.split_flushes for dialect in checking),
            "closed": sum(client.close_code is not None for client in self.connections),
        }

    def check(self, command: Command) -> Answer:
        """Have dialects that can decode one in ``every`` frames in full."""
        for client in self.connections:
            if isinstance(client.dialect, Checking):
                client.dialect.check_every = command["every"]
        return {}

    def sockets(self, command: Command) -> Answer:
        """From now on connect to ``host``, with sockets of that ``receive_buffer_bytes``."""
        self.connection_class.host = command["host"]
        self.connection_class.receive_buffer_bytes = command["receive_buffer_bytes"]
        return {}

    def stop_reading(self, command: Command) -> Answer:
        """The first ``count`` clients read nothing any more; their connections stay open."""
        for client in self.connections[: command["count"]]:
            client.stop_reading()
        return {}

    def leave(self, _: Command) -> Answer:
        """All clients go, whatever is on its way."""
        self.hush({})
        for client in self.connections:
            client.close()
        self.connections.clear()
        return {}

    def each(self, _: Command) -> Answer:
        """How many pixels each connection was delivered."""
        return {"pixels": [client.pixels for client in self.connections]}


def main(extend: Callable[[Crowd, Worker], object] | None = None) -> None:
    """Serve commands until standard input ends."""
    worker = Worker()
    crowd = Crowd(worker)
    if extend is not None:
        extend(crowd, worker)
    worker.run()


if __name__ == "__main__":
    main()
