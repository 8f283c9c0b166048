"""What the tiles of all canvases may take of memory, and what is done where they take more."""

from collections.abc import Callable
from typing import NamedTuple

from server.supervisor import Supervisor
from tiles.residency import Ledger, Residents

_LOOKS = 256
"""Tiles that are looked at in one turn of the loop, to see whether they may leave: 0.1 ms."""
_AGAIN_S = 0.1
_COMPRESSED = 32
"""Tiles compressed in one turn of the loop: a millisecond."""
_COMPACT_EVERY_S = 0.004


class Member(NamedTuple):
    """A canvas that shares the memory."""

    residents: Residents
    save: Callable[[], None]
    """Begin to save what is unsaved, unless that is under way."""
    relaxed: Callable[[], None]
    """Memory is no longer tight."""


class Memory(Ledger):
    """Lets clean tiles leave while all of them take more than ``budget_bytes``.

    Unsaved tiles can't leave: over a half of the budget they are saved at once, and compressed
    where they are; over three quarters memory is :attr:`tight`.
    """

    def __init__(self, budget_bytes: int, supervisor: Supervisor) -> None:
        super().__init__()
        self.budget_bytes = budget_bytes
        self._service = supervisor.service("memory")
        self._service.on_restart(self._start_over)
        self._members: list[Member] = []
        self._evicting = False
        self._saving = False
        self._was_tight = False

    def join(self, member: Member) -> None:
        """A canvas was opened; what its tiles take counts here from now."""
        before, member.residents.ledger = member.residents.ledger, self
        self._members.append(member)
        self.grow(before.used_bytes)
        self.owe(before.unsaved_bytes)

    def leave(self, residents: Residents) -> None:
        """A canvas was closed."""
        self._members = [member for member in self._members if member.residents is not residents]
        residents.release()

    @property
    def tight(self) -> bool:
        """Unsaved tiles take so much that whoever draws has to wait."""
        return self.unsaved_bytes > (self.budget_bytes >> 2) * 3

    @property
    def save_due(self) -> bool:
        """Unsaved tiles take so much that they are saved at once, and compressed meanwhile."""
        return self.unsaved_bytes > self.budget_bytes >> 1

    def grow(self, size: int) -> None:
        """See :meth:`tiles.residency.Ledger.grow`."""
        self.used_bytes += size
        if self.used_bytes > self.budget_bytes and not self._evicting and self._members:
            self._evicting = True
            self._service.call_soon(self._evict)

    def owe(self, size: int) -> None:
        """See :meth:`tiles.residency.Ledger.owe`."""
        self.unsaved_bytes += size
        if self.tight:
            self._was_tight = True
        elif self._was_tight:
            self._was_tight = False
            for member in self._members:
                self._service.call_soon(member.relaxed)
        if self.save_due and not self._saving and self._members:
            self._saving = True
            self._service.call_soon(self._save)
            self._service.call_soon(self._compact)

    def _start_over(self) -> None:
        """It failed, wherever: look at all of it afresh. Whoever waits may have missed its turn."""
        self._evicting = self._saving = False
        for member in self._members:
            self._service.call_soon(member.relaxed)
        self.grow(0)
        self.owe(0)

    def _evict(self) -> None:
        # A little more than what is over, so that not every tile that comes is a reason to look.
        excess = self.used_bytes - self.budget_bytes + (self.budget_bytes >> 5)
        if excess <= 0 or not self._members:
            self._evicting = False
            return
        largest = max(self._members, key=lambda member: member.residents.clean_tiles)
        if largest.residents.clean_tiles > 0:
            largest.residents.evict(_LOOKS, excess)
            self._service.call_soon(self._evict)
        else:
            self._service.call_later(_AGAIN_S, self._evict)

    def _compact(self) -> None:
        if not self._saving or not self._members:
            return
        fullest = max(self._members, key=lambda member: len(member.residents.unsaved))
        fullest.residents.compact(_LOOKS, _COMPRESSED)
        self._service.call_later(_COMPACT_EVERY_S, self._compact)

    def _save(self) -> None:
        if not self.save_due or not self._members:
            self._saving = False
            return
        for member in self._members:
            member.save()
        self._service.call_later(_AGAIN_S, self._save)
