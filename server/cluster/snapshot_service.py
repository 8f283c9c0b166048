"""The background service that has this node make snapshots while it holds the lease for that."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from server.cluster import streams
from server.cluster.keys import Keys, Lease
from server.cluster.objects import Snapshots
from server.cluster.snapshots import BehindError, SnapshotMaker
from server.lasting import lasting
from server.supervisor import Service
from server.threads import run_in_daemon
from tiles.log.base import LogError
from tiles.shared.stream import StreamError

logger = logging.getLogger(__name__)

LEASE_S = 6.0
"""A node that makes snapshots and says nothing for so long is succeeded by another."""
PATIENCE_S = 10.0
"""A node that is in charge and fails, or has a fold that is behind, stays so for so long."""
STAND_BACK_S = 10.0
"""For so long it then leaves it to the others, who look every two seconds."""
_LOOK_S = 2.0
_FAILURES = (StreamError, LogError, OSError)


class SnapshotService:
    """Looks after all canvases, one after the other, in a thread; for the event loop's thread.

    ``folds`` names the canvases that are open, and the files of their folds.
    """

    def __init__(
        self,
        service: Service,
        keys: Keys,
        snapshots: Snapshots,
        maker: SnapshotMaker,
        replicas: int,
        folds: Callable[[], Sequence[tuple[str, Path]]],
    ) -> None:
        self.maker = maker
        self._service = service
        self._keys = keys
        self._snapshots = snapshots
        self._replicas = replicas
        self._folds = folds
        self._lease = Lease(keys, "snapshots", LEASE_S)
        self._held_until = 0.0
        self._prepared = False
        self._closed = False
        self._failed: set[str] = set()
        self._failing_since: float | None = None
        self._back_at = 0.0
        """When the lease is to be asked for again."""
        self._resigned = False
        """Whether the log has it that others are to make them."""
        self._round: asyncio.Task[None] | None = None
        service.on_restart(self._later)
        self._later()

    @property
    def in_charge(self) -> bool:
        """Whether this node is the one that makes snapshots now; for any thread."""
        # The loop's own clock stands still while a process is paused.
        return not self._closed and time.monotonic() < self._held_until

    async def close(self) -> None:
        """Make no more; let another node be the one to."""
        self._closed = True
        self._service.stop()
        if self._round is not None:
            self._round.cancel()
            await asyncio.gather(self._round, return_exceptions=True)
        with suppress(StreamError):
            await self._lease.release()

    def _later(self) -> None:
        self._service.call_later(_LOOK_S * random.uniform(0.8, 1.2), self._begin)

    def _begin(self) -> None:
        self._round = asyncio.get_running_loop().create_task(self._look_around())
        self._round.add_done_callback(self._service.own(self._ended))

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._round = None
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, _FAILURES):
            raise error
        self._say("", error)
        self._later()

    async def _look_around(self) -> None:
        if not self._prepared:
            await self._keys.prepare(self._replicas)
            await run_in_daemon(lambda: self._snapshots.prepare(self._replicas))
            self._prepared = True
        began = time.monotonic()
        if began < self._back_at:
            return
        since, self._failing_since = self._failing_since, None
        if not await self._hold():
            return
        why = "it failed"
        loop = asyncio.get_running_loop()
        holding = lasting(loop, "holding the snapshots' lease", self._go_on_holding)
        try:
            why = await self._look_after_all()
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
            if not self._closed:
                await self._judge(began if since is None else since, why)

    async def _look_after_all(self) -> str:
        """Look after all canvases of the cluster; what is in the way of that, if anything."""
        why = ""
        folds = dict(self._folds())
        for canvas in await streams.canvases(self._keys.link):
            if not self.in_charge:
                break
            trouble = "it isn't open here"
            if canvas in folds:
                trouble = await self._look_after(canvas, folds[canvas])
            if trouble:
                why = f"canvas {canvas}: {trouble}"
        return why

    async def _look_after(self, canvas: str, fold: Path) -> str:
        try:
            await run_in_daemon(lambda: self.maker.look_after(canvas, fold, lambda: self.in_charge))
        except BehindError as error:
            return str(error)  # which is soon over, as a rule
        except _FAILURES as error:
            self._say(canvas, error)
            return str(error)
        self._say(canvas, None)
        return ""

    async def _judge(self, since: float, why: str) -> None:
        """Leave it to other nodes where something has been in the way for too long."""
        now = time.monotonic()
        if not why:
            self._resigned = False
            return
        if now - since < PATIENCE_S:
            self._failing_since = since
            return
        if not self._resigned:
            self._resigned = True
            logger.warning("other nodes are to make the snapshots, if they can: %s", why)
        self._held_until = 0.0
        self._back_at = now + STAND_BACK_S
        await self._lease.release()

    async def _hold(self) -> bool:
        """Take the lease, or renew it; whether it is ours."""
        began = time.monotonic()
        held = await self._lease.acquire()
        self._held_until = began + LEASE_S if held else 0.0
        return held

    async def _go_on_holding(self) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            with suppress(StreamError):  # it runs out by itself
                await self._hold()

    def _say(self, canvas: str, error: BaseException | None) -> None:
        """Tell what fails when it begins to, and when it works again."""
        what = f"canvas {canvas}: no snapshot" if canvas else "no snapshots"
        if error is not None and canvas not in self._failed:
            self._failed.add(canvas)
            logger.warning("%s now: %s; it is tried again", what, error, extra={"canvas": canvas})
        elif error is None:
            self._failed.discard(canvas)
