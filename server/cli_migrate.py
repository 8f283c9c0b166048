"""``tilecast migrate --to nats://…``, ``--from nats://… --to-data DIR`` and ``--from-workers``."""

import argparse
import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from server.cli_flags import add_canvases, add_flags, settings_of
from server.cluster import streams
from server.cluster.link import Link, LinkOptions
from server.cluster.move_in import movable, move_in
from server.cluster.move_out import Arrived, move_out
from server.cluster.nats_config import NatsServerError
from server.datafolder import DataFolder, DataFolderError
from server.progress import Progress
from server.settings import Settings
from server.settings_loading import SettingsError, load_settings
from server.workers.folder import WorkerFolder
from server.workers.moving import move_back
from tiles.log.base import LogError
from tiles.shared.stream import StreamError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

FAILURES: tuple[type[Exception], ...] = (
    DataFolderError,
    LogError,
    NatsServerError,
    StreamError,
    OSError,
)

_CONNECT_S = 10.0
_NATS = ("nats_credentials", "nats_ca", "nats_certificate", "nats_key")
Say = Callable[[str], None]


def add_command(commands: "Commands") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "migrate",
        help="move canvases into a cluster, or out of one",
        description="Move canvases from a data folder into a cluster, or back, with their whole "
        "history and everybody's count of messages: clients go on where they were. A canvas has "
        "one life: where it was it isn't served any more. No server may hold the folder meanwhile. "
        "A move that was broken off is finished by the same command again.",
    )
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument(
        "--to", metavar="SERVERS", help="NATS servers of the cluster that takes what is in --data"
    )
    way.add_argument(
        "--from",
        dest="source",
        metavar="SERVERS",
        help="NATS servers of the cluster that the canvases move out of, into --to-data",
    )
    way.add_argument(
        "--from-workers",
        action="store_true",
        help="the canvases move out of the NATS store in --data, which `serve --workers` serves, "
        "into files of that folder",
    )
    parser.add_argument("--to-data", type=Path, metavar="DIR", help="folder that takes them")
    parser.add_argument(
        "--again",
        action="store_true",
        help="with --from: also canvases that moved elsewhere before",
    )
    add_canvases(parser, "move")
    add_flags(parser, ("data", "replicas", *_NATS))
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    settings = settings_of(options)
    if options.from_workers:
        if options.to_data is not None or options.again or options.canvases:
            raise SettingsError("--from-workers moves all canvases, and takes --data alone")
        _out_of_workers(settings.data)
        return
    flags = {"cluster": options.to or options.source}
    servers = load_settings(flags, options.config).cluster
    if options.to is not None:
        if options.to_data is not None or options.again:
            raise SettingsError("--to-data and --again go with --from")
        _into(settings, servers, options.canvases)
    else:
        if options.to_data is None:
            raise SettingsError("--from takes --to-data DIR too")
        _out_of(settings, servers, options.to_data, options.canvases, again=options.again)


def _into(settings: Settings, servers: tuple[str, ...], names: Sequence[str] | None) -> None:
    folder = DataFolder(settings.data)
    if not folder.path.is_dir():
        raise DataFolderError(f"there is no data folder at {folder.path}")
    workers = WorkerFolder(folder.path)
    if workers.holds_canvases:
        raise workers.held_in_nats("`--from-workers` makes them files, which can be moved then")
    with folder, _linked(settings, servers) as (link, replicas):
        there = movable(folder)
        for name in names or ():
            if name not in there:
                raise DataFolderError(f"there is no canvas {name} in {folder.path}")
        chosen = list(dict.fromkeys(names)) if names else there
        if not chosen:
            raise DataFolderError(f"there is no canvas in {folder.path}")
        for name in chosen:
            with _telling(name) as say:
                facts = move_in(link, folder, name, replicas, say)
            print(f"{name}: in the cluster, seq {facts.seq}", flush=True)
            file = f"{folder.file(name).name}.migrated-{facts.epoch}"
            print(f"{name}: isn't served from {folder.path} any more; its file is {file} now")


def _out_of(
    settings: Settings,
    servers: tuple[str, ...],
    target: Path,
    names: Sequence[str] | None,
    *,
    again: bool,
) -> None:
    with DataFolder(target) as folder, _linked(settings, servers) as (link, replicas):
        chosen = list(dict.fromkeys(names or link.wait(streams.canvases(link), streams.CALL_S)))
        if not chosen:
            raise DataFolderError("the cluster has no canvas")
        for name in chosen:
            with _telling(name) as say:
                arrived = move_out(link, folder, name, replicas, say, again=again)
            print(_arrived(folder, name, arrived), flush=True)
            print(f"{name}: isn't served by the cluster any more")


def _arrived(folder: DataFolder, name: str, arrived: Arrived) -> str:
    """What is said of a canvas that is in a folder now."""
    facts = arrived.facts
    history = f", history from seq {facts.begins + 1}" if facts.begins else ""
    was = " already" if arrived.before else ""
    return f"{name}: in {folder.path}{was}, seq {facts.seq}{history}"


def _out_of_workers(data: Path) -> None:
    workers = WorkerFolder(data)
    progress = Progress()
    with DataFolder(data) as folder:
        if not workers.holds_canvases:
            raise DataFolderError(f"there is no NATS store with canvases in {data}")

        def done(name: str, arrived: Arrived) -> None:
            progress.end()
            print(_arrived(folder, name, arrived), flush=True)

        def telling(name: str) -> Say:
            return lambda text: progress.say(f"{name}: {text}")

        try:
            aside = asyncio.run(move_back(folder, telling, done))
        finally:
            progress.end()
    print(f"the NATS store is {aside} now, and of no more use")


@contextmanager
def _telling(name: str) -> Iterator[Say]:
    """What is told of how far a canvas has come."""
    progress = Progress()
    try:
        yield lambda text: progress.say(f"{name}: {text}")
    finally:
        progress.end()


@contextmanager
def _linked(settings: Settings, servers: tuple[str, ...]) -> Iterator[tuple[Link, int]]:
    """A link on an event loop in a thread of its own, and how many servers keep a new stream."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    options = LinkOptions(
        servers,
        name="tilecast migrate",
        credentials=settings.nats_credentials,
        ca=settings.nats_ca,
        certificate=settings.nats_certificate,
        key=settings.nats_key,
    )

    async def connect() -> Link:
        link = Link(options)
        try:
            await link.wait_up(_CONNECT_S)
        except BaseException:
            await link.close()
            raise
        return link

    try:
        link = asyncio.run_coroutine_threadsafe(connect(), loop).result()
        try:
            yield link, settings.replicas or min(3, len(servers))
        finally:
            asyncio.run_coroutine_threadsafe(link.close(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
