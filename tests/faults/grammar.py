"""Frames that are nearly right: every message with its fields at their bounds and beside them.

A seed decides on everything. Bytes are put together here by hand: the project's encoder refuses
most of these.
"""

import random
import struct
import zlib
from collections.abc import Callable, Iterator

from tests.oracle.conversation import Ground

ZEROS = bytes(16)
GREETING = struct.pack("<BB16sH", 16, 1, ZEROS, 0)
"""The HELLO of a new session."""
FRAME_MAX_BYTES = 65_536
_U16 = (0, 1, 63, 64, 65_534, 65_535)
_U64 = (0, 1, 2**31, 2**53 - 1, 2**53, 2**64 - 1)
_TEXTS = (
    b"",
    b"A",
    b"Zo\xc3\xab",
    "名前".encode(),
    "\U0001f3a8".encode(),
    b"x" * 63,
    b"x" * 64,
    b"x" * 65,
    b"x" * 255,
    "\u202egnp".encode(),
    b"\0",
)
_BAD_TEXTS = (
    b"\xc3",
    b"\xc3(",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc0\x80",
    b"\xff",
    b"ab\x80",
    b"\xe2\x82",
)
_SERVERS_BYTES = {17: 56, 19: 18, 20: 12, 21: 16, 22: 9, 23: 16, 24: 3, 25: 8, 27: 13}
"""A server's types, and how long they are with nothing in their tails."""
_UNKNOWN = (*range(6, 16), *range(28, 64))


_BOMB = zlib.compress(bytes(8 << 20), 9)
"""8 MiB of zeros in 8 KiB."""


def _with_dictionary(_: random.Random, data: bytes) -> bytes:
    deflate = zlib.compressobj(zdict=b"tilecast")
    return deflate.compress(data) + deflate.flush()


_STREAMS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _with_dictionary,
    lambda _, rgba: zlib.compress(rgba[:-4]),
    lambda _, rgba: zlib.compress(rgba + b"\0\0\0\xff"),
    lambda rng, rgba: zlib.compress(rgba)[: -rng.randrange(1, 8)],
    lambda rng, rgba: zlib.compress(rgba) + rng.randbytes(rng.randrange(1, 9)),
    lambda rng, rgba: zlib.compress(rgba[:-1] + rng.choice((b"\1", b"\x80", b"\xfe"))),
    lambda _, rgba: zlib.compress(rgba[:4]) + zlib.compress(rgba[4:]),
    lambda _, rgba: zlib.compress(rgba, wbits=-15),
    lambda _, rgba: zlib.compress(rgba, wbits=31),
    lambda rng, _: rng.randbytes(rng.randrange(40)),
    lambda *_: _BOMB,
    lambda *_: b"",
)
"""What doesn't inflate to the RGBA rows that are given, or isn't the kind of stream that is due."""


class Grammar:
    """Makes messages, frames and whole conversations for a canvas."""

    def __init__(self, rng: random.Random, ground: Ground) -> None:
        self._rng = rng
        self._ground = ground
        self._xs = (*_U16, ground.width - 1, ground.width, ground.width + 1)
        self._ys = (*_U16, ground.height - 1, ground.height, ground.height + 1)
        self._drawing: tuple[Callable[[], bytes], ...] = (
            self._pixel,
            self._pixel,
            self._pixels,
            self._stroke,
            self._rect,
            self._patch,
        )
        self._kinds: tuple[Callable[[], bytes], ...] = (
            *self._drawing,
            self._cursor,
            self._presence,
            self._viewport,
            self._follow,
            self._skippable,
        )
        self._offences: tuple[Callable[[], bytes], ...] = (
            self._hello,
            self._servers_own,
            self._unknown,
            self._bad_text,
            self._noise,
        )

    # -- conversations -------------------------------------------------------------------------

    def conversation(self, sessions: tuple[bytes, ...] = ()) -> Iterator[bytes]:
        """The frames of one connection, at most a few dozen; ``sessions`` are ids to come back as.

        Nearly all begin in good order, so that what follows is heard.
        """
        rng = self._rng
        if rng.random() < 0.04:
            yield self.frame()
        elif rng.random() < 0.04:
            yield self._hello()
        else:
            session = rng.choice(sessions) if sessions and rng.random() < 0.1 else ZEROS
            if rng.random() < 0.02:
                session = rng.randbytes(16)
            # What follows HELLO in its frame waits for WELCOME.
            rest = self.message() if rng.random() < 0.1 else b""
            yield struct.pack("<BB16sH", 16, 1, session, 0) + rest
        for _ in range(rng.randrange(40)):
            yield self.frame()

    def frame(self) -> bytes:
        """A frame; most are right, the others nearly."""
        rng = self._rng
        frame = b"".join(self.message() for _ in range(rng.choice((1, 1, 1, 2, 3, 8))))
        if rng.random() < 0.05:
            frame = self._damaged(frame)
        return frame[:FRAME_MAX_BYTES]

    def message(self) -> bytes:
        """One message; one in a hundred is an offence."""
        rng = self._rng
        return rng.choice(self._kinds if rng.random() < 0.99 else self._offences)()

    def _damaged(self, frame: bytes) -> bytes:
        rng = self._rng
        at = rng.randrange(len(frame) + 1)
        match rng.randrange(9):
            case 0 | 1:
                return frame[:at]
            case 2:
                return frame + frame[:at]
            case 3:
                return frame[:at] + self.message()
            case 4:
                return frame[:at] + self.message() + frame[at:]
            case 5:
                return frame[:at] + rng.randbytes(rng.choice((1, 1, 2, 7))) + frame[at:]
            case 6:
                return frame[:at] + frame[at + 1 :]
            case 7:
                return b""
            case _:
                changed = bytearray(frame)
                for _ in range(rng.choice((1, 1, 2, 5))):
                    if changed:
                        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
                return bytes(changed)

    # -- fields --------------------------------------------------------------------------------

    def _x(self) -> int:
        rng = self._rng
        return rng.randrange(self._ground.width) if rng.random() < 0.85 else rng.choice(self._xs)

    def _y(self) -> int:
        rng = self._rng
        return rng.randrange(self._ground.height) if rng.random() < 0.85 else rng.choice(self._ys)

    def _box(self, reach: int) -> tuple[int, int, int, int]:
        """Corners at most ``reach`` apart, mostly; now and then inverted."""
        rng, x0, y0 = self._rng, self._x(), self._y()
        if rng.random() < 0.1:
            return x0, y0, self._x(), self._y()
        return (
            x0,
            y0,
            min(65_535, x0 + rng.randrange(reach)),
            min(65_535, y0 + rng.randrange(reach)),
        )

    def _colour(self) -> bytes:
        return self._rng.randbytes(3)

    def _count(self, right: int, most: int) -> int:
        """A count that is right, or as seldom as matters not."""
        rng = self._rng
        if rng.random() < 0.97:
            return right
        return min(most, max(0, rng.choice((0, right - 1, right + 1, most))))

    # -- messages ------------------------------------------------------------------------------

    def _pixel(self) -> bytes:
        return struct.pack("<BHH", 0, self._x(), self._y()) + self._colour()

    def _pixels(self) -> bytes:
        return b"".join(self._pixel() for _ in range(self._rng.choice((2, 3, 17))))

    def _stroke(self) -> bytes:
        rng = self._rng
        size = rng.choice((1, 2, 3, 9)) if rng.random() < 0.8 else rng.choice((0, 63, 64, 65, 255))
        points = rng.choice((1, 2, 2, 3, 5)) if rng.random() < 0.97 else rng.choice((0, 400))
        if rng.random() < 0.001:
            points = rng.choice((4096, 4097))
        x, y, data = self._x(), self._y(), bytearray()
        for _ in range(points):
            data += struct.pack("<HH", x, y)
            if rng.random() < 0.9:  # most go on nearby, so that they aren't too dear
                x = min(65_535, max(0, x + rng.randrange(-20, 21)))
                y = min(65_535, max(0, y + rng.randrange(-20, 21)))
            else:
                x, y = self._x(), self._y()
        head = struct.pack("<BB3sH", 1, size, self._colour(), self._count(points, 65_535))
        return head + bytes(data)

    def _rect(self) -> bytes:
        line = self._rng.choice((0, 0, 1, 2, 255))
        return struct.pack("<BB4H", 2, line, *self._box(40)) + self._colour()

    def _patch(self) -> bytes:
        x0, y0, x1, y1 = self._box(6)
        pixels = max(0, x1 - x0 + 1) * max(0, y1 - y0 + 1)
        stream = self._stream(min(pixels, 64))
        return struct.pack("<B4HI", 5, x0, y0, x1, y1, self._count(len(stream), 2**32 - 1)) + stream

    def _stream(self, pixels: int) -> bytes:
        """RGBA rows deflated, or what only looks so."""
        rng = self._rng
        rgba = (self._colour() + rng.choice((b"\xff", b"\xff", b"\0"))) * pixels
        if rng.random() < 0.6:
            return zlib.compress(rgba, 1)
        return self._flipped(rgba) if rng.random() < 0.3 else rng.choice(_STREAMS)(rng, rgba)

    def _flipped(self, rgba: bytes) -> bytes:
        """A stream with one bit wrong; half of them in the Adler-32 at its end."""
        rng, stream = self._rng, bytearray(zlib.compress(rgba))
        at = rng.randrange(-4, 0) if rng.random() < 0.5 else rng.randrange(len(stream))
        stream[at] ^= 1 << rng.randrange(8)
        return bytes(stream)

    def _cursor(self) -> bytes:
        return struct.pack("<BHHB", 3, self._x(), self._y(), self._rng.randrange(256))

    def _presence(self) -> bytes:
        name = self._rng.choice(_TEXTS)
        return struct.pack("<B3sB", 4, self._colour(), self._count(len(name), 255)) + name

    def _viewport(self) -> bytes:
        rng = self._rng
        # The lowest are all that there are, save for one that ends the conversation.
        level = rng.randrange(self._ground.levels)
        if rng.random() < 0.02:
            level = rng.choice((self._ground.levels, 255))
        x0, y0 = rng.randrange(self._ground.width), rng.randrange(self._ground.height)
        if rng.random() < 0.04:
            x0, y0, x1, y1 = self._box(200)
        else:
            x1, y1 = (rng.choice((at, at + 63, at + 64, 65_535)) for at in (x0, y0))
        known = b"".join(
            struct.pack("<HHQ", rng.choice((0, 1, 2, 9)), rng.randrange(3), rng.choice(_U64))
            for _ in range(rng.choice((0, 0, 1, 3, 30)))
        )
        count = self._count(len(known) // 12, 65_535)
        return struct.pack("<BB4HH", 18, level, x0, y0, x1, y1, count) + known

    def _follow(self) -> bytes:
        return struct.pack("<BI", 26, self._rng.choice((0, 1, 2, 3, 2**32 - 1)))

    def _skippable(self) -> bytes:
        rng = self._rng
        body = rng.randbytes(rng.choice((0, 1, 5, 200)))
        return struct.pack("<BI", rng.randrange(64, 256), self._count(len(body), 2**32 - 1)) + body

    # -- offences ------------------------------------------------------------------------------

    def _hello(self) -> bytes:
        """Right it is out of turn, save as the first."""
        rng = self._rng
        version, token = rng.choice(((1, b""), (0, b""), (2, b""), (255, b""), (1, b"let me in")))
        count = self._count(len(token), 65_535)
        return struct.pack("<BB16sH", 16, version, rng.randbytes(16), count) + token

    def _servers_own(self) -> bytes:
        number, size = self._rng.choice(tuple(_SERVERS_BYTES.items()))
        return bytes((number,)) + bytes(size)

    def _unknown(self) -> bytes:
        """As it could be skipped, if it could."""
        body = self._rng.randbytes(self._rng.randrange(30))
        return struct.pack("<BI", self._rng.choice(_UNKNOWN), len(body)) + body

    def _bad_text(self) -> bytes:
        text = self._rng.choice(_BAD_TEXTS)
        if self._rng.random() < 0.5:
            return struct.pack("<B3sB", 4, self._colour(), len(text)) + text
        return struct.pack("<BB16sH", 16, 1, ZEROS, len(text)) + text

    def _noise(self) -> bytes:
        return self._rng.randbytes(self._rng.randrange(1, 60))
