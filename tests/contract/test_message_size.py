"""What servers and streams have to take: the largest of entries."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.cluster import streams
from server.cluster.connection import MESSAGE_MAX_BYTES
from server.cluster.jetstream import JetStreamStream
from server.cluster.link import Link, LinkOptions
from tests.nats_rig import one_server
from tests.stream_rigs import CANVAS, WAIT_S, NatsNode, NatsRig, wait_until
from tiles.shared.entry import (
    CLAIMS_MAX,
    PIECE_MAX_BYTES,
    VERSION,
    ClaimOffer,
    Drawn,
    Entry,
    Offer,
    encode_entry,
)
from tiles.shared.stream import StreamError

COUNT_MAX = 2**53 - 1
IDENT_MAX = 2**63 - 1


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[NatsRig]:
    """One server."""
    made = NatsRig(tmp_path / "nats")
    yield made
    await made.dispose()


async def set_room(rig: NatsRig, room: int) -> None:
    """Have the stream take entries of so many bytes at most."""
    config = await streams.config_of(rig.admin, CANVAS)
    await streams.set_up(rig.admin, CANVAS, {**config, "max_msg_size": room})


def test_largest_entry() -> None:
    """CLU-28: all that a node may offer at once is within what servers have to take."""
    session = secrets.token_bytes(16)
    offer = Offer(session, IDENT_MAX, 2**32 - 1, 2**32 - 1, ())
    drawing = bytes(PIECE_MAX_BYTES)
    drawn = Drawn(0, 2**32 - 1, "", b"", "", COUNT_MAX, (65535, 65535, 65535, 65535), drawing)
    claim = ClaimOffer(COUNT_MAX, session, session, COUNT_MAX)
    claims = CLAIMS_MAX * [claim]
    entry = Entry(VERSION, IDENT_MAX, IDENT_MAX, COUNT_MAX, [offer], [drawn], claims)
    assert len(encode_entry(entry)) <= MESSAGE_MAX_BYTES


@pytest.mark.parametrize("short", [0, 1])
async def test_server_that_takes_less(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, short: int
) -> None:
    """CLU-28: nothing is served by way of it, and the log says which setting needs which value."""
    server = one_server(tmp_path / "nats")
    room = MESSAGE_MAX_BYTES - short
    config = server.config.text()
    (line,) = [line for line in config.splitlines() if line.startswith("max_payload")]
    server.launch(config.replace(line, f"max_payload: {room}"))
    try:
        server.wait_until_ready()
        async with Link(LinkOptions((server.url,))) as link:
            if not short:
                await link.wait_up(WAIT_S)
                return
            with pytest.raises(StreamError, match=f"max_payload is {room} B.*{MESSAGE_MAX_BYTES}"):
                await link.wait_up(1.0)
            assert link.connects == 0
    finally:
        server.dispose()
    assert len(caplog.records) == 1, "said once"


async def test_stream_that_takes_less(rig: NatsRig) -> None:
    """CLU-28: it isn't opened; one that is set so while it is followed isn't reached till then."""
    node = await rig.node()
    assert isinstance(node, NatsNode)
    heard = await node.follow()
    said = f"max_msg_size of the stream TILECAST_{CANVAS} is 524288 B.*{MESSAGE_MAX_BYTES}"
    await set_room(rig, 512 * 1024)
    await wait_until(lambda: not heard.is_linked())
    late = JetStreamStream(rig.admin, CANVAS)
    with pytest.raises(StreamError, match=said):
        await asyncio.to_thread(late.bounds)
    with pytest.raises(StreamError, match=said):
        raise heard.links[0] or AssertionError
    for room in (MESSAGE_MAX_BYTES, -1):
        await set_room(rig, room)
        await wait_until(heard.is_linked)
        await asyncio.to_thread(late.bounds)
    node.stream.publish(1, bytes(MESSAGE_MAX_BYTES))
    await wait_until(lambda: len(heard.entries) == 1)
    assert heard.losses == []
