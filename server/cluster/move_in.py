"""A canvas moves from a data folder's file into a cluster: it becomes a stream with a snapshot.

The file changes its name first, and says by it which epoch the canvas will have there; the stream
is made at once, whole. So whoever is broken off leaves the canvas where it was, or on its way: then
the same again finishes it, and nobody serves it meanwhile.
"""

from pathlib import Path

from server.cluster import moved, streams
from server.cluster.link import Link
from server.cluster.objects import Snapshots
from server.cluster.seeding import DoubtError, find_stream, has_stream, plant
from server.cluster.streams import CALL_S
from server.datafolder import DataFolder, DataFolderError
from server.unserved import MIGRATED, MIGRATING
from tiles.log.check import check
from tiles.log.findings import Say
from tiles.log.schema import new_epoch, sync_folder
from tiles.log.snapshot_file import (
    Facts,
    begin_life,
    discard,
    discard_beside,
    look,
    source_epoch,
    take,
)
from tiles.log.sqlite import SqliteLog

_CLOSE_S = 30.0


def movable(folder: DataFolder) -> list[str]:
    """The canvases of a folder that can be moved, those on their way among them."""
    on_the_way = {file.name.partition(".")[0] for file in folder.path.glob(f"*{MIGRATING}*")}
    return sorted({*folder.names(), *on_the_way})


def move_in(link: Link, folder: DataFolder, name: str, replicas: int, say: Say) -> Facts:
    """Move a canvas of a folder that this process holds; what is in the cluster then.

    Raises :class:`server.datafolder.DataFolderError`, :class:`tiles.log.base.LogError`,
    :class:`StreamError`, OSError: then it is where it was, unless the text says otherwise.
    """
    snapshots = Snapshots(link)
    snapshots.prepare(replicas)
    plain = folder.file(name)
    file, epoch = _on_the_way(folder, name)
    if file is not None:
        discard_beside(file)  # of whoever was killed while reading it
    if file is None or not has_stream(link, name, epoch):
        _check_vacant(link, name, file or plain)
        if file is None:
            file, epoch = _set_out(plain)
        try:
            _send(link, snapshots, name, file, epoch, replicas, say)
        except DoubtError as error:
            raise DataFolderError(
                f"the canvas {name} may be in the cluster, or not: {error}. The same command again "
                f"finishes it; until then it is in {file}"
            ) from error
        except Exception:
            file.rename(plain)
            sync_folder(folder.path)
            raise
    moved_file = plain.with_name(f"{plain.name}{MIGRATED}{epoch}")
    file.rename(moved_file)
    sync_folder(folder.path)
    return look(moved_file)._replace(epoch=epoch)


def _on_the_way(folder: DataFolder, name: str) -> tuple[Path | None, int]:
    """The file of a canvas whose move was broken off, and its epoch to be."""
    plain = folder.file(name)
    found = sorted(folder.path.glob(f"{plain.name}{MIGRATING}*"))
    files = [file for file in found if file.name.rpartition("-")[2].isdecimal()]
    if not files:
        return None, 0
    if len(files) > 1 or plain.exists():
        raise DataFolderError(
            f"{folder.path} holds more than one file of the canvas {name}, "
            f"{files[0].name} among them: move all but one elsewhere"
        )
    return files[0], int(files[0].name.rpartition("-")[2])


def _check_vacant(link: Link, name: str, file: Path) -> None:
    """Raise DataFolderError unless the cluster has no such canvas, or ``file`` went on from it."""
    stream = find_stream(link, name)
    if stream is None:
        return
    move = link.wait(moved.find(link, name), CALL_S)
    if move is None:
        raise DataFolderError(f"the cluster has a canvas {name} already")
    if stream.bounds.epoch != source_epoch(file):
        raise DataFolderError(
            f"the cluster's own canvas {name} has {move}, and {file} isn't what became of it: "
            f"delete the stream {streams.stream_name(name)} first if it isn't wanted any more"
        )


def _set_out(plain: Path) -> tuple[Path, int]:
    """Give a canvas's file the name that says it is on its way; that, and its epoch to be."""
    log = SqliteLog(plain)  # it is of the newest format then, and has no write-ahead log
    log.open()
    if not log.close(_CLOSE_S):
        raise DataFolderError(f"{plain} could not be closed")
    epoch = new_epoch()
    file = plain.with_name(f"{plain.name}{MIGRATING}{epoch}")
    plain.rename(file)
    sync_folder(plain.parent)
    return file, epoch


def _send(
    link: Link, snapshots: Snapshots, name: str, file: Path, epoch: int, replicas: int, say: Say
) -> None:
    """Make the stream, of all that the file holds. Raises :class:`DoubtError` once that began."""
    seed = file.with_name(f".{name}.seed")
    try:
        say("copying it")
        take(file, seed)
        begin_life(seed, epoch)
        findings, _ = check(seed, say, replay=False)
        if not findings.well:
            first = findings.problems[0]
            raise DataFolderError(
                f"the canvas {name} is damaged: {first.part}: {first.text}; `tilecast check` it"
            )
        if find_stream(link, name) is not None:  # it went on in this file
            link.wait(streams.delete(link, name), CALL_S)
        say("storing it")
        plant(link, snapshots, name, seed, replicas)
    finally:
        discard(seed)
        discard_beside(file)
