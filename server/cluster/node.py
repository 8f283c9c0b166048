"""This server as one of a cluster: its link to NATS, and what goes over that."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from server.cluster.keys import Keys
from server.cluster.link import Link, LinkOptions
from server.cluster.nats_bus import NatsBus
from server.cluster.objects import Snapshots
from server.cluster.snapshot_service import SnapshotService
from server.cluster.snapshots import Limits, SnapshotMaker
from server.cluster.stream_store import REPLICAS_MAX, StreamStore
from server.settings import Settings
from server.supervisor import Service
from tiles.loop import Offload
from tiles.shared.stream import StreamError

logger = logging.getLogger(__name__)

_PATIENCE_S = 10.0
_AGAIN_S = 0.5
_SALT = "salt"
_SALT_BYTES = 32


class Node:
    """One node. It begins to connect at once; for the event loop's thread."""

    def __init__(self, settings: Settings) -> None:
        self.link = Link(
            LinkOptions(
                settings.cluster,
                credentials=settings.nats_credentials,
                ca=settings.nats_ca,
                certificate=settings.nats_certificate,
                key=settings.nats_key,
            )
        )
        self.bus = NatsBus(self.link)
        self.keys = Keys(self.link)
        self.salt = b""
        """What all nodes key hashed addresses with, once it is connected."""
        self.snapshots: SnapshotService | None = None
        self._replicas = settings.replicas or min(REPLICAS_MAX, len(settings.cluster))

    def store(self, settings: Settings, reading: Offload) -> StreamStore:
        """The canvases of the cluster, with this node's folds of them in its data folder."""
        return StreamStore(
            settings.data,
            self.link,
            asyncio.get_running_loop(),
            reading,
            self._replicas,
            settings.commit_interval_ms / 1000,
        )

    def make_snapshots(
        self,
        settings: Settings,
        service: Service,
        folds: Callable[[], Sequence[tuple[str, Path]]],
    ) -> None:
        """Make snapshots of ``folds``, files by canvas, whenever it is this node's turn."""
        limits = Limits(
            settings.snapshot_entries,
            settings.snapshot_bytes,
            settings.snapshot_interval_s,
            settings.history_keep_days,
        )
        store = Snapshots(self.link)
        maker = SnapshotMaker(self.link, store, limits)
        self.snapshots = SnapshotService(service, self.keys, store, maker, self._replicas, folds)

    async def connect(self) -> None:
        """Wait until NATS is reached, however long that takes, and find what all nodes share."""
        while True:
            try:
                await self.link.wait_up(_PATIENCE_S)
                await self.keys.prepare(self._replicas)
                self.salt = await self._shared_salt()
            except StreamError as error:
                logger.warning("%s; it is tried again", error)
                await asyncio.sleep(_AGAIN_S)
            else:
                return

    async def _shared_salt(self) -> bytes:
        entry = await self.keys.get(_SALT)
        if entry is None:
            await self.keys.create(_SALT, secrets.token_bytes(_SALT_BYTES))
            entry = await self.keys.get(_SALT)  # another node may have been faster
        if entry is None:
            raise StreamError("NATS doesn't keep what it took")
        return entry.value

    async def close(self) -> None:
        """Leave the cluster."""
        if self.snapshots is not None:
            await self.snapshots.close()
        await self.link.close()
