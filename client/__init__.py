"""The Python client: ``async with Client(url) as client``; :class:`Core` is it without a socket."""

from client.client import Client
from client.core import Core, Phase
from client.errors import (
    ClientClosed,
    ClientError,
    ConnectTimeout,
    EpochChanged,
    EventsOverflow,
    HandshakeRefused,
    NotSettled,
    OutboxFull,
    SessionLostError,
)
from client.events import (
    Acked,
    BudgetChanged,
    Clocked,
    CursorMoved,
    Disconnected,
    Drawn,
    Event,
    Noticed,
    PresenceChanged,
    Rejected,
    ResetCame,
    SeenChanged,
    SessionLost,
    TileCame,
    ViewportRefused,
    Welcomed,
)
from client.info import WelcomeInfo
from client.outbox import Outbox
from client.view import Region, View
from protocol.errors import RejectCode
from protocol.messages import Patch, Pixel, Rect, Stroke

__all__ = [
    "Acked",
    "BudgetChanged",
    "Client",
    "ClientClosed",
    "ClientError",
    "Clocked",
    "ConnectTimeout",
    "Core",
    "CursorMoved",
    "Disconnected",
    "Drawn",
    "EpochChanged",
    "Event",
    "EventsOverflow",
    "HandshakeRefused",
    "NotSettled",
    "Noticed",
    "Outbox",
    "OutboxFull",
    "Patch",
    "Phase",
    "Pixel",
    "PresenceChanged",
    "Rect",
    "Region",
    "RejectCode",
    "Rejected",
    "ResetCame",
    "SeenChanged",
    "SessionLost",
    "SessionLostError",
    "Stroke",
    "TileCame",
    "View",
    "ViewportRefused",
    "WelcomeInfo",
    "Welcomed",
]
