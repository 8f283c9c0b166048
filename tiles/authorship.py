"""Who painted a pixel last: the log, searched from its newest end."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from protocol.codec import decode_steps
from protocol.messages import Drawing, PixelRun
from protocol.types import Sender
from tiles.hit import paints
from tiles.log.base import Batch, Log
from tiles.pixel_run import RECORD

_FIRST_WINDOW = 4096
_WINDOW_MAX = 65_536
"""Messages whose rows are gone through in one go, newest window first."""


class Painting(NamedTuple):
    """The message that a pixel shows. ``name`` is "" for a guest, ``time_ms`` Unix time."""

    seq: int
    name: str
    time_ms: int


class Search(NamedTuple):
    """What was found. Of the messages after ``searched_to`` none painted the pixel."""

    painting: Painting | None
    searched_to: int


def last_painting(
    log: Log, pixel: tuple[int, int], until: int, goes_on: Callable[[], bool]
) -> Search:
    """The last of the messages up to seq ``until`` that painted a pixel.

    ``goes_on`` is asked every few milliseconds; where it says no the search ends without a find, as
    it does where the log begins. To be called from a thread. Raises
    :class:`tiles.log.base.LogError`.
    """
    x, y = pixel
    window, begins = _FIRST_WINDOW, 0
    while until > begins and goes_on():
        after = max(begins, until - window)
        for batch in log.read_back(after, until, (x, y, x, y)):
            painting = _in_batch(batch, pixel, until)
            if painting is not None:
                return Search(painting, painting.seq)
            if not goes_on():
                return Search(None, batch.first_seq - 1)
        if window == _FIRST_WINDOW:  # before that nobody has to know
            begins = _begins(log, until)
        until, window = max(begins, after), min(2 * window, _WINDOW_MAX)
    return Search(None, until)


def _begins(log: Log, until: int) -> int:
    """The seq up to which a log holds nothing: the oldest history may be gone."""
    first = next(log.read(0, until), None)
    return until if first is None else first.first_seq - 1


def _in_batch(batch: Batch, pixel: tuple[int, int], until: int) -> Painting | None:
    seq = batch.last_seq
    for step in reversed(list(decode_steps(batch.messages, Sender.CLIENT))):
        if isinstance(step, PixelRun):
            first = seq - len(step) + 1
            found = _in_run(step, pixel, until - first + 1)
            if found is not None:
                return Painting(first + found, batch.author.name, batch.time_ms)
            seq = first - 1
            continue
        assert isinstance(step, Drawing), "the log holds drawing alone"
        if seq <= until and paints(step, *pixel):
            return Painting(seq, batch.author.name, batch.time_ms)
        seq -= 1
    return None


def _in_run(run: PixelRun, pixel: tuple[int, int], total: int) -> int | None:
    """The index of the last of the first ``total`` that sets the pixel."""
    records = np.frombuffer(run.data, RECORD)[: max(0, total)]
    found = np.flatnonzero((records["x"] == pixel[0]) & (records["y"] == pixel[1]))
    return int(found[-1]) if len(found) else None
