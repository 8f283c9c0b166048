"""Clients that do all that people do, and come and go: for hours, at a steady rate."""

import random
from collections import Counter
from collections.abc import Callable
from time import monotonic

from benchmarks.load.connection import Connection, Totals
from benchmarks.load.crowd import Crowd, main
from benchmarks.load.dialect import OPCODE_BINARY, Dialect, Payload, View
from benchmarks.load.reactor import Reactor
from benchmarks.load.tilecast import TilecastDialect
from benchmarks.load.worker import Answer, Command, Worker
from protocol.codec import encode
from protocol.messages import CursorMove, Follow, PresenceSet, Rect, Stroke

_NAMES = ("Zoë", "Ada", "林", "Øyvind", "", "a person with a long name", "🦊")
_LEVELS = 3
_ZOOMED_OUT = 0.2
"""One in five who zoom sees more than before; the others see the canvas itself again."""
_STEP = 300
_SLOW_EVERY_S = 0.5
_COMES_WITHIN_S = 60.0
_VANISHED_S = 60.0
"""After so long the server has found out, and the socket is closed here too."""
_TICK_S = 0.05


class Soaker(Connection):
    """One person's connection."""

    def __init__(
        self, reactor: Reactor, port: int, dialect: Dialect, view: View | None, totals: Totals
    ) -> None:
        if not isinstance(dialect, TilecastDialect):
            raise TypeError("only Tilecast knows all of this")
        self.tilecast = dialect
        self.deaf = False
        """It reads nothing any more, and answers no ping: as if it were not there."""
        self.slow = False
        """It reads a little now and then."""
        self.read_at = 0.0
        """When it read last, as far as it doesn't read all that comes."""
        self.began = monotonic()
        super().__init__(reactor, port, dialect, view, totals)


class Soaking:
    """The commands ``soak``, ``soaked`` and ``over``, beside a crowd's.

    The number of clients stays the same: whoever goes is followed by another, or comes back.
    """

    def __init__(self, crowd: Crowd, worker: Worker) -> None:
        crowd.connection_class = Soaker
        self._crowd = crowd
        self._reactor = worker.reactor
        self._random = random.Random(1)
        self._canvas = (0, 0)
        self._port = 0
        self._done: Counter[str] = Counter()
        self._vanished: list[Soaker] = []
        """Those that read nothing any more: the server has to find out."""
        self._codes: Counter[int] = Counter()
        worker.on("soak", self.soak)
        worker.on("soaked", self.soaked)
        worker.on("quiet", self.quiet)
        worker.on("over", self.over)

    def soak(self, command: Command) -> Answer:
        """From now on ``rate`` acts a second, and ``churn`` of the clients go in a minute."""
        self._random = random.Random(command["seed"])
        self._canvas = tuple(command["canvas"])
        self._port = command["port"]
        clients = len(self._crowd.connections)
        leaving = clients * command["churn"] / 60 / command["rate"]
        acts: dict[str, tuple[float, Callable[[Soaker], None]]] = {
            "goes and comes back": (0.4 * leaving, self._come_back),
            "goes, another comes": (0.4 * leaving, self._replace),
            "vanishes": (0.1 * leaving, self._vanish),
            "reads slowly": (0.1 * leaving, self._slow_down),
            "paints": (0.3, self._paint),
            "draws": (0.05, self._draw),
            "points": (0.3, self._point),
            "pans": (0.1, self._pan),
            "zooms": (0.05, self._zoom),
            "says its name": (0.05, self._introduce),
            "follows": (0.03, self._follow),
        }
        names = list(acts)
        weights = [share for share, _ in acts.values()]

        def act() -> None:
            name = self._random.choices(names, weights)[0]
            client = self._random.choice(self._crowd.connections)
            assert isinstance(client, Soaker)
            if client.ready and not client.deaf:
                acts[name][1](client)
                self._done[name] += 1

        self._crowd.keep_doing(command["rate"], act)
        self._reactor.keep_doing(self._look_after)
        return {}

    def soaked(self, _: Command) -> Answer:
        """What was done until now, and with what codes the server closed whom."""
        return {
            "done": dict(self._done),
            "closed": [[code, count] for code, count in self._codes.items()],
            "clients": len(self._crowd.connections),
            "deaf": len(self._vanished),
        }

    def quiet(self, _: Command) -> Answer:
        """Nobody does anything more; all read on, those that were slow too."""
        self._crowd.hush({})
        for client in self._soakers():
            if client.slow and client.close_code is None:
                client.slow = False
                client.read_on()
        return {}

    def over(self, _: Command) -> Answer:
        """All go."""
        self._reactor.stop_doing(self._look_after)
        for client in (*self._soakers(), *self._vanished):
            client.close()
        self._crowd.connections.clear()
        self._vanished.clear()
        return {}

    # -- what people do ------------------------------------------------------------------------

    def _paint(self, client: Soaker) -> None:
        client.paint(*self._place(client), self._random.getrandbits(24))

    def _draw(self, client: Soaker) -> None:
        x, y = self._place(client)
        width, height = self._canvas
        r, g, b = self._random.randbytes(3)
        near = min(x + 60, width - 1), min(y + 40, height - 1)
        stroke, rect = Stroke(3, r, g, b, ((x, y), near)), Rect(0, x, y, *near, r, g, b)
        drawing = stroke if self._random.getrandbits(1) else rect
        client.say([Payload(OPCODE_BINARY, encode(drawing))])

    def _point(self, client: Soaker) -> None:
        client.say([Payload(OPCODE_BINARY, encode(CursorMove(*self._place(client), 0)))])

    def _pan(self, client: Soaker) -> None:
        assert client.view is not None, "everybody looks at something"
        x0, y0, x1, y1, level = client.view
        self._look(client, x0 + self._step(), y0 + self._step(), x1 - x0, y1 - y0, level)

    def _zoom(self, client: Soaker) -> None:
        assert client.view is not None, "everybody looks at something"
        x0, y0, x1, y1, level = client.view
        zoomed_in = level or self._random.random() > _ZOOMED_OUT
        other = 0 if zoomed_in else self._random.randrange(1, _LEVELS)
        width, height = (x1 - x0 + 1) << other >> level, (y1 - y0 + 1) << other >> level
        self._look(client, x0, y0, width - 1, height - 1, other)

    def _introduce(self, client: Soaker) -> None:
        r, g, b = self._random.randbytes(3)
        message = PresenceSet(r, g, b, self._random.choice(_NAMES))
        client.say([Payload(OPCODE_BINARY, encode(message))])

    def _follow(self, client: Soaker) -> None:
        whom = self._random.randrange(2 * len(self._crowd.connections))
        client.say([Payload(OPCODE_BINARY, encode(Follow(whom)))])

    def _slow_down(self, client: Soaker) -> None:
        client.slow = True
        client.stop_reading()

    # -- how they come and go ------------------------------------------------------------------

    def _come_back(self, client: Soaker) -> None:
        client.close()
        self._follow_up(client, client.tilecast.session)

    def _replace(self, client: Soaker) -> None:
        client.close()
        self._follow_up(client, None)

    def _vanish(self, client: Soaker) -> None:
        client.deaf, client.read_at = True, monotonic()
        client.stop_reading()
        self._vanished.append(client)
        # Half of them come back while the server still takes the old connection for alive.
        again = client.tilecast.session if self._random.getrandbits(1) else None
        self._follow_up(client, again)

    def _follow_up(self, client: Soaker, session: bytes | None) -> None:
        """Another connection takes this one's place: as the same session, or as a new one."""
        dialect = TilecastDialect()
        if session is not None:
            dialect.session = session
        following = Soaker(self._reactor, self._port, dialect, client.view, self._crowd.totals)
        connections = self._crowd.connections
        connections[connections.index(client)] = following

    def _look_after(self, now: float) -> float:
        """Let the slow read a little; whom the server closed comes back."""
        while self._vanished and now - self._vanished[0].read_at > _VANISHED_S:
            self._vanished.pop(0).close()
        for client in self._soakers():
            if client.close_code is not None:
                self._codes[client.close_code] += 1
                self._follow_up(client, client.tilecast.session)
            elif client.slow and now - client.read_at > _SLOW_EVERY_S:
                client.read_at = now
                client.read_once()
            elif not client.ready and not client.slow and now - client.began > _COMES_WITHIN_S:
                raise TimeoutError(f"a client waits in vain: {_described(client, now)}")
        return now + _TICK_S

    def _look(self, client: Soaker, x0: int, y0: int, dx: int, dy: int, level: int) -> None:
        width, height = self._canvas
        dx, dy = min(dx, width - 1), min(dy, height - 1)
        x0, y0 = min(max(0, x0), width - 1 - dx), min(max(0, y0), height - 1 - dy)
        client.view = View(x0, y0, x0 + dx, y0 + dy, level)
        client.say([client.tilecast.look(client.view)])

    def _place(self, client: Soaker) -> tuple[int, int]:
        assert client.view is not None, "everybody looks at something"
        x0, y0, x1, y1, _ = client.view
        return self._random.randint(x0, x1), self._random.randint(y0, y1)

    def _step(self) -> int:
        return self._random.randint(-_STEP, _STEP)

    def _soakers(self) -> list[Soaker]:
        return [client for client in self._crowd.connections if isinstance(client, Soaker)]


def _described(client: Soaker, now: float) -> str:
    """What is known of a client that the server keeps waiting."""
    heard = client.tilecast
    return (
        f"since {now - client.began:.0f} s, looking at {client.view}; it sent "
        f"{heard.views_sent} VIEWPORTs, was shown number {heard.view_shown}, got {heard.kinds} "
        f"by type, {client.unsent_bytes} bytes are unsent, session {heard.session.hex()[:8]}"
    )


if __name__ == "__main__":
    main(Soaking)
