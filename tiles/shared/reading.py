"""What a shared log's readers get: what its fold holds."""

from collections.abc import Iterator, Sequence

from tiles.geometry import Rectangle
from tiles.log.base import Batch, Log, SavedTile, SessionCount


class FoldReading:
    """The reading methods of a :class:`tiles.log.base.Log`."""

    def __init__(self, fold: Log) -> None:
        self._log = fold

    def read(
        self, after: int, until: int | None = None, box: Rectangle | None = None
    ) -> Iterator[Batch]:
        """The durable batches that hold any seq in (after, until], in order."""
        return self._log.read(after, until, box)

    def read_back(self, after: int, until: int, box: Rectangle) -> Iterator[Batch]:
        """The same, newest first."""
        return self._log.read_back(after, until, box)

    def saved(self, tiles: Sequence[int]) -> list[SavedTile]:
        """The checkpoints of these tiles, in order of key."""
        return self._log.saved(tiles)

    def tiles(self) -> Iterator[SavedTile]:
        """Every tile checkpoint, in order of key."""
        return self._log.tiles()

    def session(self, session: bytes) -> SessionCount | None:
        """A session's count, as far as the fold has it."""
        return self._log.session(session)
