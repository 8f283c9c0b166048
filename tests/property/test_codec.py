"""The codec over all messages and over all bytes (WIRE rules)."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import decode, decode_runs, encode
from protocol.errors import CloseCode, ProtocolError
from protocol.messages import CLIENT_FRAME_MAX_BYTES, TABLE, U64_MAX, Message, PixelRun, Viewport
from protocol.types import Blob, Items, Layout, Scalar, Sender, Text

RANGES = {Scalar.U8: 0xFF, Scalar.U16: 0xFFFF, Scalar.U32: 0xFFFF_FFFF, Scalar.U64: U64_MAX}
DIRECTIONS = [
    pytest.param(layout, sender, id=f"{layout.message.__name__}-{sender.name}")
    for layout in TABLE
    for sender in (Sender.CLIENT, Sender.SERVER)
    if sender in layout.sender
]


def scalars(scalar: Scalar) -> st.SearchStrategy[Any]:
    """Every value of a fixed-size field."""
    if scalar is Scalar.ID:
        return st.binary(min_size=16, max_size=16)
    return st.integers(0, RANGES[scalar])


def messages(layout: Layout) -> st.SearchStrategy[Message]:
    """Every message of a row of the table, with short tails."""
    fields = {field.name: scalars(field.scalar) for field in layout.fields}
    match layout.tail:
        case Text(name):
            fields[name] = st.text(max_size=50)
        case Blob(name):
            fields[name] = st.binary(max_size=200)
        case Items(name, _, item):
            record = st.tuples(*(scalars(field.scalar) for field in item))
            fields[name] = st.lists(record, max_size=20).map(tuple)
    built: st.SearchStrategy[Message] = st.builds(layout.message, **fields)
    if layout.message is Viewport:
        return built.filter(upright)
    return built


def upright(message: Message) -> bool:
    """Whether a VIEWPORT is one that may be decoded."""
    assert isinstance(message, Viewport)
    return message.x0 <= message.x1 and message.y0 <= message.y1


ANY_SENDER = st.sampled_from([Sender.CLIENT, Sender.SERVER])


def frames(sender: Sender) -> st.SearchStrategy[list[Message]]:
    """A few messages that ``sender`` may send."""
    rows = [messages(layout) for layout in TABLE if sender in layout.sender]
    return st.lists(st.one_of(rows), min_size=1, max_size=6)


def close_code(frame: bytes, sender: Sender) -> CloseCode | None:
    """How decoding ends: with messages, or with the protocol's own error."""
    try:
        decode(frame, sender)
    except ProtocolError as error:
        return error.close_code
    return None


@pytest.mark.parametrize(("layout", "sender"), DIRECTIONS)
@given(data=st.data())
def test_every_message_survives_the_round_trip(
    layout: Layout, sender: Sender, data: st.DataObject
) -> None:
    """WIRE-1."""
    message = data.draw(messages(layout))
    assert decode(encode(message), sender) == [message]


@given(sender=ANY_SENDER, data=st.data())
def test_messages_of_a_frame_come_in_order(sender: Sender, data: st.DataObject) -> None:
    """WIRE-1: a frame is whole messages back to back."""
    sent = data.draw(frames(sender))
    assert decode(b"".join(map(encode, sent)), sender) == sent


@given(frame=st.binary(max_size=400), sender=ANY_SENDER)
def test_no_bytes_raise_anything_else(frame: bytes, sender: Sender) -> None:
    """WIRE-2."""
    assert close_code(frame, sender) in (None, CloseCode.MALFORMED)


@given(sender=ANY_SENDER, data=st.data())
def test_damaged_frames_raise_nothing_else(sender: Sender, data: st.DataObject) -> None:
    """WIRE-2: also where the bytes begin like a good frame."""
    frame = bytearray(b"".join(map(encode, data.draw(frames(sender)))))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    assert close_code(bytes(frame), sender) in (None, CloseCode.MALFORMED)


@given(sender=ANY_SENDER, data=st.data())
def test_a_cut_frame_is_an_error_or_ends_between_messages(
    sender: Sender, data: st.DataObject
) -> None:
    """WIRE-3."""
    sent = data.draw(frames(sender))
    pieces = list(map(encode, sent))
    frame = b"".join(pieces)
    cut = data.draw(st.integers(1, len(frame) - 1)) if len(frame) > 1 else 1
    ends = [sum(map(len, pieces[: index + 1])) for index in range(len(pieces))]
    if cut in ends:
        assert decode(frame[:cut], sender) == sent[: ends.index(cut) + 1]
    else:
        with pytest.raises(ProtocolError):
            decode(frame[:cut], sender)


@given(number=st.integers(64, 255), body=st.binary(max_size=100), sender=ANY_SENDER, data=st.data())
def test_unknown_types_from_64_up_are_skipped(
    number: int, body: bytes, sender: Sender, data: st.DataObject
) -> None:
    """WIRE-4."""
    before, after = data.draw(frames(sender)), data.draw(frames(sender))
    unknown = bytes((number,)) + len(body).to_bytes(4, "little") + body
    frame = b"".join(map(encode, before)) + unknown + b"".join(map(encode, after))
    assert decode(frame, sender) == before + after


def test_the_longest_messages_fit_a_frame() -> None:
    """WIRE-1: a viewport with as many known tiles as it may have fits a client's frame."""
    known = tuple((tx, 0, U64_MAX) for tx in range(4096))
    frame = encode(Viewport(0, 0, 0, 65_535, 65_535, known))
    assert len(frame) <= CLIENT_FRAME_MAX_BYTES
    assert decode(frame, Sender.CLIENT) == [Viewport(0, 0, 0, 65_535, 65_535, known)]


def repeated(layout: Layout) -> st.SearchStrategy[list[Message]]:
    """A few messages of one kind."""
    return st.lists(messages(layout), min_size=1, max_size=5)


GROUPS = st.one_of(*[repeated(layout) for layout in TABLE if Sender.CLIENT in layout.sender])


@given(st.lists(GROUPS, min_size=1, max_size=6), st.binary(max_size=9))
def test_runs_are_the_same_messages(drawn: list[list[Message]], garbage: bytes) -> None:
    """RUN-1: decoding in runs and one by one agree, also on what can't be parsed."""
    frame = b"".join(encode(message) for group in drawn for message in group) + garbage
    try:
        singly = decode(frame, Sender.CLIENT)
    except ProtocolError as error:
        with pytest.raises(ProtocolError, match=re.escape(error.reason)):
            decode_runs(frame, Sender.CLIENT)
        return
    expanded: list[object] = []
    for found in decode_runs(frame, Sender.CLIENT):
        if isinstance(found, PixelRun):
            assert len(found) > 1
            expanded += decode(found.data, Sender.CLIENT)
        else:
            expanded.append(found)
    assert expanded == singly
