"""Clients that move their viewports about; how long each view took to be whole."""

import random
from collections import Counter
from time import monotonic

from benchmarks.load.connection import Connection, Totals
from benchmarks.load.crowd import Crowd, main
from benchmarks.load.dialect import TILE, Dialect, View
from benchmarks.load.reactor import Reactor
from benchmarks.load.tilecast import TilecastDialect
from benchmarks.load.worker import Answer, Command, Worker


class Wanderer(Connection):
    """Looks here and there, and notes when each view was answered in full."""

    def __init__(
        self, reactor: Reactor, port: int, dialect: Dialect, view: View | None, totals: Totals
    ) -> None:
        if not isinstance(dialect, TilecastDialect):
            raise TypeError("only Tilecast knows viewports that move")
        self.tilecast = dialect
        self.asked_at: dict[int, float] = {}
        """By number of the VIEWPORT, until it is answered."""
        self.took_s: list[float] = []
        self._there = view or View(0, 0, 0, 0)
        self._dx = self._dy = 0.0
        self._aside = False
        super().__init__(reactor, port, dialect, view, totals)

    def message(self, opcode: int, data: bytes) -> None:
        """See :meth:`Connection.message`."""
        super().message(opcode, data)
        asked = self.asked_at.pop(self.tilecast.view_shown, None)
        if asked is not None:
            self.took_s.append(monotonic() - asked)

    def start(self, seed: int, pixels_a_move: float) -> None:
        """Forget what was measured, and choose a direction."""
        rng = random.Random(seed)
        self.asked_at.clear()
        self.took_s.clear()
        self._dx = rng.choice((-1, 1)) * pixels_a_move * rng.uniform(0.5, 1)
        self._dy = rng.choice((-1, 1)) * pixels_a_move * rng.uniform(0, 0.5)

    def look(self, view: View, known: tuple[tuple[int, int, int], ...] = ()) -> None:
        """Send a VIEWPORT."""
        self._there = view
        if self.say([self.tilecast.look(view, known)]):
            self.asked_at[self.tilecast.views_sent] = monotonic()

    def step_aside(self) -> None:
        """One tile column to the right, or back; it still holds the tiles that come into view."""
        step = -TILE if self._aside else TILE
        self._aside = not self._aside
        view = self._moved(step, 0)
        tx0, ty0, tx1, ty1 = view.tiles()
        column = tx1 if step > 0 else tx0
        self.look(view, tuple((column, ty, self.tilecast.seq) for ty in range(ty0, ty1 + 1)))

    def drift(self, width: int, height: int) -> None:
        """On in its direction; the canvas's edges send it back. It holds nothing it has left."""
        there = self._there
        across, down = width - 1 - (there.x1 - there.x0), height - 1 - (there.y1 - there.y0)
        if not 0 <= there.x0 + self._dx <= across:
            self._dx = -self._dx
        if not 0 <= there.y0 + self._dy <= down:
            self._dy = -self._dy
        x0 = min(max(0, there.x0 + round(self._dx)), across)
        y0 = min(max(0, there.y0 + round(self._dy)), down)
        self.look(self._moved(x0 - there.x0, y0 - there.y0))

    def _moved(self, dx: int, dy: int) -> View:
        x0, y0, x1, y1, level = self._there
        return View(x0 + dx, y0 + dy, x1 + dx, y1 + dy, level)


class Wandering:
    """The commands ``wander``, ``wandered`` and ``look``, beside a crowd's."""

    def __init__(self, crowd: Crowd, worker: Worker) -> None:
        crowd.connection_class = Wanderer
        self._crowd = crowd
        self._reactor = worker.reactor
        self._asked_before = 0
        worker.on("wander", self.wander)
        worker.on("wandered", self.wandered)
        worker.on("look", self.look)

    def wander(self, command: Command) -> Answer:
        """Move every view ``rate`` times a second, by about ``pixels`` or a column and back."""
        wanderers = self._wanderers()
        pixels = command["pixels"]
        for index, wanderer in enumerate(wanderers):
            wanderer.start(command["seed"] + index, pixels or 0)
        width, height = command["canvas"]
        turn = 0

        def act() -> None:
            nonlocal turn
            wanderer = wanderers[turn % len(wanderers)]
            turn += 1
            if pixels is None:
                wanderer.step_aside()
            else:
                wanderer.drift(width, height)

        self._crowd.keep_doing(command["rate"] * len(wanderers), act)
        return {}

    def wandered(self, _: Command) -> Answer:
        """How many VIEWPORTs were sent until now, how long each took that was answered, and what
        messages came, by type."""
        kinds: Counter[int] = Counter()
        for wanderer in self._wanderers():
            kinds.update(wanderer.tilecast.kinds)
        return {
            "asked": sum(wanderer.tilecast.views_sent for wanderer in self._wanderers()),
            "took_s": [took for wanderer in self._wanderers() for took in wanderer.took_s],
            "kinds": [[kind, count] for kind, count in kinds.items()],
        }

    def look(self, command: Command) -> Answer:
        """Have everybody look at ``view``, a few at a time, and wait until all of it has come."""
        view = View(*command["view"])
        waiting = self._wanderers()
        pending: list[Wanderer] = []

        def go_on() -> bool:
            pending[:] = [wanderer for wanderer in pending if wanderer.asked_at]
            while waiting and len(pending) < command["in_flight"]:
                wanderer = waiting.pop()
                wanderer.start(0, 0)
                wanderer.look(view)
                pending.append(wanderer)
            return not pending

        return {"whole": self._reactor.run_until(go_on, command["within_s"])}

    def _wanderers(self) -> list[Wanderer]:
        return [client for client in self._crowd.connections if isinstance(client, Wanderer)]


if __name__ == "__main__":
    main(Wandering)
