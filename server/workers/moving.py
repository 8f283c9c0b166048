"""Canvases move between the files of a data folder and its NATS store, which workers serve."""

import logging
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from server.cluster import moved, streams
from server.cluster.link import Link, LinkOptions
from server.cluster.move_in import movable, move_in
from server.cluster.move_out import Arrived, move_out
from server.cluster.nats_server import NatsServer
from server.datafolder import DataFolder, DataFolderError
from server.settings import Settings
from server.tether import tied
from server.threads import run_in_daemon
from server.unserved import ElsewhereError, elsewhere, forgotten, unserved
from server.workers.folder import WorkerFolder
from tiles.log.base import LogError
from tiles.log.findings import Say
from tiles.log.snapshot_file import look

logger = logging.getLogger(__name__)

_UP_WITHIN_S = 10.0
_REPLICAS = 1


def local_nats(folder: WorkerFolder) -> NatsServer:
    """The NATS server of a data folder, which ends with this process; not started yet."""
    return NatsServer(folder.nats, launcher=tied(signal.SIGTERM))


def check_histories(folder: DataFolder, settings: Settings) -> None:
    """Hold the start against what the folder has: no canvas is to begin a second history.

    Raises :class:`server.datafolder.DataFolderError`.
    """
    workers = WorkerFolder(folder.path)
    if settings.cluster:
        if workers.holds_canvases:
            raise workers.held_in_nats(
                f"take that without --cluster, or `tilecast migrate --from-workers --data "
                f"{folder.path}` and then `tilecast migrate --to nats://…`, which moves them there"
            )
        if names := folder.names():
            raise DataFolderError(
                f"{folder.path} has canvases that aren't the cluster's ({', '.join(names)}): "
                f"`tilecast migrate --to nats://… --data {folder.path}` moves them there"
            )
    elif not workers.holds_canvases:
        served = movable(folder)
        name = settings.canvas
        if name not in served and (
            text := _held(workers, name) or elsewhere(folder, name, in_cluster=False)
        ):
            raise ElsewhereError(text)
        for text in unserved(folder, served, in_cluster=False):
            logger.warning("%s", text)


def _held(workers: WorkerFolder, name: str) -> str:
    """What is to be said of a canvas that workers drew on and no store has; empty if none is."""
    seqs: dict[Path, int] = {}
    for file in workers.folds_of(name):
        with suppress(LogError):
            seqs[file] = look(file).seq
    fold = max(seqs, key=lambda file: seqs[file], default=None)
    return forgotten(fold, name, seqs[fold]) if fold is not None and seqs[fold] else ""


async def move_files(folder: DataFolder, url: str) -> None:
    """Move all canvases that are files of the folder, or were on their way, to its NATS at ``url``.

    This process holds the folder. Broken off anywhere it can be done again. Raises
    :class:`server.datafolder.DataFolderError`, :class:`tiles.log.base.LogError`,
    :class:`tiles.shared.stream.StreamError`, OSError.
    """
    names = movable(folder)
    if not names:
        return
    async with _linked(url) as link:
        for name in names:
            say = _logging(name)
            say("it is a file, and moves into the folder's NATS store")
            facts = await run_in_daemon(
                lambda name=name, say=say: move_in(  # type: ignore[misc]
                    link, folder, name, _REPLICAS, say
                )
            )
            file = f"{folder.file(name).name}.migrated-{facts.epoch}"
            say(f"moved, up to seq {facts.seq}; the file is kept as {file}")


async def move_back(
    folder: DataFolder, telling: Callable[[str], Say], done: Callable[[str, Arrived], None]
) -> Path:
    """Move all canvases of the folder's NATS store into files; the store then, put aside.

    This process holds the folder. ``telling`` gives what a canvas's progress is told to, ``done``
    is told of each. Broken off anywhere it can be done again. Raises what :func:`move_files` does,
    and :class:`server.cluster.nats_config.NatsServerError`.
    """
    workers = WorkerFolder(folder.path)
    await workers.wait_until_left()
    nats = local_nats(workers)
    await nats.start()
    try:
        async with _linked(nats.url) as link:
            names = {*await streams.canvases(link), *await moved.canvases(link)}
            for name in sorted(names):
                fold = await run_in_daemon(
                    lambda name=name: _longest(workers.folds_of(name))  # type: ignore[misc]
                )
                arrived = await run_in_daemon(
                    lambda name=name, fold=fold: move_out(  # type: ignore[misc]
                        link, folder, name, _REPLICAS, telling(name), again=True, fold=fold
                    )
                )
                done(name, arrived)
    finally:
        await nats.stop()
    aside = workers.nats.with_name(f"nats.moved-{int(time.time())}")
    workers.nats.rename(aside)
    shutil.rmtree(workers.workers, ignore_errors=True)
    return aside


def _longest(folds: Sequence[Path]) -> Path | None:
    """The fold that has the longest history, if there is any that can be read."""
    begins: dict[Path, int] = {}
    for file in folds:
        with suppress(LogError):
            begins[file] = look(file).begins
    return min(begins, key=lambda file: begins[file], default=None)


@asynccontextmanager
async def _linked(url: str) -> AsyncIterator[Link]:
    async with Link(LinkOptions((url,))) as link:
        await link.wait_up(_UP_WITHIN_S)
        yield link


def _logging(name: str) -> Say:
    return lambda text: logger.info("canvas %s: %s", name, text, extra={"canvas": name})
