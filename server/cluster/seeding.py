"""How a canvas's stream and a node's fold of it begin: from a snapshot, or blank.

A stream that begins from a snapshot has one at place 0, and says so: without one its first entry
would be taken for the canvas's first, and that would be another history.
"""

import json
import logging
import time
from pathlib import Path

from server.cluster import streams
from server.cluster.link import Link
from server.cluster.objects import Snapshot, Snapshots
from server.cluster.streams import CALL_S, RefusedError, StreamState
from tiles.log.base import CanvasInfo, LogError
from tiles.log.schema import create, decode_info, encode_info, sync_folder
from tiles.log.snapshot_file import Facts, discard, look
from tiles.shared.fold import entry_check
from tiles.shared.stream import Bounds, MissingError, StreamError

logger = logging.getLogger(__name__)

_SEEDED = "begins_from_snapshot"


class DoubtError(StreamError):
    """Nobody can say whether a stream was made."""


def plant(link: Link, snapshots: Snapshots, canvas: str, file: Path, replicas: int) -> None:
    """Make a canvas's stream that begins from a file: from its settings, drawing and counts.

    The file is of the stream's epoch, and holds nothing of any stream
    (:func:`tiles.log.snapshot_file.begin_life`). Raises :class:`StreamError`,
    :class:`tiles.log.base.LogError`; :class:`DoubtError` where the stream may come to be, or is
    there already.
    """
    facts = look(file)
    snapshots.put(canvas, facts.epoch, 0, file, facts_of(facts, time.time_ns() // 1_000_000))
    try:
        link.wait(
            streams.create(link, canvas, facts.epoch, replicas, info=_seeded(facts.info)), CALL_S
        )
    except RefusedError:
        if not has_stream(link, canvas, facts.epoch):  # an earlier try may have come through
            raise
    except StreamError as error:
        raise DoubtError(str(error)) from error


def has_stream(link: Link, canvas: str, epoch: int) -> bool:
    """Whether a canvas has a stream of that epoch. Raises :class:`StreamError` in doubt."""
    state = find_stream(link, canvas)
    return state is not None and state.bounds.epoch == epoch


def find_stream(link: Link, canvas: str) -> StreamState | None:
    """A canvas's stream, if there is one. Raises :class:`StreamError` in doubt."""
    try:
        return link.wait(streams.state(link, canvas), CALL_S)
    except MissingError:
        return None


def begin_fold(link: Link, snapshots: Snapshots, canvas: str, path: Path) -> None:
    """Make the file of a node's fold, which is not there yet: of the newest snapshot that is well.

    Without any, of nothing, as long as the stream holds its first entry. Raises
    :class:`tiles.log.base.LogError`, :class:`StreamError`, OSError.
    """
    state = link.wait(streams.state(link, canvas), CALL_S)
    bounds = state.bounds
    path.parent.mkdir(parents=True, exist_ok=True)
    for snapshot in snapshots.all(canvas)[::-1]:
        if snapshot.epoch == bounds.epoch and bounds.first - 1 <= snapshot.place <= bounds.last:
            try:
                _fetch(link, snapshots, snapshot, bounds, path)
            except LogError as error:
                logger.error(
                    "canvas %s: the snapshot at %d is of no use: %s",
                    canvas,
                    snapshot.place,
                    error,
                    extra={"canvas": canvas},
                )
            else:
                return
    if bounds.first > 1 or _is_seeded(state.info):
        raise LogError(f"its stream begins after place {bounds.first - 1}, with no snapshot of it")
    create(path, decode_info(state.info), bounds.epoch)


def facts_of(facts: Facts, now_ms: int) -> dict[str, str]:
    """What is told of a snapshot in the store.

    Its seq, the one after which its log begins, and when it was made (Unix time).
    """
    return {"seq": str(facts.seq), "begins": str(facts.begins), "made_ms": str(now_ms)}


def _fetch(
    link: Link, snapshots: Snapshots, snapshot: Snapshot, bounds: Bounds, path: Path
) -> None:
    """Put a snapshot in a fold's place, once it is verified. Raises LogError if it isn't well."""
    draft = path.with_name(f".{path.name}.snapshot")
    discard(draft)
    try:
        try:
            snapshots.get(snapshot, draft)
        except StreamError as error:
            if not link.up:
                raise
            raise LogError(str(error)) from error
        _verify(link, snapshot, bounds, look(draft))
        draft.rename(path)
        sync_folder(path.parent)
    finally:
        discard(draft)
    logger.info(
        "canvas %s: begun from the snapshot at place %d",
        snapshot.canvas,
        snapshot.place,
        extra={"canvas": snapshot.canvas},
    )


def _verify(link: Link, snapshot: Snapshot, bounds: Bounds, facts: Facts) -> None:
    place = facts.mark.place
    if (facts.epoch, place) != (snapshot.epoch, snapshot.place):
        raise LogError(f"it is of epoch {facts.epoch} and place {place}")
    if place < bounds.first:
        return  # the entry isn't held any more
    entries = link.wait(streams.read(link, snapshot.canvas, place - 1, 1), CALL_S)
    if [entry_check(entry) for entry in entries] != [facts.mark.check]:
        raise LogError(f"the stream holds another entry at {place}")


def _seeded(info: CanvasInfo) -> str:
    """Settings as a stream has them that begins from a snapshot."""
    return json.dumps({**json.loads(encode_info(info)), _SEEDED: True}, separators=(",", ":"))


def _is_seeded(text: str) -> bool:
    try:
        return bool(json.loads(text)[_SEEDED])
    except (ValueError, KeyError, TypeError):
        return False
