"""A start: the fold is held against the stream, and brought to where that ends."""

from tiles.log.base import CanvasInfo, CutError, LogError, LostError, Mark
from tiles.shared.fold import WAITING_MAX, WAITING_MAX_BYTES, Applied, Fold, entry_check
from tiles.shared.stream import Bounds, MissingError, Stream, StreamError

_READ_MAX = 256


def bounds_of(stream: Stream) -> Bounds:
    """What the stream holds. Raises :class:`tiles.log.base.LogError`."""
    try:
        return stream.bounds()
    except StreamError as error:
        raise _unreadable(error) from error


def compare(stream: Stream, bounds: Bounds, epoch: int, mark: Mark) -> None:
    """Raise :class:`LostError` unless a fold's last entry is where it was in the stream.

    It is a :class:`CutError` where the stream held it. Raises :class:`tiles.log.base.LogError`
    where the stream can't be read.
    """
    if epoch != bounds.epoch:
        raise LostError("the fold is of another stream")
    if mark.place > bounds.last:
        raise CutError(f"the stream ends at {bounds.last}, the fold is at {mark.place}")
    if mark.place < bounds.first:
        return  # it is trimmed, or there is none
    try:
        (entry,) = stream.read(mark.place - 1, 1)
    except (StreamError, ValueError) as error:
        raise _unreadable(error) from error
    if entry_check(entry) != mark.check:
        raise CutError(f"the stream holds another entry at {mark.place} than it did")


def catch_up(fold: Fold, stream: Stream, last: int) -> CanvasInfo | None:
    """Apply what the stream holds up to ``last``, durably; the settings where they changed.

    Raises :class:`LostError` where what comes next is trimmed, :class:`tiles.log.base.LogError`.
    """
    infos: list[CanvasInfo] = []

    def told(applied: Applied) -> None:
        if applied.info is not None:
            infos.append(applied.info)

    while (place := fold.decisions.mark.place) < last:
        try:
            entries = stream.read(place, _READ_MAX)
        except MissingError as error:
            raise LostError(f"the stream is trimmed beyond the fold: {error}") from error
        except StreamError as error:
            raise _unreadable(error) from error
        if not entries:
            raise LogError(f"the stream ended at {last}, and has no entry {place + 1} now")
        fold.add(entries)
        absent = fold.absent()
        fold.learn(absent, fold.look_up(absent))
        fold.apply(told)
        fold.wait_durable(WAITING_MAX, WAITING_MAX_BYTES)
    fold.wait_durable()
    return infos[-1] if infos else None


def _unreadable(error: Exception) -> LogError:
    return LogError(f"the stream can't be read: {error}")
