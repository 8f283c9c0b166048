"""Large bodies: sent in pieces, given up when nobody reads them, counted all the while."""

import asyncio

import pytest
from starlette.types import Message, Scope

from server.http import large_answer
from server.http.large_answer import LargeAnswer, Outgoing
from server.problems import Unavailable

SCOPE: Scope = {"type": "http"}


async def receive() -> Message:
    """Nothing is received."""
    raise AssertionError("an answer has nothing to receive")


async def test_pieces_in_order() -> None:
    """HTTP-4: whole, with its length said beforehand."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        assert outgoing.bytes == 5

    outgoing = Outgoing(10)
    await LargeAnswer([b"ab", b"c", b"de"], {"X": "y"}, "image/png", outgoing)(SCOPE, receive, send)
    assert b"".join(message.get("body", b"") for message in sent) == b"abcde"
    headers = dict(sent[0]["headers"])
    assert headers[b"content-length"] == b"5"
    assert headers[b"x"] == b"y"
    assert not sent[-1].get("more_body", False)
    assert outgoing.bytes == 0


async def test_a_reader_that_never_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP-9: its image is dropped in the end, and makes room for another."""
    monkeypatch.setattr(large_answer, "_SEND_TIMEOUT_S", 0.01)

    async def send(_: Message) -> None:
        with pytest.raises(Unavailable):
            outgoing.require_room()
        await asyncio.Event().wait()

    outgoing = Outgoing(3)
    await LargeAnswer([b"abc"], {}, "image/png", outgoing)(SCOPE, receive, send)
    outgoing.require_room()


async def test_a_line_that_breaks() -> None:
    """HTTP-9: what it was sent no longer counts."""

    async def send(_: Message) -> None:
        raise OSError("gone")

    outgoing = Outgoing(3)
    with pytest.raises(OSError, match="gone"):
        await LargeAnswer([b"abc"], {}, "image/png", outgoing)(SCOPE, receive, send)
    assert outgoing.bytes == 0
