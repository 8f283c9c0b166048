"""The codec against the shared vectors, which were written by hand from the design page."""

from __future__ import annotations

from dataclasses import fields
from itertools import chain
from typing import Any

import pytest

from protocol import messages
from protocol.codec import decode, encode
from protocol.errors import ProtocolError
from protocol.types import Sender
from tests.vectors import build
from tests.vectors.load import load, names

VECTORS = load("codec")
GOOD, BAD, UNENCODABLE = VECTORS["good"], VECTORS["bad"], VECTORS["unencodable"]
ENCODABLE = [vector for vector in GOOD if not vector.get("decode_only")]
LONE = [vector for vector in ENCODABLE if len(vector["messages"]) == 1 and len(vector["hex"]) < 256]
SENDERS = {"client": Sender.CLIENT, "server": Sender.SERVER}
MALFORMED = 4400

# The wire table of the design page: type, name, from, and the class of the message.
WIRE_TABLE = [
    (0, "PIXEL", "both", "Pixel"),
    (1, "STROKE", "both", "Stroke"),
    (2, "RECT", "both", "Rect"),
    (3, "CURSOR", "client", "CursorMove"),
    (3, "CURSOR", "server", "Cursor"),
    (4, "PRESENCE", "client", "PresenceSet"),
    (4, "PRESENCE", "server", "Presence"),
    (5, "PATCH", "both", "Patch"),
    (16, "HELLO", "client", "Hello"),
    (17, "WELCOME", "server", "Welcome"),
    (18, "VIEWPORT", "client", "Viewport"),
    (19, "TILE", "server", "Tile"),
    (20, "CLOCK", "server", "Clock"),
    (21, "ACK", "server", "Ack"),
    (22, "REJECT", "server", "Reject"),
    (23, "RESET", "server", "Reset"),
    (24, "NOTICE", "server", "Notice"),
    (25, "BUDGET", "server", "Budget"),
    (26, "FOLLOW", "client", "Follow"),
    (27, "SEEN", "server", "Seen"),
]
ROWS = [
    (number, name, sender, kind)
    for number, name, origin, kind in WIRE_TABLE
    for sender in (SENDERS if origin == "both" else (origin,))
]


@pytest.mark.parametrize("vector", GOOD, ids=names(GOOD))
def test_good_frame_decodes_to_its_messages(vector: dict[str, Any]) -> None:
    """The bytes of the wire table give the messages."""
    expected = [build.message(message) for message in vector["messages"]]
    assert decode(vector["hex"], SENDERS[vector["sender"]]) == expected


@pytest.mark.parametrize("vector", ENCODABLE, ids=names(ENCODABLE))
def test_messages_encode_to_their_frame(vector: dict[str, Any]) -> None:
    """The messages give the bytes of the wire table."""
    encoded = b"".join(encode(build.message(message)) for message in vector["messages"])
    assert encoded == vector["hex"]


@pytest.mark.parametrize("vector", BAD, ids=names(BAD))
def test_bad_frame_closes_with_its_code(vector: dict[str, Any]) -> None:
    """What can't be parsed, or comes from the wrong side, has a close code and a reason."""
    with pytest.raises(ProtocolError) as caught:
        decode(vector["hex"], SENDERS[vector["sender"]])
    assert caught.value.close_code == vector["error"]
    assert caught.value.reason


@pytest.mark.parametrize("vector", UNENCODABLE, ids=names(UNENCODABLE))
def test_value_that_does_not_fit_its_field_is_refused(vector: dict[str, Any]) -> None:
    """WIRE-5: a value is never cut to fit."""
    with pytest.raises(ValueError, match=r"."):
        encode(build.message(vector["message"]))


@pytest.mark.parametrize("vector", LONE, ids=names(LONE))
def test_every_cut_is_malformed(vector: dict[str, Any]) -> None:
    """A message cut after any of its bytes is a half message, alone and after a whole one."""
    frame, sender = vector["hex"], SENDERS[vector["sender"]]
    for cut, ahead in ((cut, ahead) for cut in range(1, len(frame)) for ahead in (b"", frame)):
        with pytest.raises(ProtocolError) as caught:
            decode(ahead + frame[:cut], sender)
        assert caught.value.close_code == MALFORMED


@pytest.mark.parametrize("sender", SENDERS)
def test_every_unknown_type_below_64_is_malformed(sender: str) -> None:
    """A type below 64 that the sender may not send can't be skipped."""
    spoken = {number for number, _, origin, _ in ROWS if origin == sender}
    for number in set(range(64)) - spoken:
        with pytest.raises(ProtocolError) as caught:
            decode(bytes([number]) + bytes(80), SENDERS[sender])
        assert caught.value.close_code == MALFORMED


@pytest.mark.parametrize("sender", SENDERS)
def test_every_type_from_64_up_is_skipped(sender: str) -> None:
    """A type from 64 up carries its length: what it holds doesn't matter."""
    for number in range(64, 256):
        frame = bytes([number, 2, 0, 0, 0, 0xFF, number])
        assert decode(frame * 2, SENDERS[sender]) == []


@pytest.mark.parametrize(("number", "name", "sender", "kind"), ROWS)
def test_every_row_of_the_wire_table_has_vectors(
    number: int, name: str, sender: str, kind: str
) -> None:
    """Each row has a good and a bad vector from each side that may send it."""
    sent = [vector for vector in GOOD if vector["sender"] == sender]
    lone = [vector for vector in sent if [m["type"] for m in vector["messages"]] == [kind]]
    assert any(vector["hex"][0] == number for vector in lone)
    assert any(vector["sender"] == sender and vector.get("about") == name for vector in BAD)


def test_vectors_have_the_fields_in_wire_order() -> None:
    """A vector's message names the fields of its class, in their order, and nothing else."""
    listed = chain.from_iterable(vector["messages"] for vector in GOOD)
    kinds = set()
    for message in chain(listed, (vector["message"] for vector in UNENCODABLE)):
        expected = [field.name for field in fields(getattr(messages, message["type"]))]
        assert list(message) == ["type", *expected]
        kinds.add(message["type"])
    assert kinds == {kind for *_, kind in WIRE_TABLE}


def test_names_are_unique() -> None:
    """A failing vector is found by its name."""
    for vectors in VECTORS.values():
        assert len(set(names(vectors))) == len(vectors)
