"""Clients whose pointers wander about on what they look at."""

import random

from benchmarks.load.connection import Connection
from benchmarks.load.crowd import Crowd, main
from benchmarks.load.dialect import OPCODE_BINARY, Payload
from benchmarks.load.tilecast import TilecastDialect
from benchmarks.load.worker import Answer, Command, Worker
from protocol.codec import encode
from protocol.messages import TABLE, Cursor, CursorMove

_STEP_MAX_PIXELS = 20
_CURSOR = next(row.number for row in TABLE if row.message is Cursor)


class Pointing:
    """The commands ``point`` and ``heard``, beside a crowd's."""

    def __init__(self, crowd: Crowd, worker: Worker) -> None:
        self._crowd = crowd
        worker.on("point", self.point)
        worker.on("heard", self.heard)

    def point(self, command: Command) -> Answer:
        """Every client moves its pointer ``rate`` times a second, somewhere near."""
        rng = random.Random(command["seed"])
        pointers = [_Pointer(client, rng) for client in self._crowd.connections]
        turn = 0

        def act() -> None:
            nonlocal turn
            pointers[turn % len(pointers)].move()
            turn += 1

        self._crowd.keep_doing(command["rate"] * len(pointers), act)
        return {}

    def heard(self, _: Command) -> Answer:
        """CURSORs that all clients together received until now."""
        dialects = [
            client.dialect
            for client in self._crowd.connections
            if isinstance(client.dialect, TilecastDialect)
        ]
        return {"cursors": sum(dialect.kinds.get(_CURSOR, 0) for dialect in dialects)}


class _Pointer:
    """One client's pointer, on what it looks at."""

    def __init__(self, client: Connection, rng: random.Random) -> None:
        assert client.view is not None, "who points looks at something"
        self._client = client
        self._view = client.view
        self._random = rng.random
        self._x = rng.randint(client.view.x0, client.view.x1)
        self._y = rng.randint(client.view.y0, client.view.y1)

    def move(self) -> None:
        """A little to some side."""
        view, step = self._view, 2 * _STEP_MAX_PIXELS
        self._x += int(self._random() * step) - _STEP_MAX_PIXELS
        self._y += int(self._random() * step) - _STEP_MAX_PIXELS
        self._x = min(max(self._x, view.x0), view.x1)
        self._y = min(max(self._y, view.y0), view.y1)
        self._client.say([Payload(OPCODE_BINARY, encode(CursorMove(self._x, self._y, 0)))])


if __name__ == "__main__":
    main(Pointing)
