"""Commits come one after the other: tickets and seqs without a gap."""

from tiles.log.base import Commit


class Order:
    """What the next commit must begin with, for a log that holds everything up to ``seq``."""

    def __init__(self, seq: int) -> None:
        self.ticket = 0
        self.seq = seq

    def admit(self, commit: Commit) -> None:
        """Raise ``ValueError`` unless the commit is the next; otherwise it is the last from now."""
        if commit.ticket != self.ticket + 1:
            raise ValueError(f"ticket {commit.ticket} came after {self.ticket}")
        seq = self.seq
        for batch in commit.batches:
            if batch.first_seq != seq + 1 or batch.last_seq < batch.first_seq:
                raise ValueError(f"batch {batch.first_seq} to {batch.last_seq} came after {seq}")
            seq = batch.last_seq
        self.ticket, self.seq = commit.ticket, seq
