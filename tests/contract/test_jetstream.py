"""A stream on JetStream through what befalls real servers: crashes, pauses, elections."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from server.cluster import streams
from server.cluster.connection import MESSAGE_MAX_BYTES
from server.cluster.consumer import CAPACITY
from server.cluster.jetstream import JetStreamStream
from server.cluster.link import Link, LinkOptions
from server.cluster.streams import Life
from tests.nats_rig import NatsTrio, create_stream, leader_of
from tests.stream_rigs import (
    CANVAS,
    EPOCH,
    PATIENCE,
    PUBLISH_TIMEOUT_S,
    WAIT_S,
    NatsNode,
    NatsRig,
    Recorder,
    wait_until,
)
from tiles.shared.stream import Bounds, Delivered, MissingError, StreamError

UNDER_WAY = 20
NOTICED_WITHIN_S = 5.0


class Writer:
    """Publishes numbered entries, so many of them without an answer at a time, until it is told."""

    def __init__(self, stream: JetStreamStream, heard: Recorder, name: bytes) -> None:
        self.published = 0
        self._stream = stream
        self._heard = heard
        self._name = name
        self._task = asyncio.create_task(self._write())

    async def stop(self) -> None:
        """Publish nothing more, and wait for the last answers."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await wait_until(lambda: len(self._heard.answers) == self.published)

    def assert_kept(self, entries: list[Delivered]) -> None:
        """All that was answered well is there, once, and nothing that wasn't published."""
        mine = [entry.data for entry in entries if entry.data.startswith(self._name)]
        assert len(set(mine)) == len(mine)
        assert set(mine) >= {self._entry(number) for number in self._heard.taken}
        assert set(mine) <= {self._entry(number) for number in range(1, self.published + 1)}

    def _entry(self, number: int) -> bytes:
        return b"%s %d" % (self._name, number)

    async def _write(self) -> None:
        while True:
            while self.published - len(self._heard.answers) < UNDER_WAY:
                self.published += 1
                self._stream.publish(self.published, self._entry(self.published))
            await asyncio.sleep(0.001)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[NatsRig]:
    """One server."""
    made = NatsRig(tmp_path / "nats")
    yield made
    await made.dispose()


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[NatsTrio]:
    """Three servers."""
    with NatsTrio(tmp_path) as servers:
        yield servers


async def node_of(rig: NatsRig) -> NatsNode:
    """A node."""
    node = await rig.node()
    assert isinstance(node, NatsNode)
    return node


async def follower_of(link: Link) -> tuple[JetStreamStream, Recorder]:
    """A stream that is followed over a link."""
    stream = JetStreamStream(link, CANVAS, publish_timeout_s=PUBLISH_TIMEOUT_S, patience=PATIENCE)
    await asyncio.to_thread(stream.bounds)
    heard = Recorder()
    stream.follow(0, heard)
    return stream, heard


async def all_entries(link: Link) -> list[Delivered]:
    """What the stream holds."""
    entries: list[Delivered] = []
    while more := await streams.read(link, CANVAS, len(entries), 1000):
        entries += more
    return entries


async def writes_go_on(heard: Recorder, count: int = 50) -> None:
    """Wait until so many more entries were taken."""
    before = len(heard.taken)
    await wait_until(lambda: len(heard.taken) >= before + count)


async def test_server_is_killed_under_load(rig: NatsRig) -> None:
    """CLU-5: what was answered is there after the server was killed and started again."""
    one, two = await node_of(rig), await node_of(rig)
    heard, seen = await one.follow(), await two.follow()
    writer = Writer(one.stream, heard, b"one")
    for _ in range(3):
        await writes_go_on(heard)
        rig.server.kill()
        await rig.restart()
    await writes_go_on(heard)
    await writer.stop()
    entries = await all_entries(rig.admin)
    await wait_until(lambda: len(heard.entries) == len(seen.entries) == len(entries))
    assert heard.entries == seen.entries == entries
    writer.assert_kept(entries)
    assert not heard.losses + seen.losses


async def test_server_is_paused(rig: NatsRig) -> None:
    """CLU-2: a server that says nothing is noticed; when it goes on, so does all."""
    node = await node_of(rig)
    heard = await node.follow()
    node.stream.publish(1, b"before")
    await wait_until(lambda: heard.data == [b"before"])
    rig.server.pause()
    began = asyncio.get_running_loop().time()
    node.stream.publish(2, b"while it is paused")
    await wait_until(lambda: heard.refused == [2])
    await wait_until(lambda: not heard.is_linked())
    assert asyncio.get_running_loop().time() - began < NOTICED_WITHIN_S
    rig.server.resume()
    await wait_until(heard.is_linked)
    node.stream.publish(3, b"after")
    await wait_until(lambda: heard.taken == [1, 3])
    await wait_until(lambda: heard.data[-1:] == [b"after"])


async def test_consumer_vanishes(rig: NatsRig) -> None:
    """CLU-2: the servers' own way of delivering may vanish at any time; nothing is left out."""
    node = await node_of(rig)
    heard = await node.follow()
    for number in range(1, 4):
        node.stream.publish(number, b"%d" % number)
        await wait_until(lambda count=number: len(heard.entries) == count)  # type: ignore[misc]
        answer = await streams.ask(rig.admin, f"CONSUMER.NAMES.{streams.stream_name(CANVAS)}")
        for name in answer["consumers"]:
            await streams.ask(rig.admin, f"CONSUMER.DELETE.{streams.stream_name(CANVAS)}.{name}")
    await wait_until(lambda: node.stream.mended >= 3 and heard.is_linked())
    assert heard.data == [b"1", b"2", b"3"]


async def test_message_is_lost(rig: NatsRig) -> None:
    """CLU-1: an entry that is lost between server and node is noticed with the next, and reread."""
    writer, reader = await node_of(rig), await node_of(rig)
    written, heard = await writer.follow(), await reader.follow()
    for number in range(1, 4):
        if number == 2:
            reader.line.loses_once = b"entry 2"
        writer.stream.publish(number, b"entry %d" % number)
        await wait_until(lambda count=number: len(written.entries) == count)  # type: ignore[misc]
    await wait_until(lambda: len(heard.entries) == 3)
    assert not reader.line.loses_once
    assert heard.entries == written.entries


async def test_consumer_stands_still(rig: NatsRig) -> None:
    """CLU-2: an entry that isn't delivered is noticed, though heartbeats go on to come."""
    node = await node_of(rig)
    heard = await node.follow()
    node.stream.publish(1, b"before")
    await wait_until(lambda: heard.data == [b"before"])
    stream = streams.stream_name(CANVAS)
    (name,) = (await streams.ask(rig.admin, f"CONSUMER.NAMES.{stream}"))["consumers"]
    answer = await streams.ask(
        rig.admin, f"CONSUMER.PAUSE.{stream}.{name}", {"pause_until": "2999-01-01T00:00:00Z"}
    )
    assert answer["paused"]
    node.stream.publish(2, b"after")
    await wait_until(lambda: heard.data == [b"before", b"after"])
    assert node.stream.mended > 0


async def test_following_fails_of_an_error(
    rig: NatsRig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """CLU-27: an error of any kind is told as a stream that isn't reached, and it goes on."""
    writer, reader = await node_of(rig), await node_of(rig)
    await writer.follow()
    heard = await reader.follow()
    writer.stream.publish(1, b"before")
    await wait_until(lambda: heard.data == [b"before"])
    asked: list[str] = []

    async def fail(_link: Link, canvas: str, timeout_s: float = 0.0) -> None:
        asked.append(canvas)
        raise KeyError("state")

    with monkeypatch.context() as patch:
        patch.setattr(streams, "state", fail)
        await wait_until(lambda: not heard.is_linked())
        tried = len(asked)
        await wait_until(lambda: len(asked) >= tried + 3)
        writer.stream.publish(2, b"meanwhile")
    await wait_until(heard.is_linked)
    await wait_until(lambda: heard.data == [b"before", b"meanwhile"])
    assert heard.losses == []
    assert any("state" in str(error) for error in heard.links)
    assert "canvas main: following failed" in caplog.text
    assert "canvas main: watching the stream failed" in caplog.text


async def test_little_waits_while_it_is_held(rig: NatsRig) -> None:
    """What a held node buffers is bounded, by number and by bytes."""
    writer, reader = await node_of(rig), await node_of(rig)
    written, heard = await writer.follow(), await reader.follow()
    reader.stream.hold()
    for number in range(1, 4 * CAPACITY + 1):
        writer.stream.publish(number, bytes(10_000))
    await wait_until(lambda: len(written.entries) == 4 * CAPACITY)
    assert reader.stream.buffered <= CAPACITY
    reader.stream.release()
    await wait_until(lambda: len(heard.entries) == 4 * CAPACITY)
    assert heard.places == list(range(1, 4 * CAPACITY + 1))


async def test_large_entries(rig: NatsRig) -> None:
    """An entry has a greatest size; one beyond is answered with an error, and the next is taken."""
    node = await node_of(rig)
    heard = await node.follow()
    node.stream.publish(1, bytes(MESSAGE_MAX_BYTES))
    node.stream.publish(2, bytes(MESSAGE_MAX_BYTES + 1))
    node.stream.publish(3, bytes(4 * MESSAGE_MAX_BYTES))
    for number in range(4, 14):
        node.stream.publish(number, bytes(MESSAGE_MAX_BYTES))
    await wait_until(lambda: len(heard.answers) == 13 and len(heard.entries) == 11)
    assert heard.refused == [3, 2]
    assert [len(entry.data) for entry in heard.entries] == 11 * [MESSAGE_MAX_BYTES]
    read = list(await node.read(0))
    assert read == heard.entries[: len(read)]


async def test_stream_is_not_there(rig: NatsRig) -> None:
    """A stream that isn't there is missing, and one that goes away is lost."""
    node = await node_of(rig)
    stream = JetStreamStream(rig.admin, "other", patience=PATIENCE)
    with pytest.raises(MissingError):
        await asyncio.to_thread(stream.bounds)
    with pytest.raises(MissingError):
        await asyncio.to_thread(stream.read, 0, 1)
    heard = await node.follow()
    await streams.delete(rig.admin, CANVAS)
    await wait_until(lambda: len(heard.losses) == 1)
    assert not heard.is_linked()


async def test_making_streams(rig: NatsRig) -> None:
    """Streams are made once, listed, and deleted; what isn't Tilecast's is left alone."""
    await node_of(rig)
    await streams.create(rig.admin, "another-one", EPOCH + 5, 1)
    await streams.ask(
        rig.admin, "STREAM.CREATE.ELSE", {"name": "ELSE", "subjects": ["else"], "num_replicas": 1}
    )
    assert await streams.canvases(rig.admin) == ["another-one", CANVAS]
    with pytest.raises(StreamError):
        await streams.create(rig.admin, CANVAS, EPOCH + 1, 1)
    assert (await streams.state(rig.admin, CANVAS)).bounds.epoch == EPOCH
    assert (await streams.state(rig.admin, "another-one")).bounds == Bounds(
        1, 0, EPOCH + 5, EPOCH + 5
    )
    await streams.delete(rig.admin, "another-one")
    assert await streams.canvases(rig.admin) == [CANVAS]
    with pytest.raises(MissingError):
        await streams.delete(rig.admin, "another-one")


async def test_another_life_of_a_stream(rig: NatsRig) -> None:
    """CLU-75: the canvas has another epoch, the stream its own; who followed it before is told."""
    node = await node_of(rig)
    heard = await node.follow()
    node.stream.publish(1, b"an entry")
    await wait_until(lambda: heard.taken == [1])
    await streams.begin_life(rig.admin, CANVAS, EPOCH + 1, Life(1, 99))
    assert (await streams.state(rig.admin, CANVAS)).life == Life(0, EPOCH)
    await streams.begin_life(rig.admin, CANVAS, EPOCH, Life(1, 99))
    seen = await streams.state(rig.admin, CANVAS)
    assert (seen.bounds, seen.life) == (Bounds(1, 1, EPOCH, 99), Life(1, 99))
    await wait_until(lambda: len(heard.losses) == 1)
    late = await node_of(rig)
    assert await late.bounds() == Bounds(1, 1, EPOCH, 99)
    again = await late.follow()
    late.stream.publish(1, b"another")
    await wait_until(lambda: again.data == [b"an entry", b"another"])


@pytest.mark.crash
async def test_leaders_are_killed_and_paused(trio: NatsTrio) -> None:
    """CLU-5: of three servers one may end or stand still at any time: nothing answered is lost."""
    async with AsyncExitStack() as stack:
        links = [
            await stack.enter_async_context(Link(LinkOptions(trio.urls, silence_s=1.0)))
            for _ in range(3)
        ]
        for link in links:
            await link.wait_up(WAIT_S)
        await create_stream(links[0], CANVAS, EPOCH, 3)
        nodes = [await follower_of(link) for link in links]
        writers = [
            Writer(stream, heard, b"%d" % number) for number, (stream, heard) in enumerate(nodes)
        ]
        for fault in ("kill", "pause", "kill"):
            for _, heard in nodes:
                await writes_go_on(heard)
            leader = trio.named(await leader_of(links[0], CANVAS))
            if fault == "kill":
                leader.kill()
            else:
                leader.pause()
            for _, heard in nodes:
                await writes_go_on(heard)
            if fault == "kill":
                leader.start()
            else:
                leader.resume()
        for _, heard in nodes:
            await writes_go_on(heard)
        for writer in writers:
            await writer.stop()
        await wait_until(lambda: all(heard.is_linked() for _, heard in nodes))
        entries = await all_entries(links[0])
        await wait_until(lambda: all(len(heard.entries) >= len(entries) for _, heard in nodes))
        entries = await all_entries(links[0])
        for writer, (stream, heard) in zip(writers, nodes, strict=True):
            assert heard.entries == entries
            assert not heard.losses
            writer.assert_kept(entries)
            stream.close()


@pytest.mark.crash
async def test_no_quorum(trio: NatsTrio) -> None:
    """CLU-2: a stream that no majority of its servers holds takes nothing, and the node is told."""
    async with Link(LinkOptions(trio.urls, silence_s=1.0)) as link:
        await link.wait_up(WAIT_S)
        await create_stream(link, CANVAS, EPOCH, 3)
        stream, heard = await follower_of(link)
        stream.publish(1, b"before")
        await wait_until(lambda: heard.taken == [1])
        for server in trio.servers[:2]:
            server.kill()
        await wait_until(lambda: not heard.is_linked())
        stream.publish(2, b"while most are away")
        await wait_until(lambda: heard.refused == [2])
        for server in trio.servers[:2]:
            server.start()
        await wait_until(heard.is_linked)
        stream.publish(3, b"after")
        await wait_until(lambda: heard.data[-1:] == [b"after"])
        assert not heard.losses
        stream.close()
