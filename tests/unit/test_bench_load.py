"""The benchmark's load generators count what they are sent, by the wire's own layouts."""

import random
import struct

import pytest

from benchmarks.figures import percentile
from benchmarks.load.dialect import View, pixel_bytes
from benchmarks.load.http import AnswerReader
from benchmarks.load.tilecast import TilecastDialect
from benchmarks.load.websocket import ClientSocket, WebSocketError, client_frame
from benchmarks.results import Target
from benchmarks.views import expected_deliveries
from protocol.codec import encode
from protocol.messages import (
    Ack,
    Clock,
    Cursor,
    Notice,
    Patch,
    Pixel,
    Presence,
    Rect,
    ServerMessage,
    Stroke,
    Tile,
    Welcome,
)

_VIEW = View(100, 100, 2019, 1179)
_BINARY = 2
_OTHERS: tuple[ServerMessage, ...] = (
    Stroke(3, 1, 2, 3, ((200, 200), (0, 0), (300, 0))),
    Rect(0, 200, 200, 210, 210, 0, 0, 0),
    Patch(200, 200, 201, 201, b"\0\0\0"),
    Tile(0, 3, 3, 7, 0, b"\0\0\0"),
    Clock(1, 9),
    Ack(3, 2, 9),
    Cursor(7, 150, 150, 0),
    Presence(7, 0, 1, 2, 3, "Zoë"),
    Notice(0, "\0\0\0\0\0\0\0\0"),
)


def _dialect(check_every: int = 1) -> TilecastDialect:
    dialect = TilecastDialect()
    dialect.check_every = check_every
    dialect.opening(_VIEW)
    return dialect


def test_pixels_are_counted_among_all_kinds_of_messages() -> None:
    """The quick count agrees with a full decode, wherever the pixels stand in the frame."""
    rng = random.Random(1)
    pixels: tuple[ServerMessage, ...] = (Pixel(150, 150, 0, 0, 0), Pixel(0x100, 0x100, 0, 0, 9))
    for _ in range(500):
        messages = rng.choices((*pixels * 5, *_OTHERS), k=rng.randint(1, 30))
        count = sum(isinstance(message, Pixel) for message in messages)
        frame = b"".join(map(encode, messages))
        for every in (1, 10**9):
            assert _dialect(every).received(_BINARY, frame) == count


def test_a_painted_pixel_is_what_the_codec_makes_of_it() -> None:
    """The bytes that the probe looks for are PIXEL's."""
    assert pixel_bytes(513, 65_535, 0xA1B2C3) == encode(Pixel(513, 65_535, 0xA1, 0xB2, 0xC3))


@pytest.mark.parametrize("frame", [b"\x14\0\0", b"\x30\0\0\0\0", encode(Clock(1, 2)) + b"\x03"])
def test_a_broken_frame_is_an_error(frame: bytes) -> None:
    """A load generator doesn't count on after what no server may send."""
    with pytest.raises((ValueError, struct.error)):
        _dialect(10**9).received(_BINARY, frame)


def test_it_is_ready_once_the_first_view_is_answered() -> None:
    """CLOCK of the view, not the one before it; a painter is ready at WELCOME."""
    dialect, painter = _dialect(), TilecastDialect()
    painter.opening(None)
    welcome = encode(Welcome(1, bytes(16), 1, 1, 5, 0, 64, 64, 0, 0, 0, 1, 1, b"{}"))
    dialect.received(_BINARY, welcome + encode(Clock(0, 5)))
    painter.received(_BINARY, welcome)
    assert (dialect.ready, painter.ready) == (False, True)
    dialect.received(_BINARY, encode(Clock(1, 5)))
    assert dialect.ready
    assert dialect.seq == 5


@pytest.mark.parametrize(
    ("message", "strays"),
    [
        (Pixel(64, 64, 0, 0, 0), 0),
        (Pixel(63, 64, 0, 0, 0), 1),
        (Pixel(2047, 1215, 0, 0, 0), 0),
        (Pixel(2048, 1215, 0, 0, 0), 1),
        (Cursor(1, 150, 63, 0), 1),
        (Tile(0, 32, 3, 1, 0, b"\0\0\0"), 1),
        (Tile(1, 3, 3, 1, 0, b"\0\0\0"), 1),
    ],
)
def test_strays_are_what_touches_no_tile_of_the_view(message: ServerMessage, strays: int) -> None:
    """Delivery goes by tiles, so a pixel beside the rectangle in one of its tiles is none."""
    dialect = _dialect()
    dialect.received(_BINARY, encode(message) + encode(Clock(1, 1)))
    assert dialect.strays == strays


def test_a_flush_in_two_writes_is_seen() -> None:
    """Drawing without its CLOCK, or two frames with drawing under one CLOCK."""
    pixel = encode(Pixel(150, 150, 0, 0, 0))
    whole = _dialect()
    whole.received(_BINARY, pixel + encode(Clock(1, 1)))
    whole.received(_BINARY, encode(Clock(1, 1)))
    whole.received(_BINARY, pixel + encode(Clock(1, 2)))
    assert whole.split_flushes == 0
    for frames in ([pixel], [pixel + encode(Clock(1, 1))] * 2, [encode(Clock(1, 1)) + pixel]):
        split = _dialect()
        for frame in frames:
            split.received(_BINARY, frame)
        assert split.split_flushes == 1


def test_frames_are_read_however_they_are_cut() -> None:
    """Lengths of all three kinds, fragments joined, a ping between them."""
    bodies = [b"", b"a" * 125, b"b" * 126, b"c" * 70_000]
    stream = b"\x82\x00" + b"\x82\x7d" + bodies[1] + b"\x82\x7e\x00\x7e" + bodies[2]
    stream += b"\x82\x7f" + (70_000).to_bytes(8, "big") + bodies[3]
    stream += b"\x01\x02he" + b"\x89\x01!" + b"\x80\x03llo"
    expected = [*((_BINARY, body) for body in bodies), (0x9, b"!"), (0x1, b"hello")]
    rng = random.Random(2)
    for _ in range(20):
        web = ClientSocket()
        web.open = True
        found, at = [], 0
        while at < len(stream):
            end = at + rng.choice((1, 2, 3, 7, 100, 5000, 60_000))
            found += web.feed(stream[at:end])
            at = end
        assert found == expected


def test_a_masked_server_frame_is_an_error() -> None:
    """RFC 6455, section 5.1."""
    web = ClientSocket()
    web.open = True
    with pytest.raises(WebSocketError):
        web.feed(b"\x82\x81\0\0\0\0a")


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_client_frames_unmask_to_what_was_said(size: int) -> None:
    """RFC 6455, section 5.3."""
    body = bytes(index * 7 % 256 for index in range(size))
    frame = client_frame(_BINARY, body)
    head = 2 if size < 126 else 4 if size < 65_536 else 10
    mask, masked = frame[head : head + 4], frame[head + 4 :]
    assert frame[0] == 0x82
    assert frame[1] & 0x80
    assert bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked)) == body


def test_answers_are_read_however_they_are_cut() -> None:
    """Status, ETag and body; a 304 has none whatever its length says."""
    ok = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: "x"\r\n\r\nhello'
    same = b'HTTP/1.1 304 Not Modified\r\netag: "x"\r\ncontent-length: 5\r\n\r\n'
    for cut in range(1, len(ok)):
        reader = AnswerReader()
        assert reader.feed(ok[:cut]) is None
        assert reader.feed(ok[cut:]) == (200, b'"x"', 5)
        assert reader.feed(same) == (304, b'"x"', 0)


def test_expected_deliveries_go_by_tile() -> None:
    """A pixel counts once for each view whose tiles hold it."""
    views = [View(0, 0, 63, 63), View(60, 0, 70, 63), View(64, 64, 127, 127)]
    assert expected_deliveries([(0, 0, 10), (1, 0, 3), (9, 9, 5)], views) == 2 * 10 + 3


@pytest.mark.parametrize(
    ("share", "lost", "expected"),
    [(0.5, 0, 2.0), (0.75, 0, 3.0), (1.0, 0, 4.0), (0.5, 4, 4.0), (0.51, 4, float("inf"))],
)
def test_percentiles_count_what_never_came(share: float, lost: int, expected: float) -> None:
    """A lost sample is an infinitely long one, not one that is left out."""
    assert percentile([3.0, 1.0, 4.0, 2.0], share, lost) == expected


@pytest.mark.parametrize(
    ("measured", "sense", "verdict"),
    [
        (2.0, "≥", "met"),
        (1.9, "≥", "not met"),
        (2.0, "<", "not met"),
        (2.0, "≤", "met"),
        (float("nan"), "≥", "not met"),
        (None, "≥", "not measured: no cc"),
    ],
)
def test_targets(measured: float | None, sense: str, verdict: str) -> None:
    """What isn't measured is not met."""
    assert Target("it", measured, sense, 2.0, why_not="no cc").verdict == verdict
