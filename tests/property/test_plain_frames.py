"""The short cut for plain frames against `websockets` alone, over any frames in any pieces."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol
from websockets.server import ServerProtocol

from server.plain_frames import PlainFrames

Seen = list[tuple[Opcode, bool, bytes]]

sizes = st.one_of(st.integers(0, 130), st.just(1000), st.just(66_000))
opcodes = st.sampled_from(
    [Opcode.BINARY, Opcode.BINARY, Opcode.BINARY, Opcode.TEXT, Opcode.CONT, Opcode.PING]
)


def frame(opcode: Opcode, fin: bool, size: int) -> Frame:
    """A frame that may be sent, if perhaps not now."""
    if opcode is Opcode.PING:
        return Frame(opcode, b"x" * min(size, 125))
    return Frame(opcode, bytes(n & 0x7F for n in range(size)), fin)


frames = st.builds(frame, opcodes, st.sampled_from([True, True, True, False]), sizes)


def opened() -> ServerProtocol:
    """A protocol past its handshake."""
    protocol = ServerProtocol()
    protocol.state = OPEN
    protocol.parser = Protocol.parse(protocol)
    next(protocol.parser)
    return protocol


def fed(protocol: ServerProtocol, data: bytes, seen: Seen) -> None:
    """What `websockets` makes of some bytes."""
    protocol.receive_data(data)
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        seen.append((event.opcode, event.fin, bytes(event.data)))


@given(
    st.lists(frames, max_size=8),
    st.lists(st.integers(0, 1000), max_size=6),
    st.sampled_from(
        [
            b"",
            b"\x82",
            b"\x82\x03abc",
            b"\xff\xff\xff\xff",
            b"\x82\xfe\x00",
            b"\x82\xfe\x00\x03mask",
            b"\x82\xfe\x00\x03maskabc",
            b"\x82\xff" + b"\0" * 7 + b"\x03maskabc",
        ]
    ),
)
def test_the_short_cut_sees_what_websockets_sees(
    sent: list[Frame], cuts: list[int], ending: bytes
) -> None:
    """WIRE-8: whatever comes, whole or in pieces, right or wrong."""
    data = b"".join(frame.serialize(mask=True) for frame in sent) + ending
    ends = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    alone, seen_alone = opened(), Seen()
    cut_short, seen = opened(), Seen()
    plain = PlainFrames(
        cut_short,
        lambda payload: seen.append((Opcode.BINARY, True, bytes(payload))),
        lambda piece: fed(cut_short, piece, seen),
    )
    for start, end in pairwise(ends):
        fed(alone, data[start:end], seen_alone)
        plain.feed(data[start:end])
    assert seen == seen_alone
    assert cut_short.state is alone.state
    assert repr(cut_short.parser_exc) == repr(alone.parser_exc)
