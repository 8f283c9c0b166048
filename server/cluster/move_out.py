"""A canvas moves out of a cluster, into a file of a data folder.

Its stream is closed first, and says where to. What it holds then is all there ever will be of it,
so whoever is broken off begins anew, and comes to the same.
"""

import socket
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from server.cluster import moved
from server.cluster.jetstream import JetStreamStream
from server.cluster.link import Link
from server.cluster.objects import Snapshots
from server.cluster.seeding import begin_fold, find_stream
from server.cluster.streams import CALL_S
from server.datafolder import DataFolder, DataFolderError
from server.threads import LoopOffload
from tiles.log.base import LogError
from tiles.log.check import check
from tiles.log.findings import Say
from tiles.log.schema import new_epoch, sync_folder
from tiles.log.snapshot_file import Facts, begin_life, discard, look, source_epoch, take
from tiles.log.sqlite import SqliteLog
from tiles.shared.log import SharedLog

_CLOSE_S = 60.0


class Arrived(NamedTuple):
    """What is in the folder now; ``before``: a run that was before this one had done it."""

    facts: Facts
    before: bool


def move_out(
    link: Link,
    folder: DataFolder,
    name: str,
    replicas: int,
    say: Say,
    *,
    again: bool = False,
    fold: Path | None = None,
) -> Arrived:
    """Move a canvas into a folder that this process holds.

    ``again``: bring it here although it was moved elsewhere before. The history is as long as that
    of ``fold``, or of the folder's own copy of the canvas, if it was a node's, or else that of the
    newest snapshot.
    Raises :class:`server.datafolder.DataFolderError`, :class:`tiles.log.base.LogError`,
    :class:`StreamError`, OSError.
    """
    Snapshots(link).prepare(replicas)
    draft = folder.path / f".{name}.arriving"
    _clear(draft)
    state = find_stream(link, name)
    if state is None:
        raise DataFolderError(f"the cluster has no canvas {name}")
    epoch, file = state.bounds.epoch, folder.file(name)
    here = f"{socket.gethostname()}:{folder.path.resolve()}"
    move = link.wait(moved.find(link, name), CALL_S)
    if file.exists():
        if move is None or source_epoch(file) != epoch:
            raise DataFolderError(f"there is a canvas {name} in {folder.path} already")
        link.wait(moved.note(link, name, here, done=True), CALL_S)
        return Arrived(look(file), before=True)
    if move is None:
        say("closing its stream")
        link.wait(moved.close(link, name, epoch, here), 2 * CALL_S)
    elif move.to != here and not again:
        raise DataFolderError(f"the canvas {name} has {move}; --again brings it here too")
    try:
        _replay(link, name, epoch, draft, say, fold or folder.path / "folds" / file.name)
        begin_life(draft, new_epoch(), epoch)
        findings, _ = check(draft, say, replay=False)
        if not findings.well:
            raise LogError(f"what came of it isn't well: {findings.problems[0].text}")
        facts = look(draft)
        draft.rename(file)
        sync_folder(folder.path)
    finally:
        _clear(draft)
    link.wait(moved.note(link, name, here, done=True), CALL_S)
    return Arrived(facts, before=False)


def _clear(draft: Path) -> None:
    """Remove what was only on the way to become the file."""
    discard(draft)
    draft.with_name(f"{draft.name}.lock").unlink(missing_ok=True)


def _replay(link: Link, name: str, epoch: int, draft: Path, say: Say, own: Path) -> None:
    """Make the fold of the whole stream, of what there is of it already."""
    discard(draft)
    if own.exists():
        with suppress(LogError):  # of another stream, too far behind, or damaged
            say("copying this node's own copy of it")
            if take(own, draft).epoch == epoch:
                _catch_up(link, name, draft, say)
                return
    discard(draft)
    say("fetching its newest snapshot")
    begin_fold(link, Snapshots(link), name, draft)
    _catch_up(link, name, draft, say)


def _catch_up(link: Link, name: str, draft: Path, say: Say) -> None:
    say("applying what came after that")
    loop = link.loop
    fold = SqliteLog(draft, keeps_epoch=True)
    log = SharedLog(fold, JetStreamStream(link, name), loop, LoopOffload(loop, 1))
    log.open()
    if not log.close(_CLOSE_S):
        raise LogError(f"{draft} could not be written")
