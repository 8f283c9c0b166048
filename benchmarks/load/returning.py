"""Clients that come back after their connection was cut: as who they were, with what they hold."""

import random
from collections import Counter
from functools import lru_cache
from time import monotonic
from typing import ClassVar

from benchmarks.load.connection import Connection, Totals
from benchmarks.load.crowd import Crowd, main
from benchmarks.load.dialect import OPCODE_BINARY, Dialect, Payload, View
from benchmarks.load.reactor import Reactor
from benchmarks.load.tilecast import TilecastDialect
from benchmarks.load.worker import Answer, Command, Worker
from protocol.codec import encode
from protocol.messages import TABLE, VERSION, Hello, Tile, Viewport

_TILE = next(row.number for row in TABLE if row.message is Tile)
_BACKOFF_S = 0.5
_BACKOFF_MAX_S = 8.0
_TICK_S = 0.01

Known = tuple[tuple[int, int, int], ...]


@lru_cache(maxsize=1024)
def _viewport(view: View, known: Known) -> Payload:
    """A VIEWPORT; many clients look at the same, and hold the same."""
    message = Viewport(view.level, view.x0, view.y0, view.x1, view.y1, known)
    return Payload(OPCODE_BINARY, encode(message))


class ReturningDialect(TilecastDialect):
    """Says whose session it is and what it holds, and notes which tiles it is sent all the same."""

    watched: ClassVar[frozenset[int]] = frozenset({_TILE})

    def __init__(self) -> None:
        super().__init__()
        self.asked_for = self.session
        self.known: Known = ()
        self.tiles: Counter[tuple[int, int, int]] = Counter()
        """TILEs that came, by level, column and row."""

    def opening(self, view: View | None) -> list[Payload]:
        """See :meth:`benchmarks.load.dialect.Dialect.opening`."""
        self.asked_for = self.session
        hello = Payload(OPCODE_BINARY, encode(Hello(VERSION, self.session, "")))
        if view is None:
            return [hello]
        self.look(view)  # counts it
        return [hello, _viewport(view, self.known)]

    def watch(self, kind: int, data: bytes) -> None:
        """See :meth:`TilecastDialect.watch`: a TILE."""
        level, tx, ty = data[1], *(int.from_bytes(data[at : at + 2], "little") for at in (2, 4))
        self.tiles[level, tx, ty] += 1


class Returner(Connection):
    """One connection of a client; the next is another object, made by :meth:`again`."""

    def __init__(
        self, reactor: Reactor, port: int, dialect: Dialect, view: View | None, totals: Totals
    ) -> None:
        if not isinstance(dialect, ReturningDialect):
            raise TypeError("only Tilecast knows who comes back")
        self.told = dialect
        self.in_step_at: float | None = None
        self.attempts = 1
        self.retry_at = 0.0
        self._port = port
        super().__init__(reactor, port, dialect, view, totals)

    def message(self, opcode: int, data: bytes) -> None:
        """See :meth:`Connection.message`."""
        super().message(opcode, data)
        if self.in_step_at is None and self.told.ready:
            self.in_step_at = monotonic()

    def again(self, known: Known) -> "Returner":
        """Connect anew as the same client, that holds these tiles."""
        dialect = ReturningDialect()
        dialect.session, dialect.seq, dialect.known = self.told.session, self.told.seq, known
        return Returner(self._reactor, self._port, dialect, self.view, self._totals)

    def backoff(self, rng: random.Random) -> float:
        """Seconds to wait after this attempt failed."""
        longest_s: float = min(_BACKOFF_MAX_S, _BACKOFF_S * 2.0 ** (self.attempts - 1))
        return rng.uniform(0.5, 1) * longest_s


class Returning:
    """The commands ``draw``, ``cut``, ``come_back``, ``waiting``, ``back`` and ``sessions``, beside
    a crowd's."""

    def __init__(self, crowd: Crowd, worker: Worker) -> None:
        crowd.connection_class = Returner
        self._crowd = crowd
        self._random = random.Random(1)
        self._known: dict[tuple[View, int], Known] = {}
        self._began = 0.0
        self._retries: Counter[int] = Counter()
        """Attempts that failed, by close code."""
        self._reactor = worker.reactor
        worker.on("draw", self.draw)
        worker.on("cut", self.cut)
        worker.on("come_back", self.come_back)
        worker.on("waiting", self.waiting)
        worker.on("back", self.back)
        worker.on("sessions", self.sessions)

    def draw(self, command: Command) -> Answer:
        """Each client draws a pixel where it looks: the server remembers who has drawn."""
        clients = self._returners()
        for client in clients:
            assert client.view is not None, "who draws looks at something"
            client.paint(client.view.x0, client.view.y0, 0)
        return {
            "durable": self._reactor.run_until(
                lambda: all(client.told.durable for client in clients), command["within_s"]
            )
        }

    def cut(self, _: Command) -> Answer:
        """All connections end at once, without ceremony."""
        for client in self._crowd.connections:
            client.close()
        return {}

    def come_back(self, _: Command) -> Answer:
        """All clients whose connection has ended connect again, all at the same time.

        What fails is tried again with backoff, until all are back.
        """
        clients = self._returners()
        for client in clients:  # before the clock runs: it is the server's time that counts
            self._known_by(client)
        self._began = monotonic()
        self._retries.clear()
        self._crowd.connections = [
            client if client.close_code is None else client.again(self._known_by(client))
            for client in clients
        ]
        self._reactor.keep_doing(self._try_again)
        return {"asked": len(clients)}

    def waiting(self, _: Command) -> Answer:
        """How many aren't in step yet."""
        return {"waiting": sum(client.in_step_at is None for client in self._returners())}

    def back(self, _: Command) -> Answer:
        """How many seconds after ``come_back`` each was in step, and what they were sent."""
        clients = self._returners()
        tiles = Counter(
            (tile, client.view) for client in clients for tile in client.told.tiles.elements()
        )
        return {
            "in_step_s": [
                client.in_step_at - self._began for client in clients if client.in_step_at
            ],
            "resumed": sum(client.told.asked_for == client.told.session for client in clients),
            "tiles": [[*tile, view, count] for (tile, view), count in tiles.items()],
            "retries": [[code, count] for code, count in self._retries.items()],
        }

    def sessions(self, _: Command) -> Answer:
        """Each client's session, and how many of its messages were handled."""
        return {
            "sessions": [
                [client.told.session.hex(), client.told.handled] for client in self._returners()
            ]
        }

    def _known_by(self, client: Returner) -> Known:
        """All tiles of its view, through what the last CLOCK said, if it ever was in step."""
        view, seq = client.view, client.told.seq
        if view is None or not client.told.ready:
            return client.told.known
        known = self._known.get((view, seq))
        if known is None:
            tx0, ty0, tx1, ty1 = view.tiles()
            known = self._known[view, seq] = tuple(
                (tx, ty, seq) for ty in range(ty0, ty1 + 1) for tx in range(tx0, tx1 + 1)
            )
        return known

    def _try_again(self, now: float) -> float | None:
        connections = self._crowd.connections
        waiting = False
        for index, client in enumerate(self._returners()):
            if client.in_step_at is not None:
                continue
            waiting = True
            if client.close_code is None:
                continue
            if not client.retry_at:
                self._retries[client.close_code] += 1
                client.retry_at = now + client.backoff(self._random)
            elif now >= client.retry_at:
                following = client.again(client.told.known)
                following.attempts = client.attempts + 1
                connections[index] = following
        return now + _TICK_S * 10 if waiting else None

    def _returners(self) -> list[Returner]:
        return [client for client in self._crowd.connections if isinstance(client, Returner)]


if __name__ == "__main__":
    main(Returning)
