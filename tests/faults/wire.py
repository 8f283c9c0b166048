"""A client's WebSocket frames as a browser would never send them, and what is due for each."""

import random
import struct

from tests.raw_socket import BINARY, CLOSE, CONT, PING, PONG, TEXT

TOO_BIG = 65_537
_TEXT_CLOSE, _PROTOCOL_ERROR, _TOO_BIG_CLOSE = 1003, 1002, 1009


def masked(opcode: int, payload: bytes, mask: bytes, *, final: bool = True, rsv: int = 0) -> bytes:
    """A frame as RFC 6455, section 5.2 has it; ``rsv`` are its three reserved bits."""
    head = bytes((opcode | rsv << 4 | (0x80 if final else 0),))
    size = len(payload)
    if size <= 125:
        head += bytes((0x80 | size,))
    elif size <= 0xFFFF:
        head += struct.pack("!BH", 0x80 | 126, size)
    else:
        head += struct.pack("!BQ", 0x80 | 127, size)
    key = (mask * (size // 4 + 1))[:size]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return head + mask + mixed.to_bytes(size, "big")


class Wire:
    """Frames messages; a seed says in how many fragments, with what in between."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def message(self, payload: bytes) -> bytes:
        """A binary message: mostly one frame, else a few, with pings and pongs among them."""
        rng = self._rng
        pieces = [payload]
        while rng.random() < 0.15 and len(pieces) < 6:
            at = rng.randrange(len(pieces[-1]) + 1)
            pieces[-1:] = [pieces[-1][:at], pieces[-1][at:]]
        framed = bytearray()
        for number, piece in enumerate(pieces):
            final = number == len(pieces) - 1
            opcode = CONT if number else BINARY
            framed += masked(opcode, piece, rng.randbytes(4), final=final)
            if not final and rng.random() < 0.3:
                framed += masked(rng.choice((PING, PONG)), rng.randbytes(3), rng.randbytes(4))
        return bytes(framed)

    def offence(self) -> tuple[bytes, int]:
        """What breaks WebSocket itself, or isn't spoken here, and the close code that is due."""
        rng = self._rng
        mask = rng.randbytes(4)
        match rng.randrange(11):
            case 0:
                return masked(TEXT, b"hello", mask), _TEXT_CLOSE
            case 1:
                return masked(TEXT, b"\xc3\x28", mask), _TEXT_CLOSE  # nobody decodes it
            case 2:
                return masked(BINARY, b"\0" * 8, mask, rsv=rng.randrange(1, 8)), _PROTOCOL_ERROR
            case 3:
                opcode = rng.choice((3, 4, 5, 6, 7, 11, 12, 13, 14, 15))
                return masked(opcode, b"", mask), _PROTOCOL_ERROR
            case 4:
                return masked(CONT, b"\0" * 8, mask), _PROTOCOL_ERROR
            case 5:
                broken = masked(BINARY, b"\0", mask, final=False)
                return broken + masked(BINARY, b"\0", mask), _PROTOCOL_ERROR
            case 6:
                opcode = rng.choice((CLOSE, PING, PONG))
                return masked(opcode, b"", mask, final=False), _PROTOCOL_ERROR
            case 7:
                return masked(rng.choice((PING, PONG)), bytes(126), mask), _PROTOCOL_ERROR
            case 8:
                code = rng.choice((0, 999, 1004, 1005, 1006, 1015, 2999, 5000))
                return masked(CLOSE, code.to_bytes(2, "big"), mask), _PROTOCOL_ERROR
            case 9:
                return b"\x82\x08" + bytes(8), _PROTOCOL_ERROR  # not masked
            case _:
                return masked(BINARY, bytes(TOO_BIG), mask), _TOO_BIG_CLOSE
