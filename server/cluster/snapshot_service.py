"""The background service that has this node make snapshots while it holds the lease for that."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from server.cluster.keys import Keys, Lease
from server.cluster.objects import Snapshots
from server.cluster.snapshots import SnapshotMaker
from server.supervisor import Service
from server.threads import run_in_daemon
from tiles.log.base import LogError
from tiles.shared.stream import StreamError

logger = logging.getLogger(__name__)

LEASE_S = 6.0
"""A node that makes snapshots and says nothing for so long is succeeded by another."""
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
        if not await self._hold():
            return
        holding = asyncio.get_running_loop().create_task(self._go_on_holding())
        try:
            for canvas, fold in self._folds():
                if self.in_charge:
                    await self._look_after(canvas, fold)
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)

    async def _look_after(self, canvas: str, fold: Path) -> None:
        try:
            await run_in_daemon(lambda: self.maker.look_after(canvas, fold, lambda: self.in_charge))
        except _FAILURES as error:
            self._say(canvas, error)
        else:
            self._say(canvas, None)

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
