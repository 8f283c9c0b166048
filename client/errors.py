"""What can go wrong for a program that uses the client; all of it is a :class:`ClientError`."""

from protocol.messages import Drawing

Work = tuple[tuple[int, Drawing], ...]
"""Drawing messages with their serials, in the order in which they were drawn."""


class ClientError(Exception):
    """The base of the client's errors."""


class ClientClosed(ClientError):
    """The connection ended in a way after which a client doesn't come back by itself.

    ``code`` is the WebSocket close code; 1000 if the client was closed by its own program.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class HandshakeRefused(ClientError):
    """The server answered the upgrade with an HTTP error that trying again doesn't mend."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"HTTP {status} {reason}".rstrip())
        self.status = status
        self.reason = reason


class ConnectTimeout(ClientError):
    """The server couldn't be reached in time."""


class OutboxFull(ClientError):
    """So much isn't durable yet that nothing more may be drawn until some of it is."""


class NotSettled(ClientError):
    """The client closes while ``work`` isn't known to be durable."""

    def __init__(self, work: Work) -> None:
        super().__init__(f"{len(work)} drawing messages are not known to be durable")
        self.work = work


class SessionLostError(ClientError):
    """The server no longer knows the session: whether ``work`` was drawn can't be told.

    It isn't sent again by itself, since that could draw it twice.
    """

    def __init__(self, work: Work) -> None:
        super().__init__(f"the session is lost, with {len(work)} drawing messages unanswered")
        self.work = work


class EpochChanged(ClientError):
    """The canvas was replaced or set back, so a ``seq`` from before says nothing any more."""


class EventsOverflow(ClientError):
    """An event stream wasn't read for so long that it was dropped."""
