"""Snapshots of this node's folds: made when enough has happened, and the stream trimmed behind.

What a place of a stream comes to is the same on every node, so a snapshot is known by its place,
and the newest is the one of the highest. A node that slept in the middle of all this may add an old
one, delete what was old already, or trim again what is trimmed: none of it harms.
"""

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from server.cluster import streams
from server.cluster.link import Link
from server.cluster.objects import Snapshot, Snapshots
from server.cluster.seeding import facts_of
from server.cluster.streams import StreamState
from tiles.log.snapshot_file import GoesOn, discard, kept_from, reach, take

logger = logging.getLogger(__name__)

DRAFT = ".draft-"
"""How folders are called in which something is made beside the folds."""
KEPT = 2
"""So many snapshots are kept, and the entries past the older: who is a little behind goes on."""


class BehindError(Exception):
    """This node's fold isn't one to make the snapshot of that is due."""


class Limits(NamedTuple):
    """What makes a snapshot due: so many ``entries`` or ``bytes`` past the newest, or time.

    Rows that were drawn more than ``keep_days`` ago are left out of it.
    """

    entries: int
    bytes: int
    interval_s: float
    keep_days: float


class SnapshotMaker:
    """Makes the snapshots of canvases whose folds are files of this node.

    For threads that aren't the event loop's. ``now_ms`` is Unix time.
    """

    def __init__(
        self,
        link: Link,
        snapshots: Snapshots,
        limits: Limits,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.made = 0
        """How many it has made."""
        self._link = link
        self._snapshots = snapshots
        self._limits = limits
        self._now_ms = now_ms
        self._newest: dict[str, Snapshot] = {}
        """By canvas, the newest that was found the last time."""

    def look_after(self, canvas: str, fold: Path, goes_on: GoesOn) -> bool:
        """Make a snapshot if one is due, then clear away what it makes superfluous.

        Returns whether it made one. ``goes_on`` says whether this node is still the one to do it.
        Raises :class:`BehindError`, :class:`tiles.shared.stream.StreamError`,
        :class:`tiles.log.base.LogError`, OSError.
        """
        state = self._link.wait(streams.state(self._link, canvas), streams.CALL_S)
        known = self._newest.get(canvas)
        if (
            known is not None
            and known.epoch == state.bounds.epoch
            and not self.is_due(state, known)
        ):
            return False  # nor by a newer one
        newest = self._snapshots.newest(canvas, state.bounds.epoch)
        if newest is not None:
            self._newest[canvas] = newest
        if not self.is_due(state, newest):
            return False
        _check_reach(fold, state, newest)
        made = self._make(canvas, fold, state, newest, goes_on)
        if made and goes_on():
            self._clear_away(canvas, state.bounds.epoch, goes_on)
        return made

    def is_due(self, state: StreamState, newest: Snapshot | None) -> bool:
        """Whether enough has happened in a stream since its newest snapshot."""
        first, last = state.bounds.first, state.bounds.last
        place = 0 if newest is None else newest.place
        entries = last - place
        if entries <= 0:
            return False
        size = state.held_bytes * min(1.0, entries / max(1, last - first + 1))
        made_ms = state.created // 1000 if newest is None else int(newest.facts["made_ms"])
        limits = self._limits
        late = self._now_ms() - made_ms >= limits.interval_s * 1000
        return late or entries >= limits.entries or size >= limits.bytes

    def _make(
        self,
        canvas: str,
        fold: Path,
        state: StreamState,
        newest: Snapshot | None,
        goes_on: GoesOn,
    ) -> bool:
        began = time.monotonic()
        draft = fold.with_name(f".{fold.name}.snapshot-to-be")
        since_ms = kept_from(self._limits.keep_days, self._now_ms())
        try:
            facts = take(fold, draft, since_ms=since_ms, goes_on=goes_on)
            place = facts.mark.place
            if facts.epoch != state.bounds.epoch or place <= (newest.place if newest else 0):
                return False  # another fold has come in its place
            if not goes_on():
                return False
            about = facts_of(facts, self._now_ms())
            stored = self._snapshots.put(canvas, facts.epoch, place, draft, about)
        finally:
            discard(draft)
        self.made += 1
        self._newest[canvas] = stored
        logger.info(
            "canvas %s: snapshot at place %d, seq %d, %d B, made in %.1f s",
            canvas,
            place,
            facts.seq,
            stored.size,
            time.monotonic() - began,
            extra={"canvas": canvas},
        )
        return True

    def _clear_away(self, canvas: str, epoch: int, goes_on: GoesOn) -> None:
        """Delete snapshots that are not needed any more, and trim the stream behind the rest."""

        def may() -> bool:
            state = self._link.wait(streams.state(self._link, canvas), streams.CALL_S)
            return goes_on() and state.bounds.epoch == epoch

        kept = self._snapshots.keep(canvas, epoch, KEPT, may)
        if len(kept) == KEPT and goes_on():
            trimming = streams.trim(self._link, canvas, epoch, kept[0].place)
            self._link.wait(trimming, streams.CALL_S)


def _check_reach(fold: Path, state: StreamState, newest: Snapshot | None) -> None:
    """Raise :class:`BehindError` unless a fold is past the newest snapshot of its stream."""
    if not fold.exists():
        raise BehindError("it has no fold")
    epoch, mark = reach(fold)
    if epoch != state.bounds.epoch:
        raise BehindError("its fold is of another stream")
    if mark.place <= (newest.place if newest else 0):
        raise BehindError(f"its fold is at place {mark.place} of {state.bounds.last}")


def clear_drafts(folds: Path) -> None:
    """Remove what a process that was killed left of what it made or fetched."""
    for draft in folds.glob(".*.sqlite3.snapshot*"):
        draft.unlink()
    for folder in folds.glob(f"{DRAFT}*"):
        shutil.rmtree(folder)
