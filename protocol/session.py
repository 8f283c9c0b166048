"""The states of a session's connection as a table; all transitions live in this file."""

from enum import StrEnum

from protocol.errors import ProtocolError
from protocol.messages import (
    ClientMessage,
    CursorMove,
    Follow,
    Hello,
    Patch,
    Pixel,
    PresenceSet,
    Rect,
    Stroke,
    Viewport,
)


class State(StrEnum):
    """Where a connection stands, as the server sees it."""

    AWAITING_HELLO = "awaiting hello"
    """Accepted; only HELLO may come."""
    RESUMING = "resuming"
    """HELLO came; its session is fenced and made durable. What follows HELLO waits unread."""
    OPEN = "open"
    """WELCOME is sent."""
    CLOSED = "closed"
    """A close frame is sent or the line is gone. What still comes is ignored."""


class Event(StrEnum):
    """What moves a connection on besides the client's messages."""

    WELCOMED = "welcomed"
    ENDED = "ended"


Input = type[ClientMessage] | Event

TRANSITIONS: dict[tuple[State, Input], State] = {
    (State.AWAITING_HELLO, Hello): State.RESUMING,
    (State.RESUMING, Event.WELCOMED): State.OPEN,
    (State.OPEN, Pixel): State.OPEN,
    (State.OPEN, Stroke): State.OPEN,
    (State.OPEN, Rect): State.OPEN,
    (State.OPEN, Patch): State.OPEN,
    (State.OPEN, CursorMove): State.OPEN,
    (State.OPEN, PresenceSet): State.OPEN,
    (State.OPEN, Viewport): State.OPEN,
    (State.OPEN, Follow): State.OPEN,
    (State.AWAITING_HELLO, Event.ENDED): State.CLOSED,
    (State.RESUMING, Event.ENDED): State.CLOSED,
    (State.OPEN, Event.ENDED): State.CLOSED,
    (State.CLOSED, Event.ENDED): State.CLOSED,
}


def advance(state: State, event: Input) -> State:
    """The state after ``event``.

    Raises :class:`ProtocolError` (4400) where the table has no such transition: the message comes
    out of turn.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        name = event.value if isinstance(event, Event) else event.__name__
        raise ProtocolError(f"{name} is out of turn: the session is {state.value}") from None
