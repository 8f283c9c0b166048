"""Whether a peer that owes the answer to a ping is there all the same."""


class Heartbeat:
    """Of one connection. Its line sets ``heard`` whenever bytes come.

    A ping stands behind what was written before it, and its answer behind what the peer was sending
    when it came: on a slow line either may take longer than a peer has to answer.
    """

    __slots__ = ("_ping_at", "_taken", "heard")

    def __init__(self) -> None:
        self.heard = False
        """Bytes came since it was last asked."""
        self._ping_at = 0
        self._taken = 0

    def asked(self, written: int, unsent: int) -> None:
        """A ping was sent after ``written`` bytes; ``unsent`` of them the peer hasn't taken."""
        self.heard = False
        self._ping_at = written
        self._taken = written - unsent

    def gets_on(self, written: int, unsent: int) -> bool:
        """Whether, since it was last asked, bytes came or the ping came nearer to the peer.

        What is taken after the ping doesn't count: the system of a peer that hangs does that too.
        """
        heard, self.heard = self.heard, False
        before, self._taken = self._taken, written - unsent
        return heard or before < min(self._taken, self._ping_at)
