"""WebSocket conformance (RFC 6455), case by case after the Autobahn suite's published list.

The numbers are that list's. Its cases speak text and want an echo; this server takes binary
messages only and answers none of them, so what a case comes down to here is: text closes with
1003, and a binary message was taken if a pixel drawn in it or after it is acknowledged. Sections
12 and 13 are about compression, which is never agreed upon.
"""

from collections.abc import Sequence
from contextlib import suppress

import pytest

from protocol.codec import decode, encode
from protocol.errors import CloseCode
from protocol.messages import CLIENT_FRAME_MAX_BYTES, Ack, Pixel, PresenceSet
from protocol.types import Sender
from tests.e2e.conftest import Launch
from tests.process import ServerProcess
from tests.raw_socket import BINARY, CLOSE, CONT, PING, PONG, TEXT, RawSocket, frame

PROTOCOL_ERROR, BAD_DATA = 1002, 1007
NORMAL, TEXT_FRAME, TOO_BIG = CloseCode.NORMAL, CloseCode.TEXT_FRAME, CloseCode.TOO_BIG
NO_CODE = 0
"""What :meth:`RawSocket.read_close` gives for a close frame with nothing in it."""
KIB, MIB = 1024, 1024 * 1024
PIXEL = encode(Pixel(70, 70, 1, 2, 3))


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """The server of the module's tests."""
    sizes = ("--width", "256", "--height", "256")
    return launch(*sizes, "--budget-pixels", "0", "--pings-per-second", "100")


def message(size: int) -> bytes:
    """A binary message of so many bytes: a PIXEL, and what is skipped."""
    rest = size - len(PIXEL) - 5
    return PIXEL + bytes([200]) + rest.to_bytes(4, "little") + bytes(rest)


def fragments(data: bytes, size: int, opcode: int = BINARY) -> list[bytes]:
    """A message in frames of so many bytes."""
    starts = range(0, len(data), size)
    return [
        frame(
            data[at : at + size],
            CONT if at else opcode,
            final=at + size >= len(data),
        )
        for at in starts
    ]


def chops(data: bytes, size: int) -> list[bytes]:
    """Bytes as they are sent a few at a time."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def reserved(data: bytes, bits: int) -> bytes:
    """A frame with its reserved bits set: 4 is RSV1, 1 is RSV3."""
    return bytes([data[0] | bits << 4]) + data[1:]


async def sent(raw: RawSocket, pieces: Sequence[bytes]) -> None:
    """HELLO, and then these bytes; what the server no longer takes is not sent."""
    await raw.hello()
    with suppress(ConnectionError):
        for piece in pieces:
            await raw.send(piece)


async def acknowledged(raw: RawSocket, pixels: int) -> list[bytes]:
    """Read on until so many are acknowledged; the content of each PONG before."""
    pongs = []
    while (got := await raw.read_frame()) is not None:
        opcode, payload = got
        if opcode == PONG:
            pongs.append(payload)
            continue
        assert opcode == BINARY, f"closed: {payload!r}"
        acks = [each for each in decode(payload, Sender.SERVER) if isinstance(each, Ack)]
        if acks and acks[-1].handled >= pixels:
            assert acks[-1].handled == pixels
            return pongs
    raise AssertionError("it hung up")


HELLO_TEXT = b"Hello, world!"
GOOD = frame(message(60))
PINGED = frame(b"are you there?", PING)
CLOSED: dict[str, tuple[list[bytes], int]] = {
    # 1.1 Text messages of every length.
    **{
        f"1.1.{number} text of {size:,} bytes": ([frame(b"*" * size, TEXT)], TEXT_FRAME)
        for number, size in enumerate((0, 125, 126, 127, 128, 65_535, 65_536), 1)
    },
    "1.1.8 text in chops of 997": (chops(frame(b"*" * 65_536, TEXT), 997), TEXT_FRAME),
    "1.2.1 binary, empty: no message of ours": ([frame(b"")], CloseCode.MALFORMED),
    "2.5 ping of 126 bytes": ([frame(bytes(126), PING)], PROTOCOL_ERROR),
    # 3 Reserved bits, which no extension gave a meaning.
    "3.1 RSV3": ([reserved(GOOD, 1)], PROTOCOL_ERROR),
    "3.2 RSV2 after a good message": ([GOOD, reserved(GOOD, 2), PINGED], PROTOCOL_ERROR),
    "3.3 RSV2 and RSV3 in one piece": ([GOOD + reserved(GOOD, 3) + PINGED], PROTOCOL_ERROR),
    "3.4 RSV1 byte by byte": (chops(reserved(GOOD, 4) + PINGED, 1), PROTOCOL_ERROR),
    "3.5 RSV1 and RSV3 in a text": ([reserved(frame(b"x", TEXT), 5)], PROTOCOL_ERROR),
    "3.6 RSV1 and RSV2 in a ping": ([reserved(PINGED, 6)], PROTOCOL_ERROR),
    "3.7 all three in a close": ([reserved(frame(b"", CLOSE), 7)], PROTOCOL_ERROR),
    # 4 Opcodes that mean nothing.
    "4.1.1 opcode 3": ([frame(b"", 3)], PROTOCOL_ERROR),
    "4.1.2 opcode 4 with a payload": ([frame(b"reserved", 4)], PROTOCOL_ERROR),
    "4.1.3 opcode 5 after a message": ([GOOD, frame(b"", 5), PINGED], PROTOCOL_ERROR),
    "4.1.4 opcode 6 likewise": ([GOOD, frame(b"reserved", 6), PINGED], PROTOCOL_ERROR),
    "4.1.5 opcode 7 byte by byte": (chops(GOOD + frame(b"", 7) + PINGED, 1), PROTOCOL_ERROR),
    "4.2.1 opcode 11": ([frame(b"", 11)], PROTOCOL_ERROR),
    "4.2.2 opcode 12 with a payload": ([frame(b"reserved", 12)], PROTOCOL_ERROR),
    "4.2.3 opcode 13 after a message": ([GOOD, frame(b"", 13), PINGED], PROTOCOL_ERROR),
    "4.2.4 opcode 14 likewise": ([GOOD, frame(b"reserved", 14), PINGED], PROTOCOL_ERROR),
    "4.2.5 opcode 15 byte by byte": (chops(GOOD + frame(b"", 15) + PINGED, 1), PROTOCOL_ERROR),
    # 5 Fragments.
    "5.1 ping in two": (fragments(b"part two", 4, PING), PROTOCOL_ERROR),
    "5.2 pong in two": (fragments(b"part two", 4, PONG), PROTOCOL_ERROR),
    "5.3 text in two": (fragments(HELLO_TEXT, 7, TEXT), TEXT_FRAME),
    "5.5 text in two, byte by byte": (
        chops(b"".join(fragments(HELLO_TEXT, 7, TEXT)), 1),
        TEXT_FRAME,
    ),
    "5.9 a final continuation of nothing": ([frame(b"x", CONT), GOOD], PROTOCOL_ERROR),
    "5.10 the same in one piece": ([frame(b"x", CONT) + GOOD], PROTOCOL_ERROR),
    "5.11 the same byte by byte": (chops(frame(b"x", CONT) + GOOD, 1), PROTOCOL_ERROR),
    "5.12 a continuation of nothing": ([frame(b"x", CONT, final=False), GOOD], PROTOCOL_ERROR),
    "5.13 the same in one piece": ([frame(b"x", CONT, final=False) + GOOD], PROTOCOL_ERROR),
    "5.14 the same byte by byte": (chops(frame(b"x", CONT, final=False) + GOOD, 1), PROTOCOL_ERROR),
    "5.15 a continuation after the last": (
        [*fragments(message(60), 30), frame(b"x", CONT, final=False), GOOD],
        PROTOCOL_ERROR,
    ),
    "5.16 a continuation before the first": (
        [frame(b"x", CONT, final=False), *fragments(message(60), 30)] * 2,
        PROTOCOL_ERROR,
    ),
    "5.17 a final one before the first": (
        [frame(b"x", CONT), *fragments(message(60), 30)] * 2,
        PROTOCOL_ERROR,
    ),
    "5.18 another message before the last fragment": (
        [frame(message(60)[:30], final=False), frame(message(60)[30:])],
        PROTOCOL_ERROR,
    ),
    # 6 Text that is no UTF-8 is text, which nobody takes: nobody decodes it.
    "6.1.1 an empty text": ([frame(b"", TEXT)], TEXT_FRAME),
    "6.1.2 three empty fragments": (
        [
            frame(b"", TEXT, final=False),
            frame(b"", CONT, final=False),
            frame(b"", CONT),
        ],
        TEXT_FRAME,
    ),
    "6.2.1 right UTF-8": ([frame("Hello-µ@ßöäüàá".encode(), TEXT)], TEXT_FRAME),
    "6.2.3 right UTF-8, a byte a fragment": (fragments("µ@ßöä".encode(), 1, TEXT), TEXT_FRAME),
    "6.3.1 wrong UTF-8": ([frame(b"\xce\xba\xed\xa0\x80edited", TEXT)], TEXT_FRAME),
    "6.3.2 wrong UTF-8, a byte a fragment": (
        fragments(b"\xce\xba\xed\xa0\x80edited", 1, TEXT),
        TEXT_FRAME,
    ),
    # 7 Ends that are no good end. The list would have 7.1.5 end well; `websockets` is stricter.
    "7.1.5 a close between fragments": (
        [frame(PIXEL, final=False), frame(b"\x03\xe8", CLOSE), frame(PIXEL, CONT)],
        PROTOCOL_ERROR,
    ),
    "7.1.6 a message too big, a close, a ping": (
        [frame(b"*" * 256 * KIB)[:100_000], frame(b"", CLOSE), PINGED],
        TOO_BIG,
    ),
    "7.3.2 close with half a code": ([frame(b"\x03", CLOSE)], PROTOCOL_ERROR),
    "7.3.6 close of 126 bytes": (
        [frame(b"\x03\xe8" + b"*" * 124, CLOSE)],
        PROTOCOL_ERROR,
    ),
    "7.5.1 close whose reason is no UTF-8": (
        [frame(b"\x03\xe8\xce\xba\xed\xa0\x80", CLOSE)],
        BAD_DATA,
    ),
    **{
        f"7.9 close code {code} may not be sent": (
            [frame(code.to_bytes(2, "big"), CLOSE)],
            PROTOCOL_ERROR,
        )
        for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999)
    },
    "7.13.1 close code 5000": ([frame((5000).to_bytes(2, "big"), CLOSE)], PROTOCOL_ERROR),
    "7.13.2 close code 65535": ([frame(b"\xff\xff", CLOSE)], PROTOCOL_ERROR),
    # 9 What is too big is refused when it says so, or when its fragments come to that.
    **{
        f"9.2 a message of {size // KIB:,} KiB": ([frame(bytes(size))[:60_000]], TOO_BIG)
        for size in (256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB)
    },
    **{
        f"9.4 four MiB in fragments of {size:,}": (
            fragments(bytes(4 * MIB), size)[: CLIENT_FRAME_MAX_BYTES // size + 1],
            TOO_BIG,
        )
        for size in (1024, 4096, 16_384, 65_536)
    },
    "12.1.1 what would be compressed": ([reserved(frame(b"\xf2\x48\xcd\x07\x00"), 4)], 1002),
    "unmasked": ([frame(message(60), masked=False)], PROTOCOL_ERROR),
}


@pytest.mark.parametrize(("pieces", "code"), CLOSED.values(), ids=CLOSED.keys())
async def test_what_ends_it(server: ServerProcess, pieces: list[bytes], code: int) -> None:
    """WIRE-9, SES-3: it closes with the code that is due, and then it is hung up."""
    async with RawSocket(server.port) as raw:
        await sent(raw, pieces)
        assert await raw.read_close() == code
        with suppress(ConnectionError):
            await raw.send(frame(code.to_bytes(2, "big"), CLOSE))
        await raw.ended()


TWO, FIVE = fragments(message(60), 30), fragments(message(60), 12)
TAKEN: dict[str, tuple[list[bytes], int, list[bytes]]] = {
    **{
        f"1.2.{number} binary of {size:,} bytes": ([frame(message(size))], 1, [])
        for number, size in enumerate((125, 126, 127, 128, 65_535, 65_536), 2)
    },
    "1.2.8 binary in chops of 997": (chops(frame(message(65_536)), 997), 1, []),
    # 2 Pings and pongs; a pixel after them shows that it goes on.
    "2.1 ping, empty": ([frame(b"", PING), GOOD], 1, [b""]),
    "2.2 ping with text": ([frame(HELLO_TEXT, PING), GOOD], 1, [HELLO_TEXT]),
    "2.3 ping with bytes": ([frame(b"\x00\xff\xfe\xfd", PING), GOOD], 1, [b"\x00\xff\xfe\xfd"]),
    "2.4 ping of 125 bytes": ([frame(b"\xfe" * 125, PING), GOOD], 1, [b"\xfe" * 125]),
    "2.6 the same byte by byte": (
        chops(frame(b"\xfe" * 125, PING) + GOOD, 1),
        1,
        [b"\xfe" * 125],
    ),
    "2.7 pong that nobody asked for": ([frame(b"", PONG), GOOD], 1, []),
    "2.8 the same with a payload": ([frame(b"unasked", PONG), GOOD], 1, []),
    "2.9 such a pong, and a ping": ([frame(b"unasked", PONG), PINGED, GOOD], 1, [PINGED[6:]]),
    # 5 Fragments.
    "5.3 binary in two": (TWO, 1, []),
    "5.4 binary in two, in one piece": ([b"".join(TWO)], 1, []),
    "5.5 binary in two, byte by byte": (chops(b"".join(TWO), 1), 1, []),
    "5.6 a ping between": ([TWO[0], PINGED, TWO[1]], 1, [PINGED[6:]]),
    "5.7 the same in one piece": ([TWO[0] + PINGED + TWO[1]], 1, [PINGED[6:]]),
    "5.8 the same byte by byte": (chops(TWO[0] + PINGED + TWO[1], 1), 1, [PINGED[6:]]),
    "5.19 five fragments, two pings": (
        [*FIVE[:2], PINGED, *FIVE[2:4], PINGED, FIVE[4]],
        1,
        [PINGED[6:]] * 2,
    ),
    "an empty fragment first and last": (
        [frame(b"", final=False), frame(message(60), CONT, final=False), frame(b"", CONT)],
        1,
        [],
    ),
    # 9 The largest message in fragments and in chops, and many messages.
    **{
        f"9.4 64 KiB in fragments of {size:,}": (fragments(message(65_536), size), 1, [])
        for size in (64, 256, 1024, 4096, 16_384, 65_536)
    },
    **{
        f"9.6 64 KiB in chops of {size:,}": (chops(frame(message(65_536)), size), 1, [])
        for size in (64, 128, 256, 512, 1024, 2048)
    },
    **{
        f"9.8 {count:,} messages of {size:,} bytes": (
            chops(frame(message(size)) * count, 65_536),
            count,
            [],
        )
        for count, size in ((1000, 16), (1000, 64), (1000, 256), (1000, 1024), (100, 16_384))
    },
    "10.1.1 64 KiB in frames of 1,300": (fragments(message(65_536), 1300), 1, []),
}


@pytest.mark.parametrize(("pieces", "pixels", "pongs"), TAKEN.values(), ids=TAKEN.keys())
async def test_what_is_taken(
    server: ServerProcess, pieces: list[bytes], pixels: int, pongs: list[bytes]
) -> None:
    """WIRE-9, WIRE-8: the pixels are acknowledged, each ping is answered with its own content."""
    async with RawSocket(server.port) as raw:
        await sent(raw, pieces)
        assert await acknowledged(raw, pixels) == pongs


async def test_ten_pings_at_once(server: ServerProcess) -> None:
    """WIRE-9: 2.10, 2.11: where the limit lets it each is answered, in order."""
    pings = [b"payload-%d" % number for number in range(10)]
    async with RawSocket(server.port) as raw:
        await sent(raw, [b"".join(frame(ping, PING) for ping in pings), GOOD])
        pongs = await acknowledged(raw, 1)
        assert pongs == pings


ENDED: dict[str, tuple[list[bytes], int]] = {
    "7.1.1 a message, a close": ([GOOD, frame(b"\x03\xe8", CLOSE)], NORMAL),
    "7.1.2 two closes": ([frame(b"\x03\xe8", CLOSE) * 2], NORMAL),
    "7.1.3 a ping after the close": ([frame(b"\x03\xe8", CLOSE), PINGED], NORMAL),
    "7.1.4 a message after the close": ([frame(b"\x03\xe8", CLOSE), GOOD], NORMAL),
    "7.3.1 close with nothing": ([frame(b"", CLOSE)], NO_CODE),
    "7.3.3 close with a code": ([frame(b"\x03\xe8", CLOSE)], NORMAL),
    "7.3.4 close with a reason": ([frame(b"\x03\xe8bye", CLOSE)], NORMAL),
    "7.3.5 close with the longest": ([frame(b"\x03\xe8" + b"*" * 123, CLOSE)], NORMAL),
    **{
        f"7.7 close code {code}": ([frame(code.to_bytes(2, "big"), CLOSE)], code)
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    },
}


@pytest.mark.parametrize(("pieces", "code"), ENDED.values(), ids=ENDED.keys())
async def test_a_close_is_answered(server: ServerProcess, pieces: list[bytes], code: int) -> None:
    """WIRE-9, SES-5: with the same code, once; then nothing more is said, and it is hung up."""
    async with RawSocket(server.port) as raw:
        await sent(raw, pieces)
        assert await raw.read_close() == code
        assert await raw.read_frame() is None


NAMES: dict[str, tuple[bytes, bool]] = {
    "6.5 kosme": (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", True),
    "6.6 every prefix of it that is whole": (b"\xce\xba\xe1\xbd\xb9", True),
    "6.6 a prefix that isn't": (b"\xce\xba\xe1\xbd", False),
    "6.7.2 U+0080": (b"\xc2\x80", True),
    "6.7.3 U+0800": (b"\xe0\xa0\x80", True),
    "6.7.4 U+10000": (b"\xf0\x90\x80\x80", True),
    "6.8.1 five bytes": (b"\xf8\x88\x80\x80\x80", False),
    "6.8.2 six bytes": (b"\xfc\x84\x80\x80\x80\x80", False),
    "6.9.4 U+10FFFF": (b"\xf4\x8f\xbf\xbf", True),
    "6.10.1 U+110000": (b"\xf4\x90\x80\x80", False),
    "6.11.1 U+D7FF": (b"\xed\x9f\xbf", True),
    "6.12.1 a continuation alone": (b"\x80", False),
    "6.12.8 all of them": (bytes(range(0x80, 0xC0)), False),
    "6.13.1 beginnings alone": (b"\xc0 \xc1 \xc2 ", False),
    "6.14.1 the last byte missing": (b"\xe2\x82", False),
    "6.16.1 FE": (b"\xfe", False),
    "6.17.1 a slash in two bytes": (b"\xc0\xaf", False),
    "6.18.1 the longest overlong": (b"\xe0\x9f\xbf", False),
    "6.19.1 NUL in two bytes": (b"\xc0\x80", False),
    "6.20.1 a lone surrogate": (b"\xed\xa0\x80", False),
    "6.21.1 a pair of them": (b"\xed\xa0\x80\xed\xb0\x80", False),
    "6.22.1 U+FFFE": (b"\xef\xbf\xbe", True),
    "6.23.1 U+FFFD": (b"\xef\xbf\xbd", True),
}


@pytest.mark.parametrize(("name", "right"), NAMES.values(), ids=NAMES.keys())
async def test_utf_8_in_a_message(server: ServerProcess, name: bytes, right: bool) -> None:
    """SES-3: the list's UTF-8 where this protocol has text: wrong it is 4400, right it is taken."""
    presence = encode(PresenceSet(1, 2, 3, "")).replace(b"\0", bytes([len(name)])) + name
    async with RawSocket(server.port) as raw:
        await sent(raw, [frame(presence + PIXEL)])
        if right:
            await acknowledged(raw, 1)
        else:
            assert await raw.read_close() == CloseCode.MALFORMED


async def test_compression_is_not_agreed_upon(server: ServerProcess) -> None:
    """12, 13: whatever a client offers, no extension is taken (WIRE-9)."""
    for offer in (
        "permessage-deflate",
        "permessage-deflate; client_no_context_takeover; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=9, x-webkit-deflate-frame",
    ):
        async with RawSocket(server.port) as raw:
            await raw.send(raw.request(headers=f"Sec-WebSocket-Extensions: {offer}\r\n"))
            head = (await raw.read_head()).lower()
            assert head.startswith(b"http/1.1 101 ")
            assert b"sec-websocket-extensions" not in head
