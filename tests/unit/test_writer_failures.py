"""The log's thread fails where no storage does: in every step, before and after it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.log_rigs import WAIT_S, Drawing, SqliteRig
from tiles.log.base import SavedTile
from tiles.log.sqlite import SqliteLog
from tiles.log.writer import Writer

STEPS = ("_wait_for_work", "_write_commits", "_do_chore", "_succeed")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SqliteRig]:
    """A canvas in a file."""
    rig = SqliteRig(tmp_path)
    yield rig
    rig.dispose()


def fail_once(writer: Writer, step: str, *, after: bool, error: BaseException) -> None:
    """Let one step of the thread fail once."""
    work: Callable[[], object] = getattr(writer, step)

    def fail() -> None:
        delattr(writer, step)
        if after:
            work()
        raise error

    setattr(writer, step, fail)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_a_failure_is_trouble_that_passes(rig: SqliteRig, step: str, after: bool) -> None:
    """SUP-4: it is told, nothing is lost or written twice, and every ticket is told durable."""
    log, _, recorder = rig.opened()
    assert isinstance(log, SqliteLog)
    assert log._writer is not None
    drawing = Drawing()
    log.append(drawing.commit(2))
    recorder.wait_durable(1)
    fail_once(log._writer, step, after=after, error=MemoryError())
    log.append(drawing.commit(3, 1))
    log.checkpoint([SavedTile(7, 2, bytes(3))], None)
    log.append(drawing.commit(1))
    recorder.wait_durable(3)
    log.append(drawing.commit(1))
    recorder.wait_troubles(2)
    assert isinstance(recorder.troubles[0], MemoryError)
    assert recorder.troubles[1:] == [None]
    assert recorder.tickets == sorted(set(recorder.tickets))
    recorder.wait_durable(4)
    assert log.close(WAIT_S)
    again = rig.log()
    recovered = again.open()
    assert recovered.clean
    assert list(again.read(0)) == drawing.batches
    assert [tile.key for tile in again.saved([7])] == [7]
    again.close(WAIT_S)


def test_a_failure_of_the_listener_stops_nothing(rig: SqliteRig) -> None:
    """SUP-4: it is told of the next ticket."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    tell, failed = recorder.durable, threading.Event()

    def durable(ticket: int) -> None:
        if not failed.is_set():
            failed.set()
            raise MemoryError
        tell(ticket)

    recorder.durable = durable  # type: ignore[method-assign]
    log.append(drawing.commit(1))
    assert failed.wait(WAIT_S)
    log.append(drawing.commit(1))
    recorder.wait_durable(2)
    assert recorder.troubles == []
    assert log.close(WAIT_S)
