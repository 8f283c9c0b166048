"""The protocol's error codes, and the one error that decoding raises."""

from enum import IntEnum


class CloseCode(IntEnum):
    """WebSocket close codes that Tilecast sends (design page, "Close codes")."""

    NORMAL = 1000
    GOING_AWAY = 1001
    TEXT_FRAME = 1003
    TOO_BIG = 1009
    RESTARTING = 1012
    TRY_LATER = 1013
    MALFORMED = 4400
    BAD_TOKEN = 4401
    BANNED = 4403
    BAD_VERSION = 4406
    TOO_SLOW = 4408
    TAKEN_OVER = 4409
    FLOOD = 4429


RECONNECT_CODES = frozenset({1006, CloseCode.RESTARTING, CloseCode.TRY_LATER, CloseCode.TOO_SLOW})
"""After these a client comes back by itself, with jitter and backoff; 1006 is a lost line."""


class RejectCode(IntEnum):
    """Why a drawing message was not drawn."""

    OUT_OF_BOUNDS = 1
    BAD_VALUE = 2
    RATE = 3
    PROTECTED = 4
    NOT_ALLOWED = 5
    READ_ONLY = 6
    TOO_LARGE = 7
    NOT_IN_PALETTE = 8
    BANNED = 9


class ProtocolError(Exception):
    """What the peer sent breaks the protocol; the connection closes with ``close_code``."""

    def __init__(self, reason: str, close_code: CloseCode = CloseCode.MALFORMED) -> None:
        super().__init__(reason)
        self.reason = reason
        self.close_code = close_code
