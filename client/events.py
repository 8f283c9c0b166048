"""What happens to a session, as typed values; :meth:`client.core.Core.receive` returns them.

A *serial* counts the drawing messages of one client object from 1. Unlike the protocol's numbers it
never changes: not when a session is resumed, not when it is lost.
"""

from dataclasses import dataclass

from client.errors import Work
from client.info import WelcomeInfo
from protocol.messages import Drawing, Welcome


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The server accepted the session."""

    welcome: Welcome
    info: WelcomeInfo
    resumed: bool
    """It is the session of an earlier connection; what it drew there still counts."""
    new_epoch: bool
    """The tiles held from before are gone: they were of another epoch."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Someone, perhaps this client, drew; the view has it where it holds a live tile."""

    message: Drawing


@dataclass(frozen=True, slots=True)
class TileCame:
    """A snapshot is in the view; ``seq`` is what it is complete through."""

    level: int
    tx: int
    ty: int
    seq: int


@dataclass(frozen=True, slots=True)
class Clocked:
    """Everything up to ``seq`` that touches VIEWPORT number ``view`` has been received."""

    view: int
    seq: int


@dataclass(frozen=True, slots=True)
class Acked:
    """Progress of the session's own drawing; ``handled`` and ``durable`` are serials."""

    handled: int
    """The last one that was drawn or refused; all before it were too."""
    durable: int
    """The last one that would survive a power cut; all before it would too."""
    seq: int
    """The canvas's seq that ``handled`` reaches."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A drawing message was refused, for good."""

    serial: int
    message: Drawing
    code: int
    """A :class:`protocol.errors.RejectCode`, or a number that this client doesn't know."""
    retry_ms: int
    """When the same could be drawn; 0: never."""


@dataclass(frozen=True, slots=True)
class SessionLost:
    """The server no longer knows the session; whether ``work`` was drawn can't be told."""

    work: Work


@dataclass(frozen=True, slots=True)
class ResetCame:
    """The canvas has a new epoch; the view was emptied and fills anew."""

    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class CursorMoved:
    """Another client's pointer, in canvas pixels; ``buttons`` as in CURSOR."""

    client: int
    x: int
    y: int
    buttons: int


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """Another client is near (``here``), or no longer."""

    client: int
    here: bool
    r: int
    g: int
    b: int
    name: str


@dataclass(frozen=True, slots=True)
class Noticed:
    """A sentence for the person: ``level`` 0 info, 1 warning, 2 error."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class BudgetChanged:
    """Pixels left to draw (``None``: no limit), and milliseconds until the budget is full."""

    pixels: int | None
    refill_ms: int


@dataclass(frozen=True, slots=True)
class SeenChanged:
    """The viewport of the client that is followed."""

    client: int
    level: int
    x0: int
    y0: int
    x1: int
    y1: int


@dataclass(frozen=True, slots=True)
class ViewportRefused:
    """The viewport asked for doesn't fit the canvas that the server welcomed to."""

    reason: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection ended; ``returning`` says whether the client comes back by itself."""

    code: int
    reason: str
    returning: bool


Event = (
    Welcomed
    | Drawn
    | TileCame
    | Clocked
    | Acked
    | Rejected
    | SessionLost
    | ResetCame
    | CursorMoved
    | PresenceChanged
    | Noticed
    | BudgetChanged
    | SeenChanged
    | ViewportRefused
    | Disconnected
)
